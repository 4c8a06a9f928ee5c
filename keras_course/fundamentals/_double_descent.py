"""Double descent: as a model grows, the test risk falls, rises towards the width that just fits every training point,
and falls again.

Notation: n training points with D numbers each and K outputs (K classes as one-hot rows, or K = 1 in a regression);
H the width. A model has about as many parameters as there are equations f(x_i) = y_i where it has n K of them.
"""

import dataclasses
import math

import numpy as np
from keras import ops as k
from scipy import optimize

from keras_course import ops
from keras_course.checks import as_floats, as_points, not_negative, numpy_seed, validate, whole
from keras_course.fundamentals._data import as_pair, as_sizes
from keras_course.fundamentals._regression import least_squares
from keras_course.perceptron import mlp
from keras_course.portable import portable_init


@dataclasses.dataclass(frozen=True)
class DoubleDescent:
    """Risks of models of growing width, each fitted to the same points.

    Args:
        widths: H of each model, `(M,)`.
        parameters: number of fitted parameters of each, `(M,)`.
        threshold: n K, the number of equations: the peak is expected where `parameters` is near it.
        train_risk, test_risk: mean over points and outputs of the squared error, `(M,)`.
        train_error, test_error: fraction of points with a wrong class, `(M,)`; NaN in a regression.
    """

    widths: np.ndarray
    parameters: np.ndarray
    threshold: int
    train_risk: np.ndarray
    test_risk: np.ndarray
    train_error: np.ndarray
    test_error: np.ndarray

    @property
    def peak(self) -> int:
        """The width of the largest test risk, among models of at least a third of the threshold's parameters: smaller
        models may underfit so much that their risk is above the peak.
        """
        near = np.flatnonzero(self.parameters >= self.threshold / 3)
        if not len(near):
            raise ValueError(f"widths={self.widths} all have under a third of {self.threshold} parameters: no peak yet")
        return int(self.widths[near[np.argmax(self.test_risk[near])]])


@validate(width=whole(1), seed=numpy_seed)
def random_features(x, width, *, seed=0) -> np.ndarray:
    """Return a random hidden layer that is never trained: max(0, x V + c), with V and c drawn once.

    The entries of V are drawn from N(0, 1/D), the entries of c from N(0, 1/4). A wider layer contains a narrower one of
    the same seed.

    Args:
        x: n points, `(n, D)`.
        width: H, number of features.
        seed: whole number, of V and c.

    Returns:
        The features, `(n, H)` float64.

    Raises:
        ValueError: x is not a table of finite numbers, or `width` or `seed` is not a whole number in range.

    References:
        Random Features for Large-Scale Kernel Machines, Rahimi and Recht, 2007,
        https://papers.nips.cc/paper/3182-random-features-for-large-scale-kernel-machines

    Example:
        >>> from keras_course.fundamentals import random_features
        >>> few, many = (random_features([[1.0, 2.0]], width) for width in (3, 5))
        >>> bool((few == many[:, :3]).all())
        True
    """
    x = as_points(x)
    units = np.random.default_rng(seed).standard_normal((width, x.shape[1] + 1))  # (H, D + 1), one row a unit
    return np.maximum(0.0, x @ units[:, :-1].T / x.shape[1] ** 0.5 + 0.5 * units[:, -1])


@validate(num_classes=whole(2), penalty=not_negative, seed=numpy_seed)
def random_features_sweep(train, test, widths, *, num_classes=None, penalty=0.0, seed=0) -> DoubleDescent:
    """Fit linear models of growing numbers of random features, in closed form: double descent without any training.

    Each output has H weights, fitted by `least_squares`: below H = n to the smallest squared error, above it to the
    shortest of all weights that reproduce the training points exactly. The peak is at H = n.

    Args:
        train, test: pairs of points `(n, D)` and targets `(n,)`: numbers, or with `num_classes` classes 0..K-1.
        widths: numbers H of features, at least 1 each.
        num_classes: K; None for a regression.
        penalty: ridge penalty, at least 0; enough of it removes the peak.
        seed: of the features.

    Returns:
        A `DoubleDescent`.

    Raises:
        ValueError: data that do not fit each other or are not finite, labels out of range, or a size out of range.

    References:
        Reconciling modern machine-learning practice and the classical bias-variance trade-off, Belkin, Hsu, Ma and
        Mandal, 2019, https://arxiv.org/abs/1812.11118

    Example:
        >>> from keras_course import datasets
        >>> from keras_course.fundamentals import random_features_sweep
        >>> data = [datasets.two_moons(size, noise=0.3, seed=size) for size in (40, 500)]
        >>> sweep = random_features_sweep(*data, widths=[5, 40, 1000], num_classes=2)
        >>> sweep.threshold, sweep.peak
        (80, 40)
    """
    widths = as_sizes("widths", widths)
    (x, y), (test_x, test_y) = _checked(train, test, num_classes)

    def predictions(width):
        features, test_features = (random_features(part, width, seed=seed) for part in (x, test_x))
        weights = least_squares(features, y, penalty=penalty)
        return features @ weights, test_features @ weights

    return _sweep(predictions, y, test_y, widths, [width * y.shape[1] for width in widths], num_classes)


