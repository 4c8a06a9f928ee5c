"""Figures of graphs: drawings, adjacency matrices, receptive fields, and the steps of message passing."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, as_matrices, finite, flag, instance, mapping, string, validate, whole
from keras_course.graphs._graph import Graph
from keras_course.plots import Arrow, Block, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE = 2.6  # inches of a panel
_PER_ROW = 4


@validate(graphs=mapping, values=mapping, weights=mapping, numbered=flag)
def plot_graphs(
    graphs: Mapping[str, Graph],
    *,
    values: Mapping[str, Sequence[float]] | None = None,
    positions: Sequence[Sequence[float]] | None = None,
    weights: Mapping[str, Sequence[float]] | None = None,
    numbered: bool = False,
) -> "Figure":
    """Draw graphs side by side: nodes as points, edges as lines.

    Args:
        graphs: title to `Graph`.
        values: title to one number for each node, such as its class, shown as its color; all panels share the scale.
        positions: `(N, 2)` coordinates of the nodes, shared by all graphs. By default the distance of two nodes in the
            drawing approximates the number of edges between them.
        weights: title to one number in [0, 1] for each edge, such as its attention weight, shown as its width; by
            default all edges are thin.
        numbered: whether the number of a node stands in it.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `graphs` is empty, or values, positions or weights are not as many as a graph has nodes or edges.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, plot_graphs
        >>> len(plot_graphs({"path": Graph(np.zeros((3, 1)), [0, 1], [1, 2])}).axes)
        1
    """
    for title, graph in graphs.items():
        instance(Graph)(**{f"graphs[{title!r}]": graph})
    values = values and _rows("values", values, {title: (graph.num_nodes,) for title, graph in graphs.items()})
    weights = weights and _rows("weights", weights, {title: (graph.num_edges,) for title, graph in graphs.items()})
    if positions is not None:
        shapes = {title: (graph.num_nodes, 2) for title, graph in graphs.items()}
        positions = _rows("positions", dict.fromkeys(graphs, positions), shapes)
    columns = min(len(graphs), _PER_ROW)
    rows = -(-len(graphs) // columns)
    figure, axes = panels(_SIDE * columns, _SIDE * rows, rows, columns)
    every = np.concatenate([np.zeros(1), *(values or {}).values()])
    for ax in axes:
        ax.set_axis_off()
    for ax, (title, graph) in zip(axes, graphs.items(), strict=False):
        places = layout(graph) if positions is None else positions[title]
        ends = places[np.stack([graph.senders, graph.receivers], axis=1)]  # (E, 2, 2)
        widths = np.full(graph.num_edges, 0.8) if weights is None else 0.3 + 6 * weights[title]
        for end, width in zip(ends, widths, strict=True):
            ax.plot(*end.T, color="#b0b0b0", linewidth=width, zorder=1)
        color = "#2b6ca3" if values is None else values[title]
        size = 160 if numbered else max(12, 900 / graph.num_nodes)
        limits = {} if values is None else {"cmap": "tab10" if _are_classes(every) else "viridis"}
        if values is not None:
            limits |= {"vmin": every.min(), "vmax": 9 if _are_classes(every) else every.max()}
        ax.scatter(*places.T, c=color, s=size, zorder=2, edgecolors="white", linewidths=0.5, **limits)
        for k, place in enumerate(places if numbered else ()):
            ax.annotate(str(k), place, ha="center", va="center", color="white", fontsize=8, zorder=3)
        ax.set_title(title, fontsize=10)
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.12)
    return figure


def _rows(name, given, shapes):
    """Return {title: finite numbers} of the shape that each title asks for, or raise a ValueError."""
    found = {}
    for title, shape in shapes.items():
        found[title] = rows = as_floats(name, given.get(title))
        finite(**{name: rows})
        if rows.shape != shape:
            raise ValueError(f"{name} for graph {title!r} has shape {rows.shape}; it must be {shape}")
    return found


def _are_classes(values):
    return np.equal(values, np.round(values)).all() and values.min() >= 0 and values.max() < 10


@validate(graph=instance(Graph), num_steps=whole(1))
def layout(graph: Graph, num_steps: int = 200) -> np.ndarray:
    """Return coordinates `(N, 2)` for a drawing, in which distances approximate numbers of edges (stress majorization).

    Args:
        graph: a `Graph` of N nodes; it is drawn without directions.
        num_steps: number of steps.

    References:
        Graph Drawing by Stress Majorization, Gansner, Koren and North, 2004,
        https://doi.org/10.1007/978-3-540-31843-9_25

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, layout
        >>> places = layout(Graph(np.zeros((3, 1)), [0, 1], [1, 2]))
        >>> [round(float(np.linalg.norm(places[i] - places[j])), 1) for i, j in ((0, 1), (1, 2), (0, 2))]
        [1.0, 1.0, 2.0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import shortest_path

    n = graph.num_nodes
    edges = coo_array((np.ones(graph.num_edges), (graph.senders, graph.receivers)), shape=(n, n))
    distances = shortest_path(edges.tocsr(), directed=False, unweighted=True)
    reached = distances[np.isfinite(distances)]
    distances[np.isinf(distances)] = reached.max() / 2 + 1  # components stand beside each other
    weights = np.where(distances > 0, 1 / np.maximum(distances, 1) ** 2, 0)
    laplacian = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
    centered = np.eye(n) - 1 / n  # classical scaling starts near the best drawing
    values, vectors = np.linalg.eigh(-0.5 * centered @ distances**2 @ centered)
    places = np.zeros((n, 2))
    places[:, : min(n, 2)] = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1][:, :2]
    places += 1e-2 * np.random.default_rng(0).normal(size=(n, 2))  # leave a line
    for _ in range(num_steps):
        gaps = places[:, None] - places[None]
        lengths = np.linalg.norm(gaps, axis=-1)
        pulls = weights * distances / np.where(lengths > 0, lengths, 1)
        places = laplacian @ (pulls.sum(axis=1)[:, None] * places - pulls @ places)
    return places


