"""Continuous-time flows: z is where an ordinary differential equation leads from x.

Notation: x(t) (B, D) a path with x(0) = x and x(1) = z, v(x, t; c) its velocity, a network; J = dv/dx.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course._registry import builder
from keras_course.checks import choice, positive, validate, whole, wholes
from keras_course.layers._activations import get_activation
from keras_course.ops import dormand_prince, runge_kutta
from keras_course.ops._trace import exact_trace
from keras_course.ops._types import Tensor
from keras_course.uncertainty._flow import Flow
from keras_course.uncertainty._networks import Network, check_rows, joined
from keras_course.uncertainty._realnvp import SEED
from keras_course.uncertainty._transforms import Transform


@keras.saving.register_keras_serializable("keras_course")
class ContinuousTransform(Transform):
    """Follow the velocity of a network from the time 0 to 1:

        dx/dt = v(x, t; c),  d log_det/dt = trace of dv/dx

    The inverse follows it backwards. The steps of a Runge-Kutta method are part of the model, and training
    differentiates through them (discretize, then optimize). With too few steps training exploits their error: the loss
    falls, even below the entropy of the data, while the density gets worse. So evaluate by `solve`, an adaptive method.

    The exact trace takes D Jacobian-vector products. Hutchinson's estimate takes one: trace J = E[e' J e] for random
    signs e, which stay the same along a path. It is used in training only; evaluation is exact.

    Args:
        hidden_dims: widths of the hidden layers of v.
        num_steps: steps of the Runge-Kutta method.
        trace: "exact", or "hutchinson" in training.
        num_frequencies: K; the network takes cos(k pi t) and sin(k pi t) for k = 1..K as the time.
        activation: of the hidden layers, a smooth one.
        seed: of the initial weights, and of e.

    References:
        Neural Ordinary Differential Equations, Chen et al., 2018, https://arxiv.org/abs/1806.07366
        FFJORD: Free-form Continuous Dynamics for Scalable Reversible Generative Models, Grathwohl et al., 2019,
        https://arxiv.org/abs/1810.01367

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import ContinuousTransform
        >>> z, log_det = ContinuousTransform(hidden_dims=(8,), num_steps=2)(keras.ops.ones((5, 2)))
        >>> z.shape == (5, 2), log_det.shape == (5,)
        (True, True)
    """

    @validate(
        hidden_dims=wholes(1),
        num_steps=whole(1),
        trace=choice("exact", "hutchinson"),
        num_frequencies=whole(1),
        seed=SEED,
    )
    def __init__(
        self,
        hidden_dims=(64, 64),
        *,
        num_steps=8,
        trace="exact",
        num_frequencies=3,
        activation="elu",
        seed=0,
        **kwargs,
    ):
        get_activation(activation)
        super().__init__(**kwargs)
        self.hidden_dims, self.num_steps, self.trace = tuple(hidden_dims), int(num_steps), trace
        self.num_frequencies, self.activation, self.seed = int(num_frequencies), activation, int(seed)
        self.seed_generator = keras.random.SeedGenerator(seed) if trace == "hutchinson" else None

    def build(self, x_shape, context_shape=None) -> None:
        features = x_shape[-1]
        width = features + (context_shape[-1] if context_shape else 0) + 2 * self.num_frequencies
        self.network = Network(self.hidden_dims, features, self.activation, self.seed, dtype=self.dtype_policy)
        self.network.build(width)
        self.built = True

    def velocity(self, t, x, context=None) -> Tensor:
        """Return v(x, t; c) (B, D) at a time t."""
        frequencies = ops.convert_to_tensor(math.pi * np.arange(1, self.num_frequencies + 1), dtype="float32")
        angles = ops.zeros_like(x[:, :1]) + t * frequencies  # (B, K)
        return self.network(joined(context, ops.cos(angles), ops.sin(angles), x))

    def call(self, x, context=None, training=None) -> tuple[Tensor, Tensor]:
        if training and self.trace == "hutchinson":
            noise = ops.sign(keras.random.normal(ops.shape(x), dtype="float32", seed=self.seed_generator))
        else:
            noise = None
        state = x, ops.zeros_like(x[:, 0])
        return runge_kutta(lambda t, state: self._change(t, state, context, noise), state, 0.0, 1.0, self.num_steps)

    def _change(self, t, state, context=None, noise=None):
        """Return the velocity and the trace of its Jacobian: the derivatives of x and of log_det by the time."""
        x = state[0]
        check_rows(x, context)
        if noise is not None:
            v, product = course_ops.jvp(lambda x: self.velocity(t, x, context), (x,), (noise,))
            return v, ops.sum(noise * product, axis=-1)
        return exact_trace(lambda x, context: self.velocity(t, x, context), x, context)

    def inverse(self, z, context=None) -> Tensor:
        (x,) = runge_kutta(lambda t, state: (self.velocity(t, *state, context),), (z,), 1.0, 0.0, self.num_steps)
        return x

    @validate(tolerance=positive, max_steps=whole(1))
    def solve(self, x, context=None, *, tolerance=1e-5, max_steps=1000) -> tuple[Tensor, Tensor, int]:
        """Return z, log_det and the number of steps of the adaptive Dormand-Prince method. It has no gradient.

        Raises:
            RuntimeError: the method did not get to t = 1; the message names the steps and the tolerance.
        """
        x = ops.cast(ops.convert_to_tensor(x), "float32")
        context = None if context is None else ops.cast(ops.convert_to_tensor(context), "float32")
        (z, log_det), steps = dormand_prince(
            lambda t, state: self._change(t, state, context),
            (x, ops.zeros_like(x[:, 0])),
            0.0,
            1.0,
            tolerance=tolerance,
            max_steps=max_steps,
            variables=self.variables,
        )
        return z, log_det, steps

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dims": self.hidden_dims,
            "num_steps": self.num_steps,
            "trace": self.trace,
            "num_frequencies": self.num_frequencies,
            "activation": self.activation,
            "seed": self.seed,
        }


@builder(
    reference="Grathwohl et al., 2019, https://arxiv.org/abs/1810.01367",
    presets={"tiny": {"num_features": 2}},
)
@validate(
    num_features=whole(1),
    context_dim=whole(0),
    hidden_dims=wholes(1),
    num_steps=whole(1),
    trace=choice("exact", "hutchinson"),
    num_frequencies=whole(1),
    seed=SEED,
)
def continuous_flow(
    num_features,
    context_dim=0,
    *,
    hidden_dims=(32, 32),
    num_steps=8,
    trace="exact",
    num_frequencies=3,
    activation="elu",
    seed=0,
    name="continuous_flow",
) -> Flow:
    """Build a continuous-time flow (CNF), whose velocity is a network.

    Takes x (B, D), or {"x": (B, D), "context": (B, C)}; returns {"z": (B, D), "log_prob": (B,)}:

        dx/dt = v(x, t; c) from x(0) = x to x(1) = z,  log abs(det J) = integral of the trace of dv/dx

    Args:
        num_features: D.
        context_dim: C; 0 for a flow without context.
        hidden_dims: widths of the hidden layers of v.
        num_steps: steps of the Runge-Kutta method of order 4; compare `log_prob` with and without a tolerance.
        trace: "exact", or "hutchinson" for an estimate in training.
        num_frequencies: of the time embedding.
        activation: of the hidden layers, a smooth one.
        seed: whole number, at most 2 billion, seed of the initial weights and of the estimate.
        name: name of the model.

    Returns:
        An uncompiled `Flow`, which owns its loss.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        Training differentiates through the steps of a fixed Runge-Kutta method. The paper solves an adjoint equation,
        by an adaptive method; `ContinuousTransform.solve` is adaptive, for evaluation. The time enters as cosines and
        sines.

    References:
        FFJORD: Free-form Continuous Dynamics for Scalable Reversible Generative Models, Grathwohl et al., 2019,
        https://arxiv.org/abs/1810.01367

    Example:
        >>> from keras_course.uncertainty import continuous_flow
        >>> continuous_flow(2, num_steps=2).sample(10).shape == (10, 2)
        True
    """
    path = ContinuousTransform(
        hidden_dims,
        num_steps=num_steps,
        trace=trace,
        num_frequencies=num_frequencies,
        activation=activation,
        seed=seed,
        name="path",
    )
    return Flow(num_features, [path], context_dim=context_dim, name=name)
