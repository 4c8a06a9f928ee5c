"""Frames: a rotation and a translation for each residue, and the loss that compares structures in all of them.

Notation: a frame T = (R, t) maps local coordinates x to global ones, T x = R x + t. Frames are one tensor
(..., 3, 4) = [R | t]; points are (..., 3).
"""

import keras
from keras import ops

from keras_course.checks import positive, string, validate
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor


def _check(rows, **tensors):
    """Raise a ValueError where a tensor does not end with the axes `rows`."""
    for name, x in tensors.items():
        if tuple(x.shape[-len(rows) :]) != rows:
            raise ValueError(f"{name} has shape {tuple(x.shape)}; its last axes must be {rows}")


@on_tensors(frames=None, points=None)
def apply_frames(frames, points) -> Tensor:
    """Return the points R x + t, with frames `(..., 3, 4)` and points `(..., 3)` that broadcast.

    Raises:
        ValueError: a tensor has other last axes.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import apply_frames
        >>> apply_frames(np.eye(3, 4), np.ones((5, 3))).shape == (5, 3)
        True
    """
    _check((3, 4), frames=frames)
    _check((3,), points=points)
    turned = ops.sum(ops.multiply(frames[..., :3], points[..., None, :]), axis=-1)  # `*` takes equal types only
    return ops.add(turned, frames[..., 3])


@on_tensors(frames=None, others=None)
def compose_frames(frames, others) -> Tensor:
    """Return the frames T T', which apply `others` first: (R R', R t' + t).

    Raises:
        ValueError: a tensor does not end with the axes (3, 4).

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import compose_frames
        >>> compose_frames(np.eye(3, 4), np.eye(3, 4)).shape == (3, 4)
        True
    """
    _check((3, 4), frames=frames, others=others)
    rotated = ops.matmul(frames[..., :3], others)
    return ops.concatenate([rotated[..., :3], ops.add(rotated[..., 3:], frames[..., 3:])], axis=-1)


@on_tensors(frames=None)
def invert_frames(frames) -> Tensor:
    """Return the inverse frames (R', -R' t), which map global coordinates to local ones.

    Raises:
        ValueError: the tensor does not end with the axes (3, 4).

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import invert_frames
        >>> invert_frames(np.eye(3, 4)).shape == (3, 4)
        True
    """
    _check((3, 4), frames=frames)
    inverse = ops.swapaxes(frames[..., :3], -1, -2)
    return ops.concatenate([inverse, -ops.matmul(inverse, frames[..., 3:])], axis=-1)


@on_tensors(points=None)
def point_frames(points) -> Tensor:
    """Return the frame of each residue of a chain from the positions of three successive ones (Gram-Schmidt).

    Takes points `(..., L, 3)` and returns `(..., L, 3, 4)`. With v = x_{i+1} - x_i, w = x_{i-1} - x_i
    and unit(a) the vector a divided by its length,

        e_1 = unit(v),  e_2 = unit(w - (e_1 w) e_1),  e_3 = e_1 x e_2,  R_i = [e_1, e_2, e_3],  t_i = x_i

    The first and the last residue have the rotation of their neighbor. Rotating the points rotates the frames.

    Raises:
        ValueError: `points` is not `(..., L, 3)` with L of at least 3.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import point_frames
        >>> point_frames(np.random.default_rng(0).normal(size=(7, 3))).shape == (7, 3, 4)
        True
    """
    _check((3,), points=points)
    if len(points.shape) < 2 or points.shape[-2] < 3:
        raise ValueError(f"points has shape {tuple(points.shape)}; it must be (..., L, 3) with L of at least 3")
    before, here, after = points[..., :-2, :], points[..., 1:-1, :], points[..., 2:, :]
    x = _unit(after - here)
    y = before - here
    y = _unit(y - x * ops.sum(x * y, axis=-1, keepdims=True))
    rotations = ops.stack([x, y, ops.cross(x, y, axis=-1)], axis=-1)
    rotations = ops.concatenate([rotations[..., :1, :, :], rotations, rotations[..., -1:, :, :]], axis=-3)
    return ops.concatenate([rotations, points[..., None]], axis=-1)


def _unit(x):
    return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-8)


@on_tensors(true=None, predicted=None)
@validate(clamp=positive, scale=positive)
def frame_aligned_point_error(true, predicted, *, clamp=10.0, scale=10.0) -> Tensor:
    """Return the frame aligned point error (FAPE): how far each residue is from its position, seen from each residue.

    Takes frames T* and T `(..., L, 3, 4)` and returns `(...)`:

        1/scale mean_ij min(clamp, |T_i^-1 t_j - T*_i^-1 t*_j|)

    Rotating and translating all frames of one structure changes nothing. A mirror image has another error than the
    structure itself.

    Args:
        true, predicted: frames T* and T, which broadcast.
        clamp: largest error that counts, in Angstrom.
        scale: what the mean is divided by, in Angstrom.

    Raises:
        ValueError: a tensor does not end with the axes (3, 4), or a number is not positive.

    References:
        Highly accurate protein structure prediction with AlphaFold (supplement, algorithm 28), Jumper et al., 2021,
        https://doi.org/10.1038/s41586-021-03819-2

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import frame_aligned_point_error, point_frames
        >>> x = point_frames(np.random.default_rng(0).normal(size=(7, 3)))
        >>> float(frame_aligned_point_error(x, x)) < 0.01
        True
    """
    _check((3, 4), true=true, predicted=predicted)
    seen = [apply_frames(invert_frames(x)[..., :, None, :, :], x[..., None, :, :, 3]) for x in (true, predicted)]
    errors = ops.sqrt(ops.sum(ops.square(ops.subtract(*seen)), axis=-1) + 1e-6)
    return ops.mean(ops.minimum(errors, clamp), axis=(-2, -1)) / scale


@keras.saving.register_keras_serializable("keras_course")
class StructureLoss(keras.losses.Loss):
    """The frame aligned point error of the structures after each layer of a structure module, averaged over the layers.

    Takes positions `(B, L, 3)`, in Angstrom, and frames `(B, K, L, 3, 4)`.

    Args:
        clamp, scale: see `frame_aligned_point_error`. The default clamp is larger than in the paper: toy chains are up
            to 40 Angstrom long, and the gradient of an error above the clamp is 0.

    Raises:
        ValueError: a number is not positive.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import StructureLoss, point_frames
        >>> x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
        >>> float(StructureLoss()(x, point_frames(x)[:, None])) < 0.01
        True
    """

    @validate(clamp=positive, scale=positive, name=string)
    def __init__(self, clamp=40.0, scale=10.0, name="structure_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.clamp, self.scale = float(clamp), float(scale)

    def call(self, y_true, y_pred) -> Tensor:
        true = point_frames(ops.cast(y_true, "float32"))[:, None]
        errors = frame_aligned_point_error(true, ops.cast(y_pred, "float32"), clamp=self.clamp, scale=self.scale)
        return ops.mean(errors, axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "clamp": self.clamp, "scale": self.scale}
