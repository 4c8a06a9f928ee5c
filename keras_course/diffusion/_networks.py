"""Networks that are told the noise level: a perceptron for points.

Notation: x (B, D) noisy points, c (B,) noise levels, e (B, E) the embedding of level and label, h (B, H) features.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import choice, fraction, number, positive, validate, whole
from keras_course.diffusion._model import SEED, WEIGHTINGS, DiffusionModel
from keras_course.diffusion._parameterizations import PARAMETERIZATIONS
from keras_course.diffusion._schedules import SCHEDULES
from keras_course.layers import sibling
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class LevelEmbedding(keras.layers.Layer):
    """Turn noise levels into features: cosines and sines of w_1 c, ..., w_K c, with frequencies from 0.5 to 50.

    Takes c (B,) and returns (B, 2 K).

    Args:
        dim: 2 K, an even number.

    Raises:
        ValueError: `dim` is not an even number above 0.

    References:
        Denoising Diffusion Probabilistic Models, Ho et al., 2020, https://arxiv.org/abs/2006.11239

    Example:
        >>> import keras
        >>> from keras_course.diffusion import LevelEmbedding
        >>> keras.ops.convert_to_numpy(LevelEmbedding(4)(keras.ops.zeros((1,)))).tolist()
        [[1.0, 1.0, 0.0, 0.0]]
    """

    @validate(dim=whole(2))
    def __init__(self, dim, **kwargs):
        if dim % 2:
            raise ValueError(f"dim={dim} must be even: half of the features are cosines")
        super().__init__(**{"autocast": False, **kwargs})
        self.dim = int(dim)

    def call(self, level) -> Tensor:
        frequencies = ops.convert_to_tensor(np.geomspace(0.5, 50.0, self.dim // 2), dtype="float32")
        angles = ops.cast(level, "float32")[:, None] * frequencies
        return ops.cast(ops.concatenate([ops.cos(angles), ops.sin(angles)], axis=-1), self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "dim": self.dim}


def condition(num_classes, units, phi, initializer) -> tuple[dict, keras.KerasTensor]:
    """Return the inputs besides x of a network, and e (B, E): the embedding of the level, plus one of the label."""
    inputs = {"level": keras.Input((), name="level")}
    e = keras.layers.Dense(units, activation=phi, kernel_initializer=sibling(initializer, 0), name="embed_level")(
        LevelEmbedding(units if units % 2 == 0 else units + 1, name="level_features")(inputs["level"])
    )
    e = keras.layers.Dense(units, kernel_initializer=sibling(initializer, 1), name="embed")(e)
    if num_classes:
        inputs["label"] = keras.Input((), dtype="int32", name="label")
        table = keras.layers.Embedding(
            num_classes + 1, units, embeddings_initializer=sibling(initializer, 2), name="embed_label"
        )
        e = keras.layers.Add(name="add_label")([e, table(inputs["label"])])
    return inputs, keras.layers.Activation(phi, name="condition")(e)


OPTIONS = {
    "num_classes": whole(0),
    "schedule": choice(*SCHEDULES),
    "prediction": choice(*PARAMETERIZATIONS),
    "weighting": choice(*WEIGHTINGS),
    "label_dropout": fraction,
    "center": number,
    "scale": positive,
    "seed": SEED,
}


@builder(
    reference="Ho et al., 2020, https://arxiv.org/abs/2006.11239",
    presets={
        "tiny": {"num_features": 2},
        "ddpm": {"num_features": 2, "schedule": "linear", "prediction": "noise"},
        "score_matching": {"num_features": 2, "schedule": "ve", "prediction": "score"},
        "vp_sde": {"num_features": 2, "schedule": "vp", "weighting": "likelihood"},
        "edm": {"num_features": 2, "schedule": "edm", "prediction": "edm"},
        "flow_matching": {"num_features": 2, "schedule": "rectified", "prediction": "flow"},
    },
)
@validate(num_features=whole(1), hidden_dim=whole(1), num_layers=whole(1), **OPTIONS)
def diffusion_mlp(
    num_features,
    num_classes=0,
    *,
    schedule="cosine",
    prediction="angular",
    weighting="simple",
    hidden_dim=64,
    num_layers=3,
    activation="silu",
    label_dropout=0.1,
    center=0.0,
    scale=1.0,
    seed=0,
    name="diffusion_mlp",
) -> DiffusionModel:
    """Build a diffusion model of points, whose network is a residual perceptron that is told the noise level.

    Takes x (B, D), or {"x": x, "label": (B,)}; returns {"denoised": (B, D), "time": (B,), "loss": (B,)}:

        x_t = alpha_t x_0 + sigma_t e,  F = network(c_in x_t, log(sigma_t / alpha_t) / 4)
        h <- h + W2 act(W1 h + U e),  F = W h
        loss = norm(F - target)^2 / D

    Args:
        num_features: D.
        num_classes: number of labels; 0 for a model without labels.
        schedule: "linear" (DDPM), "cosine", "vp", "ve", "edm" or "rectified".
        prediction: what the network predicts: "angular", "noise", "x0", "score", "flow" or "edm". Noise alone does not
            determine x_0 where nearly no signal is left, and x_0 not the noise where nearly no noise is; the mixture
            of both, alpha e - sigma x_0, serves at both ends.
        weighting: "simple" for the loss above, or "likelihood" for a bound of the negative log-likelihood.
        hidden_dim: H, width of the network, also of the embedding.
        num_layers: number of residual blocks.
        activation: of the blocks, a smooth one if the likelihood matters.
        label_dropout: fraction of the labels that training leaves out, for guidance.
        center, scale: the model works on (x - center) / scale.
        seed: whole number, at most 2 billion, seed of the initial weights and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `DiffusionModel`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, or a choice unknown.

    Differences from the papers: the network is told log(sigma / alpha) / 4 in place of the time, for every schedule.

    References:
        Denoising Diffusion Probabilistic Models, Ho et al., 2020, https://arxiv.org/abs/2006.11239
        Generative Modeling by Estimating Gradients of the Data Distribution, Song and Ermon, 2019,
        https://arxiv.org/abs/1907.05600
        Flow Matching for Generative Modeling, Lipman et al., 2023, https://arxiv.org/abs/2210.02747

    Example:
        >>> from keras_course.diffusion import diffusion_mlp
        >>> diffusion_mlp.from_preset("flow_matching", hidden_dim=8).sample(5, steps=2).shape == (5, 2)
        True
    """
    phi, glorot = get_activation(activation), keras.initializers.GlorotUniform(seed=seed)
    others, e = condition(num_classes, hidden_dim, phi, glorot)
    x = keras.Input((num_features,), name="x")
    h = keras.layers.Dense(hidden_dim, kernel_initializer=sibling(glorot, 3), name="stem")(x)
    for i in range(num_layers):
        h = _block(h, e, hidden_dim, phi, [sibling(glorot, 4 + 3 * i + k) for k in range(3)], f"block_{i}")
    small = keras.initializers.VarianceScaling(0.1, seed=seed)
    raw = keras.layers.Dense(num_features, kernel_initializer=small, name="head")(h)
    network = keras.Model({"x": x, **others}, raw, name="network")
    return DiffusionModel(
        network,
        SCHEDULES[schedule](),
        prediction=prediction,
        weighting=weighting,
        num_classes=num_classes,
        label_dropout=label_dropout,
        center=center,
        scale=scale,
        seed=seed,
        name=name,
    )


def _block(h, e, units, phi, initializers, name):
    """Return h + W2 act(W1 h + U e)."""
    w1, u, w2 = (
        keras.layers.Dense(units, use_bias=part != "condition", kernel_initializer=initializer, name=f"{name}_{part}")
        for part, initializer in zip(("read", "condition", "write"), initializers, strict=True)
    )
    inner = keras.layers.Activation(phi, name=f"{name}_phi")(keras.layers.Add(name=f"{name}_sum")([w1(h), u(e)]))
    return keras.layers.Add(name=f"{name}_add")([h, w2(inner)])
