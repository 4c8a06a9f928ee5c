"""Layers with a Gaussian distribution over each weight.

Notation: w one of W weights; prior p(w) = N(0, s^2), approximate posterior q(w) = N(m, softplus(r)^2); N training
examples; x (B, ...) inputs, a pre-activations.
"""

import math

import keras
from keras import ops

from keras_course.checks import choice, positive, validate, whole
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor


class _Variational:
    """What the dense and the convolutional layer share: the distributions of a kernel and a bias.

    The layer that it is mixed into is linear in its weights, and `_linear(x, kernel)` applies it without the bias.
    """

    def _set(self, num_examples, prior_deviation, initial_deviation, noise, seed):
        self.num_examples, self.prior_deviation = int(num_examples), float(prior_deviation)
        self.initial_deviation, self.noise, self.seed = float(initial_deviation), noise, int(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def _add_distributions(self, shape):
        self.kernel_initializer = keras.initializers.GlorotUniform(seed=self.seed)
        rho = keras.initializers.Constant(math.log(math.expm1(self.initial_deviation)))
        options = {"autocast": False}  # the divergence is computed in float32
        self.kernel = self.add_weight(shape, initializer=self.kernel_initializer, name="kernel", **options)
        self.bias = self.add_weight(shape[-1:], initializer="zeros", name="bias", **options)
        self.kernel_rho = self.add_weight(shape, initializer=rho, name="kernel_rho", **options)
        self.bias_rho = self.add_weight(shape[-1:], initializer=rho, name="bias_rho", **options)
        self.built = True

    def divergence(self) -> Tensor:
        """Return KL(q || p), the sum over all weights, in nats."""
        pairs = (self.kernel, self.kernel_rho), (self.bias, self.bias_rho)
        return sum(_divergence(mean, ops.softplus(rho), self.prior_deviation) for mean, rho in pairs)

    def call(self, x, training=False) -> Tensor:
        self.add_loss(self.divergence() / self.num_examples)
        kernel, bias = self._cast(self.kernel), self._cast(self.bias)
        a = self._linear(x, kernel) + bias
        if training:
            kernel, bias = (self._cast(ops.softplus(rho)) for rho in (self.kernel_rho, self.bias_rho))
            if self.noise == "activations":
                variance = self._linear(ops.square(x), ops.square(kernel)) + ops.square(bias)
                a = a + ops.sqrt(ops.maximum(variance, 1e-12)) * self._normal(ops.shape(a))
            else:
                a = a + self._linear(x, kernel * self._normal(kernel.shape)) + bias * self._normal(bias.shape)
        return self.activation(a)

    def _cast(self, weight):
        return ops.cast(weight, self.compute_dtype)

    def _normal(self, shape):
        return keras.random.normal(shape, dtype=self.compute_dtype, seed=self.seed_generator)

    def get_config(self) -> dict:
        names = ("num_examples", "prior_deviation", "initial_deviation", "noise", "seed")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own, "activation": keras.activations.serialize(self.activation)}


def _divergence(mean, deviation, prior_deviation):
    """Return the sum of KL(N(m, sigma^2) || N(0, s^2))."""
    ratio = ops.square(deviation / prior_deviation)
    return 0.5 * ops.sum(ratio + ops.square(mean / prior_deviation) - 1.0 - ops.log(ratio))


OPTIONS = {
    "num_examples": whole(1),
    "prior_deviation": positive,
    "initial_deviation": positive,
    "noise": choice("activations", "weights"),
    "seed": whole(0, 2_000_000_000),
}


