"""Tables: N rows of D measured features and one target each, carried by scikit-learn, so no download.

Notation: x (N, D) float32, y (N,) int32 class numbers or float32 values.
"""

from typing import NamedTuple

import numpy as np

from keras_course.checks import as_array, between_0_and_1, numpy_seed, validate
from keras_course.datasets._dataset import Dataset


class Table(NamedTuple):
    """Rows of features with their targets.

    Args:
        x: features, float32 (N, D).
        y: targets (N,): int32 class numbers, or float32 values in a regression.
        feature_names: D names.
        target_names: the name of each class, or of the one value in a regression.
    """

    x: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]

    @validate(seed=numpy_seed, fraction=between_0_and_1)
    def split(self, fraction: float = 0.8, seed: int = 0) -> tuple["Table", "Table"]:
        """Split the rows at random into two tables.

        Args:
            fraction: fraction of the rows in the first table, between 0 and 1, both excluded.
            seed: chooses the permutation of the rows; the same on every backend.

        Returns:
            (train, test).

        Raises:
            ValueError: `fraction` is outside (0, 1) or leaves one of the two without a row, or `seed` is not a whole
                number.

        Example:
            >>> from keras_course import datasets
            >>> train, test = datasets.iris().split(0.8, seed=1)
            >>> train.x.shape, test.y.shape
            ((120, 4), (30,))
        """
        x, y = as_array("x", self.x), as_array("y", self.y)
        cut = int(len(x) * fraction)
        if not 0 < cut < len(x):
            raise ValueError(f"fraction={fraction!r} of {len(x)} rows leaves one part empty.")
        order = np.random.default_rng(seed).permutation(len(x))
        return tuple(self._replace(x=x[rows], y=y[rows]) for rows in (order[:cut], order[cut:]))


def digits() -> Table:
    """Return 1,797 handwritten digits, 8 x 8 pixels flattened to D = 64, intensities 0 to 16, 10 classes.

    Example:
        >>> from keras_course import datasets
        >>> datasets.digits().x.reshape(-1, 8, 8, 1).shape
        (1797, 8, 8, 1)
    """
    from sklearn.datasets import load_digits

    return _table(load_digits(), np.int32)


def diabetes() -> Table:
    """Return 442 patients, D = 10 standardized measurements, and the progression after a year (25 to 346).

    References:
        Least Angle Regression, Efron, Hastie, Johnstone and Tibshirani, 2004,
        https://arxiv.org/abs/math/0406456

    Example:
        >>> from keras_course import datasets
        >>> datasets.diabetes().x.shape
        (442, 10)
    """
    from sklearn.datasets import load_diabetes

    return _table(load_diabetes(), np.float32, target_names=("progression",))


def breast_cancer() -> Table:
    """Return 569 tumors, D = 30 measurements of their cell nuclei, malignant (0) or benign (1).

    Example:
        >>> from keras_course import datasets
        >>> datasets.breast_cancer().target_names
        ('malignant', 'benign')
    """
    from sklearn.datasets import load_breast_cancer

    return _table(load_breast_cancer(), np.int32)


def iris() -> Table:
    """Return 150 irises, D = 4 lengths of their leaves in centimeters, in 3 species.

    References:
        The Use of Multiple Measurements in Taxonomic Problems, R. A. Fisher, 1936,
        https://doi.org/10.1111/j.1469-1809.1936.tb02137.x

    Example:
        >>> from keras_course import datasets
        >>> datasets.iris().target_names
        ('setosa', 'versicolor', 'virginica')
    """
    from sklearn.datasets import load_iris

    return _table(load_iris(), np.int32)


def _table(bunch, target_type, target_names=None):
    return Table(
        x=bunch.data.astype(np.float32),
        y=bunch.target.astype(target_type),
        feature_names=tuple(map(str, bunch.feature_names)),
        target_names=target_names or tuple(map(str, bunch.target_names)),
    )


def _row(load, size, origin, license="CC BY 4.0"):
    return Dataset(
        name=load.__name__,
        kind="table",
        size=size,
        license=license,
        origin=f"scikit-learn, from {origin}",
        load=load,
        offline=load.__name__,
    )


TABLES = (
    _row(digits, "1,797 rows, 64 features, 10 classes", "UCI, Alpaydin and Kaynak 1998"),
    _row(
        diabetes,
        "442 rows, 10 features, regression",
        "Efron et al. 2004",
        license="BSD-3-Clause (scikit-learn)",
    ),
    _row(breast_cancer, "569 rows, 30 features, 2 classes", "UCI, Wolberg et al. 1995"),
    _row(iris, "150 rows, 4 features, 3 classes", "UCI, Fisher 1936"),
)
