"""All Python in the tutorials, in the README and in docstrings runs, and what it asserts holds.

A page is one program: its blocks share a namespace and run in order, in the folder of the page. The short run caps
every training at two epochs of two steps. With `--full` training goes to the end, the pages check what only a
trained model does, they write their figures, and what the blocks print is written below them.
"""

import doctest
import importlib
import pathlib
import re
import runpy

import keras
import matplotlib.pyplot as plt
import pages
import pytest

from keras_course._lectures import LECTURES

ROOT = pathlib.Path(__file__).parent.parent
TUTORIALS = ROOT / "tutorials"
PAGES = [ROOT / "README.md", *sorted(TUTORIALS.glob("[0-9]*.md")), *sorted(TUTORIALS.glob("lab-*.md"))]
SOURCES = sorted((ROOT / "keras_course").rglob("*.py"))


@pytest.fixture
def capped(full, request):
    """Cap training, as KERAS_MAX_EPOCHS and KERAS_MAX_STEPS_PER_EPOCH do for a whole process, unless `full`."""
    if full:
        yield
        return
    request.getfixturevalue("drawn_by_numpy")
    request.getfixturevalue("traced_once")
    request.getfixturevalue("called_at_once")
    before = keras.config.max_epochs(), keras.config.max_steps_per_epoch()
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(2)
    yield
    keras.config.set_max_epochs(before[0])
    keras.config.set_max_steps_per_epoch(before[1])


@pytest.mark.filterwarnings("ignore:Limiting")  # what Keras says when training is capped
@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # the cap of two steps meets a single full batch
@pytest.mark.usefixtures("capped")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_runs(path, full, monkeypatch):
    monkeypatch.chdir(path.parent)
    for part, method in ((keras.utils.Progbar, "update"), (keras.callbacks.ProgbarLogger, "on_epoch_begin")):
        monkeypatch.setattr(part, method, lambda *args, **options: None)  # progress bars are not outputs
    printed = pages.run(path)
    plt.close("all")
    assert len(printed) == path.read_text(encoding="utf-8").count("\n```python\n") > 0
    if path.parent == TUTORIALS:
        if full:
            pages.write_outputs(path, printed)
        pages.check_outputs(path, printed)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_github_and_notebooks_show_a_page_as_it_is_written(path):
    """GitHub takes a backslash before a punctuation mark away, also within $...$: no thin space, no end of a row.

    Jupytext makes cells of `python` blocks and of shell blocks such as `sh`; other blocks stay text.
    """
    page = path.read_text(encoding="utf-8")
    if path.parent == TUTORIALS:
        assert set(re.findall(r"^```(\w+)", page, flags=re.MULTILINE)) <= {"python", "text", "console"}
    text = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    for formula in re.findall(r"\$\$.*?\$\$|\$[^$\n]+\$", text, flags=re.DOTALL):
        assert not re.search(r"\\[!-/:-@\[-`{-~]|\\$", formula, flags=re.MULTILINE), f"{formula} in {path.name}"


@pytest.mark.full
def test_first_image_of_readme_is_drawn():
    image = ROOT / "docs" / "overview.png"
    before = image.stat().st_mtime_ns
    runpy.run_path(str(image.with_suffix(".py")), run_name="__main__")
    assert image.stat().st_mtime_ns > before


def test_a_failing_block_fails_with_its_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nx = 1\n```\n\ntext\n\n```python\ny = 2\nassert x == y\n```\n")
    with pytest.raises(AssertionError) as failure:
        pages.run(page)
    last = failure.traceback[-1]
    assert (str(last.path), last.lineno + 1) == (str(page), 11)


def test_outputs_are_written_below_their_blocks_and_checked(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nprint('loss', 0.5, 'of', repr('a'))\n```\n\n```python\nx = 1\n```\ntext\n")
    printed = pages.run(page)
    with pytest.raises(AssertionError, match=r"page.md, block of line 3 prints\nloss 0.5 of 'a'"):
        pages.check_outputs(page, printed)
    for _ in range(2):  # written once more, the page stays as it is
        pages.write_outputs(page, printed)
        assert page.read_text().count("```\n\n```text\nloss 0.5 of 'a'\n```\n\n```python\nx = 1\n```\ntext\n") == 1
    pages.check_outputs(page, ["loss  -1.25e-3 of 'b'\n", ""])
    for other in (["error 0.5 of 'a'\n", ""], ["loss 0.5 of 'a'\n", "1"], ["", ""]):
        with pytest.raises(AssertionError):
            pages.check_outputs(page, other)


def test_the_table_of_tutorials_is_that_of_the_lectures():
    rows = (TUTORIALS / "README.md").read_text(encoding="utf-8").split("## Lectures\n")[1].splitlines()[3:]
    for row, lecture in zip(rows[: len(LECTURES)], LECTURES, strict=True):
        first, *more = re.findall(r"\[(.+?)\]", row) or ["to come"]  # in the order of reading
        links = ", ".join(f"[{page}]({page})" for page in (first, *more)) if lecture.ready else "to come"
        assert row == f"| {lecture.number} | {lecture.title} | {links} |"
        assert pathlib.Path(lecture.tutorial).name in (first, *more) or not lecture.ready
        assert (
            sorted([first, *more]) == sorted(page.name for page in TUTORIALS.glob(f"{lecture.number:02d}-*.md"))
            or not lecture.ready
        )


@pytest.mark.usefixtures("drawn_by_numpy", "traced_once", "called_at_once")
@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if ">>> " in path.read_text(encoding="utf-8")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_docstrings_run(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    failed, attempted = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0 < attempted, f"{failed} of {attempted} examples of {name} fail; they are shown above"
