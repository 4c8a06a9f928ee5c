"""Risk, the mean loss of a function, and validation, its estimate on held-out data.

Notation: a *fit* is a function from points x (N, ...) and targets y (N, ...) to a `predict`, a function from points to
predictions, or an object with scikit-learn's `fit` and `predict`, of which a fresh copy is fitted each time.
l(y, f(x)) is the loss of one prediction, R the mean loss.
"""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_course.checks import as_floats, flag, function, mapping, numpy_seed, positive, validate, whole, whole_number
from keras_course.fundamentals._data import as_pair, as_sizes

_SKLEARN_SEED = whole(0, at_most=2**32 - 1)


def _difference(y, prediction):
    return as_floats("predict's answer", prediction) - as_floats("y", y)  # in float64: 1 - 2 is 255 in uint8


def _check_loss(loss):
    if not callable(loss) and (not isinstance(loss, str) or loss not in LOSSES):
        raise ValueError(f"loss={loss!r} must be one of {', '.join(map(repr, LOSSES))}, or a function")


LOSSES = {
    "squared": lambda y, prediction: _difference(y, prediction) ** 2,
    "absolute": lambda y, prediction: np.abs(_difference(y, prediction)),
    "zero_one": lambda y, prediction: (prediction != y).astype("float64"),
}


@validate(predict=function, loss=_check_loss)
def empirical_risk(predict, x, y, *, loss="squared") -> float:
    """Return the empirical risk of a function, its mean loss on N examples: 1/N sum_i l(y_i, f(x_i)).

    On examples that were not used to choose f, it is an unbiased estimate of the expected risk, with a standard error
    of sd(l) / sqrt(N). On the examples that f was fitted to, it is too small. If each example has several targets, the
    loss is averaged over the targets as well.

    Args:
        predict: f, from points `(N, ...)` to predictions `(N, ...)`.
        x, y: points and targets.
        loss: "squared", "absolute", "zero_one" (1 where a predicted class is wrong, else 0), or a function of targets
            and predictions that returns one loss an example, `(N,)`.

    Returns:
        A float.

    Raises:
        ValueError: an unknown `loss`, no examples or lengths that differ, predictions of another shape than y, losses
            of another shape than `(N,)`, or losses that are not finite.

    Example:
        >>> from keras_course.fundamentals import empirical_risk
        >>> empirical_risk(lambda x: 2 * x, [1.0, 2.0], [2.0, 5.0])
        0.5
    """
    x, y = _examples(x, y)
    losses = _losses(loss, y, np.asarray(predict(x)))
    return float(losses.mean())


@dataclasses.dataclass(frozen=True)
class Split:
    """Three parts of a data set that share no example; each is a pair (x, y).

    Args:
        train: to fit on.
        validation: to choose by: a degree, a width, when to stop.
        test: to report on, once, after all choices.
    """

    train: tuple
    validation: tuple
    test: tuple


@validate(validation=positive, test=positive, stratify=flag, seed=_SKLEARN_SEED)
def train_validation_test(x, y, *, validation=0.2, test=0.2, stratify=False, seed=0) -> Split:
    """Split examples at random into a training, a validation and a test set (scikit-learn's `train_test_split`).

    Args:
        x, y: N points and targets.
        validation, test: fractions of the examples, above 0 and below 1 together.
        stratify: keep the proportion of each class of y equal in all parts.
        seed: whole number, of the order.

    Returns:
        A `Split`.

    Raises:
        ValueError: fractions out of range, or too few examples for three parts.

    Example:
        >>> import numpy as np
        >>> from keras_course.fundamentals import train_validation_test
        >>> parts = train_validation_test(np.arange(10.0), np.arange(10.0))
        >>> [len(x) for x, y in (parts.train, parts.validation, parts.test)]
        [6, 2, 2]
    """
    from sklearn.model_selection import train_test_split

    x, y = _examples(x, y)
    sizes = _sizes(len(x), validation, test)
    classes = (lambda y: y) if stratify else (lambda y: None)
    x, test_x, y, test_y = train_test_split(x, y, test_size=sizes[1], stratify=classes(y), random_state=seed)
    x, val_x, y, val_y = train_test_split(x, y, test_size=sizes[0], stratify=classes(y), random_state=seed)
    return Split((x, y), (val_x, val_y), (test_x, test_y))


