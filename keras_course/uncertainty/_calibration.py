"""Calibration of classifiers, and intervals with a guaranteed coverage. All take and return NumPy arrays.

Notation: p (N, C) predicted probabilities of C classes, y (N,) class numbers.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from keras_course.checks import as_array, as_points, as_row, between_0_and_1, validate, whole


class Reliability(NamedTuple):
    """A reliability diagram in numbers, one entry for each bin of confidence; empty bins hold NaN.

    Args:
        confidence: mean predicted probability of the predicted class, (bins,).
        accuracy: fraction of correct predictions, (bins,).
        counts: number of examples, (bins,).
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray


@validate(num_bins=whole(1, at_most=10_000))
def reliability(probabilities, labels, num_bins=10) -> Reliability:
    """Sort predictions into bins of equal width by their confidence, the probability of the predicted class.

    A classifier is **calibrated** if in each bin the accuracy is the confidence.

    Args:
        probabilities: p (N, C), each row of which sums to 1.
        labels: y (N,), class numbers.
        num_bins: number of bins from 0 to 1.

    Raises:
        ValueError: probabilities are negative or do not sum to 1, or the labels are not class numbers.

    References:
        Obtaining Well Calibrated Probabilities Using Bayesian Binning, Naeini, Cooper and Hauskrecht, 2015,
        https://doi.org/10.1609/aaai.v29i1.9602

    Example:
        >>> from keras_course.uncertainty import reliability
        >>> found = reliability([[0.9, 0.1], [0.9, 0.1]], [0, 1], num_bins=2)
        >>> found.confidence[1], found.accuracy[1], int(found.counts[1])
        (np.float64(0.9), np.float64(0.5), 2)
    """
    probabilities = as_points(probabilities, name="probabilities")
    sums = probabilities.sum(axis=1)
    if (probabilities < 0).any() or np.abs(sums - 1).max() > 1e-3:
        raise ValueError(
            f"probabilities has rows that sum to {sums.min():.4g} up to {sums.max():.4g}, and the smallest entry "
            f"{probabilities.min():.4g}; rows must sum to 1, without negative entries"
        )
    labels = _as_labels(labels, probabilities)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)  # the upper end belongs to a bin
    counts = np.bincount(bins, minlength=num_bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bins, part, minlength=num_bins) / counts for part in (confidence, correct)]
    return Reliability(*means, counts)


def expected_calibration_error(probabilities, labels, num_bins=10) -> float:
    """Return the expected calibration error: the mean distance of accuracy and confidence over the bins.

        ECE = sum_b n_b / N abs(accuracy_b - confidence_b)

    Args:
        probabilities, labels, num_bins: as in `reliability`, which also says what is refused.

    Example:
        >>> from keras_course.uncertainty import expected_calibration_error
        >>> round(expected_calibration_error([[0.9, 0.1], [0.9, 0.1]], [0, 1]), 4)
        0.4
    """
    confidence, accuracy, counts = reliability(probabilities, labels, num_bins)
    return float(np.nansum(np.abs(accuracy - confidence) * counts) / counts.sum())


def fit_temperature(logits, labels) -> float:
    """Return the temperature T that minimizes the negative log-likelihood of softmax(logits / T).

    The accuracy stays the same. The likelihood is concave in 1 / T, so bisection of its derivative finds T:

        d NLL / d(1 / T) = mean_n (sum_c p_nc a_nc - a_n,y_n),  a the logits, p = softmax(a / T)

    Use a validation set, not the training set. T is between 1/1000 and 1000.

    Args:
        logits: a (N, C).
        labels: y (N,), class numbers.

    Raises:
        ValueError: the shapes do not fit, or the labels are not class numbers.

    References:
        On Calibration of Modern Neural Networks, Guo et al., 2017, https://arxiv.org/abs/1706.04599

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import fit_temperature
        >>> logits = np.log([[0.99, 0.01]] * 4)  # 99 % sure, and correct in 3 of 4
        >>> temperature = fit_temperature(logits, [0, 0, 0, 1])
        >>> scaled = np.exp(logits[0] / temperature)
        >>> (scaled / scaled.sum()).round(3).tolist()
        [0.75, 0.25]
    """
    logits = as_points(logits, name="logits")
    labels = _as_labels(labels, logits)
    correct = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    low, high = -np.log(1000), np.log(1000)  # of ln(1 / T)
    for _ in range(60):
        middle = (low + high) / 2
        slope = np.mean((special.softmax(np.exp(middle) * logits, axis=1) * logits).sum(axis=1) - correct)
        low, high = (middle, high) if slope < 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


@validate(level=between_0_and_1)
def conformal_quantile(scores, level) -> float:
    """Return the bound that the score of a new example keeps with a probability of at least `level`.

    Split conformal prediction: of N scores on a calibration set, it is the k-th smallest, or infinity for k > N:

        k = ceil((N + 1) level)

    The guarantee needs nothing but exchangeable examples. It holds on average over calibration sets and inputs, not for
    each input. With the score abs(y - mu(x)) the interval is mu(x) +- q; if the score is divided by sigma(x),
    it is mu(x) +- q sigma(x).

    Args:
        scores: (N,), of examples that the model was not trained on; a larger score means a worse prediction.
        level: wanted coverage, between 0 and 1.

    Raises:
        ValueError: `scores` is empty, or the level is not between 0 and 1.

    References:
        Algorithmic Learning in a Random World, Vovk, Gammerman and Shafer, 2005, https://doi.org/10.1007/b106715
        A Gentle Introduction to Conformal Prediction, Angelopoulos and Bates, 2021, https://arxiv.org/abs/2107.07511

    Example:
        >>> from keras_course.uncertainty import conformal_quantile
        >>> conformal_quantile([1.0, 2.0, 3.0, 4.0], 0.8)
        4.0
        >>> conformal_quantile([1.0, 2.0, 3.0, 4.0], 0.9)  # 4 scores cannot tell
        inf
    """
    scores = np.sort(as_row("scores", scores))
    k = int(np.ceil((len(scores) + 1) * level - 1e-9))
    return float(scores[k - 1]) if k <= len(scores) else float("inf")


def _as_labels(labels, rows):
    """Return class numbers (N,) for rows (N, C), or raise a ValueError."""
    array = as_array("labels", labels)
    if array.shape != rows.shape[:1] or array.dtype.kind not in "iu":
        raise ValueError(f"labels has shape {array.shape} and type {array.dtype}; it must be {len(rows)} class numbers")
    if array.min() < 0 or array.max() >= rows.shape[1]:
        raise ValueError(f"labels reach from {array.min()} to {array.max()}; they must be 0 to {rows.shape[1] - 1}")
    return array
