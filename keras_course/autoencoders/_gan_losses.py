"""Losses of adversarial training, and the distances between distributions that they minimize.

Notation: p the density of the data, q the density of the generator's samples, f(x) a logit of the discriminator and
d(x) = sigmoid(f(x)) its probability that x is data.
"""

import numpy as np
from keras import ops

from keras_course.checks import as_row, choice, finite, tensor, validate
from keras_course.ops._types import Tensor

LOSSES = ("minimax", "non_saturating", "wasserstein")


@validate(real_logits=tensor, fake_logits=tensor, loss=choice(*LOSSES))
def discriminator_loss(real_logits, fake_logits, loss="non_saturating") -> Tensor:
    """Return the loss that the discriminator minimizes, for each pair of a datum x and a sample x', (B, ...).

        minimax, non_saturating   -log d(x) - log(1 - d(x')) = softplus(-f(x)) + softplus(f(x'))
        wasserstein               f(x') - f(x), where a penalty of the model limits the slope of f

    Args:
        real_logits: f(x) of data, (B, ...).
        fake_logits: f(x') of samples, of the same shape.
        loss: "minimax", "non_saturating" or "wasserstein".

    Raises:
        ValueError: an argument is no array of numbers, the shapes differ, or the loss is unknown.

    References:
        Generative Adversarial Networks, Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661
        Wasserstein GAN, Arjovsky, Chintala and Bottou, 2017, https://arxiv.org/abs/1701.07875

    Example:
        >>> from keras_course.autoencoders import discriminator_loss
        >>> round(float(discriminator_loss(0.0, 0.0)), 4)  # 2 log 2: d = 1/2 everywhere
        1.3863
    """
    real, fake = _float32(real_logits), _float32(fake_logits)
    if tuple(real.shape) != tuple(fake.shape):
        raise ValueError(
            f"fake_logits has shape {tuple(fake.shape)}, and real_logits {tuple(real.shape)}; they must match"
        )
    return fake - real if loss == "wasserstein" else ops.softplus(-real) + ops.softplus(fake)


@validate(fake_logits=tensor, loss=choice(*LOSSES))
def generator_loss(fake_logits, loss="non_saturating") -> Tensor:
    """Return the loss that the generator minimizes, for each sample x, (B, ...).

        minimax          log(1 - d(x)) = -softplus(f(x))
        non_saturating   -log d(x) = softplus(-f(x))
        wasserstein      -f(x)

    Where the discriminator recognizes a sample, d(x) is close to 0. There the derivative of the minimax loss with
    respect to f is -d, which vanishes. The derivative of the non-saturating loss is d - 1, which does not.

    Args:
        fake_logits: f(x) of samples, (B, ...).
        loss: "minimax", "non_saturating" or "wasserstein".

    Raises:
        ValueError: an argument is no array of numbers, or the loss is unknown.

    References:
        Generative Adversarial Networks, Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661

    Example:
        >>> from keras_course.autoencoders import generator_loss
        >>> [round(float(generator_loss(-5.0, loss)), 3) for loss in ("minimax", "non_saturating", "wasserstein")]
        [-0.007, 5.007, 5.0]
    """
    fake = _float32(fake_logits)
    if loss == "wasserstein":
        return -fake
    return ops.softplus(-fake) if loss == "non_saturating" else -ops.softplus(fake)


def _float32(logits):
    return ops.cast(ops.convert_to_tensor(logits), "float32")


def optimal_discriminator(p, q) -> np.ndarray:
    """Return the discriminator that maximizes the minimax value for densities p and q: d = p / (p + q), (N,).

    Where both are 0 every value is optimal, and this is 1/2.

    Args:
        p: density of the data at N points, at least 0.
        q: density of the samples at the same points, at least 0.

    Raises:
        ValueError: the arrays differ in length, or an entry is negative or not finite.

    References:
        Generative Adversarial Networks, Goodfellow et al., 2014, proposition 1, https://arxiv.org/abs/1406.2661

    Example:
        >>> from keras_course.autoencoders import optimal_discriminator
        >>> optimal_discriminator([0.2, 0.5, 0.0], [0.2, 0.0, 0.1]).tolist()
        [0.5, 1.0, 0.0]
    """
    p, q = _densities(p, q)
    total = p + q
    return np.divide(p, total, out=np.full_like(p, 0.5), where=total > 0)


