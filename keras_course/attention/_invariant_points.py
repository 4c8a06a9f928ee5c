"""Invariant point attention: attention of residues that have frames in space.

Notation: residues s (B, L, C); pairs z (B, L, L, E); frames T (B, L, 3, 4) (see `apply_frames`), one for each residue;
H heads of width D = C / H, each with P points in the frame of a residue.
"""

import math

import keras
from keras import ops

from keras_course.attention._frames import apply_frames, compose_frames, invert_frames
from keras_course.attention._pairs import PairLayer
from keras_course.checks import positive, validate, whole
from keras_course.layers._activations import softmax
from keras_course.ops._types import Tensor

ONE = math.log(math.e - 1)  # softplus(ONE) = 1


@keras.saving.register_keras_serializable("keras_course")
class InvariantPointAttention(PairLayer):
    """Attention with queries, keys and values that are features and points in space.

    Takes residues s `(B, L, C)`, pairs z `(B, L, L, E)` and frames T `(B, L, 3, 4)`; returns `(B, L, C)`. For each head
    q, k, v are features of a residue, and q^p, k^p, v^p (p = 1..P) are points in its frame:

        a_ij = softmax_j 1/sqrt(3) (q_i k_j / sqrt(D) + b_ij - g/2 sqrt(2 / (9 P)) sum_p |T_i q_i^p - T_j k_j^p|^2)
        o_i = sum_j a_ij (v_j, z_ij),  o_i^p = T_i^-1 sum_j a_ij T_j v_j^p,  y_i = W (o_i, o_i^p, |o_i^p|) + c

    with b = z W_b and a learned g > 0 for each head. If every T_i is replaced by T T_i with one frame T, the distances
    of the points are the same, and T cancels in o^p. So the output is invariant to rotations and translations.

    Args:
        num_heads: number H of heads; it must divide C.
        num_points: number P of points of queries, keys and values for each head.
        unit: length in which points are measured, in Angstrom.
        initializer: initializer of the kernels.

    Raises:
        ValueError: a number is out of its range, or (when built) `num_heads` does not divide C.

    Differences from the paper: values have as many points as queries, and the linear map to points has a bias.

    References:
        Highly accurate protein structure prediction with AlphaFold (supplement, algorithm 22), Jumper et al., 2021,
        https://doi.org/10.1038/s41586-021-03819-2

    Example:
        >>> import keras
        >>> from keras_course.attention import InvariantPointAttention
        >>> frames = keras.ops.ones((1, 5, 1, 1)) * keras.ops.eye(3, 4)
        >>> s, z = keras.ops.ones((1, 5, 6)), keras.ops.ones((1, 5, 5, 4))
        >>> InvariantPointAttention(2)(s, z, frames).shape == (1, 5, 6)
        True
    """

    @validate(num_heads=whole(1), num_points=whole(1), unit=positive)
    def __init__(self, num_heads, *, num_points=4, unit=10.0, initializer="glorot_uniform", **kwargs):
        super().__init__(initializer=initializer, autocast=False, **kwargs)  # frames stay in float32
        self.num_heads, self.num_points, self.unit = int(num_heads), int(num_points), float(unit)

    def build(self, s_shape, z_shape, frames_shape) -> None:
        if s_shape[-1] % self.num_heads:
            raise ValueError(f"hidden_dim={s_shape[-1]} is not divisible by num_heads={self.num_heads}")
        points = 3 * self.num_heads * self.num_points
        self.qkv = self.add_dense("qkv", 3 * s_shape[-1], s_shape, use_bias=False)
        self.points = self.add_dense("points", 3 * points, s_shape)
        self.pair_bias = self.add_dense("pair_bias", self.num_heads, z_shape, use_bias=False)
        self.head_scales_initializer = keras.initializers.Constant(ONE)
        options = {"shape": (self.num_heads,), "initializer": self.head_scales_initializer}
        self.head_scales = self.add_weight(name="head_scales", **options)
        width = s_shape[-1] + self.num_heads * (z_shape[-1] + 4 * self.num_points)
        self.projection = self.add_dense("projection", s_shape[-1], (*s_shape[:-1], width))

    def call(self, s, z, frames) -> Tensor:
        frames, (length, heads) = in_units(frames, self.unit), (s.shape[1], self.num_heads)
        q, k, v = ops.split(ops.reshape(self.qkv(s), (-1, length, 3 * heads, s.shape[-1] // heads)), 3, axis=2)
        points = ops.reshape(ops.cast(self.points(s), "float32"), (-1, length, 3 * heads * self.num_points, 3))
        points = apply_frames(frames[:, :, None], points)  # now in global coordinates
        points = ops.reshape(points, (-1, length, 3 * heads, self.num_points, 3))
        q_points, k_points, v_points = ops.split(points, 3, axis=2)  # (B, L, H, P, 3)
        weights = self._weights(q, k, z, q_points, k_points)

        features = ops.einsum("bhij,bjhd->bihd", ops.cast(weights, v.dtype), v)
        pairs = ops.einsum("bhij,bije->bihe", ops.cast(weights, z.dtype), z)
        seen = ops.einsum("bhij,bjhpx->bihpx", weights, v_points)
        seen = apply_frames(invert_frames(frames)[:, :, None, None], seen)  # back in the frame of residue i
        lengths = ops.sqrt(ops.sum(ops.square(seen), axis=-1) + 1e-6)
        parts = (ops.cast(x, self.compute_dtype) for x in (features, pairs, seen, lengths))
        flat = [ops.reshape(x, (-1, length, math.prod(x.shape[2:]))) for x in parts]
        return self.projection(ops.concatenate(flat, axis=-1))

    def _weights(self, q, k, z, q_points, k_points):
        """Return the attention weights `(B, H, L, L)` in float32."""
        scores = ops.cast(ops.einsum("bihd,bjhd->bhij", q, k), "float32") / math.sqrt(q.shape[-1])
        scores = scores + ops.cast(ops.transpose(self.pair_bias(z), (0, 3, 1, 2)), "float32")
        gaps = q_points[:, :, None] - k_points[:, None]  # (B, L, L, H, P, 3)
        squares = ops.transpose(ops.sum(ops.square(gaps), axis=(-2, -1)), (0, 3, 1, 2))
        scales = ops.softplus(ops.cast(self.head_scales, "float32"))[:, None, None]
        scores = scores - scales / 2 * math.sqrt(2 / (9 * self.num_points)) * squares
        return softmax(scores / math.sqrt(3))

    def compute_output_shape(self, s_shape, z_shape, frames_shape) -> tuple:
        return s_shape

    def get_config(self) -> dict:
        ours = {"num_heads": self.num_heads, "num_points": self.num_points, "unit": self.unit}
        return {**super().get_config(), **ours}


def in_units(frames, unit) -> Tensor:
    """Return frames in float32, with their translations in multiples of a unit of length."""
    frames = ops.cast(frames, "float32")
    return ops.concatenate([frames[..., :3], frames[..., 3:] / unit], axis=-1)


@keras.saving.register_keras_serializable("keras_course")
class BackboneUpdate(PairLayer):
    """Move and turn the frame of each residue, as seen from the frame itself.

    Takes residues s `(B, L, C)` and frames T `(B, L, 3, 4)`, or None for the identity; returns the frames T U, in
    float32, where U has the rotation of the normalized quaternion (1, b, c, d) and the translation u t, with unit u:

        (b, c, d, t) = W s + e

    Args:
        unit: u, in Angstrom.
        initializer: initializer of the kernel.

    References: algorithm 23 of the reference of `InvariantPointAttention`.

    Example:
        >>> import keras
        >>> from keras_course.attention import BackboneUpdate
        >>> BackboneUpdate()(keras.ops.ones((1, 5, 6))).shape == (1, 5, 3, 4)
        True
    """

    @validate(unit=positive)
    def __init__(self, *, unit=10.0, initializer="glorot_uniform", **kwargs):
        super().__init__(initializer=initializer, autocast=False, **kwargs)  # frames stay in float32
        self.unit = float(unit)

    def build(self, s_shape, frames_shape=None) -> None:
        self.update = self.add_dense("update", 6, s_shape)

    def call(self, s, frames=None) -> Tensor:
        turn, shift = ops.split(ops.cast(self.update(s), "float32"), 2, axis=-1)
        b, c, d = ops.split(turn, 3, axis=-1)
        a = ops.rsqrt(1 + ops.sum(ops.square(turn), axis=-1, keepdims=True))
        b, c, d = a * b, a * c, a * d
        entries = [
            *(a * a + b * b - c * c - d * d, 2 * b * c - 2 * a * d, 2 * b * d + 2 * a * c),
            *(2 * b * c + 2 * a * d, a * a - b * b + c * c - d * d, 2 * c * d - 2 * a * b),
            *(2 * b * d - 2 * a * c, 2 * c * d + 2 * a * b, a * a - b * b - c * c + d * d),
        ]
        rotations = ops.reshape(ops.concatenate(entries, axis=-1), (-1, s.shape[1], 3, 3))
        moves = ops.concatenate([rotations, self.unit * shift[..., None]], axis=-1)
        return moves if frames is None else compose_frames(ops.cast(frames, "float32"), moves)

    def compute_output_spec(self, s, frames=None) -> keras.KerasTensor:
        return keras.KerasTensor((*s.shape[:2], 3, 4), "float32")

    def get_config(self) -> dict:
        return {**super().get_config(), "unit": self.unit}
