"""The tape: what is recorded, how the sweep adds up, what cannot corrupt it, and the graph as text and DOT."""

import gc
import sys

import numpy as np
import pytest

from keras_course.autodiff import Dual, Var, backward, grad, graph_dot, graph_text


def test_a_node_knows_where_it_comes_from():
    x, w = Var(3.0, name="x"), Var([1.0, 2.0], name="w")
    y = w * x
    assert (y.name, y.shape, y.operands) == ("multiply", (2,), (w, x))
    assert [node.name for node in y.parents()] == ["w", "x"]
    assert (w * 2.0).parents() == [w]
    assert Var(1.0).name == "input"
    assert repr(Var(2.0, name="x")) == "Var(array(2.), x)"


def test_contributions_of_all_paths_add_up():
    x = Var(3.0)
    y = x * x + x  # x is used three times
    np.testing.assert_array_equal(backward(y, [x]), [7.0])
    diamond = y * y
    np.testing.assert_array_equal(backward(diamond, [x]), [2 * 12.0 * 7.0])
    np.testing.assert_array_equal(backward(diamond, [x]), [168.0])  # nothing is left over from the first sweep


def test_cotangents_weigh_the_outputs():
    x, unused = Var([1.0, 2.0]), Var(np.ones((2, 2)))
    gradients = backward(x**2, [x, unused], cotangent=[10.0, 1.0])
    np.testing.assert_array_equal(gradients[0], [20.0, 4.0])
    np.testing.assert_array_equal(gradients[1], np.zeros((2, 2)))
    np.testing.assert_array_equal(backward(x[0], [x])[0], [1.0, 0.0])


def test_backward_refuses():
    x = Var([1.0, 2.0])
    with pytest.raises(ValueError, match=r"scalar.*\(2,\)"):
        backward(x * 2, [x])
    with pytest.raises(ValueError, match=r"cotangent has shape \(3,\).*\(2,\)"):
        backward(x * 2, [x], cotangent=np.ones(3))
    with pytest.raises(TypeError, match="not float"):
        backward(2.0, [x])
    with pytest.raises(TypeError, match=r"inputs=.*a list of them"):
        backward(x.sum(), [np.ones(2)])
    with pytest.raises(ValueError, match="was computed"):
        backward((x * 2).sum(), [x * 2])


def test_a_long_chain_needs_no_recursion():
    n = 10 * sys.getrecursionlimit()
    x = Var(1.0)
    y = x
    for _ in range(n):
        y = y * 1.0 + 1.0
    assert backward(y, [x]) == [1.0]
    assert y.value == n + 1
    deep = Dual(1.0, 1.0)
    for _ in range(n):
        deep = deep * 1.0
    assert deep.tangent == 1.0


def test_a_graph_is_freed_with_its_last_node():
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        grad(lambda x: np.sum(np.tanh(np.sin(x)) ** 2))(np.ones(3))
        assert len(gc.get_objects()) - before < 10
    finally:
        gc.enable()


def test_recorded_values_do_not_change():
    """What the caller changes afterwards, and what is reused as a buffer, is not what was recorded."""
    a, buffer = np.array([1.0, 2.0]), np.zeros(2)
    x = Var(a)
    y = 0.0
    for t in (1.0, 2.0):
        buffer[:] = t
        y = y + np.sum(x**2 * buffer)
    rows, list_of_rows = np.array([0, 0]), [0, 0]
    y = y + np.sum(x[rows]) + np.sum(x[list_of_rows])
    a[:], rows[:], list_of_rows[:] = 100.0, 1, [1, 1]
    buffer[:] = 100.0
    np.testing.assert_array_equal(backward(y, [x])[0], [6.0 + 4.0, 12.0])
    with pytest.raises(ValueError, match="read-only"):
        y.parents()[1].parents()[0].value[0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        x.value[0] = 5.0


def test_gradients_may_be_changed():
    x, z, u = Var(np.ones(3)), Var(np.ones(3)), np.ones(3)
    first, second = backward(x + z, [x, z], cotangent=u)
    first += 1.0
    np.testing.assert_array_equal(second, np.ones(3))
    np.testing.assert_array_equal(u, np.ones(3))
    gradient = grad(np.sum)(u)
    gradient *= 2.0  # not a view of one broadcast number
    np.testing.assert_array_equal(gradient, np.full(3, 2.0))


def test_float32_stays():
    x = np.array([1.0, -2.0], "float32")
    y = np.sum(np.maximum(2.0 * Var(x) ** 2 - 1, 0) / 3)
    assert y.dtype == np.float32
    assert grad(lambda x: np.sum(np.maximum(x, 0.5) ** 2 * np.arange(2.0)))(x).dtype == np.float32
    assert np.mean(Var(x)).dtype == grad(np.mean)(x).dtype == np.float32
    assert grad(lambda x: x * x)(3).dtype == np.float64


def test_var_over_dual():
    """Reverse over forward by hand: the second derivative of x^3 at 2."""
    y = Var(x := Dual(2.0, 1.0)) ** 3
    leaf = y.parents()[0]
    assert leaf.value is x
    (gradient,) = backward(y, [leaf])
    assert (gradient.value, gradient.tangent) == (12.0, 12.0)


# The graph ---------------------------------------------------------------------------------------------------------


def loss():
    x, w = Var(np.ones((4, 2)), name="x"), Var([1.0, 2.0], name="w")
    return np.mean(np.tanh(x @ w) ** 2 * np.ones(4))


def test_graph_as_text():
    assert graph_text(loss()).splitlines() == [
        "x  = input                      (4, 2)",
        "w  = input                      (2,)",
        "%0 = matmul(x, w)               (4,)",
        "%1 = tanh(%0)                   (4,)",
        "%2 = power(%1, 2)               (4,)",
        "%3 = multiply(%2, array(4,))    (4,)",
        "%4 = sum(%3)                    ()",
        "%5 = divide(%4, 4)              ()",
    ]


def test_graph_shows_parameters_and_tells_inputs_apart():
    a, b = Var(np.ones((2, 3))), Var(np.ones(3))
    text = graph_text(np.max(a * b, axis=1).reshape(2, 1))
    assert [line.split("=")[0].strip() for line in text.splitlines()[:2]] == ["input", "input'"]
    assert "= multiply(input, input')" in text
    assert "max(%0, axis=1)" in text
    assert "reshape(%1, shape=(2, 1))" in text


def test_the_graph_grows_with_the_order_of_the_derivative():
    x, derivative, lines = Var(0.5, name="x"), np.tanh, []
    for _ in range(4):
        lines.append(len(graph_text(derivative(x)).splitlines()))
        derivative = grad(derivative)
    assert lines[0] == 2
    assert lines[0] < lines[1] < lines[2] < lines[3]


def test_graph_in_dot():
    y = loss()
    text = graph_dot(y)
    lines = [line.strip() for line in text.splitlines()]
    assert (lines[0], lines[-1]) == ("digraph {", "}")
    assert sum("label=" in line for line in lines) == 8
    assert sum("shape=box" in line for line in lines) == 2
    edges = [line for line in lines if "->" in line]
    assert edges == ["n0 -> n2;", "n1 -> n2;", *[f"n{i} -> n{i + 1};" for i in range(2, 7)]]
    assert '[label="x\\" ()", shape=box]' in graph_dot(Var(1.0, name='x"'))


def test_only_a_var_has_a_graph():
    for draw in (graph_text, graph_dot):
        with pytest.raises(TypeError, match="not of ndarray"):
            draw(np.ones(3))