def plot_adjacency(matrices: Mapping[str, Sequence[Sequence[float]]]) -> "Figure":
    """Draw matrices of graphs side by side, with a color for each entry.

    Args:
        matrices: title to a matrix `(N, N)`, whose entry (i, j) belongs to the edge from node j to node i.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: there is no matrix, or one is not square.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import plot_adjacency
        >>> figure = plot_adjacency({"A": np.eye(3)})
        >>> figure.axes[0].get_xlabel()
        'sender j'
    """
    arrays = as_matrices("matrices", matrices)
    for title, matrix in arrays.items():
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"matrices[{title!r}] has shape {matrix.shape}; it must be square")
    figure, axes = panels(_SIDE * len(arrays) + 0.6, _SIDE + 0.4, columns=len(arrays))
    for ax, (title, matrix) in zip(axes, arrays.items(), strict=True):
        image = ax.imshow(matrix, cmap="Blues", vmin=0, vmax=max(map(np.max, arrays.values())))
        ax.set(title=title, xlabel="sender j", ylabel="receiver i" if ax is axes[0] else "")
        ticks = range(len(matrix)) if len(matrix) <= 12 else ()
        ax.set_xticks(ticks)
        ax.set_yticks(ticks)
    figure.colorbar(image, ax=list(axes), shrink=0.8, label="entry")
    return figure


@validate(graph=instance(Graph), node=whole(0), depth=whole(1, 8))
def plot_receptive_field(graph: Graph, node: int, depth: int = 3) -> "Figure":
    """Draw which nodes the output of one node depends on, after 1, 2, ..., `depth` layers.

    Args:
        graph: a `Graph`.
        node: number of the node.
        depth: number of layers.

    Returns:
        A Matplotlib `Figure` with a panel for each number of layers.

    Raises:
        ValueError: the graph has no such node, or a number is out of its range.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, plot_receptive_field
        >>> path = Graph(np.zeros((4, 1)), [0, 1, 2], [1, 2, 3])
        >>> [ax.get_title() for ax in plot_receptive_field(path, 3, 2).axes]
        ['1 layer: 2 of 4 nodes', '2 layers: 3 of 4 nodes']
    """
    if node >= graph.num_nodes:
        raise ValueError(f"node={node}: the nodes are 0..{graph.num_nodes - 1}")
    seen = np.zeros(graph.num_nodes)
    seen[node] = 2
    panels_of = {}
    for k in range(1, depth + 1):
        reached = graph.senders[seen[graph.receivers] > 0]
        seen = seen.copy()
        seen[reached] = np.maximum(seen[reached], 1)
        title = f"{k} layer{'s' if k > 1 else ''}: {int((seen > 0).sum())} of {graph.num_nodes} nodes"
        panels_of[title] = seen
    values = {title: np.where(seen == 2, 3, np.where(seen == 1, 0, 7)) for title, seen in panels_of.items()}
    return plot_graphs(dict.fromkeys(values, graph), values=values, positions=layout(graph))


