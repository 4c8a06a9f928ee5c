"""What derivatives cost: formulas, counts of a run, and memory with checkpoints."""

import itertools

import numpy as np
import pytest

from keras_course.autodiff import (
    Var,
    accumulation_cost,
    backward,
    checkpoint,
    checkpointed_chain,
    count_operations,
    grad,
    hvp,
    jvp,
    peak_memory,
    stored,
)

X = np.linspace(0.1, 1.0, 5)


def test_accumulation_cost_of_the_lecture():
    widths = [784, 100, 100, 1]
    assert accumulation_cost(widths, "forward") == 7_918_400
    assert accumulation_cost(widths, "reverse") == 88_400


def test_accumulation_cost_is_that_of_the_products():
    """Multiplied out, matrix by matrix, from either end."""
    widths = [5, 3, 7, 2, 4]
    shapes = [(m, n) for n, m in itertools.pairwise(widths)]  # of J_1, J_2, ...
    forward = sum(m * n * widths[0] for m, n in shapes[1:])
    reverse = sum(widths[-1] * m * n for m, n in shapes[:-1])
    assert (accumulation_cost(widths, "forward"), accumulation_cost(widths, "reverse")) == (forward, reverse)
    assert accumulation_cost(widths[::-1], "forward") == accumulation_cost(widths, "reverse")
    assert accumulation_cost([3, 2], "forward") == accumulation_cost([3, 2], "reverse") == 0


@pytest.mark.parametrize("widths", [[], [3], [3, 0], [3, -1, 2], [3, 2.5]])
def test_accumulation_cost_refuses_widths(widths):
    with pytest.raises(ValueError, match=r"must be at least two positive integers|must be a whole number, at least 1"):
        accumulation_cost(widths, "forward")


def test_modes_are_checked():
    with pytest.raises(ValueError, match="mode='both' is none of"):
        accumulation_cost([3, 2], "both")
    with pytest.raises(ValueError, match="mode='both' is none of"):
        count_operations(np.sum, X, mode="both")


# Counting a run ----------------------------------------------------------------------------------------------------


def test_count_of_a_product():
    A, B = np.ones((2, 3)), np.ones((3, 4))
    count = count_operations(np.matmul, A, B)
    assert (dict(count.calls), count.operations) == ({"matmul": 1}, 2 * 3 * 4)
    both = count_operations(np.matmul, A, B, mode="reverse")
    assert both.calls["matmul"] == 3
    assert both.calls.total() == 5  # and two transposes
    one = count_operations(lambda x: A @ x, B, mode="forward")
    assert (dict(one.calls), one.operations) == ({"matmul": 2}, 48)


def test_count_of_a_sum_is_by_what_is_read():
    assert count_operations(np.sum, np.ones((10, 10))).operations == 100
    assert count_operations(lambda x: np.ones((4, 5)) * x, np.ones(5)).operations == 20


@pytest.mark.parametrize("n", [1, 100, 10_000])
def test_reverse_mode_costs_a_small_multiple_of_the_function(n):
    """The cheap gradient principle, by count, for a chain, a product and a sum in n variables."""
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=n), rng.normal(size=(3, n))
    f = lambda x: np.sum(np.tanh(weights @ np.sin(x)) ** 2) + np.sum(x * np.exp(-x))  # noqa: E731
    once = count_operations(f, x).operations
    assert once < count_operations(f, x, mode="reverse").operations <= 5 * once + 50
    assert once < count_operations(f, x, mode="forward").operations <= 5 * once + 50


def test_one_pass_each_by_mode():
    """A gradient takes n passes of forward mode and one of reverse mode."""
    n = 50
    f = lambda x: np.sum(np.sin(x) * x)  # noqa: E731
    forward = n * count_operations(f, np.ones(n), mode="forward").operations
    reverse = count_operations(f, np.ones(n), mode="reverse").operations
    assert forward > 10 * reverse


def test_what_a_checkpoint_computes_again_is_counted():
    chain = checkpointed_chain([np.sin] * 6, 2)
    assert dict(count_operations(chain, X).calls) == {"sin": 6}
    once, twice = (count_operations(f, X, mode="reverse").calls for f in (checkpointed_chain([np.sin] * 6, 6), chain))
    assert once["sin"] == twice["sin"] == 12
    assert twice["cos"] == 6


# Checkpoints -------------------------------------------------------------------------------------------------------


def block(x):
    return np.tanh(np.sin(x) * np.exp(-x) + x)


