"""Figures. Every function returns a Matplotlib `Figure`, to be shown by a notebook or saved with `savefig`.

Matplotlib is imported when a figure is drawn, and its global state (`pyplot`) is not used: no window opens, and
drawing works on a machine without a screen.
"""

import functools
import io
from collections.abc import Mapping, Sequence, ValuesView

import numpy as np

from keras_course.checks import as_floats, finite, mapping, positive, string, strings, whole_number

_PER_ROW = 4  # panels beside each other


def _figure(width, height, rows=1, columns=1):
    """Return (figure, array of its axes, one for each panel)."""
    figure = _shown_by_notebooks()(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _numbers(name, values, gaps=False):
    """Return a non-empty row of numbers as a float64 array; `gaps` allows NaN, which Matplotlib leaves out."""
    values = as_floats(name, list(values) if isinstance(values, ValuesView) else values)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}; it must be a row of numbers, at least one")
    if not gaps:
        finite(**{name: values})
    return values


@functools.cache
def _shown_by_notebooks():
    """Return the class of our figures: a notebook shows them, though pyplot does not know them."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        def _repr_png_(self):
            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    return Picture


def loss_curves(histories: Mapping[str, Mapping[str, Sequence[float]]], *, unit: str = "nats/token", title: str = ""):
    """Draw the loss of one or several training runs over their steps.

    Args:
        histories: label to history: a dict with the columns `loss`, `val_loss` or both, and `step`, as `Run.history`
            and Keras's `History.history` are. Without `step` the horizontal axis counts epochs.
        unit: unit of the loss.
        title: title of the figure.

    Returns:
        A Matplotlib `Figure`: dashed lines for the loss in training, solid ones for the validation loss. Where all
        lines are of one kind, the vertical axis says which, and the legend has the labels alone.

    Raises:
        ValueError: there is no history, or one has neither column.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.loss_curves({"GPT": {"step": [100, 200], "loss": [2.9, 2.5], "val_loss": [2.8, 2.4]}})
        >>> figure.axes[0].get_xlabel()
        'training step'
    """
    mapping(histories=histories)
    string(unit=unit, title=title)
    kinds = {"loss": "training", "val_loss": "validation"}
    for label, history in histories.items():
        mapping(**{f"histories[{label!r}]": history})
        if not kinds.keys() & history.keys():
            raise ValueError(f"histories[{label!r}] has the columns {sorted(history)}, but no loss and no val_loss.")
        columns = [
            _numbers(f"histories[{label!r}][{name!r}]", history[name], gaps=True)
            for name in ("step", *kinds)
            if name in history
        ]
        if len({len(column) for column in columns}) > 1:
            raise ValueError(f"histories[{label!r}] has columns of {[len(column) for column in columns]} entries")
    drawn = [name for name in kinds if any(name in history for history in histories.values())]
    figure, (ax,) = _figure(7, 4.2)
    for i, (label, history) in enumerate(histories.items()):
        for name in (name for name in drawn if name in history):
            x = history.get("step", np.arange(1, len(history[name]) + 1))
            style, marker = "-" if name == "val_loss" else "--", "o" if len(x) < 30 else ""
            text = label if len(drawn) == 1 else f"{label}, {kinds[name]}"
            ax.plot(x, history[name], style, color=f"C{i}", marker=marker, markersize=3, label=text)
    ax.set_xlabel("training step" if all("step" in history for history in histories.values()) else "epoch")
    ax.set_ylabel(f"loss ({unit})" if len(drawn) == 2 else f"{kinds[drawn[0]]} loss ({unit})")
    ax.set_title(title)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return figure


def attention_map(weights, tokens: Sequence[str], *, title: str = ""):
    """Draw where each position looks, one panel for each head.

    Args:
        weights: array `(T, T)`, or `(H, T, T)` for H heads; row t says how much position t takes from each position.
        tokens: T strings, the text at each position. Spaces and line ends are shown by signs.
        title: title of the figure.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `weights` is not of that shape, or `tokens` has another length.

    Example:
        >>> import numpy as np
        >>> from keras_course import plots
        >>> figure = plots.attention_map(np.eye(3), ["a", "b", " "])
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['a', 'b', '␣']
    """
    weights = as_floats("weights", weights)
    finite(weights=weights)
    strings(tokens=tokens)
    string(title=title)
    heads = weights[None] if weights.ndim == 2 else weights
    if heads.ndim != 3 or not len(heads) or heads.shape[1:] != (len(tokens), len(tokens)):
        raise ValueError(
            f"weights has shape {weights.shape}; for {len(tokens)} tokens it must end in that number twice."
        )
    columns = min(len(heads), _PER_ROW)
    rows = -(-len(heads) // columns)
    side = max(2.6, 0.19 * len(tokens))
    figure, axes = _figure(side * columns + 0.9, side * rows + 0.5, rows, columns)
    labels = [visible(token) for token in tokens]
    for i, (ax, head) in enumerate(zip(axes, heads, strict=False)):
        image = ax.imshow(head, cmap="viridis", vmin=0, vmax=1)
        ax.set_xticks(range(len(labels)), labels, rotation=90 if max(map(len, labels)) > 1 else 0, fontsize=8)
        ax.set_yticks(range(len(labels)), labels, fontsize=8)
        ax.set_xlabel("position looked at")
        if i % columns == 0:
            ax.set_ylabel("position that looks")
        if len(heads) > 1:
            ax.set_title(f"head {i}", fontsize=10)
    for ax in axes[len(heads) :]:
        ax.remove()
    figure.colorbar(image, ax=figure.axes, label="attention weight", shrink=0.8)
    figure.suptitle(title)
    return figure


def visible(token: str) -> str:
    """Return a token as a label of a figure, with its white space made visible.

    Example:
        >>> from keras_course.plots import visible
        >>> visible(" the\\n")
        '␣the⏎'
    """
    string(token=token)
    return token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥").replace("$", r"\$")


def temperature_bars(logits, tokens: Sequence[str], temperatures: Sequence[float] = (0.5, 1.0, 2.0), *, top: int = 12):
    """Draw softmax(logits / temperature) over the most likely tokens, one panel for each temperature.

    Args:
        logits: array `(V,)`.
        tokens: V strings.
        temperatures: positive numbers.
        top: how many tokens to show.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `logits` is not one row with an entry for each token, or a temperature is not positive.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.temperature_bars([2.0, 1.0, 0.0], ["a", "b", "c"], (1.0, 2.0))
        >>> len(figure.axes)
        2
    """
    logits = as_floats("logits", logits)
    finite(logits=logits)
    strings(tokens=tokens)
    whole_number(1, top=top)
    if logits.ndim != 1 or len(logits) != len(tokens):
        raise ValueError(f"logits has shape {logits.shape}; it must be ({len(tokens)},), one entry for each token.")
    temperatures = _numbers("temperatures", temperatures).tolist()
    for temperature in temperatures:
        positive(temperatures=temperature)
    best = np.argsort(-logits, kind="stable")[:top]
    figure, axes = _figure(3.2 * len(temperatures) + 0.5, 3, 1, len(temperatures))
    for ax, temperature in zip(axes, temperatures, strict=True):
        odds = np.exp((logits - logits.max()) / temperature)
        ax.bar(range(len(best)), (odds / odds.sum())[best])
        ax.set_xticks(range(len(best)), [visible(tokens[i]) for i in best])
        ax.set_xlabel("next token")
        ax.set_ylim(0, 1)
        ax.set_title(f"temperature {temperature:g}")
    axes[0].set_ylabel("probability")
    return figure


def length_histogram(lengths: Mapping[str, Sequence[int]], *, xlabel: str = "length of a token (characters)"):
    """Draw how often each length occurs, as shares, beside each other for several collections.

    Args:
        lengths: label to non-negative integers.
        xlabel: what the lengths are of, with the unit.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: there is nothing to count, or a length is no non-negative integer.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.length_histogram({"BPE": [1, 2, 2, 5]})
        >>> [float(bar.get_height()) for bar in figure.axes[0].patches]
        [0.0, 0.25, 0.5, 0.0, 0.0, 0.25]
    """
    mapping(lengths=lengths)
    string(xlabel=xlabel)
    counts = {}
    for label, values in lengths.items():
        values = np.asarray(values)
        if values.ndim != 1 or not len(values) or not np.issubdtype(values.dtype, np.integer) or values.min() < 0:
            raise ValueError(f"lengths[{label!r}] must be a non-empty sequence of non-negative integers.")
        counts[label] = np.bincount(values) / len(values)
    figure, (ax,) = _figure(7, 3.5)
    width = 0.8 / len(counts)
    for i, (label, shares) in enumerate(counts.items()):
        ax.bar(np.arange(len(shares)) + (i - (len(counts) - 1) / 2) * width, shares, width, label=label)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel(xlabel)
    ax.set_ylabel("share")
    ax.legend(frameon=False)
    return figure


def lines(x: Sequence, curves: Mapping[str, Sequence[float]], *, style: str = "-", **axes):
    """Draw curves over a common axis.

    Args:
        x: numbers, or texts, which stand at equal distances.
        curves: label to heights, as many as x has.
        style: Matplotlib's format of a line, such as "-" or "o-".
        axes: what `Axes.set` takes, such as `xlabel`, `ylabel` (with the unit), `xscale`, `ylim` and `title`.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: there is no curve, or one has another length than x.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.lines([1, 2, 3], {"squares": [1, 4, 9]}, xlabel="side (m)", ylabel="area (m^2)")
        >>> figure.axes[0].get_ylabel()
        'area (m^2)'
    """
    mapping(curves=curves)
    string(style=style)
    x = np.asarray(x)
    if x.ndim != 1 or not len(x) or x.dtype.kind not in "biufU" or (x.dtype.kind == "f" and not np.isfinite(x).all()):
        raise ValueError(f"x must be finite numbers or texts, at least one; it has shape {x.shape} and type {x.dtype}")
    curves = {label: _numbers(f"curves[{label!r}]", y, gaps=True) for label, y in curves.items()}
    figure, (ax,) = _figure(6.5, 3.4)
    for label, y in curves.items():
        if len(y) != len(x):
            raise ValueError(f"curves[{label!r}] has {len(y)} points, and x has {len(x)}.")
        ax.plot(x, y, style, label=label)
    ax.set(**axes)
    ax.legend(frameon=False)
    return figure


def tape(steps: Sequence):
    """Draw a chain of steps, each computed from the one before: values above, adjoints below.

    Args:
        steps: in the order of computation, anything with a `name`, a `value`, an `adjoint` (the derivative of the last
            value with respect to this one) and `parents`, a list of (step, derivative), as lecture 3 builds by hand.

    Returns:
        A Matplotlib `Figure`. Values are black, derivatives of single steps grey and adjoints red.

    Raises:
        ValueError: there is no step, or one is not computed from the step before.

    Example:
        >>> import types
        >>> from keras_course import plots
        >>> x = types.SimpleNamespace(name="x", value=2.0, adjoint=3.0, parents=[])
        >>> y = types.SimpleNamespace(name="times 3", value=6.0, adjoint=1.0, parents=[(x, 3.0)])
        >>> [text.get_text() for text in plots.tape([x, y]).axes[0].texts][-3:]
        ['times 3', '6.000', '1.000']
    """
    if not isinstance(steps, Sequence) or isinstance(steps, str) or not len(steps):
        raise ValueError(f"steps={steps!r} must be a list of steps, at least one")
    if not all(hasattr(step, name) for step in steps for name in ("name", "value", "adjoint", "parents")):
        raise ValueError(f"steps={steps!r} must have the attributes name, value, adjoint and parents")
    figure, (ax,) = _figure(8, 1.8)
    ax.axis("off")
    ax.set(xlim=(-1.3, len(steps) - 0.6), ylim=(-0.7, 0.7))
    centred = {"ha": "center", "va": "center"}
    for height, text, color in ((0.5, "value", "k"), (0.16, "derivative of the step", "gray"), (-0.5, "adjoint", "C3")):
        ax.text(-0.3, height, text, ha="right", va="center", color=color)
    for i, step in enumerate(steps):
        if i:
            slopes = [derivative for parent, derivative in step.parents if parent is steps[i - 1]]
            if not slopes:
                raise ValueError(f"steps[{i}], {step.name!r}, is not computed from the one before it.")
            ax.text(i - 0.5, 0.16, f"{sum(slopes):.3f}", color="gray", **centred)
            ax.annotate("", (i - 0.3, 0), (i - 0.7, 0), arrowprops={"arrowstyle": "->"})
            ax.annotate("", (i - 0.7, -0.5), (i - 0.3, -0.5), arrowprops={"arrowstyle": "->", "color": "C3"})
        ax.text(i, 0, step.name, bbox={"boxstyle": "round,pad=0.5", "facecolor": "white"}, **centred)
        ax.text(i, 0.5, f"{step.value:.3f}", **centred)
        ax.text(i, -0.5, f"{step.adjoint:.3f}", color="C3", **centred)
    return figure


def wind_tunnel(run):
    """Draw a shape that is optimised in a wind tunnel: at the start, in the middle, at the end, and how it improved.

    Args:
        run: what `keras_course.autodiff.optimise_shape` returns.

    Returns:
        A Matplotlib `Figure` of four panels. Smoke is orange and blue, the obstacle black; grey is half solid.

    Raises:
        ValueError: obstacle and smoke do not have one shape `(3, H, W)`.

    Example:
        >>> from keras_course import plots
        >>> from keras_course.autodiff import optimise_shape
        >>> figure = plots.wind_tunnel(optimise_shape((8, 12), steps=2, num_steps=1, num_sweeps=1))
        >>> figure.axes[3].get_xlabel()
        'step of gradient ascent'
    """
    if not all(hasattr(run, name) for name in ("upper", "lower", "obstacle", "moments", "lift_over_drag")):
        raise ValueError(f"run={run!r} must be what keras_course.autodiff.optimise_shape returns")
    fields = [np.asarray(field, "float64") for field in (run.upper, run.lower, run.obstacle)]
    shapes = [field.shape for field in fields]
    if len(set(shapes)) != 1 or len(shapes[0]) != 3 or shapes[0][0] != 3:
        raise ValueError(f"run holds smoke and obstacle of shapes {shapes}; all must have one shape (3, H, W).")
    colours = np.array([[0.95, 0.6, 0.1], [0.2, 0.5, 0.8], [0, 0, 0]])
    pictures = np.ones((*shapes[0], 3))  # white
    for field, colour in zip(fields, colours, strict=True):
        share = np.clip(field, 0, 1)[..., None]
        pictures = (1 - share) * pictures + share * colour
    figure, axes = _figure(8, 5.6, 2, 2)
    for ax, picture, name, step in zip(axes, pictures, ("start", "middle", "end"), run.moments, strict=False):
        ax.imshow(picture)
        ax.set_title(f"{name}, step {step}: lift/drag {run.lift_over_drag[step]:.3f}", fontsize=11)
        ax.set_xlabel("column (cells); wind to the right")
        ax.set_ylabel("row (cells)")
    curve = axes[3]
    curve.plot(run.lift_over_drag, color="black")
    curve.plot(run.moments, [run.lift_over_drag[step] for step in run.moments], "o", color="black")
    curve.set_xlabel("step of gradient ascent")
    curve.set_ylabel("lift / drag")
    curve.grid(alpha=0.3)
    return figure
