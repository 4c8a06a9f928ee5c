"""What the pages say is true: the lectures in README and on the site, the links, the glossary and the notation."""

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


def test_the_first_page_of_the_site_has_a_card_for_each_lecture():
    cards = re.findall(r"grid-item-card\} (\d+)\. (.+)\n(?::link: (.+)\n)?", read(DOCS / "index.md"))
    pages = [lecture.tutorial.removesuffix(".md") if lecture.ready else "" for lecture in LECTURES]
    assert cards == [(str(row.number), row.title, page) for row, page in zip(LECTURES, pages, strict=True)]


def anchors_of(page):
    """Return the anchors that GitHub and the site give to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose_of(page):
    return re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)


def test_links_lead_somewhere():
    pages = [ROOT / "README.md", *DOCS.glob("*.md"), *(ROOT / "tutorials").glob("*.md")]
    for page in pages:
        links = re.findall(r"(?:\]\(|^\[.+\]: )(?!\w+:)([^)#\s]*)#?([^)\s]*)", prose_of(page), flags=re.MULTILINE)
        for path, anchor in links:
            goal = page.parent / path if path else page
            assert goal.exists(), f"{page.name} links to {path}"
            assert not anchor or anchor in anchors_of(goal), f"{page.name} links to a heading #{anchor} of {goal.name}"


def test_glossary_has_each_term_once_and_says_where_it_is_taught():
    page = read(DOCS / "glossary.md")
    entries = re.findall(r"^((?:\*\*.+\*\*\n)+)((?:  .+\n)+)", page, flags=re.MULTILINE)
    names = [re.findall(r"\*\*(.+)\*\*", lines) for lines, _ in entries]
    assert sum(map(len, names)) == len({name.casefold() for terms in names for name in terms}) == page.count("**") / 2
    assert [terms[0] for terms in names] == sorted((terms[0] for terms in names), key=str.casefold)
    links = dict(re.findall(r"^\[(.+)\]: (.+)$", page, flags=re.MULTILINE))
    for (term, *_), (_, definition) in zip(names, entries, strict=True):
        taught = re.findall(r"[Ll]ecture (\d+)(?:\]\[(.+?)\])?", definition)
        assert taught, term
        for number, link in taught:
            lecture = LECTURES[int(number) - 1]
            assert lecture.ready == bool(link), f"{term}: lecture {number} is to be linked if it is there"
            page = f"tutorials/{lecture.number:02d}-"
            assert not link or page in links[link], f"{term} links to another lecture than {number}"


def test_notation_covers_the_arguments_of_builders():
    words = [row[0].strip("`") for row in rows_under("Arguments of builders", read(DOCS / "notation.md"))]
    arguments = {name for row in list_builders() for name in inspect.signature(row.build).parameters}
    assert sorted(words) == sorted(arguments - {"name"})