@validate(num_classes=whole(2), num_steps=whole(1), seed=numpy_seed)
def mlp_sweep(train, test, widths, *, num_classes=None, num_steps=3000, seed=0) -> DoubleDescent:
    """Train perceptrons of one hidden layer of growing width with the squared loss: double descent of a real network.

    A network has (D + 1) H + (H + 1) K parameters, all trained, and to the end: by L-BFGS, which follows the curvature.
    The peak is about where the training risk reaches zero, at or somewhat before (D + 1) H + (H + 1) K = n K. Training
    that stops before the minimum hardly shows it.

    Args:
        train, test, widths, num_classes: as in `random_features_sweep`.
        num_steps: the most steps of L-BFGS; each evaluates risk and gradient about once.
        seed: of the first weights.

    Returns:
        A `DoubleDescent`.

    Raises:
        ValueError: as in `random_features_sweep`.
        FloatingPointError: a risk became infinite or NaN.

    References:
        Reconciling modern machine-learning practice and the classical bias-variance trade-off, Belkin, Hsu, Ma and
        Mandal, 2019, https://arxiv.org/abs/1812.11118;
        On the limited memory BFGS method for large scale optimization, Liu and Nocedal, 1989,
        https://doi.org/10.1007/BF01589116

    Example:
        >>> from keras_course import datasets
        >>> from keras_course.fundamentals import mlp_sweep
        >>> data = [datasets.two_moons(size, noise=0.3, seed=size) for size in (40, 500)]
        >>> sweep = mlp_sweep(*data, widths=[2, 16], num_classes=2, num_steps=2)
        >>> sweep.parameters.tolist(), sweep.threshold
        ([12, 82], 80)
    """
    widths = as_sizes("widths", widths)
    (x, y), (test_x, test_y) = _checked(train, test, num_classes)

    def predictions(width):
        model = portable_init(mlp(x.shape[1:], y.shape[1], hidden_dims=(width,)), seed)
        _train_to_the_end(model, x.astype("float32"), y.astype("float32"), num_steps)
        return tuple(k.convert_to_numpy(model(part.astype("float32"))) for part in (x, test_x))

    parameters = [(x.shape[1] + 1) * width + (width + 1) * y.shape[1] for width in widths]
    return _sweep(predictions, y, test_y, widths, parameters, num_classes)


def _train_to_the_end(model, x, y, num_steps):
    """Minimize the mean squared error of a model by scipy's L-BFGS; the backend gives value and gradient."""
    variables = model.trainable_variables
    risk = ops.value_and_grad(lambda x, y: k.mean((model(x) - y) ** 2), variables=variables)
    risk = ops.jit(risk, variables=variables)
    ends = np.cumsum([math.prod(variable.shape) for variable in variables])[:-1]

    def place(theta):
        for variable, part in zip(variables, np.split(theta, ends), strict=True):
            variable.assign(part.reshape(variable.shape))

    def objective(theta):
        place(theta)
        value, gradients = risk(x, y)
        return float(value), np.concatenate([np.ravel(k.convert_to_numpy(g)) for g in gradients]).astype("float64")

    start = np.concatenate([np.ravel(k.convert_to_numpy(variable)) for variable in variables]).astype("float64")
    if not math.isfinite(risk_at_start := objective(start)[0]):
        raise FloatingPointError(
            f"the risk is {risk_at_start} at the first weights: the data are too large for float32"
        )
    limits = {"maxiter": num_steps, "maxfun": 2 * num_steps, "ftol": 0, "gtol": 0}
    place(optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=limits).x)


def _sweep(predictions, y, test_y, widths, parameters, num_classes):
    rows = []
    for width in widths:
        pairs = list(zip(predictions(width), (y, test_y), strict=True))
        risks = [np.mean((f - target) ** 2) for f, target in pairs]
        if not np.isfinite(risks).all():
            raise FloatingPointError(f"the risks are {risks} at width {width}: the data are too large")
        errors = [np.mean(f.argmax(axis=1) != target.argmax(axis=1)) for f, target in pairs]
        rows.append(risks + (errors if num_classes else [np.nan, np.nan]))
    return DoubleDescent(np.array(widths), np.array(parameters), y.size, *np.array(rows).T)


def _checked(train, test, num_classes):
    """Return the two pairs with targets as columns `(n, K)`."""
    pairs = []
    for name, pair in (("train", train), ("test", test)):
        x, y = as_pair(name, pair)
        x, y = as_points(x), as_floats("y", y)
        if y.shape != x.shape[:1] or not np.isfinite(y).all():
            raise ValueError(
                f"{name} has x of shape {x.shape} and y of shape {y.shape}; y must be {x.shape[:1]}, finite"
            )
        if num_classes is None:
            y = y[:, None]
        elif (y != np.floor(y)).any() or y.min() < 0 or y.max() >= num_classes:
            raise ValueError(f"{name} has the classes {np.unique(y)}; they must be 0 to {num_classes - 1}")
        else:
            y = np.eye(num_classes)[y.astype(int)]
        pairs.append((x, y))
    if pairs[0][0].shape[1] != pairs[1][0].shape[1]:
        raise ValueError(f"train has {pairs[0][0].shape[1]} columns and test {pairs[1][0].shape[1]}; they must agree")
    return pairs