def test_checkpoint_changes_no_derivative():
    f, g = lambda x: np.sum(block(block(x)) ** 2), lambda x: np.sum(checkpoint(lambda x: block(block(x)))(x) ** 2)
    np.testing.assert_array_equal(grad(f)(X), grad(g)(X))
    np.testing.assert_array_equal(jvp(f, (X,), (X,)), jvp(g, (X,), (X,)))
    np.testing.assert_allclose(hvp(g, (X,), (X,))[0], hvp(f, (X,), (X,))[0], rtol=1e-13)
    reverse_twice = grad(lambda x: np.sum(grad(g)(x) * X))(X)
    np.testing.assert_allclose(reverse_twice, hvp(f, (X,), (X,))[0], rtol=1e-13)


def test_checkpoint_of_several_arguments():
    f = checkpoint(lambda x, y: x * np.sin(y))
    np.testing.assert_array_equal(grad(lambda x: np.sum(f(x, X)))(X), np.sin(X))
    np.testing.assert_array_equal(grad(lambda x, y: np.sum(f(x, y)), 1)(X, X), X * np.cos(X))
    np.testing.assert_array_equal(grad(lambda x: np.sum(f(x, x)))(X), np.sin(X) + X * np.cos(X))
    np.testing.assert_array_equal(jvp(f, (X, X), (X, 2 * X))[1], X * np.sin(X) + X * np.cos(X) * 2 * X)
    np.testing.assert_array_equal(jvp(lambda y: f(X, y), (X,), (X,))[1], X * np.cos(X) * X)


def test_checkpoint_computes_again_and_keeps_little():
    calls = []

    def counted(x):
        calls.append(type(x))
        return block(block(x))

    x = Var(X)
    y = checkpoint(counted)(x)
    assert (len(calls), stored(y).arrays) == (1, 2)
    assert stored(block(block(Var(X)))).arrays > 10
    backward(y, [x], cotangent=X)
    assert calls == [np.ndarray, Var]
    assert checkpoint(block)(X).tolist() == block(X).tolist()


def test_checkpoint_refuses():
    x = Var(X)
    with pytest.raises(ValueError, match="reads a recorded array that is not among its arguments"):
        checkpoint(lambda y: y * x)(Var(X))
    with pytest.raises(TypeError, match="must return an array, not tuple"):
        checkpoint(lambda x: (x, x))(x)
    outer = lambda a: grad(checkpoint(lambda y: a * y * y))(3.0)  # noqa: E731
    assert grad(outer)(2.0) == 6.0  # a belongs to the outer derivative: that is allowed, and right


@pytest.mark.parametrize("segments", [1, 3, 4, 12])
def test_chain_is_the_same_function(segments):
    functions = [np.sin, np.exp, np.tanh, block] * 3
    chain = checkpointed_chain(functions, segments)

    def plain(x):
        for function in functions:
            x = function(x)
        return x

    np.testing.assert_array_equal(chain(X), plain(X))
    np.testing.assert_array_equal(grad(lambda x: np.sum(chain(x)))(X), grad(lambda x: np.sum(plain(x)))(X))
    assert stored(chain(Var(X))).arrays == segments + 1


def test_chain_refuses():
    with pytest.raises(ValueError, match="at least one function"):
        checkpointed_chain([], 1)
    for segments in (0, 4, 1.5):
        with pytest.raises(ValueError, match=f"segments={segments} must be an integer from 1 to .* 3"):
            checkpointed_chain([np.sin] * 3, segments)


def test_memory_of_a_chain_is_segments_and_their_length():
    """T = 64 arrays without checkpoints, about S + T / S with S segments; measured."""
    x, functions = np.ones(10_000), [np.sin] * 64

    def arrays(segments):
        chain = checkpointed_chain(functions, segments)
        return peak_memory(lambda: grad(lambda x: np.sum(chain(x)))(x)) / x.nbytes

    found = {segments: arrays(segments) for segments in (1, 4, 8, 16, 64)}
    for segments, count in found.items():
        assert segments + 64 / segments <= count <= segments + 64 / segments + 6
    assert min(found, key=found.get) == 8


def test_storage_counts_each_array_once():
    x = Var(np.zeros(100))
    storage = stored(x * x + x)
    assert (storage.arrays, storage.bytes) == (3, 2400)
    assert stored(x * np.ones(100)).arrays == 3  # the constant too
    with pytest.raises(TypeError, match="only a Var keeps a graph, not ndarray"):
        stored(np.zeros(100))
