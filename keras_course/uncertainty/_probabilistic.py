"""Networks with a head, which predict a distribution.

Notation: x (B, ...) inputs, y (B, K) targets, f (B, P) raw outputs.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import choice, fraction, instance, numpy_seed, positive, validate, whole, wholes
from keras_course.ops._types import Tensor
from keras_course.perceptron import mlp
from keras_course.uncertainty._heads import GaussianHead, Head, QuantileHead, check_levels
from keras_course.uncertainty._mixture import GaussianMixture


@keras.saving.register_keras_serializable("keras_course")
class ProbabilisticModel(keras.Model):
    """A network, and a head that says what its raw outputs mean.

    Takes what the network takes, and returns its raw outputs (B, ..., P). The head is the loss:
    `model.compile("adam", model.head)`, then `fit(x, y)`.

    Args:
        network: a `keras.Model` with one input, whose outputs have `head.size` as their last axis.
        head: a `Head`.
        name: name of the model.

    Raises:
        ValueError: the network has another number of outputs.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import mlp
        >>> from keras_course.uncertainty import GaussianHead, ProbabilisticModel
        >>> head = GaussianHead(1)
        >>> model = ProbabilisticModel(mlp((3,), head.size), head)
        >>> model.distribution(np.zeros((5, 3))).log_prob(np.zeros((5, 1))).shape == (5,)
        True
    """

    @validate(network=instance(keras.Model), head=instance(Head))
    def __init__(self, network, head, *, name="probabilistic_model"):
        if not isinstance(network.output_shape, tuple) or network.output_shape[-1] != head.size:
            raise ValueError(
                f"network has outputs of the shape {network.output_shape}; its head takes {head.size} raw outputs"
            )
        x = keras.Input(network.input_shape[1:], name="x")
        super().__init__(x, network(x), name=name)
        self.network, self.head = network, head

    def distribution(self, x) -> GaussianMixture:
        """Return the predictive distribution of y (B, K) given x (B, ...), of a model with a `GaussianHead`."""
        return self.head.distribution(self(x, training=False))

    def quantiles(self, x) -> Tensor:
        """Return the quantiles (B, K, Q) given x (B, ...), of a model with a `QuantileHead`."""
        return self.head.quantiles(self(x, training=False))

    def get_config(self) -> dict:
        parts = {"network": self.network, "head": self.head}
        return {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()} | {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "ProbabilisticModel":
        parts = {key: keras.saving.deserialize_keras_object(config[key], custom_objects) for key in ("network", "head")}
        return cls(**parts, name=config["name"])


@keras.saving.register_keras_serializable("keras_course")
class SharedScale(keras.layers.Layer):
    """Append to means (B, K) one scale for each output, which is a weight and the same for all inputs: (B, 2 K)."""

    def build(self, input_shape) -> None:
        self.scale = self.add_weight((input_shape[-1],), initializer="zeros", name="scale")

    def call(self, means) -> Tensor:
        return ops.concatenate([means, ops.zeros_like(means) + ops.cast(self.scale, means.dtype)], axis=-1)


NETWORK = {
    "input_shape": wholes(1),
    "num_outputs": whole(1),
    "hidden_dims": wholes(1),
    "dropout": fraction,
    "seed": numpy_seed,
}
SCALE = {"scale": choice("softplus", "exp"), "min_deviation": positive}


@builder(
    reference="Nix and Weigend, 1994, https://doi.org/10.1109/ICNN.1994.374138",
    presets={"tiny": {"input_shape": (1,), "num_outputs": 1}},
)
@validate(**NETWORK, **SCALE, noise=choice("heteroscedastic", "homoscedastic"))
def gaussian_network(
    input_shape,
    num_outputs,
    *,
    noise="heteroscedastic",
    scale="softplus",
    min_deviation=1e-3,
    hidden_dims=(64, 64),
    activation="relu",
    dropout=0.0,
    seed=0,
    name="gaussian_network",
) -> ProbabilisticModel:
    """Build a network that predicts a Gaussian for each input: a mean and a standard deviation.

    Takes x `(B, *input_shape)`; returns raw outputs (B, 2 K), means first, which `GaussianHead` explains:

        p(y | x) = N(y; mu(x), sigma(x)^2)    heteroscedastic: both are outputs of the network
        p(y | x) = N(y; mu(x), sigma^2)       homoscedastic: sigma is one weight for each output

    Args:
        input_shape: shape of one example.
        num_outputs: K.
        noise: "heteroscedastic" or "homoscedastic".
        scale: "softplus" or "exp", the function that makes sigma positive.
        min_deviation: smallest sigma, in the unit of y.
        hidden_dims: widths of the hidden layers.
        activation: of the hidden layers.
        dropout: rate in [0, 1) at which features of each hidden layer are dropped in training.
        seed: whole number, seed of the initial weights and of dropout.
        name: name of the model.

    Returns:
        An uncompiled `ProbabilisticModel`; compile it with its `head` as the loss.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper:
        One network has both outputs; the paper gives the variance a network of its own.

    References:
        Estimating the mean and variance of the target probability distribution, Nix and Weigend, 1994,
        https://doi.org/10.1109/ICNN.1994.374138
        What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?, Kendall and Gal, 2017,
        https://arxiv.org/abs/1703.04977

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import gaussian_network
        >>> model = gaussian_network((3,), 1)
        >>> model.compile("adam", model.head)
        >>> model.distribution(np.zeros((5, 3))).variance.shape == (5, 1)
        True
    """
    head = GaussianHead(num_outputs, scale=scale, min_deviation=min_deviation)
    options = {"hidden_dims": hidden_dims, "activation": activation, "dropout": dropout, "seed": seed}
    if noise == "heteroscedastic":
        return ProbabilisticModel(mlp(input_shape, head.size, **options), head, name=name)
    network = mlp(input_shape, num_outputs, **options)
    network = keras.Model(network.input, SharedScale(name="shared_scale")(network.output), name="mlp")
    return ProbabilisticModel(network, head, name=name)


@builder(
    reference="Bishop, 1994, https://publications.aston.ac.uk/id/eprint/373/",
    presets={"tiny": {"input_shape": (1,), "num_outputs": 1}},
)
@validate(**NETWORK, **SCALE, num_components=whole(1))
def mdn(
    input_shape,
    num_outputs,
    *,
    num_components=5,
    scale="softplus",
    min_deviation=1e-3,
    hidden_dims=(64, 64),
    activation="relu",
    dropout=0.0,
    seed=0,
    name="mdn",
) -> ProbabilisticModel:
    """Build a mixture density network, which predicts a mixture of M Gaussians for each input.

    Takes x `(B, *input_shape)`; returns raw outputs (B, M (2 K + 1)), which `GaussianHead` explains:

        p(y | x) = sum_m pi_m(x) prod_k N(y_k; mu_mk(x), sigma_mk(x)^2)

    Args:
        input_shape: shape of one example.
        num_outputs: K.
        num_components: M.
        scale: "softplus" or "exp", the function that makes sigma positive.
        min_deviation: smallest sigma, in the unit of y.
        hidden_dims: widths of the hidden layers.
        activation: of the hidden layers.
        dropout: rate in [0, 1) at which features of each hidden layer are dropped in training.
        seed: whole number, seed of the initial weights and of dropout.
        name: name of the model.

    Returns:
        An uncompiled `ProbabilisticModel`; compile it with its `head` as the loss.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper:
        Each output has a variance of its own, where the paper's components are round; and sigma has a floor.

    References:
        Mixture Density Networks, Bishop, 1994, https://publications.aston.ac.uk/id/eprint/373/

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import mdn
        >>> model = mdn((1,), 2, num_components=3)
        >>> prediction = model.distribution(np.zeros((5, 1)))
        >>> prediction.sample(10, seed=0).shape == (5, 10, 2)
        True
    """
    head = GaussianHead(num_outputs, num_components, scale=scale, min_deviation=min_deviation)
    options = {"hidden_dims": hidden_dims, "activation": activation, "dropout": dropout, "seed": seed}
    return ProbabilisticModel(mlp(input_shape, head.size, **options), head, name=name)


@builder(
    reference="Koenker and Bassett, 1978, https://doi.org/10.2307/1913643",
    presets={"tiny": {"input_shape": (1,), "num_outputs": 1}},
)
@validate(**NETWORK, levels=check_levels)
def quantile_network(
    input_shape,
    num_outputs,
    *,
    levels=(0.05, 0.5, 0.95),
    hidden_dims=(64, 64),
    activation="relu",
    dropout=0.0,
    seed=0,
    name="quantile_network",
) -> ProbabilisticModel:
    """Build a network that predicts quantiles for each input, which do not cross.

    Takes x `(B, *input_shape)`; returns raw outputs (B, K Q), which `QuantileHead` explains:

        P(y <= q_j(x)) = tau_j,  q_1(x) < q_2(x) < ... < q_Q(x)

    Args:
        input_shape: shape of one example.
        num_outputs: K.
        levels: the Q levels tau, increasing numbers between 0 and 1.
        hidden_dims: widths of the hidden layers.
        activation: of the hidden layers.
        dropout: rate in [0, 1) at which features of each hidden layer are dropped in training.
        seed: whole number, seed of the initial weights and of dropout.
        name: name of the model.

    Returns:
        An uncompiled `ProbabilisticModel`; compile it with its `head` as the loss.

    Raises:
        ValueError: a number is out of its range, or levels do not increase.

    Differences from the paper:
        The paper fits one linear function for each level; here one network has all quantiles, as sums of positive
        steps.

    References:
        Regression Quantiles, Koenker and Bassett, 1978, https://doi.org/10.2307/1913643

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import quantile_network
        >>> model = quantile_network((3,), 1, levels=(0.1, 0.9))
        >>> model.quantiles(np.zeros((5, 3))).shape == (5, 1, 2)
        True
    """
    head = QuantileHead(num_outputs, levels)
    options = {"hidden_dims": hidden_dims, "activation": activation, "dropout": dropout, "seed": seed}
    return ProbabilisticModel(mlp(input_shape, head.size, **options), head, name=name)
