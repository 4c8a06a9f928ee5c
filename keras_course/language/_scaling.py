"""How the loss falls with the size of a model: a power law and its fit.

Notation: N weights (those of the blocks, as in the paper, not those of the embeddings), L the validation loss in nats
per token, c the floor that no size gets under:

    L(N) = c + a N^-alpha,  so that  ln(L - c) = ln a - alpha ln N  is a straight line.
"""

import dataclasses

import keras
import numpy as np

from keras_course.checks import as_floats, not_negative, numpy_seed, positive, validate, whole, whole_number
from keras_course.checks.tokens import check_tokens
from keras_course.language._gpt import gpt
from keras_course.metrics import text_loss
from keras_course.portable import portable_init


@dataclasses.dataclass(frozen=True)
class ScalingLaw:
    """A power law L(N) = floor + coefficient N^-exponent; call it with a size to get the loss.

    `r2` is the fraction of the variance of ln(L - floor) that the line explains; 1 if all points lie on it.
    """

    exponent: float
    coefficient: float
    floor: float
    r2: float

    def __call__(self, sizes):
        """Return the loss in nats per token for a size or an array of sizes."""
        return self.floor + self.coefficient * np.asarray(sizes, dtype="float64") ** -self.exponent


@validate(floor=not_negative)
def fit_scaling_law(sizes, losses, *, floor=0.0) -> ScalingLaw:
    """Fit L(N) = floor + a N^-alpha by least squares on the logarithms.

    Args:
        sizes: at least three numbers of weights N, not all the same.
        losses: their losses L in nats per token, above `floor`.
        floor: the loss c that no size gets under, in nats per token. It is given, not fitted: over a range of sizes
            that one computer covers, other floors with other exponents fit as well.

    Returns:
        A `ScalingLaw`.

    Raises:
        ValueError: fewer than three points, arrays of different lengths, a number that is not finite or not positive,
            a loss at or under the floor, or sizes that are all the same.

    References:
        Scaling Laws for Neural Language Models, Kaplan et al., 2020, https://arxiv.org/abs/2001.08361

    Example:
        >>> from keras_course.language import fit_scaling_law
        >>> law = fit_scaling_law([1e3, 1e4, 1e5], [8.0, 4.0, 2.0])      # ten times the size halves the loss
        >>> round(law.exponent, 3), round(float(law(1e6)), 3), round(law.r2, 3)
        (0.301, 1.0, 1.0)
    """
    sizes, losses = _as_curve(sizes, losses, floor)
    x, y = np.log(sizes), np.log(losses - floor)
    slope, intercept = np.polyfit(x, y, 1)
    left, total = ((y - intercept - slope * x) ** 2).sum(), ((y - y.mean()) ** 2).sum()
    r2 = 1.0 - left / total if left > 1e-20 else 1.0  # a perfect fit, were it of a constant
    return ScalingLaw(float(-slope), float(np.exp(intercept)), float(floor), float(r2))


def _check_widths(widths):
    if np.ndim(widths) != 1 or len(widths) == 0:
        raise ValueError(f"widths={widths} must be a list of at least one width")
    for width in widths:
        whole_number(1, width=width)


@validate(
    widths=_check_widths,
    seed=numpy_seed,
    steps=whole(1),
    batch_size=whole(1),
    vocab_size=whole(1),
    context_length=whole(1),
    learning_rate=positive,
)
def scaling_sweep(
    train,
    validation,
    widths,
    *,
    steps,
    vocab_size,
    context_length=32,
    num_layers=2,
    num_heads=4,
    batch_size=16,
    learning_rate=3e-3,
    seed=0,
) -> tuple[np.ndarray, np.ndarray]:
    """Train one GPT of each width on the same batches and measure what it learned.

    Args:
        train: 1-D array of integer tokens to train on.
        validation: 1-D array of integer tokens to measure the loss on, all of it.
        widths: values of `hidden_dim`, each divisible by `num_heads`.
        steps: number of AdamW steps for each width; the rate falls from `learning_rate` to 0 along a cosine.
        vocab_size: number V of tokens.
        context_length: length T of the windows, in tokens.
        num_layers: number of blocks.
        num_heads: number of attention heads.
        batch_size: number of windows a step.
        learning_rate: peak rate.
        seed: of the first weights and of the batches; the same on every backend.

    Returns:
        `(parameters, losses)`: for each width the number of weights outside the embeddings, and the validation loss
        in nats per token. Give both to `fit_scaling_law`.

    Raises:
        ValueError: no width, a width that `num_heads` does not divide, an unknown token, a text that is too short, or
            a number below 1. Nothing is trained then.

    References:
        Scaling Laws for Neural Language Models, Kaplan et al., 2020, https://arxiv.org/abs/2001.08361

    Example:
        >>> import numpy as np
        >>> from keras_course.language import scaling_sweep
        >>> text = np.arange(200) % 7
        >>> parameters, losses = scaling_sweep(text, text, [4, 8], steps=2, vocab_size=7, context_length=8)
        >>> parameters.tolist(), losses.shape
        ([496, 1760], (2,))
    """
    train, validation = _as_parts(train, validation, vocab_size, context_length)
    models = [
        gpt(
            vocab_size,
            context_length,
            hidden_dim=int(width),
            num_layers=num_layers,
            num_heads=num_heads,
            tie_embeddings=True,
        )
        for width in widths
    ]
    windows = np.lib.stride_tricks.sliding_window_view(train, context_length + 1)  # (N - T, T + 1)
    batches = windows[np.random.default_rng(seed).integers(len(windows), size=steps * batch_size)]
    losses = []
    for model in models:
        portable_init(model, seed).compile(
            keras.optimizers.AdamW(
                keras.optimizers.schedules.CosineDecay(learning_rate, steps), weight_decay=0.004, global_clipnorm=1.0
            ),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        model.fit(batches[:, :-1], batches[:, 1:], batch_size=batch_size, shuffle=False, verbose=0)
        losses.append(text_loss(model, validation))
    return np.array([_block_weights(model) for model in models]), np.array(losses)


def _block_weights(model):
    return sum(layer.count_params() for layer in model.layers if not layer.name.endswith("embedding"))


def _as_curve(sizes, losses, floor):
    sizes, losses = as_floats("sizes", sizes), as_floats("losses", losses)
    if sizes.ndim != 1 or sizes.shape != losses.shape or len(sizes) < 3:
        raise ValueError(
            f"sizes and losses must be of one length, at least 3; their shapes are {sizes.shape} and {losses.shape}"
        )
    for argument, values, lowest in (("sizes", sizes, 0.0), ("losses", losses, floor)):
        if not (np.isfinite(values) & (values > lowest)).all():
            raise ValueError(f"{argument}={values.tolist()} must be finite and above {lowest:g}")
    if (sizes == sizes[0]).all():
        raise ValueError(f"sizes={sizes.tolist()} must differ for a slope")
    return sizes, losses


def _as_parts(train, validation, vocab_size, context_length):
    train = check_tokens("train", train, vocab_size)
    validation = check_tokens("validation", validation, vocab_size)
    if len(train) <= context_length or len(validation) < 2:
        raise ValueError(
            f"train and validation hold {len(train)} and {len(validation)} tokens; "
            f"context_length={context_length} needs {context_length + 1} and 2"
        )
    return train, validation
