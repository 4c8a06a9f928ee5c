"""Figures: what is drawn, how it is labeled, and that no global state of Matplotlib is touched."""

import io
import subprocess
import sys

import numpy as np
import pytest

from keras_course import plots

HISTORY = {"step": [10, 20, 30], "loss": [3.0, 2.0, 1.5], "val_loss": [3.1, 2.2, 1.9]}


def size(figure):
    """Draw a figure, with warnings as errors (a sign that the font lacks would warn), and return its file's size."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return len(buffer.getvalue())


def test_a_notebook_shows_a_figure():
    picture = plots.lines([0, 1], {"one": [1, 2]}, xlabel="x", ylabel="y")._repr_png_()
    assert picture.startswith(b"\x89PNG")


def test_loss_curves():
    figure = plots.loss_curves({"one": HISTORY, "two": {"step": [10], "val_loss": [1.0]}}, unit="nats/character")
    (ax,) = figure.axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("training step", "loss (nats/character)")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["one, training", "one, validation", "two, validation"]
    assert [line.get_xydata().tolist() for line in ax.lines][1] == [[10, 3.1], [20, 2.2], [30, 1.9]]
    assert [line.get_linestyle() for line in ax.lines] == ["--", "-", "-"]
    assert size(figure) > 5000


@pytest.mark.parametrize(("column", "kind"), [("loss", "training"), ("val_loss", "validation")])
def test_loss_curves_of_one_kind_say_it_once(column, kind):
    (ax,) = plots.loss_curves({"keras": {column: [2.0, 1.0]}}).axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", f"{kind} loss (nats/token)")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["keras"]


def test_attention_map():
    tokens = list("To be\n$x$")
    weights = np.tril(np.ones((6, 9, 9))) / np.arange(1, 10)[:, None]
    figure = plots.attention_map(weights, tokens, title="Block 0")
    *heads, bar = figure.axes
    assert [ax.get_title() for ax in heads] == [f"head {i}" for i in range(6)]
    np.testing.assert_array_equal(heads[5].images[0].get_array(), weights[5])
    assert bar.get_ylabel() == "attention weight"
    two = plots.attention_map(weights[:2], tokens, titles=["itself", "one back"])
    assert [ax.get_title() for ax in two.axes[:2]] == ["itself", "one back"]
    with pytest.raises(ValueError, match="must have 2 entries"):
        plots.attention_map(weights[:2], tokens, titles=["itself"])
    assert size(figure) > 5000


def test_magnitudes_are_fractions_on_a_logarithmic_axis():
    layers = {"layer 1": [0.1, -0.1, 0.0], "layer 2": [100.0, 0.1]}
    figure = plots.magnitudes({"Glorot": {"outputs": layers}, "He": {"outputs": {"layer 1": [0.1]}}})
    first, second = figure.axes[0].patches
    assert first.get_data().values.sum() == second.get_data().values.sum() == 1
    assert first.get_data().edges[[0, -1]].tolist() == pytest.approx([-1, 2], abs=0.05)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["layer 1", "layer 2"]
    for arrays, message in (
        ({"one": {"outputs": {"zeros": np.zeros(3)}}}, "entry that is not 0"),
        ({"one": {"outputs": layers}, "two": {"gradients": layers}}, "all columns must have the same"),
        ({"one": {"outputs": {}}}, "outputs"),
    ):
        with pytest.raises(ValueError, match=message):
            plots.magnitudes(arrays)


def test_length_histogram():
    figure = plots.length_histogram({"one": [1, 1, 3, 3], "two": [2, 2]})
    (ax,) = figure.axes
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [0, 0.5, 0, 0.5, 0, 0, 1]
    assert ax.get_ylabel() == "fraction"
    assert size(figure) > 3000


def test_lines():
    curves = {"one": {1: 2.0, 2: 3.0}.values(), "two": np.array([5.0, 6.0])}
    (ax,) = plots.lines(["a", "b"], curves, style="o-", xlabel="letter", ylim=(0, 9)).axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[2, 3], [5, 6]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
    assert (ax.get_xlabel(), ax.get_ylim()) == ("letter", (0, 9))


def test_line_panels():
    curves = {"left": {"one": ([0, 1], [2, 3])}, "right": {"two": ([0, 1, 2], [5, 6, 7]), "one": ([5], [1])}}
    left, right = plots.line_panels(curves, style="o-", xlabel="t (s)", ylabel="x (m)").axes
    assert [line.get_color() for line in [*left.lines, *right.lines]] == ["C0", "C1", "C0"]
    assert (left.get_ylabel(), right.get_ylabel(), right.get_xlabel()) == ("x (m)", "", "t (s)")
    assert left.get_xlim() == right.get_xlim()
    assert right.get_ylim()[0] < 1 < 7 < right.get_ylim()[1]
    assert len(plots.line_panels(curves | {"third": {"one": ([0], [0])}}, columns=2).axes) == 3
    with pytest.raises(ValueError, match="has 1 values of x and 2 values of y"):
        plots.line_panels({"a": {"b": ([1], [1, 2])}})


POINTS = np.array([[-3.0, 1.0], [-1.0, 0.5], [0.0, 0.0]])


def bowl(w):
    return w[0] ** 2 + w[1] ** 2


def test_paths_have_a_panel_for_each_title():
    figure = plots.descent_paths(bowl, {"one": {"a": POINTS, "b": POINTS / 2}, "two": {"": POINTS}}, minimum=[0, 0])
    assert [ax.get_title() for ax in figure.axes] == ["one", "two"]
    lines = figure.axes[0].lines
    np.testing.assert_array_equal(lines[0].get_xydata(), POINTS)
    np.testing.assert_array_equal(lines[-1].get_xydata(), [[0, 0]])
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]
    assert figure.axes[1].get_legend() is None


def test_each_panel_may_have_its_own_function():
    def valley(w):
        return w[0] ** 2 + 9 * w[1] ** 2

    figure = plots.descent_paths({"valley": valley, "bowl": bowl}, {"valley": {"": POINTS}, "bowl": {"": POINTS}})
    assert len(figure.axes) == 2


@pytest.mark.parametrize(
    ("functions", "paths", "limits", "message"),
    [
        (bowl, {}, ((-1, 1), (-1, 1)), "paths"),
        (bowl, {"a": {}}, ((-1, 1), (-1, 1)), "paths"),
        ({}, {"a": {"": POINTS}}, ((-1, 1), (-1, 1)), "must have a function for 'a'"),
        (bowl, {"a": {"": POINTS}}, ((1, -1), (-1, 1)), "limits"),
        (bowl, {"a": {"": POINTS[:, :1]}}, ((-1, 1), (-1, 1)), "2"),
    ],
)
def test_paths_refuse(functions, paths, limits, message):
    with pytest.raises(ValueError, match=message):
        plots.descent_paths(functions, paths, limits=limits)


def test_grouped_bars():
    (ax,) = plots.grouped_bars({"a": {"x": 1.25, "y": -2.0}, "b": {"y": 3.0}}, digits=2, ylabel="height (m)").axes
    assert [bar.get_height() for bar in ax.patches] == [1.25, -2, 3]
    assert [text.get_text() for text in ax.texts] == ["1.25", "-2.00", "3.00"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b"]


def test_image_grid():
    figure = plots.image_grid({"gray": np.eye(4)[None], "color": np.ones((2, 4, 4, 3))}, titles=["one"], limits=(0, 2))
    assert [ax.get_title() for ax in figure.axes] == ["one", "", ""]
    assert [ax.get_ylabel() for ax in figure.axes] == ["gray", "color", ""]
    assert figure.axes[0].images[0].get_clim() == (0, 2)
    for images in (np.ones((1, 4)), np.ones((1, 4, 4, 2)), []):
        with pytest.raises(ValueError, match="row"):
            plots.image_grid({"row": images})


def test_decision_regions():
    x, y = np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([0, 1])
    figure = plots.decision_regions({"plane": lambda x: x[:, 0] / 2, "half": lambda x: x[:, 1] > 1}, x, y, margin=1.0)
    for ax in figure.axes:
        assert (ax.get_xlim(), ax.get_ylim()) == (pytest.approx((-1, 2), abs=0.02), pytest.approx((-1, 3), abs=0.02))
    (boundary,) = figure.axes[1].collections[1].get_paths()
    np.testing.assert_allclose(boundary.vertices[:, 1], 1, atol=0.02)
    with pytest.raises(ValueError, match="returned shape"):
        plots.decision_regions({"one": lambda x: 1.0}, x, y)


def test_ratio_bars():
    ratios = {
        "training": {"JAX": {"fastest": 0.25, "own": 1.5}, "$x$": {"own": 4.0}},
        "generation": {"JAX": {"own": 1.0}},
    }
    figure = plots.ratio_bars(ratios, xlabel="speed")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["training", "JAX", "$x$", "generation", "JAX"]
    fastest, own = ax.containers
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in fastest] == [(1, 0.25)]
    assert [bar.get_width() + 1 for bar in own] == [1.5, 4.0, 1.0]
    assert [round(bar.get_y() + bar.get_height() / 2, 1) for bar in (*fastest, *own)] == [0.8, 1.2, 2.0, 4.0]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["fastest", "own"]
    assert (ax.get_xlabel(), ax.get_xscale(), ax.yaxis_inverted()) == ("speed", "log", True)
    assert size(figure) > 3000


@pytest.mark.parametrize(
    ("draw", "arguments", "message"),
    [
        (plots.loss_curves, ({},), "histories is empty"),
        (plots.loss_curves, ({"a": {"accuracy": [1]}},), r"histories\['a'\]"),
        (plots.attention_map, (np.ones((3, 2)), "abc"), r"shape \(3, 2\)"),
        (plots.attention_map, (np.ones((3, 3)), "ab"), "2 tokens"),
        (plots.lines, ([1], {}), "curves is empty"),
        (plots.lines, ([1, 2], {"a": [1, 2], "b": [1]}), r"curves\['b'\] has 1 points, and x has 2"),
        (plots.panels, (0, 1), "width=0 must be a finite number above 0"),
        (plots.panels, (1, 1, 0), "rows=0 must be a whole number, at least 1"),
        (plots.ratio_bars, ({},), "ratios is empty"),
        (plots.ratio_bars, ({"a": {"b": {}}},), r"ratios\['a'\]\['b'\] is empty"),
        (
            plots.ratio_bars,
            ({"a": {"b": {"c": 0.0}}},),
            r"ratios\['a'\]\['b'\]\['c'\]=0.0 must be a finite number above 0",
        ),
        (plots.length_histogram, ({},), "lengths is empty"),
        (plots.length_histogram, ({"a": []},), r"lengths\['a'\]"),
        (plots.length_histogram, ({"a": [-1]},), r"lengths\['a'\]"),
        (plots.length_histogram, ({"a": [0.5]},), r"lengths\['a'\]"),
    ],
)
def test_bad_arguments(draw, arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(*arguments)


def test_neither_keras_nor_the_global_state_of_matplotlib_is_needed():
    code = (
        "import sys; from keras_course import plots; before = 'matplotlib' in sys.modules;"
        "plots.loss_curves({'a': {'loss': [1.0]}});"
        "print(before, 'matplotlib.pyplot' in sys.modules, 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False", "False"]


def test_diagram():
    blocks = {"x": plots.Block(0, 0, "image", "data"), "f": (0, 1, "conv"), "+": (0, 2.5, "+", "operation")}
    arrows = [("x", "f", "28 x 28"), plots.Arrow("f", "+"), ("x", "+", "skip", 0.6), ("f", "+", "", -0.6)]
    figure = plots.diagram(blocks, arrows, title="block")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["image", "conv", "+", "28 x 28", "skip"]
    assert len(ax.patches) == len(blocks) + len(arrows)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1.1, 1.1), (3.0, -0.5))  # rows go down, and bends are in sight
    assert size(figure) > 3000


@pytest.mark.parametrize(
    ("blocks", "arrows", "message"),
    [
        ({}, [], "blocks={} must be a dict"),
        ({"x": (0, 0)}, [], r"blocks\['x'\]=\(0, 0\) must be a Block: x, y, text, kind"),
        ({"x": (0, 0, "x", "cube")}, [], r"blocks\['x'\].kind='cube'"),
        ({"x": (0, float("nan"), "x")}, [], r"blocks\['x'\].y"),
        ({"x": (0, 0, 3)}, [], r"blocks\['x'\].text=3"),
        ({"x": (0, 0, "x")}, [("x", "y")], r"arrows\[0\].end='y'"),
        ({"x": (0, 0, "x")}, "xy", "arrows='xy' must be a list of Arrows"),
    ],
)
def test_wrong_diagrams(blocks, arrows, message):
    with pytest.raises(ValueError, match=message):
        plots.diagram(blocks, arrows)