def jensen_shannon(p, q) -> float:
    """Return the Jensen-Shannon divergence of two discrete distributions, in nats.

        JSD = 1/2 KL(p || m) + 1/2 KL(q || m),  m = (p + q) / 2

    It is between 0, for p = q, and log 2, where no outcome is possible under both. With the optimal discriminator the
    minimax value is 2 JSD - log 4.

    Args:
        p: probabilities of N outcomes, which sum to 1.
        q: probabilities of the same outcomes.

    Raises:
        ValueError: the arrays differ in length, an entry is negative, or a sum is not 1.

    References:
        Generative Adversarial Networks, Goodfellow et al., 2014, theorem 1, https://arxiv.org/abs/1406.2661

    Example:
        >>> from keras_course.autoencoders import jensen_shannon
        >>> round(jensen_shannon([0.5, 0.5, 0.0], [0.0, 0.0, 1.0]), 4)  # log 2
        0.6931
    """
    p, q = _distributions(p, q)
    middle = (p + q) / 2

    def divergence(r):
        there = r > 0
        return float(np.sum(r[there] * np.log(r[there] / middle[there])))

    return (divergence(p) + divergence(q)) / 2


def transport_plan(p, q) -> np.ndarray:
    """Return the cheapest plan that moves the probabilities p to q, of outcomes along a line: (N, N).

    Entry (i, j) is the probability that moves from outcome i to outcome j. On a line no two paths of an optimal plan
    cross, so the plan fills q from the left with p from the left.

    Args:
        p: probabilities of N outcomes in the order of their positions.
        q: probabilities of the same outcomes.

    Raises:
        ValueError: the arrays differ in length, an entry is negative, or a sum is not 1.

    References:
        Computational Optimal Transport, Peyre and Cuturi, 2019, section 2.6, https://arxiv.org/abs/1803.00567

    Example:
        >>> from keras_course.autoencoders import transport_plan
        >>> transport_plan([0.5, 0.5, 0.0], [0.0, 0.25, 0.75]).tolist()
        [[0.0, 0.25, 0.25], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]]
    """
    p, q = _distributions(p, q)
    ends_p, ends_q = np.cumsum(p), np.cumsum(q)
    highest = np.minimum(ends_p[:, None], ends_q[None])  # each outcome is an interval of [0, 1]: how far two overlap
    lowest = np.maximum((ends_p - p)[:, None], (ends_q - q)[None])
    return np.maximum(highest - lowest, 0.0)


def wasserstein_1(positions, p, q) -> float:
    """Return the Wasserstein-1 distance of two discrete distributions on a line, in the unit of the positions.

        W1 = min over plans of sum_ij plan_ij abs(x_i - x_j) = integral of abs(P(x) - Q(x)) dx

    P and Q are the cumulative distribution functions. W1 is the smallest mean distance that probability has to move.

    Args:
        positions: x of the N outcomes, increasing.
        p: their probabilities, which sum to 1.
        q: other probabilities of theirs.

    Raises:
        ValueError: the arrays differ in length, positions do not increase, an entry is negative, or a sum is not 1.

    References:
        Wasserstein GAN, Arjovsky, Chintala and Bottou, 2017, https://arxiv.org/abs/1701.07875

    Example:
        >>> from keras_course.autoencoders import wasserstein_1
        >>> positions = [1.5, 3.5, 5.5, 6.5, 9.5]
        >>> wasserstein_1(positions, [0.25, 0.25, 0.0, 0.0, 0.5], [0.0, 0.0, 0.5, 0.5, 0.0])  # 4/4 + 2/4 + 3/2
        3.0
    """
    p, q = _distributions(p, q)
    positions = as_row("positions", positions)
    if len(positions) != len(p) or not (np.diff(positions) > 0).all():
        raise ValueError(f"positions must be {len(p)} increasing numbers, one for each probability; got {positions}")
    gaps = np.abs(np.cumsum(p - q))[:-1]
    return float(gaps @ np.diff(positions))


def _densities(p, q):
    """Return p and q as rows of one length; raise a ValueError where they are not, or an entry is negative."""
    found = {"p": as_row("p", p), "q": as_row("q", q)}
    finite(**found)
    for name, values in found.items():
        if (values < 0).any():
            raise ValueError(f"{name} has {np.sum(values < 0)} negative entries; they must be at least 0")
    if len(found["p"]) != len(found["q"]):
        raise ValueError(f"q has {len(found['q'])} entries, and p {len(found['p'])}; they must be as many")
    return found["p"], found["q"]


def _distributions(p, q):
    p, q = _densities(p, q)
    for name, values in (("p", p), ("q", q)):
        if abs(values.sum() - 1) > 1e-6:
            raise ValueError(f"{name} has the sum {values.sum()}; probabilities must sum to 1")
    return p, q
