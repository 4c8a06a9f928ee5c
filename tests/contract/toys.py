"""Tiny models, one of each kind that a builder may return, on which the general checks are tried out."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_course import _registry
from keras_course.checks import whole_number


def toy_network(num_features, *, hidden_dim=4, seed=0, name="toy_network"):
    """A network whose loss is a function of target and output (kind a)."""
    whole_number(1, num_features=num_features, hidden_dim=hidden_dim)
    whole_number(0, seed=seed)
    x = keras.Input((num_features,))
    h = keras.layers.Dense(hidden_dim, activation="tanh", name="hidden")(x)
    h = keras.layers.Dropout(0.1, seed=seed)(h)
    return keras.Model(x, keras.layers.Dense(1, name="out")(h), name=name)


@keras.saving.register_keras_serializable("keras_course_tests")
class Noise(keras.layers.Layer):
    """Add standard normal noise to z (B, D)."""

    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, z):
        return z + keras.random.normal(ops.shape(z), dtype=self.compute_dtype, seed=self.seed_generator)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable("keras_course_tests")
class ToyOwnLoss(keras.Model):
    """A noisy auto-encoder that draws noise and owns its loss (kind b)."""

    def __init__(self, num_features, *, hidden_dim=2, seed=0, name="toy_own_loss"):
        whole_number(1, num_features=num_features, hidden_dim=hidden_dim)
        whole_number(0, seed=seed)
        x = keras.Input((num_features,))
        z = Noise(seed)(keras.layers.Dense(hidden_dim, name="encode")(x))
        y = keras.layers.Dense(num_features, name="decode")(z)
        super().__init__(x, {"error": keras.layers.Subtract()([x, y]), "z": z}, name=name)
        self.num_features, self.hidden_dim, self.seed = num_features, hidden_dim, seed

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        out = {key: ops.cast(value, "float32") for key, value in y_pred.items()}
        return ops.mean(out["error"] ** 2) + 0.01 * ops.mean(out["z"] ** 2)

    def get_config(self):
        return {
            "num_features": self.num_features,
            "hidden_dim": self.hidden_dim,
            "seed": self.seed,
            "name": self.name,
        }


def toy_own_loss(num_features, *, hidden_dim=2, seed=0, name="toy_own_loss"):
    return ToyOwnLoss(num_features, hidden_dim=hidden_dim, seed=seed, name=name)


def toy_masked(num_features, *, vocab_size=3, seed=0, name="toy_masked"):
    """A network with several inputs, among them a mask: it averages the steps that count."""
    whole_number(1, num_features=num_features, vocab_size=vocab_size)
    whole_number(0, seed=seed)
    inputs = {
        "x": keras.Input((None, num_features), name="x"),
        "mask": keras.Input((None,), dtype="bool", name="mask"),
        "label": keras.Input((), dtype="int32", name="label"),
    }
    weights = ops.cast(inputs["mask"], inputs["x"].dtype)[:, :, None]
    mean = ops.sum(weights * inputs["x"], axis=1) / ops.sum(weights, axis=1)
    h = keras.layers.Concatenate()([mean, keras.layers.Embedding(vocab_size, 2)(inputs["label"])])
    return keras.Model(inputs, keras.layers.Dense(1)(h), name=name)


def two_edges(model, batch_size, rng):
    """Return nodes (B, 5, D) and, for each graph, the two nodes that an edge joins (B, 2)."""
    nodes = rng.normal(size=(batch_size, *model.input["nodes"].shape[1:])).astype("float32")
    return {"nodes": nodes, "edge": rng.integers(3, 5, (batch_size, 2)).astype("int32")}


def toy_graph(num_features, *, seed=0, name="toy_graph"):
    """A network whose integers are nodes of a graph; this one has an edge between the nodes 3 and 4 only."""
    whole_number(1, num_features=num_features)
    whole_number(0, seed=seed)
    inputs = {
        "nodes": keras.Input((5, num_features), name="nodes"),
        "edge": keras.Input((2,), dtype="int32", name="edge"),
    }
    ends = ops.take_along_axis(inputs["nodes"], inputs["edge"][:, :, None], axis=1)
    valid = ops.cast(inputs["edge"] >= 3, ends.dtype)[:, :, None]
    h = ops.mean(ends / valid, axis=1)  # not finite for inputs that `example` does not give
    return keras.Model(inputs, keras.layers.Dense(1)(h), name=name)


@dataclasses.dataclass(frozen=True)
class ToySampler:
    """What is not a network (kind c): a random walk of `steps` steps from x (B, D)."""

    steps: int = 3

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"steps={self.steps} must be at least 1")

    def __call__(self, x, seed=0):
        noise = np.random.default_rng(seed).standard_normal((self.steps, *x.shape)).astype("float32")
        x = ops.convert_to_tensor(x)
        for step in noise:
            x = x + ops.convert_to_tensor(step)
        return x


def register(function, example=None):
    """Make a builder of a toy without leaving it in the register of real ones."""
    tiny = {"tiny": {"num_features": 3}}
    built = _registry.builder(reference="a toy of the tests", presets=tiny, example=example)(function)
    del _registry._BUILDERS[function.__name__]
    return built


def with_layer(make):
    """Return a builder of the toy network with one more layer, `make()`, at its end."""

    def build(num_features, *, hidden_dim=4):
        base = toy_network(num_features, hidden_dim=hidden_dim)
        return keras.Model(base.input, make()(base.output))

    return build


BUILDERS = {
    **{function.__name__: register(function) for function in (toy_network, toy_own_loss, toy_masked)},
    "toy_graph": register(toy_graph, example=two_edges),
}
