"""Recurrent layers written out: Elman, LSTM and GRU as loops over time.

Each function returns the states of all positions, and what the next position would continue from. `keras.layers`
computes the same faster; `recurrent_network` uses it.

Notation: x (B, T, D) sequences; h (B, H) the recurrent state, 0 before the first position; matrices are applied from
the right, as in Keras. Weights of several gates stand side by side in one matrix.
"""

from keras import ops

from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor


@on_tensors(x=3, w_x=2, w_h=2, b=1, h=2)
def elman(x, w_x, w_h, b, h=None) -> tuple[Tensor, Tensor]:
    """Elman network: the state is a function of the input and of the state before.

    Takes x `(B, T, D)`; returns the states `(B, T, H)` and the last of them `(B, H)`:

        h_t = tanh(x_t W_x + h_{t-1} W_h + b)

    Args:
        x: sequences.
        w_x, w_h: matrices `(D, H)` and `(H, H)`.
        b: bias `(H,)`.
        h: state before the first position, `(B, H)`; 0 by default.

    Returns:
        (states, h).

    Raises:
        ValueError: the shapes do not fit each other.

    References:
        Finding Structure in Time, Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1

    Example:
        >>> from keras import ops
        >>> from keras_course.attention import elman
        >>> states, h = elman(ops.ones((1, 5, 3)), ops.ones((3, 2)), ops.eye(2), ops.zeros(2))
        >>> states.shape == (1, 5, 2), h.shape == (1, 2)
        (True, True)
    """
    h = _initial_state("h", h, x, w_x, w_h, b, num_gates=1)
    states = []
    for t in range(x.shape[1]):
        h = ops.tanh(ops.matmul(x[:, t], w_x) + ops.matmul(h, w_h) + b)
        states.append(h)
    return ops.stack(states, axis=1), h


@on_tensors(x=3, w_x=2, w_h=2, b=1, h=2, c=2)
def lstm(x, w_x, w_h, b, h=None, c=None) -> tuple[Tensor, Tensor, Tensor]:
    """Long short-term memory: gates decide what the cell forgets, what it adds and what it shows.

    Takes x `(B, T, D)`; returns the states h `(B, T, H)` of all positions, and the last h and c, both `(B, H)`:

        i, f, o = sigmoid(x_t W_x + h_{t-1} W_h + b)    (columns of W_i, W_f and W_o)
        g       = tanh(x_t W_x + h_{t-1} W_h + b)       (columns of W_g)
        c_t     = f * c_{t-1} + i * g
        h_t     = o * tanh(c_t)

    Args:
        x: sequences.
        w_x, w_h: matrices `(D, 4 H)` and `(H, 4 H)`, with the columns of i, f, g and o in this order.
        b: biases `(4 H,)`, in the same order.
        h, c: state and cell before the first position, `(B, H)`; 0 by default.

    Returns:
        (states, h, c).

    Raises:
        ValueError: the shapes do not fit each other.

    Differences from the paper: the forget gate was added by Gers et al. (2000).

    References:
        Long Short-Term Memory, Hochreiter, Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735

        Learning to Forget: Continual Prediction with LSTM, Gers, Schmidhuber, Cummins, 2000,
        https://doi.org/10.1162/089976600300015015

    Example:
        >>> from keras import ops
        >>> from keras_course.attention import lstm
        >>> states, h, c = lstm(ops.ones((1, 5, 3)), ops.ones((3, 8)), ops.ones((2, 8)), ops.zeros(8))
        >>> states.shape == (1, 5, 2), c.shape == (1, 2)
        (True, True)
    """
    h, c = (_initial_state(name, s, x, w_x, w_h, b, num_gates=4) for name, s in (("h", h), ("c", c)))
    states = []
    for t in range(x.shape[1]):
        i, f, g, o = ops.split(ops.matmul(x[:, t], w_x) + ops.matmul(h, w_h) + b, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        states.append(h)
    return ops.stack(states, axis=1), h, c


@on_tensors(x=3, w_x=2, w_h=2, b=1, h=2)
def gru(x, w_x, w_h, b, h=None) -> tuple[Tensor, Tensor]:
    """Gated recurrent unit: one gate resets the state, another one decides how much of it is replaced.

    Takes x `(B, T, D)`; returns the states `(B, T, H)` and the last of them `(B, H)`:

        z, r = sigmoid(x_t W_x + h_{t-1} W_h + b)         (columns of W_z and W_r)
        g    = tanh(x_t W_x + (r * h_{t-1}) W_h + b)      (columns of W_g)
        h_t  = (1 - z) * h_{t-1} + z * g

    Args:
        x: sequences.
        w_x, w_h: matrices `(D, 3 H)` and `(H, 3 H)`, with the columns of z, r and g in this order.
        b: biases `(3 H,)`, in the same order.
        h: state before the first position, `(B, H)`; 0 by default.

    Returns:
        (states, h).

    Raises:
        ValueError: the shapes do not fit each other.

    Differences from the paper, from Keras and from PyTorch: their gate is 1 - z, so the columns of z change
    their sign. The default of Keras (`reset_after=True`) and PyTorch multiply r by (h W_h + a second bias) instead of
    by h; `GRU(reset_after=False)` of Keras has the equations above.

    References:
        Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, Cho et al., 2014,
        https://arxiv.org/abs/1406.1078

    Example:
        >>> from keras import ops
        >>> from keras_course.attention import gru
        >>> states, h = gru(ops.ones((1, 5, 3)), ops.ones((3, 6)), ops.ones((2, 6)), ops.zeros(6))
        >>> states.shape == (1, 5, 2), h.shape == (1, 2)
        (True, True)
    """
    h, size = _initial_state("h", h, x, w_x, w_h, b, num_gates=3), w_h.shape[0]
    states = []
    for t in range(x.shape[1]):
        x_z, x_r, x_g = ops.split(ops.matmul(x[:, t], w_x) + b, 3, axis=-1)
        z = ops.sigmoid(x_z + ops.matmul(h, w_h[:, :size]))
        r = ops.sigmoid(x_r + ops.matmul(h, w_h[:, size : 2 * size]))
        g = ops.tanh(x_g + ops.matmul(r * h, w_h[:, 2 * size :]))
        h = (1 - z) * h + z * g
        states.append(h)
    return ops.stack(states, axis=1), h


def _initial_state(name, state, x, w_x, w_h, b, num_gates):
    """Return the state before the first position, after comparing the shapes."""
    batch_size, steps, width = x.shape
    size = w_h.shape[0]
    if not steps:
        raise ValueError(f"x has shape {tuple(x.shape)}; a sequence has at least one position")
    expected = {"w_x": (width, num_gates * size), "w_h": (size, num_gates * size), "b": (num_gates * size,)}
    for (argument, shape), tensor in zip(expected.items(), (w_x, w_h, b), strict=True):
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{argument} has shape {tuple(tensor.shape)}; it must be {shape}")
    if state is None:
        return ops.zeros((batch_size, size), dtype=w_h.dtype)
    if tuple(state.shape) != (batch_size, size):
        raise ValueError(f"{name} has shape {tuple(state.shape)}; it must be {(batch_size, size)}")
    return state
