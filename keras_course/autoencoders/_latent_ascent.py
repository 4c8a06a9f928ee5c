"""Design in a latent space: change a code until a property of what it decodes to is predicted to be large.

Notation: z (B, L) codes, f(z) (B,) a predicted property; prior p(z) = N(0, I).
"""

import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import as_points, function, not_negative, positive, validate, whole


@validate(function=function, num_steps=whole(1), rate=positive, prior_weight=not_negative)
def latent_ascent(function, z, *, num_steps=50, rate=0.1, prior_weight=0.1) -> np.ndarray:
    """Climb a property in the latent space, by gradient ascent on its prediction and on the log-density of the prior:

        z <- z + a d/dz [f(z) + c log p(z)] = z + a (df/dz - c z)

    The prior keeps codes where the decoder was trained. Without it a code moves along the gradient forever, and soon
    decodes to nothing that exists.

    Args:
        function: f, which takes z (B, L), a tensor, and returns (B,). Rows must not depend on each other.
        z: codes to begin with (B, L), such as those of the best known examples.
        num_steps: S.
        rate: a.
        prior_weight: c.

    Returns:
        The path (S + 1, B, L), from z to its last codes.

    Raises:
        ValueError: an argument is something else, or `function` returns another shape.

    References:
        Automatic chemical design using a data-driven continuous representation of molecules, Gómez-Bombarelli et al.,
        2016, https://arxiv.org/abs/1610.02415

    Example:
        >>> from keras import ops
        >>> from keras_course.autoencoders import latent_ascent
        >>> path = latent_ascent(lambda z: z[:, 0], [[0.0, 1.0]], num_steps=200, prior_weight=0.5)
        >>> path.shape, path[-1].round(2).tolist()  # where the slope 1 equals c z
        ((201, 1, 2), [[2.0, 0.0]])
    """
    z = ops.convert_to_tensor(as_points(z, name="z").astype("float32"))
    if (shape := tuple(ops.convert_to_tensor(function(z)).shape)) != (len(z),):
        raise ValueError(f"function returns shape {shape} for z {tuple(z.shape)}; it must return ({len(z)},)")
    slopes, path = course_ops.grad(lambda z: ops.sum(function(z))), [z]
    for _ in range(num_steps):
        z = z + float(rate) * (slopes(z) - float(prior_weight) * z)
        path.append(z)
    return np.stack([ops.convert_to_numpy(codes) for codes in path])
