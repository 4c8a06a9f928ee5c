"""A Gaussian mixture model, trained by gradient.

Notation: x (B, D) data, M components.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import choice, positive, validate, whole
from keras_course.ops._types import Tensor
from keras_course.uncertainty._flow import DensityModel, as_rows
from keras_course.uncertainty._heads import GaussianHead
from keras_course.uncertainty._mixture import GaussianMixture
from keras_course.uncertainty._realnvp import SEED


class MixtureLayer(keras.layers.Layer):
    """The log-density (B,) of x (B, D) under a mixture whose parameters are weights."""

    def __init__(self, head, num_features, seed, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.mixture_head, shape = head, (head.num_components, num_features)
        self.means_initializer = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
        self.logits = self.add_weight(shape[:1], initializer="zeros", name="logits")
        self.means = self.add_weight(shape, initializer=self.means_initializer, name="means")
        self.scales = self.add_weight(shape, initializer="zeros", name="scales")
        self.built = True

    def call(self, x) -> Tensor:
        return self.distribution().log_prob(x)

    def compute_output_spec(self, x) -> keras.KerasTensor:
        return keras.KerasTensor(x.shape[:1], "float32")

    def distribution(self) -> GaussianMixture:
        parts = (ops.convert_to_tensor(part) for part in (self.logits, self.means, self.scales))
        logits, means, scales = (ops.cast(part, "float32") for part in parts)
        return GaussianMixture(logits, means, self.mixture_head.deviations(scales))


@keras.saving.register_keras_serializable("keras_course")
class MixtureModel(DensityModel):
    """A Gaussian mixture model whose parameters are weights; see `gmm`.

    Takes x (B, D); returns {"log_prob": (B,)}. The model owns its loss, the mean negative log-likelihood in nats:
    compile it with an optimizer only, and `fit(x)`.
    """

    def __init__(self, num_features, num_components, scale, min_deviation, seed, name):
        x = keras.Input((num_features,), name="x")
        head = GaussianHead(num_features, num_components, scale=scale, min_deviation=min_deviation)
        layer = MixtureLayer(head, num_features, seed, name="mixture")
        dtype = keras.config.dtype_policy().compute_dtype
        super().__init__(x, {"log_prob": ops.cast(layer(x), dtype)}, name=name)
        self.mixture, self.num_features = layer, num_features
        self._arguments = {
            "num_features": num_features,
            "num_components": num_components,
            "scale": scale,
            "min_deviation": min_deviation,
            "seed": seed,
        }

    def distribution(self) -> GaussianMixture:
        """Return the mixture."""
        return self.mixture.distribution()

    @validate(tolerance=positive)
    def log_prob(self, x, *, tolerance=None) -> Tensor:
        """Return the log-density (B,) of x (B, D), in nats. It needs no solver, so a tolerance changes nothing."""
        return self.mixture(as_rows("x", x, self.num_features))

    def sample(self, num_samples, seed=0) -> Tensor:
        """Return samples (num_samples, D)."""
        return self.distribution().sample(num_samples, seed)

    def get_config(self) -> dict:
        return {**self._arguments, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "MixtureModel":
        return cls(**config)


@builder(
    reference="Bishop, 2006, section 9.2, https://www.microsoft.com/en-us/research/publication/"
    "pattern-recognition-machine-learning/",
    presets={
        "tiny": {"num_features": 2},
        "two_moons": {"num_features": 2, "num_components": 100, "parameters": 500},
    },
)
@validate(
    num_features=whole(1),
    num_components=whole(1),
    scale=choice("softplus", "exp"),
    min_deviation=positive,
    seed=SEED,
)
def gmm(num_features, *, num_components=10, scale="softplus", min_deviation=1e-3, seed=0, name="gmm") -> MixtureModel:
    """Build a Gaussian mixture model, whose weights, means and deviations are trained by gradient.

    Takes x (B, D); returns {"log_prob": (B,)}:

        p(x) = sum_m pi_m prod_d N(x_d; mu_md, sigma_md^2)

    Args:
        num_features: D.
        num_components: M.
        scale: "softplus" or "exp", the function that makes sigma positive.
        min_deviation: smallest sigma, in the unit of x. Without one, a component could shrink onto a single point, and
            its likelihood would have no limit.
        seed: whole number, at most 2 billion, seed of the initial means, which are standard normal.
        name: name of the model.

    Returns:
        An uncompiled `MixtureModel`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, or an unknown `scale`.

    Differences from the book:
        The book trains by expectation-maximization, as `sklearn.mixture.GaussianMixture` does, and its components may
        have full covariance matrices; here these are diagonal.

    References:
        Pattern Recognition and Machine Learning, section 9.2, Bishop, 2006,
        https://www.microsoft.com/en-us/research/publication/pattern-recognition-machine-learning/

    Example:
        >>> from keras_course.uncertainty import gmm
        >>> model = gmm.from_preset("two_moons")
        >>> model.count_params()
        500
        >>> model.sample(7, seed=1).shape == (7, 2)
        True
    """
    return MixtureModel(num_features, num_components, scale, min_deviation, seed, name)