def _sizes(count, validation, test):
    """Return how many examples the validation and the test part get, or raise a ValueError."""
    if validation + test >= 1:
        raise ValueError(f"validation={validation} and test={test} leave nothing to train on: together below 1")
    sizes = [round(fraction * count) for fraction in (validation, test)]
    if min(*sizes, count - sum(sizes)) < 1:
        raise ValueError(f"x has {count} examples, too few for three parts with validation={validation}, test={test}")
    return sizes


@validate(num_folds=whole(2), loss=_check_loss, seed=_SKLEARN_SEED)
def cross_validated_risk(fit, x, y, *, num_folds=5, loss="squared", seed=0) -> np.ndarray:
    """Return the risk on each of K folds of a fit to the other K - 1 (scikit-learn's `KFold`, shuffled).

    Every example is predicted once, by a function that was fitted without it.

    Args:
        fit: see the top of this module: a function (x, y) -> predict, or an estimator.
        x, y: N points and targets.
        num_folds: K, from 2 to N; with N it is leave-one-out.
        loss: as in `empirical_risk`.
        seed: whole number, of the order.

    Returns:
        The K risks, `(K,)`; their mean is the cross-validated risk.

    Raises:
        ValueError: fewer points than folds, fewer than two folds, or what `empirical_risk` refuses.

    References:
        Cross-Validatory Choice and Assessment of Statistical Predictions, Stone, 1974,
        https://doi.org/10.1111/j.2517-6161.1974.tb00994.x

    Example:
        >>> from keras_course.fundamentals import cross_validated_risk
        >>> mean = lambda x, y: lambda points: 0 * points + y.mean()
        >>> cross_validated_risk(mean, [0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0], num_folds=4).tolist()
        [0.0, 0.0, 0.0, 0.0]
    """
    from sklearn.model_selection import KFold

    x, y = _examples(x, y)
    whole_number(2, at_most=len(x), num_folds=num_folds)  # each fold needs a point
    folds = KFold(num_folds, shuffle=True, random_state=seed).split(x)
    return np.array([empirical_risk(fitted(fit, x[a], y[a]), x[b], y[b], loss=loss) for a, b in folds])


@dataclasses.dataclass(frozen=True)
class RiskCurve:
    """Risks along an axis: one entry each for what was varied.

    Args:
        values: what was varied (sizes, degrees, widths), `(M,)`.
        train: empirical risk on the training points, `(M,)`, or `(M, R)` for R repetitions.
        test: risk on other points, of the same shape.
    """

    values: np.ndarray
    train: np.ndarray
    test: np.ndarray

    @property
    def best(self) -> Any:
        """The value of the smallest mean test risk."""
        return self.values[int(np.argmin(self.test.reshape(len(self.values), -1).mean(axis=1)))]


@validate(fits=mapping, loss=_check_loss)
def capacity_curve(fits, train, test, *, loss="squared") -> RiskCurve:
    """Fit models of growing capacity to the same points, and return both risks of each.

    Args:
        fits: `{value: fit}`, such as a polynomial for each degree.
        train, test: pairs (x, y).
        loss: as in `empirical_risk`.

    Returns:
        A `RiskCurve` over the values.

    Raises:
        ValueError: no fit, or what `empirical_risk` refuses.

    Example:
        >>> from keras_course.fundamentals import PolynomialRegressor, capacity_curve, noisy_cubic
        >>> problem = noisy_cubic()
        >>> fits = {degree: PolynomialRegressor(degree) for degree in (1, 3, 9)}
        >>> curve = capacity_curve(fits, problem.sample(15, seed=0), problem.sample(1000, seed=1))
        >>> bool((curve.train[1:] <= curve.train[:-1]).all())      # more capacity, smaller training risk
        True
    """
    train, test = _two_parts(train, test)
    risks = []
    for fit in fits.values():
        predict = fitted(fit, *train)
        risks.append([empirical_risk(predict, *part, loss=loss) for part in (train, test)])
    return RiskCurve(np.array(list(fits)), *np.array(risks).T)


