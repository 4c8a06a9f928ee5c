"""Neural posterior estimation: a conditional flow of parameters, given an embedding of an observation.

Notation: theta (B, P) parameters, x (B, ...) observations, h(x) (B, C) their embedding, S samples.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import as_array, choice, finite, instance, positive, validate, whole, wholes
from keras_course.layers import sibling
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor
from keras_course.uncertainty._flow import DensityModel, Flow
from keras_course.uncertainty._masked_flows import neural_spline_flow
from keras_course.uncertainty._realnvp import SEED, seeds
from keras_course.uncertainty._transforms import Probit, check_box


@keras.saving.register_keras_serializable("keras_course")
class NeuralPosterior(DensityModel):
    """An amortized posterior: one network that approximates p(theta | x) for every observation x.

        log q(theta | x) = log-density of a flow at theta, given the context h(x)

    Takes {"theta": (B, P), "x": (B, ...)}, and returns {"z": (B, P), "log_prob": (B,)}. The model owns its loss, the
    mean of -log q(theta | x) in nats: compile it with an optimizer only, and `fit` it on pairs of a simulator.

    Args:
        embedding: a `keras.Model` h from observations to rows of C features.
        flow: a `Flow` of P features with `context_dim` C. Its first transform is a `Probit`, whose box is the support
            of the prior.
        name: name of the model.

    Raises:
        ValueError: embedding and flow do not fit together.

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import npe
        >>> posterior = npe(2, (3,), low=0.0, high=[1.0, 5.0])
        >>> posterior.log_prob([[0.5, 2.0]], np.zeros((1, 3))).shape == (1,)
        True
        >>> posterior.sample(np.zeros((4, 3)), num_samples=10).shape == (4, 10, 2)
        True
    """

    @validate(embedding=instance(keras.Model), flow=instance(Flow))
    def __init__(self, embedding, flow, *, name="neural_posterior"):
        if not isinstance(flow.transforms[0], Probit):
            raise ValueError(f"flow={flow.name!r} must begin with a Probit, whose box is the support of the prior")
        if embedding.output_shape != (None, flow.context_dim):
            raise ValueError(
                f"embedding has outputs of the shape {embedding.output_shape}, and flow takes {flow.context_dim} "
                "features of a context; they must be as many"
            )
        inputs = {"theta": keras.Input((flow.num_features,), name="theta")}
        inputs["x"] = keras.Input(embedding.input_shape[1:], name="x")
        super().__init__(inputs, flow({"x": inputs["theta"], "context": embedding(inputs["x"])}), name=name)
        self.embedding, self.flow = embedding, flow
        self.support = flow.transforms[0]

    def log_prob(self, theta, x) -> Tensor:
        """Return log q(theta | x) in nats, in the units of the parameters.

        Args:
            theta: parameters (B, P), or S for each observation, (B, S, P).
            x: observations (B, ...).

        Returns:
            (B,) or (B, S).

        Raises:
            ValueError: the shapes do not fit, a number is not finite, or theta lies outside the support of the prior.
                Values of tensors are not checked.
        """
        x, theta = self._observations(x), self._theta(theta)
        if theta.shape[0] != x.shape[0]:
            raise ValueError(f"theta has {theta.shape[0]} rows, and x has {x.shape[0]}; they must be as many")
        context = self.embedding(x, training=False)
        if len(theta.shape) == 3:
            context = ops.repeat(context, theta.shape[1], axis=0)
        rows = ops.reshape(theta, (-1, theta.shape[-1]))
        return ops.reshape(self.flow.log_prob(rows, context), theta.shape[:-1])

    @validate(num_samples=whole(1), seed=whole(0))
    def sample(self, x, num_samples=1000, seed=0) -> Tensor:
        """Return samples of q(theta | x) for each observation x (B, ...): (B, S, P), in the support of the prior."""
        context = ops.stop_gradient(self.embedding(self._observations(x), training=False))
        return self.flow.sample(num_samples, context, seed)

    def _observations(self, x):
        if not ops.is_tensor(x):
            x = as_array("x", x)
            finite(x=x)
        shape = self.embedding.input_shape[1:]
        if tuple(x.shape[1:]) != shape or not x.shape[0]:
            raise ValueError(f"x has shape {tuple(x.shape)}; it must be (B, {', '.join(map(str, shape))})")
        return ops.cast(ops.convert_to_tensor(x), "float32")

    def _theta(self, theta):
        count = self.flow.num_features
        if not ops.is_tensor(theta):
            theta = as_array("theta", theta).astype("float32")
            finite(theta=theta)
            if theta.ndim > 1 and theta.shape[-1] == count:
                outside = (theta < np.float32(self.support.low)) | (theta > np.float32(self.support.high))
                if outside.any():
                    raise ValueError(
                        f"theta has {outside.sum()} entries outside the support of the prior, which reaches from "
                        f"{self.support.low} to {self.support.high}"
                    )
        if len(theta.shape) not in (2, 3) or theta.shape[-1] != count or 0 in theta.shape:
            raise ValueError(f"theta has shape {tuple(theta.shape)}; it must be (B, {count}) or (B, S, {count})")
        return ops.cast(ops.convert_to_tensor(theta), "float32")

    def get_config(self) -> dict:
        parts = {"embedding": self.embedding, "flow": self.flow}
        return {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()} | {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "NeuralPosterior":
        parts = {
            key: keras.saving.deserialize_keras_object(config[key], custom_objects) for key in ("embedding", "flow")
        }
        return cls(**parts, name=config["name"])


def embedding_network(observation_shape, filters, kernel_size, embedding_dims, activation, seed) -> keras.Model:
    """Return h: convolutions of stride 2 over time, if there are any, and dense layers.

    Without layers it flattens the observation.
    """
    glorot = keras.initializers.GlorotUniform(seed=seed)
    x = outputs = keras.Input(observation_shape, name="x")
    for k, units in enumerate(filters):
        options = {"strides": 2, "padding": "same", "activation": get_activation(activation)}
        layer = keras.layers.Conv1D(
            units, kernel_size, kernel_initializer=sibling(glorot, k), name=f"conv_{k}", **options
        )
        outputs = layer(outputs)
    outputs = keras.layers.Flatten(name="flatten")(outputs)
    for k, units in enumerate(embedding_dims):
        options = {"activation": get_activation(activation), "name": f"dense_{k}"}
        outputs = keras.layers.Dense(units, kernel_initializer=sibling(glorot, len(filters) + k), **options)(outputs)
    return keras.Model(x, outputs, name="embedding")


def _example(model, batch_size, rng):
    """Return parameters within the support, and observations."""
    support, x = model.support, model.input["x"]
    theta = rng.uniform(support.low, support.high, (batch_size, len(support.low)))
    return {"theta": theta.astype("float32"), "x": rng.normal(size=(batch_size, *x.shape[1:])).astype("float32")}


@builder(
    reference="Papamakarios and Murray, 2016, https://arxiv.org/abs/1605.06376",
    presets={"tiny": {"num_parameters": 2, "observation_shape": (2,)}},
    example=_example,
)
@validate(
    num_parameters=whole(1),
    observation_shape=wholes(1),
    filters=wholes(1),
    kernel_size=whole(1),
    embedding_dims=wholes(1),
    num_layers=whole(1),
    num_bins=whole(2),
    bound=positive,
    conditioner=choice("coupling", "autoregressive"),
    hidden_dims=wholes(1),
    seed=SEED,
)
def npe(
    num_parameters,
    observation_shape,
    low=0.0,
    high=1.0,
    *,
    filters=(),
    kernel_size=5,
    embedding_dims=(64,),
    num_layers=4,
    num_bins=8,
    bound=5.0,
    conditioner="coupling",
    hidden_dims=(64, 64),
    activation="relu",
    seed=0,
    name="npe",
) -> NeuralPosterior:
    """Build a neural posterior estimator (NPE): an embedding of the observation, and a conditional spline flow.

    Takes {"theta": (B, P), "x": `(B, *observation_shape)`}; returns {"z": (B, P), "log_prob": (B,)}:

        h = network(x)                                  convolutions and dense layers
        u = normal quantiles of theta                   within the box of the prior
        z = f(u; h)                                     a neural spline flow with the context h
        log q(theta | x) = log N(z; 0, I) + log abs(det dz/dtheta)

    Trained on pairs (theta, x) of a simulator, q(theta | x) approaches the posterior of the prior that theta came from.

    Args:
        num_parameters: P; at least 2 for couplings.
        observation_shape: (T, channels) of a signal, or (D,) of a row of numbers.
        low, high: ends of the box that is the support of the prior, a number or P numbers each.
        filters: filters of each convolution over time, of stride 2; none for a row of numbers.
        kernel_size: width of the convolutions, in samples.
        embedding_dims: widths of the dense layers after the convolutions.
        num_layers: number of transforms of the flow.
        num_bins: bins of a spline.
        bound: the splines are the identity outside [-b, b]; the quantiles of a uniform prior are standard normal.
        conditioner: "coupling", with fast samples, or "autoregressive", for any P.
        hidden_dims: widths of the hidden layers of each network of the flow.
        activation: of all hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `NeuralPosterior`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, `low` is not below `high`, or there are filters for a row of numbers.

    Differences from the paper:
        One round of training on simulations from the prior, which gives a posterior for every observation (amortized);
        the paper then simulates more around one observation. A spline flow replaces its mixture of Gaussians.

    References:
        Fast epsilon-free Inference of Simulation Models with Bayesian Conditional Density Estimation, Papamakarios and
        Murray, 2016, https://arxiv.org/abs/1605.06376
        The frontier of simulation-based inference, Cranmer, Brehmer and Louppe, 2020, https://arxiv.org/abs/1911.01429
        Neural Spline Flows, Durkan, Bekasov, Murray and Papamakarios, 2019, https://arxiv.org/abs/1906.04032

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import npe
        >>> posterior = npe(3, (64, 1), low=[0.0, 0.0, -1.0], high=[1.0, 2.0, 1.0], filters=(8, 16))
        >>> posterior.sample(np.zeros((5, 64, 1)), num_samples=10).shape == (5, 10, 3)
        True
    """
    if num_parameters < 2 and conditioner == "coupling":
        raise ValueError(f"num_parameters={num_parameters} must be at least 2 for couplings; take 'autoregressive'")
    if not observation_shape or (filters and len(observation_shape) != 2):
        raise ValueError(
            f"observation_shape={observation_shape!r} must be (T, channels) for filters={filters!r}, or have an entry"
        )
    low, high = check_box(low, high, num_parameters)
    of_embedding, of_flow = seeds(seed, 2)
    embedding = embedding_network(observation_shape, filters, kernel_size, embedding_dims, activation, of_embedding)
    options = {"num_layers": num_layers, "num_bins": num_bins, "bound": bound, "conditioner": conditioner}
    options |= {"hidden_dims": hidden_dims, "activation": activation, "seed": of_flow}
    context_dim = embedding.output_shape[-1]
    splines = neural_spline_flow(num_parameters, context_dim, **options).transforms
    flow = Flow(num_parameters, [Probit(low, high, name="probit"), *splines], context_dim=context_dim)
    return NeuralPosterior(embedding, flow, name=name)
