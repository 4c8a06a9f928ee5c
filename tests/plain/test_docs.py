"""What the pages say of the code is so: the README's table of lectures, the results, the notation."""

import inspect
import pathlib
import re

from keras_course import list_builders
from keras_course._lectures import LECTURES

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"


def read(path):
    return path.read_text(encoding="utf-8")


def rows_under(heading, text):
    """Return the rows of the table under a heading, as lists of cells, without the head of the table."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_readme_lists_the_lectures_that_are_there():
    expected = []
    for lecture in LECTURES:
        title, where = lecture.title, "to come"
        if lecture.ready:
            title = f"[{title}]({lecture.tutorial})"
            where = f"[code]({lecture.package}), [benchmarks]({lecture.benchmark})"
        expected.append([str(lecture.number), title, where])
    assert rows_under("Lectures", read(ROOT / "README.md")) == expected


def test_links_lead_somewhere():
    pages = [ROOT / "README.md", *DOCS.glob("*.md"), *(ROOT / "tutorials").glob("*.md")]
    for page in pages:
        prose = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
        links = re.findall(r"\]\((?!\w+:)([^)#\s]+)", prose)
        missing = [link for link in links if not (page.parent / link).exists()]
        assert not missing, f"{page.name} links to {missing}"


def test_notation_covers_the_arguments_of_builders():
    words = [row[0].strip("`") for row in rows_under("Arguments of builders", read(DOCS / "notation.md"))]
    arguments = {name for row in list_builders() for name in inspect.signature(row.build).parameters}
    assert sorted(words) == sorted(arguments - {"name"})