@keras.saving.register_keras_serializable("keras_course")
class VariationalDense(_Variational, keras.layers.Layer):
    """A dense layer whose weights are distributions: mean-field variational inference.

    Takes x `(B, ..., C)`; returns `phi(x W + b)`, `(B, ..., K)`. Each weight has the approximate posterior
    q(w) = N(m, softplus(r)^2). In training, weights are sampled; in inference, they are their means. The layer adds
    KL(q || p) / N to the loss, in nats per example: with the mean negative log-likelihood, the loss of the model is
    -ELBO / N.

    With "activations" (local reparameterization), each example has its own sample: for weights that are independent
    and Gaussian, pre-activations are

        a ~ N(x M + m_b, x^2 S^2 + s_b^2)

    With "weights", all examples of a batch share one sample of the weights, which gives noisier gradients.

    Args:
        units: K.
        num_examples: N, size of the training set.
        prior_deviation: s, standard deviation of the prior of each weight.
        initial_deviation: standard deviation of q at the start.
        noise: "activations" or "weights".
        activation: phi, a Keras name or a function.
        seed: whole number, at most 2 billion, seed of the initial means and of the noise.

    Raises:
        ValueError: a number is out of its range, or `noise` is unknown.

    Differences from the paper:
        The prior is a Gaussian, whose divergence has a closed form; the paper prefers a mixture of two. Every batch
        has the same fraction of the divergence, B / N.

    References:
        Weight Uncertainty in Neural Networks, Blundell et al., 2015, https://arxiv.org/abs/1505.05424
        Variational Dropout and the Local Reparameterization Trick, Kingma et al., 2015,
        https://arxiv.org/abs/1506.02557

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.uncertainty import VariationalDense
        >>> layer = VariationalDense(4, num_examples=100)
        >>> x = np.ones((3, 2), "float32")
        >>> layer(x).shape == (3, 4), bool(keras.ops.any(layer(x, training=True) != layer(x)))
        (True, True)
    """

    @validate(units=whole(1), **OPTIONS)
    def __init__(
        self,
        units,
        *,
        num_examples,
        prior_deviation=1.0,
        initial_deviation=0.05,
        noise="activations",
        activation="linear",
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._set(num_examples, prior_deviation, initial_deviation, noise, seed)
        self.units, self.activation = int(units), get_activation(activation)

    def build(self, input_shape) -> None:
        self._add_distributions((input_shape[-1], self.units))

    def _linear(self, x, kernel):
        return ops.matmul(x, kernel)

    def get_config(self) -> dict:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("keras_course")
class VariationalConv2D(_Variational, keras.layers.Layer):
    """A convolution whose weights are distributions; see `VariationalDense`.

    Takes x `(B, H, W, C)`; returns `phi(x * W + b)`, `(B, H', W', K)`. With "activations", each position of
    each example has its own sample of the weights.

    Args:
        filters: K.
        kernel_size: size of the square kernel.
        strides: step of the kernel.
        padding: "same" or "valid".
        num_examples, prior_deviation, initial_deviation, noise, activation, seed: as in `VariationalDense`.

    Raises:
        ValueError: a number is out of its range, or `noise` or `padding` is unknown.

    References:
        Weight Uncertainty in Neural Networks, Blundell et al., 2015, https://arxiv.org/abs/1505.05424

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import VariationalConv2D
        >>> VariationalConv2D(4, 3, num_examples=100)(np.ones((2, 8, 8, 1), "float32")).shape == (2, 8, 8, 4)
        True
    """

    @validate(filters=whole(1), kernel_size=whole(1), strides=whole(1), padding=choice("same", "valid"), **OPTIONS)
    def __init__(
        self,
        filters,
        kernel_size=3,
        *,
        strides=1,
        padding="same",
        num_examples,
        prior_deviation=1.0,
        initial_deviation=0.05,
        noise="activations",
        activation="linear",
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._set(num_examples, prior_deviation, initial_deviation, noise, seed)
        self.filters, self.kernel_size, self.strides, self.padding = filters, kernel_size, strides, padding
        self.activation = get_activation(activation)

    def build(self, input_shape) -> None:
        self._add_distributions((self.kernel_size, self.kernel_size, input_shape[-1], self.filters))

    def _linear(self, x, kernel):
        return ops.conv(x, kernel, strides=self.strides, padding=self.padding, data_format="channels_last")

    def get_config(self) -> dict:
        own = {name: getattr(self, name) for name in ("filters", "kernel_size", "strides", "padding")}
        return {**super().get_config(), **own}
