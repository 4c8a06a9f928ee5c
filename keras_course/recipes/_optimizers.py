"""Optimizers as plain data, and the learning-rate schedule that they share.

Notation: the learning rate rises linearly to `peak_rate` over `warmup` steps and falls along half a cosine to
`final_rate`. Importing this module does not import Keras.
"""

import dataclasses
from typing import Any

from keras_course.checks import fraction, not_negative, positive, whole_number


@dataclasses.dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay, on matrices only: neither biases nor gains of a normalization decay.

    Args:
        peak_rate, final_rate: the highest learning rate and the one at the end.
        warmup: number of steps until the peak.
        betas: decay rates of the two moments.
        weight_decay: fraction of a weight that is subtracted per unit of learning rate and step.
        clip: largest norm of the gradient of all weights together; None does not clip.

    References:
        Decoupled Weight Decay Regularization, Loshchilov, Hutter, 2019, https://arxiv.org/abs/1711.05101
    """

    peak_rate: float
    final_rate: float
    warmup: int
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.1
    clip: float | None = 1.0

    def __post_init__(self):
        _check_rates(self)
        not_negative(weight_decay=self.weight_decay)
        if self.clip is not None:
            positive(clip=self.clip)

    def build(self, model: Any, learning_rate: Any) -> Any:
        """Return the Keras optimizer of a model; `learning_rate` is a number or a schedule."""
        import keras

        optimizer = keras.optimizers.AdamW(
            learning_rate,
            beta_1=self.betas[0],
            beta_2=self.betas[1],
            weight_decay=self.weight_decay,
            global_clipnorm=self.clip,
        )
        return _decay_matrices_only(optimizer, model)


@dataclasses.dataclass(frozen=True)
class Muon:
    """Momentum with orthogonalized updates for the matrices inside blocks, Adam for all other weights; no decay.

    Args:
        peak_rate, final_rate: the highest learning rate of the matrices and the one at the end.
        adam_rate: the highest learning rate of the other weights.
        warmup: number of steps until the peak.
        betas: decay rates of Adam's two moments.
        momentum: decay rate of the momentum.

    References:
        Muon: An optimizer for hidden layers in neural networks, Jordan et al., 2024,
        https://kellerjordan.github.io/posts/muon/
    """

    peak_rate: float
    final_rate: float
    adam_rate: float
    warmup: int
    betas: tuple[float, float] = (0.9, 0.99)
    momentum: float = 0.95

    def __post_init__(self):
        _check_rates(self)
        positive(adam_rate=self.adam_rate)
        fraction(momentum=self.momentum)

    def build(self, model: Any, learning_rate: Any) -> Any:
        """Return the Keras optimizer of a model; `learning_rate` is a number or a schedule."""
        import keras

        return keras.optimizers.Muon(
            learning_rate,
            adam_lr_ratio=self.adam_rate / self.peak_rate,
            adam_beta_1=self.betas[0],
            adam_beta_2=self.betas[1],
            adam_weight_decay=0.0,
            momentum=self.momentum,
            weight_decay=0.0,
            rms_rate=None,  # the orthogonal matrix itself, not scaled to the size of Adam's update
            exclude_layers=["embedding", "head"],
        )


@dataclasses.dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum, as residual networks were first trained.

    Args:
        peak_rate, final_rate: the highest learning rate and the one at the end.
        warmup: number of steps until the peak.
        momentum: decay rate of the momentum.
        weight_decay: fraction of a matrix that is subtracted per unit of learning rate and step. A penalty of c/2 times
            the sum of squares, which momentum accumulates, acts like a decay of c / (1 - momentum) in the long run.

    References:
        Deep Residual Learning for Image Recognition, He, Zhang, Ren and Sun, 2016, section 4.2,
        https://arxiv.org/abs/1512.03385
    """

    peak_rate: float
    final_rate: float
    warmup: int
    momentum: float = 0.9
    weight_decay: float = 1e-3

    def __post_init__(self):
        _check_rates(self)
        fraction(momentum=self.momentum)
        not_negative(weight_decay=self.weight_decay)

    def build(self, model: Any, learning_rate: Any) -> Any:
        """Return the Keras optimizer of a model; `learning_rate` is a number or a schedule."""
        import keras

        optimizer = keras.optimizers.SGD(learning_rate, momentum=self.momentum, weight_decay=self.weight_decay)
        return _decay_matrices_only(optimizer, model)


def cosine_schedule(optimizer: AdamW | Muon | SGD, steps: int) -> Any:
    """Return the learning rate over a run of `steps` steps: a linear rise, then half a cosine."""
    import keras

    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=optimizer.peak_rate / (optimizer.warmup + 1),  # not 0, which would waste the first step
        warmup_target=optimizer.peak_rate if optimizer.warmup else None,
        warmup_steps=optimizer.warmup,
        decay_steps=max(1, steps - optimizer.warmup),
        alpha=optimizer.final_rate / optimizer.peak_rate,
    )


def _decay_matrices_only(optimizer, model):
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
    return optimizer


def _check_rates(optimizer):
    """Raise a ValueError for rates, a warm-up or decay rates of moments that are out of range."""
    positive(peak_rate=optimizer.peak_rate)
    not_negative(final_rate=optimizer.final_rate)
    whole_number(0, warmup=optimizer.warmup)
    betas = getattr(optimizer, "betas", (0, 0))
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError(f"betas={betas!r} must be a pair of numbers in [0, 1)")
    fraction(**{f"betas[{i}]": beta for i, beta in enumerate(betas)})
