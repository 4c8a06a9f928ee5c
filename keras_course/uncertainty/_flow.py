"""The model of a normalizing flow.

Notation: x (B, D) data, c (B, C) context, z = f(x; c) latent variables with the density N(0, I).
"""

import math

import keras
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import as_points, positive, validate, whole
from keras_course.ops._types import Tensor
from keras_course.uncertainty._transforms import Transform, compose, normal_log_density


def _check_transforms(**argument):
    ((name, transforms),) = argument.items()
    listed = isinstance(transforms, tuple | list) and len(transforms) > 0
    if not listed or not all(isinstance(transform, Transform) for transform in transforms):
        raise ValueError(f"{name}={transforms!r} must be a list of Transforms, at least one")


class DensityModel(keras.Model):
    """Base class of models of a density, which own their loss: compile with an optimizer only, and `fit(x)`.

    A model returns a dict with its log-density "log_prob" (B,), and defines a method `log_prob`, whose arguments are
    those of the density: a `Flow` takes `(x, context=None, tolerance=None)`, a `MixtureModel` `(x, tolerance=None)`,
    and a `NeuralPosterior` `(theta, x)`.
    """

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True) -> Tensor:
        """Return the mean negative log-likelihood in nats."""
        losses = -ops.cast(y_pred["log_prob"], "float32")
        return ops.mean(losses if sample_weight is None else losses * ops.cast(sample_weight, "float32"))


@keras.saving.register_keras_serializable("keras_course")
class Flow(DensityModel):
    """A normalizing flow: the density of x that a standard normal z and transforms z = f_n(... f_1(x)) define.

        log p(x | c) = log N(f(x; c); 0, I) + log abs(det df/dx)

    Takes x (B, D), or {"x": (B, D), "context": (B, C)} if `context_dim` is not 0. Returns {"z": (B, D),
    "log_prob": (B,)}. The model owns its loss, the mean negative log-likelihood in nats: compile it with an optimizer
    only, and `fit(x)`.

    Args:
        num_features: D.
        transforms: f_1, ..., f_n, a list of `Transform`.
        context_dim: C, features of the context; 0 for none.
        name: name of the model.

    Raises:
        ValueError: a number is out of its range, or `transforms` holds something else.

    References:
        Variational Inference with Normalizing Flows, Rezende and Mohamed, 2015, https://arxiv.org/abs/1505.05770
        Normalizing Flows for Probabilistic Modeling and Inference, Papamakarios et al., 2021,
        https://arxiv.org/abs/1912.02762

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import DiagonalAffine, Flow
        >>> flow = Flow(2, [DiagonalAffine()])
        >>> round(float(keras.ops.convert_to_numpy(flow.log_prob([[0.0, 0.0]]))[0]), 4)  # log 1 / (2 pi)
        -1.8379
        >>> flow.sample(5).shape == (5, 2)
        True
    """

    @validate(num_features=whole(1), transforms=_check_transforms, context_dim=whole(0))
    def __init__(self, num_features, transforms, *, context_dim=0, name="flow"):
        x = keras.Input((num_features,), name="x")
        context = keras.Input((context_dim,), name="context") if context_dim else None
        z, log_det = compose(transforms, x, context)
        outputs = {"z": z, "log_prob": log_det + normal_log_density(z)}
        dtype = keras.config.dtype_policy().compute_dtype
        outputs = {key: ops.cast(value, dtype) for key, value in outputs.items()}
        super().__init__({"x": x, "context": context} if context_dim else x, outputs, name=name)
        self.num_features, self.context_dim, self.transforms = num_features, context_dim, list(transforms)
        self._compiled_inverse = course_ops.jit(self._inverse, variables=self.variables)

    def transform(self, x, context=None) -> tuple[Tensor, Tensor]:
        """Return z = f(x; c) (B, D) and log abs(det df/dx) (B,): the forward direction."""
        return compose(self.transforms, *self._rows("x", x, context))

    def inverse(self, z, context=None) -> Tensor:
        """Return x = f^-1(z; c) (B, D)."""
        return self._inverse(*self._rows("z", z, context))

    def log_abs_det_jacobian(self, x, context=None) -> Tensor:
        """Return log abs(det df/dx) (B,)."""
        return self.transform(x, context)[1]

    @validate(tolerance=positive)
    def log_prob(self, x, context=None, *, tolerance=None) -> Tensor:
        """Return the log-density of x (B, D) given context (B, C), in nats: (B,).

        With a tolerance, an adaptive solver evaluates continuous-time transforms, without gradient. Their fixed steps
        are an approximation, whose error training can exploit.
        """
        z, log_det = compose(self.transforms, *self._rows("x", x, context), tolerance)
        return log_det + normal_log_density(z)

    @validate(num_samples=whole(1), seed=whole(0))
    def sample(self, num_samples, context=None, seed=0) -> Tensor:
        """Return samples (num_samples, D), or given context (B, C), num_samples for each of its rows: (B, S, D)."""
        context = self._context(context)
        shape = (num_samples,) if context is None else (context.shape[0], num_samples)
        z = keras.random.normal((math.prod(shape), self.num_features), dtype="float32", seed=seed)
        given = () if context is None else (ops.repeat(context, num_samples, axis=0),)
        return ops.reshape(self._compiled_inverse(z, *given), (*shape, self.num_features))

    def _inverse(self, z, context=None):
        for transform in reversed(self.transforms):
            z = transform.inverse(z, context)
        return z

    def _rows(self, name, x, context):
        """Return x and the context as tensors, or raise a ValueError."""
        x, context = as_rows(name, x, self.num_features), self._context(context)
        if context is not None and x.shape[0] != context.shape[0]:
            raise ValueError(f"context has {context.shape[0]} rows, and {name} has {x.shape[0]}; they must be as many")
        return x, context

    def _context(self, context):
        if self.context_dim and context is None:
            raise ValueError(f"context=None must be given: this flow takes rows of {self.context_dim} features")
        if context is not None and not self.context_dim:
            raise ValueError("context must be None: this flow was built with context_dim=0")
        return None if context is None else as_rows("context", context, self.context_dim)

    def get_config(self) -> dict:
        return {
            "num_features": self.num_features,
            "transforms": [keras.saving.serialize_keras_object(transform) for transform in self.transforms],
            "context_dim": self.context_dim,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "Flow":
        transforms = [keras.saving.deserialize_keras_object(part, custom_objects) for part in config["transforms"]]
        return cls(**{**config, "transforms": transforms})


def as_rows(name, x, columns) -> Tensor:
    """Return rows as a float32 tensor (B, columns); what is no tensor yet must be finite."""
    if not ops.is_tensor(x):
        x = as_points(x, columns, name=name)
    elif len(x.shape) != 2 or x.shape[1] != columns:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be (B, {columns})")
    return ops.cast(ops.convert_to_tensor(x), "float32")
