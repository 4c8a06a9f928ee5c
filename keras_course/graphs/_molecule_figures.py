"""Figures of lecture 9: molecules as graphs, their solubility, and the ranking of a library."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_row, flag, mapping, string, strings, validate, whole_number
from keras_course.graphs._figures import layout
from keras_course.graphs._graph import Graph
from keras_course.graphs._smiles import AROMATIC_BOND, parse_smiles
from keras_course.plots import Arrow, Block, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = {"C": "0.25", "N": "tab:blue", "O": "tab:red", "S": "goldenrod", "P": "tab:orange", "F": "tab:green"}
_COLORS |= {"Cl": "tab:green", "Br": "brown", "I": "purple"}


@validate(numbers=flag)
def plot_molecules(molecules: Mapping[str, str], *, numbers: bool = False) -> "Figure":
    """Draw molecules as graphs, one panel each: elements at the nodes, and double, triple and aromatic bonds.

    Args:
        molecules: title to SMILES.
        numbers: whether the number of each atom stands beside it.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `molecules` is empty, or a string is not valid SMILES.

    Example:
        >>> from keras_course.graphs import plot_molecules
        >>> len(plot_molecules({"ethanol": "CCO", "benzene": "c1ccccc1"}).axes)
        2
    """
    mapping(molecules=molecules)
    string(**{f"molecules[{title!r}]": smiles for title, smiles in molecules.items()})
    read = {title: parse_smiles(smiles) for title, smiles in molecules.items()}
    columns = min(4, len(read))
    rows = -(-len(read) // columns)
    figure, axes = panels(3.2 * columns, 2.9 * rows, rows, columns)
    for ax in axes:
        ax.set_axis_off()
        ax.set_aspect("equal")
    for ax, (title, molecule) in zip(axes, read.items(), strict=False):
        _draw(ax, molecule, numbers)
        ax.set_title(title, fontsize=10, pad=14 if numbers else 6, parse_math=False)
    return figure


def _draw(ax, molecule, numbers):
    bonds = np.reshape(molecule.bonds, (-1, 2)).astype(int)
    positions = layout(Graph(np.zeros((len(molecule.elements), 1)), bonds[:, 0], bonds[:, 1]))
    center = positions.mean(axis=0)
    for (i, j), order in zip(molecule.bonds, molecule.orders, strict=True):
        ends = positions[[i, j]]
        across = np.array([-1, 1]) * (ends[1] - ends[0])[::-1]
        across /= max(np.linalg.norm(across), 1e-9)
        across *= 1 if (center - ends.mean(axis=0)) @ across >= 0 else -1  # the second line lies inside of a ring
        shifts = {1.0: (0.0,), 2.0: (-0.06, 0.06), 3.0: (-0.1, 0.0, 0.1), AROMATIC_BOND: (0.0, 0.12)}[order]
        for k, shift in enumerate(shifts):
            style = ":" if order == AROMATIC_BOND and k else "-"
            ax.plot(*(ends + shift * across).T, style, color="0.5", linewidth=1.4, zorder=1)
    for k, (element, charge) in enumerate(zip(molecule.elements, molecule.charges, strict=True)):
        label = element + ("" if not charge else "+" if charge > 0 else "-")
        box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "none"}
        options = {"ha": "center", "va": "center", "zorder": 2}
        ax.text(*positions[k], label, color=_COLORS.get(element, "black"), fontsize=9, bbox=box, **options)
        if numbers:
            beside = 11 * _free_direction(positions[bonds[(bonds == k).any(axis=1)].sum(axis=1) - k] - positions[k])
            options |= {"xytext": beside, "textcoords": "offset points", "color": "0.3", "fontsize": 7.5}
            ax.annotate(str(k), positions[k], **options)
    ax.margins(0.12)


def _free_direction(bonds):
    """Return the unit vector in the middle of the largest angle between the bonds of an atom `(K, 2)`."""
    angles = np.sort(np.arctan2(bonds[:, 1], bonds[:, 0])) if len(bonds) else np.zeros(1)
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    middle = (angles + gaps / 2)[gaps.argmax()]
    return np.array([np.cos(middle), np.sin(middle)])


def plot_mpnn() -> "Figure":
    """Draw a message passing neural network: the edge network, the sum, the update by a GRU, and the readout.

    Returns:
        A Matplotlib `Figure`.

    References:
        Neural Message Passing for Quantum Chemistry, Gilmer et al., 2017, https://arxiv.org/abs/1704.01212

    Example:
        >>> from keras_course.graphs import plot_mpnn
        >>> len(plot_mpnn().axes)
        1
    """
    blocks = {
        "e": Block(0, 0, "bond $e_{wv}$", "data"),
        "h": Block(0, 1, "neighbor $h_w$", "data"),
        "network": Block(1.4, 0, "edge network"),
        "times": Block(1.4, 1, "x", "operation"),
        "sum": Block(2.4, 1, "$\\Sigma_w$", "operation"),
        "state": Block(3.7, 0, "$h_v$", "data"),
        "gru": Block(3.7, 1, "GRU, T times"),
        "set2set": Block(5.1, 1, "Set2Set"),
        "dense": Block(6.4, 1, "two dense", "weight"),
        "y": Block(7.6, 1, "molecule: K", "data"),
    }
    arrows = [Arrow("e", "network", "D"), Arrow("network", "times", "$A(e_{wv})$: C x C"), Arrow("h", "times", "C")]
    arrows += [Arrow("times", "sum"), Arrow("sum", "gru", "$m_v$"), Arrow("state", "gru", "C")]
    arrows += [Arrow("gru", "set2set", "N x C"), Arrow("set2set", "dense", "2 C"), Arrow("dense", "y")]
    return diagram(blocks, arrows)


def plot_molecule_histograms(smiles: Sequence[str], solubility: Sequence[float]) -> "Figure":
    """Draw how often solubilities and sizes of molecules occur in a data set, in two panels.

    Args:
        smiles: N molecules.
        solubility: N values of log S.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: a string is not valid SMILES, or a value is not finite.

    Example:
        >>> from keras_course.graphs import plot_molecule_histograms
        >>> len(plot_molecule_histograms(["CCO", "c1ccccc1"], [1.1, -1.6]).axes)
        2
    """
    strings(smiles=smiles)
    values = as_row("solubility", solubility)
    if len(smiles) != len(values):
        raise ValueError(f"smiles has {len(smiles)} strings, and solubility has {len(values)} values; they must agree")
    sizes = [len(parse_smiles(text).elements) for text in smiles]
    figure, (left, right) = panels(8, 3, 1, 2)
    left.hist(values, bins=30)
    left.set(xlabel="log10 of the solubility in mol/l", ylabel="molecules")
    right.hist(sizes, bins=np.arange(min(sizes), max(sizes) + 2) - 0.5)
    right.set(xlabel="atoms, without hydrogens")
    return figure


def plot_predicted_solubility(measured: Sequence[float], predicted: Mapping[str, Sequence[float]]) -> "Figure":
    """Draw predicted against measured solubilities, one panel for each model, with the root mean squared error.

    Args:
        measured: N values.
        predicted: title to N values.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `predicted` is empty, a row has another length, or a value is not finite.

    Example:
        >>> from keras_course.graphs import plot_predicted_solubility
        >>> plot_predicted_solubility([0.0, -1.0], {"mean": [-0.5, -0.5]}).axes[0].get_title()
        'mean: RMSE 0.50'
    """
    mapping(predicted=predicted)
    measured = as_row("measured", measured)
    rows = {title: as_row(f"predicted[{title!r}]", values) for title, values in predicted.items()}
    for title, values in rows.items():
        if len(values) != len(measured):
            raise ValueError(f"predicted[{title!r}] has {len(values)} values, and measured has {len(measured)}")
    figure, axes = panels(3.2 * len(rows), 3.2, 1, len(rows))
    both = np.concatenate([measured, *rows.values()])
    limits = both.min() - 0.3, both.max() + 0.3
    for ax, (title, values) in zip(axes, rows.items(), strict=True):
        ax.plot(limits, limits, color="0.6", linewidth=1)
        ax.plot(measured, values, "o", markersize=3, alpha=0.6)
        error = np.sqrt(np.mean((values - measured) ** 2))
        ax.set_title(f"{title}: RMSE {error:.2f}", fontsize=10, parse_math=False)
        ax.set(xlabel="measured log S", xlim=limits, ylim=limits, aspect="equal")
    axes[0].set_ylabel("predicted log S")
    return figure


def plot_screening(active: Sequence[bool], scores: Mapping[str, Sequence[float]], *, top: int = 100) -> "Figure":
    """Draw how many of the best k molecules of each ranking are active, for k up to `top`.

    Two lines bound the curves: a perfect ranking, and what a random order finds on average.

    Args:
        active: N booleans.
        scores: title to N numbers; the highest are the best.
        top: largest k.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `scores` is empty, a row has another length, or `top` is not a number from 1 to N.

    Example:
        >>> from keras_course.graphs import plot_screening
        >>> figure = plot_screening([True, False, True], {"network": [0.9, 0.1, 0.5]}, top=3)
        >>> [float(hits) for hits in figure.axes[0].lines[0].get_ydata()]
        [0.0, 1.0, 2.0, 2.0]
    """
    mapping(scores=scores)
    active = np.asarray(active)
    if active.ndim != 1 or not len(active) or active.dtype.kind not in "biu" or not np.isin(active, (0, 1)).all():
        raise ValueError(f"active has shape {active.shape} and type {active.dtype}; it must be a row of booleans")
    whole_number(1, at_most=len(active), top=top)
    rows = {title: as_row(f"scores[{title!r}]", values) for title, values in scores.items()}
    for title, values in rows.items():
        if len(values) != len(active):
            raise ValueError(f"scores[{title!r}] has {len(values)} values, and active has {len(active)}")
    figure, (ax,) = panels(6, 3.4)
    k = np.arange(top + 1)
    for title, values in rows.items():
        hits = np.cumsum(active[np.argsort(-values, kind="stable")])[:top]
        ax.plot(k, np.concatenate([[0], hits]), label=title)
    ax.plot(k, np.minimum(k, active.sum()), "--", color="0.5", label="perfect")
    ax.plot(k, k * active.mean(), ":", color="0.5", label="random order")
    ax.set(xlabel="k, best molecules of the ranking", ylabel="active ones among them")
    ax.legend(frameon=False)
    return figure