@validate(num_repeats=whole(1), loss=_check_loss, seed=numpy_seed)
def learning_curve(fit, train, test, sizes, *, num_repeats=10, loss="squared", seed=0) -> RiskCurve:
    """Fit to random subsets of growing size, and return both risks of each.

    Args:
        fit: see the top of this module: a function (x, y) -> predict, or an estimator.
        train, test: pairs (x, y); the subsets are drawn from `train`, each anew.
        sizes: numbers of points, each from 1 to the size of `train`.
        num_repeats: R, subsets for each size.
        loss: as in `empirical_risk`.
        seed: whole number, of the subsets.

    Returns:
        A `RiskCurve` over the sizes, with risks `(M, R)`.

    Raises:
        ValueError: a size out of range, no repetition, or what `empirical_risk` refuses.

    Example:
        >>> from keras_course.fundamentals import PolynomialRegressor, learning_curve, noisy_cubic
        >>> problem = noisy_cubic()
        >>> data = problem.sample(500, seed=0), problem.sample(1000, seed=1)
        >>> curve = learning_curve(PolynomialRegressor(3), *data, sizes=[10, 100, 500])
        >>> curve.test.shape, bool(curve.test[0].mean() > curve.test[2].mean())
        ((3, 10), True)
    """
    (x, y), test = _two_parts(train, test)
    sizes = as_sizes("sizes", sizes, at_most=len(x))
    rng = np.random.default_rng(seed)
    risks = np.empty((2, len(sizes), num_repeats))
    for i, size in enumerate(sizes):
        for repeat in range(num_repeats):
            rows = rng.permutation(len(x))[:size]
            predict = fitted(fit, x[rows], y[rows])
            risks[:, i, repeat] = [empirical_risk(predict, *p, loss=loss) for p in ((x[rows], y[rows]), test)]
    return RiskCurve(np.array(sizes), *risks)


def fitted(fit, x, y) -> Callable[[np.ndarray], np.ndarray]:
    """Return the `predict` that a fit gives for points x and targets y."""
    if hasattr(fit, "fit") and hasattr(fit, "predict"):
        return _copy(fit).fit(x, y).predict
    if callable(fit):
        return fit(x, y)
    raise ValueError(f"fit={fit!r} must be a function (x, y) -> predict, or have the methods fit and predict")


def _copy(estimator):
    from sklearn.base import clone

    return clone(estimator) if hasattr(estimator, "get_params") else copy.deepcopy(estimator)


def _losses(loss, y, prediction):
    """Return one loss for each target, or raise a ValueError for shapes that do not fit or what is not finite."""
    if not callable(loss) and prediction.shape != y.shape:
        raise ValueError(f"predict returned shape {prediction.shape} for targets y of shape {y.shape}")
    losses = np.asarray((loss if callable(loss) else LOSSES[loss])(y, prediction))
    if callable(loss) and losses.shape != (len(y),):
        raise ValueError(f"loss returned shape {losses.shape} for {len(y)} examples; it must be ({len(y)},)")
    if not np.isfinite(losses).all():
        raise ValueError("the losses are not finite: predictions or targets hold NaN or infinity")
    return losses


def _two_parts(train, test):
    return [_examples(*as_pair(name, part)) for name, part in (("train", train), ("test", test))]


def _examples(x, y):
    x, y = np.asarray(x), np.asarray(y)
    if not x.ndim or not y.ndim or not len(x) or len(x) != len(y):
        raise ValueError(f"x has shape {x.shape} and y {y.shape}; they need the same number of examples, at least one")
    for name, values in (("x", x), ("y", y)):
        if np.issubdtype(values.dtype, np.inexact) and not np.isfinite(values).all():
            raise ValueError(f"{name} has {np.sum(~np.isfinite(values))} entries that are not finite (NaN or infinity)")
    return x, y
