"""Bipartite matching: each object gets a prediction of its own, so that the total cost is as small as possible.

Notation: costs (B, K, Q) of K objects and Q >= K predictions. `plain_matching` tries every assignment;
`hungarian_matching` finds the best one in K^2 steps of tensors with fixed shapes.
"""

import itertools
import math

from keras import ops

from keras_course.checks import as_points
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor

MOST_TRIES = 1_000_000


def plain_matching(costs) -> list[int]:
    """Return for each of K objects the index of its prediction, by trying every assignment.

    Args:
        costs: (K, Q) with K at most Q, and small: at most a million assignments are tried.

    Raises:
        ValueError: the shape does not fit, or there are too many assignments.

    Example:
        >>> from keras_course.vision import plain_matching
        >>> plain_matching([[1.0, 2.0, 9.0], [1.0, 4.0, 9.0]])       # the first object takes its second choice
        [1, 0]
    """
    costs = as_points(costs, name="costs")
    objects, predictions = costs.shape
    if objects > predictions or math.perm(predictions, objects) > MOST_TRIES:
        raise ValueError(f"costs has shape {costs.shape}; it must be (K, Q) with K <= Q and at most a million choices")
    rows = range(objects)
    return list(min(itertools.permutations(range(predictions), objects), key=lambda chosen: costs[rows, chosen].sum()))


@on_tensors(costs=3)
def hungarian_matching(costs) -> Tensor:
    """Return for each object the index of its prediction, so that the sum of the costs is as small as possible.

    Objects come one after the other. A new one takes the prediction at the end of the shortest path that alternates
    between predictions and the objects that hold them; along the path each object moves to the next prediction. Lengths
    are reduced costs c_kq - u_k - v_q, with prices u and v that keep them at least 0. All examples take each step
    together, and no gradient flows.

    Args:
        costs: (B, K, Q) with K <= Q. Give an object that is padding the same cost everywhere: it changes no other's
            choice.

    Returns:
        A tensor (B, K) of int32, all different in a row.

    Raises:
        ValueError: there are more objects than predictions.

    References:
        The Hungarian method for the assignment problem, Kuhn, 1955, https://doi.org/10.1002/nav.3800020109
        A shortest augmenting path algorithm for dense and sparse linear assignment problems, Jonker and Volgenant,
        1987, https://doi.org/10.1007/BF02278710

    Example:
        >>> from keras_course.vision import hungarian_matching
        >>> [int(q) for q in hungarian_matching([[[1.0, 2.0, 9.0], [1.0, 4.0, 9.0]]])[0]]
        [1, 0]
    """
    _, objects, predictions = costs.shape
    if objects > predictions:
        raise ValueError(f"costs has shape {tuple(costs.shape)}; it must be (B, K, Q) with at most as many K as Q")
    costs = ops.stop_gradient(ops.cast(costs, "float32"))
    # Column 0 stands for "none yet": the new object begins there, and holders[:, q] - 1 is the object that holds q - 1.
    padded = ops.pad(costs, [(0, 0), (1, 0), (1, 0)])
    prices = padded[:, :, 0] * 0.0, padded[:, 0] * 0.0  # u (B, K + 1), v (B, Q + 1)
    holders = ops.cast(padded[:, 0] * 0.0, "int32")
    for k in range(1, objects + 1):
        holders, prices = _insert(padded, holders, prices, k)
    numbers = ops.arange(1, objects + 1, dtype="int32")
    holds = holders[:, None, 1:] == numbers[:, None]  # (B, K, Q)
    return ops.cast(ops.argmax(ops.cast(holds, "int32"), axis=-1), "int32")


def _insert(costs, holders, prices, k):
    """Give the k-th object a prediction: search the shortest path, and move the objects along it."""
    columns = ops.arange(costs.shape[2], dtype="int32")
    first = ops.equal(columns, 0)
    holders = ops.where(first, k, holders)
    far = ops.cast(1e30, "float32")
    start = ops.zeros_like(holders[:, :1])
    state = start, ops.zeros_like(holders) > 0, prices[1] * 0.0 + far, ops.zeros_like(holders), *prices

    def search(_, state):
        at, used, distance, previous, u, v = state
        owner = ops.take_along_axis(holders, at, axis=1)  # (B, 1), the object that holds the column
        active = ops.logical_or(at == 0, owner > 0)  # else the path has reached a free prediction
        used = ops.logical_or(used, ops.logical_and(active, columns == at))
        row = ops.take_along_axis(costs, owner[..., None], axis=1)[:, 0]
        reduced = row - ops.take_along_axis(u, owner, axis=1) - v
        closer = ops.logical_and(ops.logical_and(active, reduced < distance), ops.logical_not(used))
        distance, previous = ops.where(closer, reduced, distance), ops.where(closer, at, previous)
        open_ = ops.where(used, far, distance)
        nearest = ops.cast(ops.argmin(open_, axis=1), "int32")[:, None]
        step = ops.where(active, ops.take_along_axis(open_, nearest, axis=1), 0.0)
        paid = ops.where(used, step, 0.0)  # (B, Q + 1)
        held = ops.one_hot(holders, u.shape[1], dtype="float32")  # (B, Q + 1, K + 1)
        u = u + ops.einsum("bq,bqk->bk", paid, held)
        v = v - paid
        distance = ops.where(used, distance, distance - step)
        return ops.where(active, nearest, at), used, distance, previous, u, v

    at, _, _, previous, u, v = ops.fori_loop(0, k, search, state)

    def move(_, state):
        at, holders = state
        before = ops.take_along_axis(previous, at, axis=1)
        owner = ops.take_along_axis(holders, before, axis=1)
        holders = ops.where(ops.logical_and(at > 0, columns == at), owner, holders)
        return ops.where(at > 0, before, at), holders

    _, holders = ops.fori_loop(0, k, move, (at, holders))
    return holders, (u, v)