def plot_message_passing() -> "Figure":
    """Draw one layer of message passing: three neighbors send messages to node i, which are summed.

    Returns:
        A Matplotlib `Figure`.

    References:
        Neural Message Passing for Quantum Chemistry, Gilmer et al., 2017, https://arxiv.org/abs/1704.01212

    Example:
        >>> from keras_course.graphs import plot_message_passing
        >>> len(plot_message_passing().axes)
        1
    """
    blocks = {"sum": Block(2.5, 1, "$\\Sigma$", "operation"), "phi": Block(3.7, 1, "$\\phi$", "weight")}
    blocks |= {"h": Block(2.5, 2.6, "$h_i$", "data"), "next": Block(4.9, 1, "new $h_i$", "data")}
    arrows = [Arrow("sum", "phi", "$m_i$"), Arrow("h", "phi"), Arrow("phi", "next")]
    for k in range(3):
        blocks[f"h{k}"] = Block(0, k, f"neighbor $h_{k + 1}$", "data")
        blocks[f"psi{k}"] = Block(1.2, k, f"$\\psi(h_i, h_{k + 1})$", "weight")
        arrows += [Arrow(f"h{k}", f"psi{k}"), Arrow(f"psi{k}", "sum", f"$m_{{i{k + 1}}}$")]
    return diagram(blocks, arrows)


@validate(title=string)
def plot_graph_network(title: str = "") -> "Figure":
    """Draw a network for nodes, edges or graphs, from the features of the nodes to the three kinds of outputs.

    Args:
        title: title of the figure.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.graphs import plot_graph_network
        >>> len(plot_graph_network().axes)
        1
    """
    blocks = {
        "x": Block(0, 1, "nodes", "data"),
        "1": Block(1.4, 1, "layer 1"),
        "L": Block(2.8, 1, "layer L"),
        "edges": Block(2.1, 2.3, "edges", "data"),
        "edge": Block(4.4, 1, "both ends,\ndense", "weight"),
        "graph": Block(4.4, 2, "readout,\ndense", "weight"),
        "y": Block(5.6, 0, "nodes: N x K", "data"),
        "y2": Block(5.6, 1, "edges: E x K", "data"),
        "y3": Block(5.6, 2, "graph: K", "data"),
    }
    arrows = [Arrow("x", "1", "N x F"), Arrow("1", "L", "N x C"), Arrow("edges", "1"), Arrow("edges", "L")]
    arrows += [Arrow("L", "y", "N x K"), *(Arrow("L", kind, "N x C") for kind in ("edge", "graph"))]
    arrows += [Arrow("edge", "y2"), Arrow("graph", "y3")]
    return diagram(blocks, arrows, title=title)


def plot_edge_attention() -> "Figure":
    """Draw how graph attention weighs one edge: projections of both ends, score, softmax, weighted sum.

    Returns:
        A Matplotlib `Figure`.

    References:
        Graph Attention Networks, Veličković et al., 2018, https://arxiv.org/abs/1710.10903

    Example:
        >>> from keras_course.graphs import plot_edge_attention
        >>> len(plot_edge_attention().axes)
        1
    """
    blocks = {
        "i": Block(0, 0, "receiver $h_i$", "data"),
        "j": Block(0, 1.4, "sender $h_j$", "data"),
        "Wi": Block(1.3, 0, "$W$", "weight"),
        "Wj": Block(1.3, 1.4, "$W$", "weight"),
        "score": Block(2.6, 0.7, "score $s_{ij}$"),
        "softmax": Block(4.0, 0.7, "softmax over\nedges to $i$"),
        "times": Block(4.0, 2.0, "x", "operation"),
        "sum": Block(4.9, 2.0, "$\\Sigma$", "operation"),
        "y": Block(5.9, 2.0, "new $h_i$", "data"),
    }
    arrows = [Arrow("i", "Wi"), Arrow("j", "Wj"), Arrow("Wi", "score"), Arrow("Wj", "score"), Arrow("score", "softmax")]
    arrows += [Arrow("softmax", "times", "$\\alpha_{ij}$"), Arrow("Wj", "times", "$W h_j$"), Arrow("times", "sum")]
    return diagram(blocks, [*arrows, Arrow("sum", "y")])
