"""The diffusion model: a network, a schedule, what the network predicts and how its errors are weighted.

Notation: x_0 (B, ...) examples, x_t = alpha_t x_0 + sigma_t e, D = E[x_0 given x_t], F the output of the network.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_course.checks import as_real, choice, finite, fraction, function, instance, number, positive, validate, whole
from keras_course.diffusion._ancestral import dpm_solver
from keras_course.diffusion._denoisers import Denoiser
from keras_course.diffusion._likelihood import log_likelihood
from keras_course.diffusion._parameterizations import PARAMETERIZATIONS, SIGMA_DATA, scales_at
from keras_course.diffusion._schedules import EDMNoise, NoiseSchedule
from keras_course.ops._types import Tensor

SEED = whole(0, 2_000_000_000)  # Keras derives other seeds from it
WEIGHTINGS = ("simple", "likelihood")
LEVELS = ("low_noise", "medium_noise", "high_noise")


def network_inputs(x, scales, prediction) -> tuple[Tensor, Tensor]:
    """Return what a network takes: x_t scaled to a variance of about 1, and the level log(sigma / alpha) / 4 (B,)."""
    deviation = SIGMA_DATA if prediction == "edm" else 1.0
    ratio = ops.maximum(scales.sigma, 1e-6) / ops.maximum(scales.alpha, 1e-6)
    level = ops.reshape(0.25 * ops.log(ratio), (-1,))
    return x / ops.sqrt((deviation * scales.alpha) ** 2 + scales.sigma**2), level


@keras.saving.register_keras_serializable("keras_course")
class Perturb(keras.layers.Layer):
    """Add noise to examples, each at a time of its own. Returns what the network takes, the times, x_t and the target.

    The times of a batch of B are (u + i / B) modulo 1 for one uniform number u: each is uniform, and together they
    cover all times, which lowers the variance of the loss.

    Args:
        schedule: a `NoiseSchedule`.
        prediction: what the network predicts; a key of `PARAMETERIZATIONS`.
        center, scale: x_0 is (x - center) / scale.
        seed: of the noise.

    References:
        Variational Diffusion Models, Kingma et al., 2021, https://arxiv.org/abs/2107.00630
    """

    def __init__(self, schedule, prediction, center=0.0, scale=1.0, seed=0, **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.schedule, self.prediction, self.center, self.scale, self.seed = schedule, prediction, center, scale, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x) -> tuple[Tensor, ...]:
        x0 = (ops.cast(x, "float32") - self.center) / self.scale
        noise = keras.random.normal(ops.shape(x0), dtype="float32", seed=self.seed_generator)
        ones = ops.ones_like(ops.reshape(x0, (-1, math.prod(x0.shape[1:])))[:, 0])
        start = keras.random.uniform((1,), dtype="float32", seed=self.seed_generator)
        t = self.schedule.training_time(ops.mod(start + (ops.cumsum(ones) - 1) / ops.sum(ones), 1.0))
        scales = scales_at(self.schedule, t, x0)
        x_t = scales.alpha * x0 + scales.sigma * noise
        scaled, level = network_inputs(x_t, scales, self.prediction)
        target = PARAMETERIZATIONS[self.prediction].target(x0, noise, scales)
        return scaled, level, t, x_t, ops.broadcast_to(target, ops.shape(x0))


@keras.saving.register_keras_serializable("keras_course")
class DenoisingLoss(keras.layers.Layer):
    """The error of a network: its weighted square (B,), and the denoised example (B, ...).

    "simple" is the mean square of F - target. "likelihood" is a bound of the negative log-likelihood in nats, without
    its constant parts: the sum of squares of D - x_0, times -d(SNR)/dt / 2 with SNR = alpha^2 / sigma^2.

    Args:
        schedule, prediction: see `Perturb`.
        weighting: "simple" or "likelihood".

    References:
        Denoising Diffusion Probabilistic Models, Ho et al., 2020, https://arxiv.org/abs/2006.11239
        Variational Diffusion Models, Kingma et al., 2021, https://arxiv.org/abs/2107.00630
    """

    def __init__(self, schedule, prediction, weighting="simple", **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.schedule, self.prediction, self.weighting = schedule, prediction, weighting

    def call(self, raw, target, t, x_t) -> tuple[Tensor, Tensor]:
        raw, scales = ops.cast(raw, "float32"), scales_at(self.schedule, t, x_t)
        c_skip, c_out = PARAMETERIZATIONS[self.prediction].coefficients(scales)
        squares = ops.reshape(ops.square(raw - target), (-1, math.prod(raw.shape[1:])))
        denoised = c_skip * x_t + c_out * raw
        if self.weighting == "simple":
            return ops.mean(squares, axis=-1), denoised
        ratio = scales.alpha / scales.sigma
        fall = ratio**2 * (scales.sigma_rate / scales.sigma) - ratio * scales.alpha_rate / scales.sigma
        return ops.reshape(fall * c_out**2, (-1,)) * ops.sum(squares, axis=-1), denoised


@keras.saving.register_keras_serializable("keras_course")
class DiffusionModel(keras.Model):
    """A diffusion model: a network that is trained to denoise, and what follows from it.

    Takes x (B, ...), or {"x": x, "label": (B,)} if the network takes labels. Returns {"denoised": D (B, ...), "time":
    (B,), "loss": (B,)}, for noise that the model samples itself. The model owns its loss, the mean of "loss": compile
    it with an optimizer only, and `fit(x)`. It reports the loss for times in each third of [0, 1].

    Args:
        network: a `keras.Model` of {"x": scaled x_t (B, ...), "level": log(sigma / alpha) / 4 (B,)}, and perhaps
            "label" (B,), whose last value means that no label is given. It returns F (B, ...).
        schedule: a `NoiseSchedule`.
        prediction: what F is: "noise", "x0", "score" (times sigma), "angular", "flow" or "edm".
        weighting: "simple" or "likelihood"; see `DenoisingLoss`.
        num_classes: number of labels; 0 for a network without labels.
        label_dropout: fraction of the labels that training leaves out, for guidance.
        center, scale: x_0 is (x - center) / scale; samples and densities are of x.
        seed: whole number, at most 2 billion, seed of the noise.
        name: name of the model.

    Raises:
        ValueError: an argument is out of its range, or the weighting is "likelihood" with `EDMNoise`, whose training
            times are not uniform.

    References:
        Denoising Diffusion Probabilistic Models, Ho et al., 2020, https://arxiv.org/abs/2006.11239

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import diffusion_mlp
        >>> model = diffusion_mlp(2, hidden_dim=8)
        >>> model.compile("adam")
        >>> sorted(model.fit(np.zeros((6, 2)), verbose=0).history)
        ['high_noise', 'loss', 'low_noise', 'medium_noise']
    """

    @validate(
        network=instance(keras.Model),
        schedule=instance(NoiseSchedule),
        prediction=choice(*PARAMETERIZATIONS),
        weighting=choice(*WEIGHTINGS),
        num_classes=whole(0),
        label_dropout=fraction,
        center=number,
        scale=positive,
        seed=SEED,
    )
    def __init__(
        self,
        network,
        schedule,
        *,
        prediction="noise",
        weighting="simple",
        num_classes=0,
        label_dropout=0.1,
        center=0.0,
        scale=1.0,
        seed=0,
        name="diffusion",
    ):
        if weighting == "likelihood" and isinstance(schedule, EDMNoise):
            raise ValueError("weighting='likelihood' needs uniform training times; those of EDMNoise are not")
        center, scale, seed = float(center), float(scale), int(seed)
        x = keras.Input(network.input["x"].shape[1:], name="x")
        scaled, level, t, x_t, target = Perturb(schedule, prediction, center, scale, seed, name="perturb")(x)
        inputs, given = x, {"x": scaled, "level": level}
        if num_classes:
            label = keras.Input((), dtype="int32", name="label")
            inputs = {"x": x, "label": label}
            given["label"] = DropLabels(num_classes, label_dropout, seed, name="drop_labels")(label)
        loss, denoised = DenoisingLoss(schedule, prediction, weighting, name="error")(network(given), target, t, x_t)
        dtype = keras.config.dtype_policy().compute_dtype
        outputs = {"denoised": scale * denoised + center, "time": t, "loss": loss}
        super().__init__(inputs, {key: ops.cast(part, dtype) for key, part in outputs.items()}, name=name)
        self.network, self.schedule, self.prediction, self.weighting = network, schedule, prediction, weighting
        self.num_classes, self.label_dropout, self.seed = num_classes, float(label_dropout), seed
        self.center, self.scale, self.example_shape = center, scale, tuple(x.shape[1:])
        self.trackers = [keras.metrics.Mean(name=level) for level in LEVELS]
        self._denoisers = {}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True) -> Tensor:
        """Return the mean of the weighted errors."""
        losses = ops.cast(y_pred["loss"], "float32")
        return ops.mean(losses if sample_weight is None else losses * ops.cast(sample_weight, "float32"))

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict:
        third = ops.clip(ops.floor(3 * ops.cast(y_pred["time"], "float32")), 0, 2)
        for k, tracker in enumerate(self.trackers):
            tracker.update_state(y_pred["loss"], ops.cast(third == k, "float32"))
        return super().compute_metrics(x, y, y_pred, sample_weight)

    @validate(guidance=number)
    def denoiser(self, label=None, guidance=1.0) -> Denoiser:
        """Return the trained denoiser of x_0, for labels (B,) if they are given.

        With a guidance scale w, it is D(no label) + w (D(label) - D(no label)): classifier-free guidance.
        """
        label = self._labels(label)
        kind = "plain" if label is None else "label" if guidance == 1 else "guided"
        context = {
            "plain": (),
            "label": {"label": label},
            "guided": {"label": label, "guidance": ops.convert_to_tensor(guidance, dtype="float32")},
        }[kind]
        if kind not in self._denoisers:
            call = self._guided if kind == "guided" else self._denoise
            self._denoisers[kind] = Denoiser(self.schedule, call, self.network.variables)
        return self._denoisers[kind].given(context)

    def _denoise(self, x, t, context):
        scales = scales_at(self.schedule, t, x)
        scaled, level = network_inputs(x, scales, self.prediction)
        given = {"x": scaled, "level": level}
        if self.num_classes:
            nothing = ops.zeros(level.shape, "int32") + self.num_classes
            given["label"] = context["label"] if context else nothing
        c_skip, c_out = PARAMETERIZATIONS[self.prediction].coefficients(scales)
        return c_skip * x + c_out * ops.cast(self.network(given, training=False), "float32")

    def _guided(self, x, t, context):
        label = ops.concatenate([context["label"], ops.zeros_like(context["label"]) + self.num_classes])
        both = self._denoise(ops.concatenate([x, x]), ops.concatenate([t, t]), {"label": label})
        with_label, without = ops.split(both, 2)
        return without + context["guidance"] * (with_label - without)

    @validate(num_samples=whole(1), sampler=function, seed=whole(0))
    def sample(self, num_samples, label=None, *, sampler=dpm_solver, steps=20, guidance=1.0, seed=0) -> Tensor:
        """Return samples (num_samples, ...), of labels (num_samples,) if they are given.

        `sampler` is a function such as `ddim` or `heun`. The noise x_T is the same on every backend.
        """
        rng = np.random.default_rng(seed)
        start = float(self.schedule.sigma(ops.convert_to_tensor(self.schedule.grid(steps)[0])))
        x = start * rng.normal(size=(num_samples, *self.example_shape))
        denoiser = self.denoiser(label, guidance)
        if label is not None and len(denoiser.context["label"]) != num_samples:
            raise ValueError(f"label has {len(denoiser.context['label'])} entries; num_samples={num_samples}")
        return self.scale * sampler(denoiser, x, steps) + self.center

    @validate(tolerance=positive)
    def log_prob(self, x, label=None, *, tolerance=1e-4, trace="exact") -> Tensor:
        """Return the log-density (B,) of x (B, ...) by the probability-flow ODE, in nats; see `log_likelihood`."""
        x0 = (self.as_examples(x) - self.center) / self.scale
        found = log_likelihood(self.denoiser(label), x0, tolerance=tolerance, trace=trace)
        return found - math.prod(self.example_shape) * math.log(self.scale)

    def fit(self, x=None, *args, **kwargs) -> keras.callbacks.History:
        return super().fit(self._checked(x), *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs) -> list[float]:
        return super().evaluate(self._checked(x), *args, **kwargs)

    def _checked(self, x):
        if isinstance(x, dict) and self.num_classes and {*x} == {"x", "label"}:
            return {"x": self.as_examples(x["x"]), "label": self._labels(x["label"])}
        return self.as_examples(x) if isinstance(x, np.ndarray | list | dict) else x

    def as_examples(self, x, name="x") -> Tensor:
        """Return examples (B, ...) as a float32 tensor, or raise a ValueError."""
        if not ops.is_tensor(x):
            x = as_real(name, x).astype("float32")
            finite(**{name: x})
        if tuple(x.shape[1:]) != self.example_shape or not x.shape[0]:
            wanted = ", ".join(map(str, self.example_shape))
            raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be (B, {wanted})")
        return ops.cast(ops.convert_to_tensor(x), "float32")

    def _labels(self, label):
        if label is None:
            return None
        if not self.num_classes:
            raise ValueError("label must be None: this model was built with num_classes=0")
        values = as_real("label", ops.convert_to_numpy(label) if ops.is_tensor(label) else label)
        if values.ndim != 1 or values.dtype.kind not in "iu" or not ((values >= 0) & (values < self.num_classes)).all():
            raise ValueError(f"label={label!r} must be a row of integers, at least 0 and below {self.num_classes}")
        return ops.convert_to_tensor(values.astype("int32"))

    def get_config(self) -> dict:
        parts = {"network": self.network, "schedule": self.schedule}
        names = "prediction", "weighting", "num_classes", "label_dropout", "center", "scale", "seed", "name"
        parts = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        return {**parts, **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "DiffusionModel":
        names = "network", "schedule"
        parts = {name: keras.saving.deserialize_keras_object(config[name], custom_objects) for name in names}
        return cls(**{**config, **parts})


@keras.saving.register_keras_serializable("keras_course")
class DropLabels(keras.layers.Layer):
    """Replace a fraction of the labels by `num_classes`, which means that no label is given; in training only.

    Args:
        num_classes: number of labels.
        rate: the fraction.
        seed: of the choice.

    References:
        Classifier-Free Diffusion Guidance, Ho and Salimans, 2022, https://arxiv.org/abs/2207.12598
    """

    def __init__(self, num_classes, rate, seed=0, **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.num_classes, self.rate = num_classes, rate
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, label, training=None) -> Tensor:
        label = ops.cast(label, "int32")
        if not training or not self.rate:
            return label
        dropped = keras.random.uniform(ops.shape(label), dtype="float32", seed=self.seed_generator) < self.rate
        return ops.where(dropped, self.num_classes, label)
