"""Deep ensembles whose members are trained together, in one program.

Notation: x (B, D) inputs, M members, h (B, M, C) the features of each, P raw outputs of each.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import choice, instance, numpy_seed, positive, validate, whole, wholes
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor
from keras_course.uncertainty._heads import GaussianHead, Head
from keras_course.uncertainty._mixture import GaussianMixture
from keras_course.uncertainty._probabilistic import ProbabilisticModel


@keras.saving.register_keras_serializable("keras_course")
class EnsembleDense(keras.layers.Layer):
    """Dense layers side by side, one for each member of an ensemble: a batched matrix product.

    Takes h `(B, M, C)`, or x `(B, C)` that all members see; returns `phi(h_m W_m + b_m)`, `(B, M, K)`.

    Args:
        num_members: M.
        units: K.
        activation: phi, a Keras name or a function.
        seed: whole number, at most 2 billion, seed of the initial weights.

    Raises:
        ValueError: a number is out of its range, or the input has another number of members.

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import EnsembleDense
        >>> EnsembleDense(5, 3)(np.ones((8, 2), "float32")).shape == (8, 5, 3)
        True
    """

    @validate(num_members=whole(1), units=whole(1), seed=whole(0, 2_000_000_000))
    def __init__(self, num_members, units, *, activation="linear", seed=0, **kwargs):
        super().__init__(**kwargs)
        self.num_members, self.units, self.seed = int(num_members), int(units), int(seed)
        self.activation = get_activation(activation)

    def build(self, input_shape) -> None:
        if len(input_shape) not in (2, 3) or (len(input_shape) == 3 and input_shape[1] != self.num_members):
            raise ValueError(f"x has shape {tuple(input_shape)}; it must be (B, C) or (B, {self.num_members}, C)")
        shape = (self.num_members, input_shape[-1], self.units)
        limit = (6.0 / sum(shape[1:])) ** 0.5  # Glorot's, for the sizes of one member
        self.kernel_initializer = keras.initializers.RandomUniform(-limit, limit, seed=self.seed)
        self.kernel = self.add_weight(shape, initializer=self.kernel_initializer, name="kernel")
        self.bias = self.add_weight((self.num_members, self.units), initializer="zeros", name="bias")
        self.built = True

    def call(self, x) -> Tensor:
        subscripts = "bc,mck->bmk" if len(x.shape) == 2 else "bmc,mck->bmk"
        return self.activation(ops.einsum(subscripts, x, self.kernel) + self.bias)

    def get_config(self) -> dict:
        own = {name: getattr(self, name) for name in ("num_members", "units", "seed")}
        return {**super().get_config(), **own, "activation": keras.activations.serialize(self.activation)}


@keras.saving.register_keras_serializable("keras_course")
class EnsembleHead(Head):
    """The head of M members, each of which has raw outputs: their losses are summed, their predictions mixed.

        loss = sum_m loss_m,  p(y) = 1/M sum_m p_m(y)

    The sum gives each member the gradient that it would have alone.

    Args:
        head: the `GaussianHead` of a member.

    Raises:
        ValueError: `head` is something else.

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import EnsembleHead, GaussianHead
        >>> head = EnsembleHead(GaussianHead(1))
        >>> head.distribution(np.zeros((8, 5, 2), "float32")).means.shape == (8, 5, 1)
        True
    """

    @validate(head=instance(GaussianHead))
    def __init__(self, head, *, name="ensemble_head", **kwargs):
        super().__init__(head.num_outputs, name=name, **kwargs)
        self.head = head

    @property
    def size(self) -> int:
        return self.head.size

    def call(self, y_true, y_pred) -> Tensor:
        return ops.sum(self.head.call(ops.expand_dims(y_true, 1), y_pred), axis=1)

    def distribution(self, raw) -> GaussianMixture:
        """Return the mixture of the members' predictions, given raw outputs (B, M, P)."""
        members = self.head.distribution(raw)  # each a mixture of K components: (B, M, K, ...)
        logits = members.logits - ops.logsumexp(members.logits, axis=-1, keepdims=True)
        shape = (logits.shape[0], -1)
        flat = [ops.reshape(part, (*shape, self.num_outputs)) for part in (members.means, members.deviations)]
        return GaussianMixture(ops.reshape(logits, shape), *flat)

    def get_config(self) -> dict:
        config = {key: value for key, value in super().get_config().items() if key != "num_outputs"}
        return {**config, "head": keras.saving.serialize_keras_object(self.head)}

    @classmethod
    def from_config(cls, config) -> "EnsembleHead":
        return cls(**{**config, "head": keras.saving.deserialize_keras_object(config["head"])})


@builder(
    reference="Lakshminarayanan et al., 2017, https://arxiv.org/abs/1612.01474",
    presets={
        "tiny": {"input_shape": (2,), "num_outputs": 1, "num_members": 3},
        "uci": {"input_shape": (8,), "num_outputs": 1, "hidden_dims": (50,), "parameters": 5 * 552},
    },
)
@validate(
    input_shape=wholes(1),
    num_outputs=whole(1),
    num_members=whole(1),
    hidden_dims=wholes(1),
    scale=choice("softplus", "exp"),
    min_deviation=positive,
    seed=numpy_seed,
)
def deep_ensemble(
    input_shape,
    num_outputs,
    *,
    num_members=5,
    hidden_dims=(64, 64),
    activation="relu",
    scale="softplus",
    min_deviation=1e-3,
    seed=0,
    name="deep_ensemble",
) -> ProbabilisticModel:
    """Build an ensemble of networks with different initial weights, each of which predicts a Gaussian.

    Takes x `(B, *input_shape)`; returns raw outputs `(B, M, 2 K)`. The members share batches and nothing else. The
    prediction is their mixture, and its variance has two parts: the mean variance of the members is aleatoric, and
    the variance of their means is epistemic.

        p(y | x) = 1/M sum_m N(y; mu_m(x), sigma_m(x)^2)

    Args:
        input_shape: shape of one example.
        num_outputs: K.
        num_members: M.
        hidden_dims: widths of the hidden layers of a member.
        activation: of the hidden layers.
        scale: "softplus" or "exp", the function that makes sigma positive.
        min_deviation: smallest sigma, in the unit of y.
        seed: whole number, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `ProbabilisticModel`; compile it with its `head` as the loss.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper:
        All members see the same batches in the same order; the paper shuffles for each. No adversarial training.

    References:
        Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles, Lakshminarayanan et al., 2017,
        https://arxiv.org/abs/1612.01474

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import deep_ensemble
        >>> model = deep_ensemble((3,), 1)
        >>> model.compile("adam", model.head)
        >>> model.distribution(np.zeros((8, 3))).means.shape == (8, 5, 1)
        True
    """
    head = EnsembleHead(GaussianHead(num_outputs, scale=scale, min_deviation=min_deviation))
    seeds = np.random.default_rng(seed).integers(2_000_000_000, size=len(hidden_dims) + 1).tolist()
    h = x = keras.Input(input_shape, name="x")
    h = keras.layers.Flatten(name="flatten")(h) if len(input_shape) > 1 else h
    for i, units in enumerate(hidden_dims):
        h = EnsembleDense(num_members, units, activation=activation, seed=seeds[i], name=f"hidden_{i}")(h)
    network = keras.Model(x, EnsembleDense(num_members, head.size, seed=seeds[-1], name="head")(h), name="members")
    return ProbabilisticModel(network, head, name=name)
