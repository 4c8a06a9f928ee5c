"""The graph of a computation, as text and as a drawing.

Notation: a node is a `Var`; an edge leads from each operand to the primitive that took it. Inputs are shown by their
name, results are numbered %0, %1, ... in the order of computation, numbers are shown as such and constant arrays by
their shape.
"""

import numpy as np

from keras_course.autodiff._tape import Var, graph
from keras_course.autodiff._traced import plain


def graph_text(y) -> str:
    """Return the graph that a `Var` was computed by as text: one line for each node, operands before results.

    Args:
        y: `Var`.

    Returns:
        A string; each line has a node's name, its primitive with operands, and its shape.

    Raises:
        TypeError: y is not a `Var`.

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import Var, graph_text
        >>> x = Var([1.0, 2.0], name="x")
        >>> print(graph_text(np.sum(3 * x**2)))
        x  = input              (2,)
        %0 = power(x, 2)        (2,)
        %1 = multiply(3, %0)    (2,)
        %2 = sum(%1)            ()
    """
    rows = [(name, _formula(node, labels), str(node.shape)) for node, name, labels in _named(y)]
    first, second = (max(len(row[i]) for row in rows) for i in (0, 1))
    return "\n".join(f"{name:<{first}} = {formula:<{second}}    {shape}" for name, formula, shape in rows)


def graph_dot(y) -> str:
    """Return the graph that a `Var` was computed by in DOT, the language of Graphviz.

    Args:
        y: `Var`.

    Returns:
        A string that `dot -Tsvg` draws: boxes for inputs, ellipses for primitives, an arrow for each operand.

    Raises:
        TypeError: y is not a `Var`.

    Example:
        >>> from keras_course.autodiff import Var, graph_dot
        >>> x = Var(2.0, name="x")
        >>> print(graph_dot(x * x))
        digraph {
          n0 [label="x ()", shape=box];
          n1 [label="multiply ()"];
          n0 -> n1;
          n0 -> n1;
        }
    """
    lines, number = [], {}
    for node, name, _ in _named(y):
        number[node.serial] = len(number)
        label = (f"{node.name}{_params(node)}" if node.wanted else name).replace('"', r"\"")
        lines.append(f'n{number[node.serial]} [label="{label} {node.shape}"{"" if node.wanted else ", shape=box"}];')
        lines += [f"n{number[operand.serial]} -> n{number[node.serial]};" for operand in node.parents()]
    return "\n".join(["digraph {", *("  " + line for line in lines), "}"])


def _named(y):
    """Return (node, its name, the names so far) for each node of a graph."""
    if not isinstance(y, Var):
        raise TypeError(f"y={y!r}: a graph is drawn of a Var, not of {type(y).__name__}: make the inputs with Var(...)")
    names, results, rows = {}, 0, []
    for node in graph(y):
        if node.wanted:
            names[node.serial], results = f"%{results}", results + 1
        else:
            taken = sum(name.split("'")[0] == node.name for name in names.values())
            names[node.serial] = node.name + "'" * taken  # two inputs of one name must not look like one
        rows.append((node, names[node.serial], names))
    return rows


def _formula(node, names):
    if not node.wanted:
        return "input"
    operands = [names[a.serial] if i in node.wanted else _constant(a) for i, a in enumerate(node.operands)]
    return f"{node.name}({', '.join(operands)}{_params(node, ', ')})"


def _constant(value):
    value = plain(value)
    return f"{value:.6g}" if np.ndim(value) == 0 else f"array{value.shape}"


def _params(node, before=" "):
    """Return the parameters of a primitive that are not numpy's default, as they are written in a call."""
    shown = {name: value for name, value in (node.params or {}).items() if value is not None and value is not False}
    texts = [f"{name}={'array' if isinstance(value, np.ndarray) else value}" for name, value in shown.items()]
    return before + ", ".join(texts) if texts else ""
