"""The table of all data sets, and looking up what a user names."""

import pytest

from keras_course import datasets


def test_list_datasets():
    rows = datasets.list_datasets()
    names = {row.name: row for row in rows}
    assert len(names) == len(rows)
    assert {row.kind for row in rows} == {
        "text",
        "images",
        "table",
        "generator",
        "sentences",
        "stories",
        "chains",
        "citations",
        "molecules",
        "weather",
        "particles",
        "scenes",
        "depth",
        "traffic",
        "annotated",
    }
    for row in rows:
        twin = names[row.offline]
        assert twin.kind == row.kind
        assert not twin.sources
        assert row.size
        assert row.license
        assert row.origin
        assert bool(row.sources) == (row.offline != row.name)
        addressed = any(all(file.url for file in source.files) for source in row.sources)
        assert addressed or not row.sources or row.name in ("era5_uk", "isbi_membrane", "bccd")
        if not row.sources:
            assert len(row.load()) >= 2
    assert datasets.get_dataset("iris") is names["iris"]
    with pytest.raises(ValueError, match="name='iri' is not a data set; did you mean 'iris'"):
        datasets.get_dataset("iri")
    with pytest.raises(AttributeError, match="absent"):
        datasets.absent  # noqa: B018
    assert set(datasets.__all__) <= set(dir(datasets))


def test_what_a_user_names(tmp_path, monkeypatch):
    path = tmp_path / "mine.txt"
    path.write_text("Rose is a rose.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert datasets.find("names") == "names"
    assert datasets.find("mine.txt") == datasets.find(path) == str(path)
    assert datasets.find("iris", ("table", "images")) == "iris"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("absent.txt",), FileNotFoundError, "data='absent.txt': there is no such file"),
        (("shakespeare",), ValueError, "data='shakespeare' is not a text; choose one of python_docs"),
        (("digits",), ValueError, "data='digits' is not a text"),
        (("",), ValueError, "data='' is not a text"),
        ((".",), ValueError, "data='.' is a folder"),
        (("empty.txt",), ValueError, "data='empty.txt' is an empty file"),
        (("image.png",), ValueError, "data='image.png' is not UTF-8"),
        (("image.png", ("table", "images")), ValueError, "data='image.png' is a file, and only a language model"),
        (("names", ("images",)), ValueError, "data='names' is not a set of images; choose one of mnist_10k"),
        (("digit", ("table",)), ValueError, "data='digit' is not a table; did you mean 'digits'"),
        (("iris", ("tables",)), ValueError, r"kinds\[0\]='tables' is none of 'text', 'images'"),
        ((3,), ValueError, "data=3 must be a path"),
    ],
)
def test_what_a_user_cannot_name(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").touch()
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    with pytest.raises(error, match=message):
        datasets.find(*arguments)
