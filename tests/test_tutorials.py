"""All Python in the tutorials, in the README and in docstrings runs, and what it asserts holds.

A page is one program: its fences share a namespace and run in order, in the folder of the page. The short run caps
every training at two epochs of two steps. With `--full` training goes to the end, the pages check what only a
trained model does, and they write their figures.
"""

import doctest
import importlib
import pathlib
import re
import runpy

import keras
import matplotlib.pyplot as plt
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from keras_course._lectures import LECTURES

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "tutorials").glob("[0-9]*.md"))]
SOURCES = sorted((ROOT / "keras_course").rglob("*.py"))


@pytest.fixture
def capped(full, request):
    """Cap training, as KERAS_MAX_EPOCHS and KERAS_MAX_STEPS_PER_EPOCH do for a whole process, unless `full`."""
    if full:
        yield
        return
    request.getfixturevalue("drawn_by_numpy")
    before = keras.config.max_epochs(), keras.config.max_steps_per_epoch()
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(2)
    yield
    keras.config.set_max_epochs(before[0])
    keras.config.set_max_steps_per_epoch(before[1])


def check_page(path):
    """Execute the Python fences of a page and return their number; a failure shows the page's own line."""
    examples = list(Sybil(parsers=[PythonCodeBlockParser()]).parse(path))
    for example in examples:
        example.evaluate()
    return len(examples)


@pytest.mark.filterwarnings("ignore:Limiting")  # what Keras says when training is capped
@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # the cap of two steps meets a single full batch
@pytest.mark.usefixtures("capped")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_runs(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    fences = check_page(path)
    plt.close("all")
    assert fences == path.read_text(encoding="utf-8").count("\n```python\n") > 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_github_shows_the_formulas_as_they_are_written(path):
    """GitHub takes a backslash before a punctuation mark away, also within $...$: no thin space, no end of a row."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for formula in re.findall(r"\$\$.*?\$\$|\$[^$\n]+\$", text, flags=re.DOTALL):
        assert not re.search(r"\\[!-/:-@\[-`{-~]|\\$", formula, flags=re.MULTILINE), f"{formula} in {path.name}"


@pytest.mark.full
def test_first_image_of_readme_is_drawn():
    image = ROOT / "docs" / "overview.png"
    before = image.stat().st_mtime_ns
    runpy.run_path(str(image.with_suffix(".py")), run_name="__main__")
    assert image.stat().st_mtime_ns > before


def test_a_failing_fence_fails_with_its_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nx = 1\n```\n\ntext\n\n```python\ny = 2\nassert x == y\n```\n")
    with pytest.raises(AssertionError) as failure:
        check_page(page)
    last = failure.traceback[-1]
    assert (str(last.path), last.lineno + 1) == (str(page), 11)


def test_the_table_of_tutorials_is_that_of_the_lectures():
    rows = (ROOT / "tutorials" / "README.md").read_text(encoding="utf-8").split("|---|---|---|\n")[1].splitlines()
    for row, lecture in zip(rows, LECTURES, strict=True):
        page = pathlib.Path(lecture.tutorial).name
        assert row == f"| {lecture.number} | {lecture.title} | {f'[{page}]({page})' if lecture.ready else 'to come'} |"


@pytest.mark.usefixtures("drawn_by_numpy")
@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if ">>> " in path.read_text(encoding="utf-8")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_docstrings_run(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    failed, attempted = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0 < attempted, f"{failed} of {attempted} examples of {name} fail; they are shown above"
