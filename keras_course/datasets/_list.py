"""The table of all data sets, and looking up what a user names."""

import os
import pathlib

from keras_course.checks import instead_of, one_of, string, strings, validate
from keras_course.checks import path as check_path
from keras_course.datasets._chains import CHAINS
from keras_course.datasets._citations import CITATIONS
from keras_course.datasets._dataset import Dataset
from keras_course.datasets._depth import DEPTH
from keras_course.datasets._generators import GENERATORS
from keras_course.datasets._images import IMAGES
from keras_course.datasets._molecules import MOLECULES
from keras_course.datasets._particles import PARTICLES
from keras_course.datasets._scenes import SCENES
from keras_course.datasets._shapes import ANNOTATED
from keras_course.datasets._stories import STORIES
from keras_course.datasets._tables import TABLES
from keras_course.datasets._text import TEXTS, read_own
from keras_course.datasets._traffic import TRAFFIC
from keras_course.datasets._translations import TRANSLATIONS
from keras_course.datasets._uci import UCI
from keras_course.datasets._weather import WEATHER

KINDS = {
    "text": "a text",
    "images": "a set of images",
    "table": "a table",
    "generator": "a generator",
    "sentences": "a set of sentences",
    "stories": "a set of stories",
    "chains": "a set of chains",
    "weather": "a set of weather fields",
    "particles": "a set of trajectories of particles",
    "scenes": "a set of scenes",
    "depth": "a set of depth maps",
    "annotated": "a set of annotated images",
    "traffic": "a set of travel times",
    "citations": "a graph of papers",
    "molecules": "a set of molecules",
}


def list_datasets() -> tuple[Dataset, ...]:
    """Return one row for each data set, of the kinds that `find` names.

    Returns:
        Named tuples; `Dataset._fields` are the column names.

    Example:
        >>> from keras_course import datasets
        >>> [row.name for row in datasets.list_datasets() if row.kind == "table"]
        ['digits', 'diabetes', 'breast_cancer', 'iris', 'concrete', 'yacht', 'wine_quality_red', 'kin8nm']
    """
    of_sequences = TEXTS + TRANSLATIONS + STORIES + CHAINS
    of_examples = IMAGES + TABLES + UCI + GENERATORS
    return (
        of_sequences + of_examples + CITATIONS + MOLECULES + WEATHER + PARTICLES + SCENES + DEPTH + TRAFFIC + ANNOTATED
    )


@validate(name=string)
def get_dataset(name: str) -> Dataset:
    """Return the row of a data set in the table of `list_datasets`; `get_dataset(name).load()` returns its data.

    Args:
        name: of the data set.

    Raises:
        ValueError: there is no such set.

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.get_dataset("digit_images").load()
        >>> train.x.shape[1:]
        (8, 8, 1)
    """
    rows = {row.name: row for row in list_datasets()}
    if name not in rows:
        raise ValueError(f"name={name!r} is not a data set; {instead_of(name, rows)}")
    return rows[name]


@validate(kinds=strings)
def find(data: str | os.PathLike, kinds: tuple[str, ...] = ("text",)) -> str:
    """Return the name of a data set as it is, and the path of a text file of your own in full.

    Nothing is loaded or downloaded, but your own file is read, so that a wrong one is refused before a long run.

    Args:
        data: name of a data set, or path of a UTF-8 text file if `kinds` has "text".
        kinds: which kinds of data sets are wanted, of "text", "images", "table", "generator", "sentences", "stories",
            "chains", "citations", "molecules", "weather", "particles", "scenes", "depth", "traffic"
            and "annotated".

    Returns:
        What `text` takes in any working folder, or the name of a row of `list_datasets`.

    Raises:
        ValueError: `data` is neither, or is a folder or a file that is not text.
        FileNotFoundError: `data` is a path, and there is no such file.

    Example:
        >>> from keras_course import datasets
        >>> datasets.find("digits", kinds=("table", "images"))
        'digits'
    """
    check_path(data=data)
    one_of(KINDS, **{f"kinds[{i}]": kind for i, kind in enumerate(kinds)})
    given = os.fspath(data)
    names = [row.name for row in list_datasets() if row.kind in kinds]
    if given in names:
        return given
    path = pathlib.Path(given).expanduser()
    if "text" in kinds:
        read_own(data=given)
        return str(path.resolve())
    if path.is_file():
        raise ValueError(
            f"data={given!r} is a file, and only a language model is trained on one by name. Choose one of "
            f"{', '.join(names)}; README tells how to train on other tables and images."
        )
    wanted = " or ".join(KINDS[kind] for kind in kinds)
    raise ValueError(f"data={given!r} is not {wanted}; {instead_of(given, names)}")
