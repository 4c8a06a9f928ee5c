"""Bayes by backprop: networks with a Gaussian distribution over each weight.

Notation: x (B, ...) inputs, K outputs, N training examples; prior p(w), approximate posterior q(w).
"""

import keras
import numpy as np

from keras_course._registry import builder
from keras_course.checks import numpy_seed, validate, whole, wholes
from keras_course.layers._activations import get_activation
from keras_course.uncertainty._heads import GaussianHead
from keras_course.uncertainty._probabilistic import SCALE, ProbabilisticModel, SharedScale
from keras_course.uncertainty._variational import OPTIONS, VariationalConv2D, VariationalDense

NETWORK = {
    "input_shape": wholes(1),
    "num_outputs": whole(1),
    "hidden_dims": wholes(1),
    **OPTIONS,
    "seed": numpy_seed,
}


@builder(
    reference="Blundell et al., 2015, https://arxiv.org/abs/1505.05424",
    presets={
        "tiny": {"input_shape": (2,), "num_outputs": 2, "num_examples": 100},
        "tiny_conv": {"input_shape": (8, 8, 1), "num_outputs": 3, "num_examples": 100, "filters": (4,)},
        "mnist": {
            "input_shape": (28, 28),
            "num_outputs": 10,
            "num_examples": 60_000,
            "hidden_dims": (400, 400),
            "parameters": 956_820,  # two for each weight
        },
    },
)
@validate(**NETWORK, filters=wholes(1))
def bayes_by_backprop(
    input_shape,
    num_outputs,
    *,
    num_examples,
    filters=(),
    hidden_dims=(64, 64),
    activation="relu",
    prior_deviation=1.0,
    initial_deviation=0.05,
    noise="activations",
    seed=0,
    name="bayes_by_backprop",
) -> keras.Model:
    """Build a network with a Gaussian distribution over each weight, for classification or regression.

    Takes x `(B, *input_shape)`; returns `(B, K)`, raw outputs such as logits. The losses of the model hold KL(q || p) /
    N, so `compile` with a mean negative log-likelihood trains it by maximizing the ELBO. `monte_carlo_prediction`
    and `stochastic_passes` sample predictions.

    Args:
        input_shape: shape of one example; (H, W, C) with `filters`.
        num_outputs: K.
        num_examples: N, size of the training set.
        filters: number of filters of each 3x3 convolution before the dense layers; each halves height and width.
        hidden_dims: widths of the hidden layers.
        activation: of the hidden layers.
        prior_deviation: standard deviation of the prior of each weight.
        initial_deviation: standard deviation of each weight at the start.
        noise: "activations" (local reparameterization) or "weights"; see `VariationalDense`.
        seed: whole number, seed of the initial means and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model` with two parameters for each weight.

    Raises:
        ValueError: a number is out of its range, `noise` or `activation` is unknown, or `input_shape` does not fit
            `filters`.

    Differences from the paper: see `VariationalDense`.

    References:
        Weight Uncertainty in Neural Networks, Blundell et al., 2015, https://arxiv.org/abs/1505.05424

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import bayes_by_backprop
        >>> model = bayes_by_backprop((3,), 1, num_examples=1000)
        >>> model(np.zeros((5, 3))).shape == (5, 1)
        True
    """
    if filters and len(input_shape) != 3:
        raise ValueError(f"input_shape={input_shape!r} must be (H, W, C) with filters={filters!r}")
    options = {"num_examples": num_examples, "prior_deviation": prior_deviation, "noise": noise}
    options["initial_deviation"] = initial_deviation
    seeds = iter(np.random.default_rng(seed).integers(2_000_000_000, size=len(filters) + len(hidden_dims) + 1).tolist())
    phi = get_activation(activation)

    h = x = keras.Input(input_shape, name="x")
    for i, count in enumerate(filters):
        convolution = VariationalConv2D(count, activation=phi, seed=next(seeds), **options, name=f"convolution_{i}")
        h = keras.layers.MaxPooling2D(padding="same", name=f"pooling_{i}")(convolution(h))
    h = keras.layers.Flatten(name="flatten")(h) if len(input_shape) > 1 else h
    for i, units in enumerate(hidden_dims):
        h = VariationalDense(units, activation=phi, seed=next(seeds), **options, name=f"hidden_{i}")(h)
    return keras.Model(x, VariationalDense(num_outputs, seed=next(seeds), **options, name="head")(h), name=name)


@builder(
    reference="Blundell et al., 2015, https://arxiv.org/abs/1505.05424",
    presets={"tiny": {"input_shape": (2,), "num_outputs": 1, "num_examples": 100}},
)
@validate(**NETWORK, **SCALE)
def bayesian_gaussian_network(
    input_shape,
    num_outputs,
    *,
    num_examples,
    hidden_dims=(64, 64),
    activation="relu",
    prior_deviation=1.0,
    initial_deviation=0.05,
    noise="activations",
    scale="softplus",
    min_deviation=1e-3,
    seed=0,
    name="bayesian_gaussian_network",
) -> ProbabilisticModel:
    """Build a network for regression with a distribution over each weight, and Gaussian noise of one variance.

    Takes x `(B, *input_shape)`; returns raw outputs (B, 2 K), which `GaussianHead` explains:

        w ~ q,  p(y | x, w) = N(y; f_w(x), sigma^2)

    `monte_carlo_prediction` mixes the predictions of samples of w.

    Args:
        input_shape: shape of one example.
        num_outputs: K.
        num_examples, hidden_dims, activation, prior_deviation, initial_deviation, noise: as in `bayes_by_backprop`.
        scale: "softplus" or "exp", the function that makes sigma positive.
        min_deviation: smallest sigma, in the unit of y.
        seed: whole number, seed of the initial means and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `ProbabilisticModel`; compile it with its `head` as the loss.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper: see `VariationalDense`. The standard deviation sigma is a weight without a prior.

    References:
        Weight Uncertainty in Neural Networks, Blundell et al., 2015, https://arxiv.org/abs/1505.05424

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import bayesian_gaussian_network, monte_carlo_prediction
        >>> model = bayesian_gaussian_network((3,), 1, num_examples=1000)
        >>> model.compile("adam", model.head)
        >>> monte_carlo_prediction(model, np.zeros((5, 3)), 10).variance.shape == (5, 1)
        True
    """
    options = {"hidden_dims": hidden_dims, "activation": activation, "noise": noise, "seed": seed}
    options |= {"prior_deviation": prior_deviation, "initial_deviation": initial_deviation}
    network = bayes_by_backprop(input_shape, num_outputs, num_examples=num_examples, **options)
    network = keras.Model(network.input, SharedScale(name="shared_scale")(network.output), name="bayes_by_backprop")
    head = GaussianHead(num_outputs, scale=scale, min_deviation=min_deviation)
    return ProbabilisticModel(network, head, name=name)
