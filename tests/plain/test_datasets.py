"""Data: texts, tables, generators and windows of tokens.

Where KERAS_COURSE_DATA holds the real Tiny Shakespeare and names, they are read; elsewhere small files stand
in for them, with their checksums in place of the real ones. Whatever needs TFDS or a blocked network runs in
its own process.
"""

import functools
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading

import keras
import pytest

from keras_course import datasets
from keras_course.datasets import _text, _tfds

REAL = os.environ.get("KERAS_COURSE_DATA")
DOWNLOADED = [row for row in datasets.list_datasets() if row.url and row.kind == "text"]


def run_python(code, *arguments, **environment):
    """Run code in a fresh process on the same backend and return what it prints as JSON in its last line."""
    env = {k: v for k, v in os.environ.items() if k != "KERAS_COURSE_DATA"} | environment
    env["KERAS_BACKEND"] = keras.config.backend()
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def stand_in(row, folder):
    """Write the file of a set below a folder, the real one where it is there; return its row with its
    checksum."""
    content = pathlib.Path(REAL, row.file).read_bytes() if REAL else b"To be, or not to be.\n" * 40
    path = folder / row.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return row._replace(sha256=hashlib.sha256(content).hexdigest(), num_bytes=len(content))


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder with every downloaded set, known to the table by its checksum."""
    rows = tuple(stand_in(row, tmp_path) if row.url else row for row in _text.TEXTS)
    monkeypatch.setattr(_text, "TEXTS", rows)
    monkeypatch.delenv("KERAS_COURSE_DATA", raising=False)
    return tmp_path


def test_python_docs_is_the_default_corpus():
    from pydoc_data.topics import topics

    corpus = datasets.text()
    assert corpus == datasets.text("python_docs")
    assert len(corpus) > 300_000
    end = 0
    for title in sorted(topics):
        assert corpus[end:].lstrip("\n").startswith(topics[title].lstrip("\n")), title
        end = corpus.index(topics[title], end) + len(topics[title])
    assert end == len(corpus)


def test_python_words_are_distinct_words_of_the_docs():
    words = datasets.text("python_words").split("\n")
    assert words == sorted(set(words))
    assert len(words) > 2000
    assert all(word.isalpha() and word.islower() for word in words)
    assert {"function", "tuple"} < set(words)


@pytest.mark.parametrize("row", DOWNLOADED, ids=lambda row: row.name)
def test_file_from_data_dir_and_from_environment(row, data, monkeypatch):
    expected = (data / row.file).read_text(encoding="utf-8")
    assert datasets.text(row.name, data_dir=data) == expected
    monkeypatch.setenv("KERAS_COURSE_DATA", str(data))
    assert datasets.text(row.name) == expected
    monkeypatch.setenv("KERAS_COURSE_DATA", str(data / "absent"))
    assert datasets.text(row.name, data_dir=data) == expected
    with pytest.raises(FileNotFoundError, match=r"KERAS_COURSE_DATA=.*absent"):
        datasets.text(row.name)


@pytest.mark.parametrize("row", DOWNLOADED, ids=lambda row: row.name)
def test_wrong_file_is_refused_with_both_checksums(row, data):
    (data / row.file).write_text("something else", encoding="utf-8")
    right = next(r.sha256 for r in _text.TEXTS if r.name == row.name)
    with pytest.raises(ValueError, match=right) as error:
        datasets.text(row.name, data_dir=data)
    assert hashlib.sha256(b"something else").hexdigest() in str(error.value)
    with open(data / row.file, "wb") as file:
        file.truncate(2**40)  # of a large file no more is read than the right one has
    with pytest.raises(ValueError, match=r"more than [\d,]+ bytes"):
        datasets.text(row.name, data_dir=data)


def test_own_file(tmp_path, monkeypatch):
    path = tmp_path / "mine.txt"
    path.write_text("Grüße\n", encoding="utf-8")
    assert datasets.text(path) == datasets.text(str(path)) == "Grüße\n"
    monkeypatch.chdir(tmp_path)
    assert datasets.text("mine.txt") == "Grüße\n"
    path.write_bytes("\ufeffGrüße\n".encode())  # a byte-order mark is no part of the text
    assert datasets.text(path) == "Grüße\n"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        datasets.text(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="UTF-8"):
        datasets.text(path)


@pytest.mark.parametrize("name", ["absent.txt", "./absent", "/absent/text"])
def test_absent_file(name):
    with pytest.raises(FileNotFoundError, match="absent"):
        datasets.text(name)


@pytest.mark.parametrize("name", ["shakespeare", "digits", ""])
def test_unknown_name_lists_the_names(name):
    with pytest.raises(ValueError, match="python_docs, python_words, tiny_shakespeare, names"):
        datasets.text(name)


OFFLINE = """
import json, socket, sys, time
import tensorflow_datasets
from keras_course import datasets

def refuse(*arguments, **keywords):
    if sys.argv[2] == "hangs":
        time.sleep(60)
    raise OSError("blocked")

socket.getaddrinfo = socket.socket.connect = refuse
start = time.monotonic()
try:
    datasets.text(sys.argv[1])
except FileNotFoundError as error:
    message = str(error)
print(json.dumps([time.monotonic() - start, message, "tensorflow" in sys.modules]))
"""


@pytest.mark.parametrize(("row", "network"), list(zip(DOWNLOADED, ["refuses", "hangs"], strict=True)))
def test_offline_fails_soon_and_says_what_to_do(row, network, tmp_path):
    seconds, message, tensorflow = run_python(OFFLINE, row.name, network, TFDS_DATA_DIR=str(tmp_path))
    assert seconds < _tfds.SECONDS + 5
    assert str(tmp_path / "downloads" / "manual") in message
    assert str(tmp_path / row.name) in message
    assert row.url in message
    assert row.file in message
    assert "KERAS_COURSE_DATA" in message
    assert row.offline in message
    assert not tensorflow


TFDS = """
import hashlib, json, pathlib, shutil, socket, sys
import keras
from keras_course.datasets import _text, _tfds
from tensorflow_datasets.core.download import checksums, resource

def refuse(*arguments, **keywords):
    raise AssertionError("the network was asked")

socket.getaddrinfo = socket.socket.connect = refuse
name, sha256, place = sys.argv[1:4]
source, root = map(pathlib.Path, sys.argv[4:])
row = next(row for row in _text.TEXTS if row.name == name)
builder = _tfds._builder(name, root)
info = builder.url_infos[row.url]
registered = info.checksum == row.sha256
info = checksums.compute_url_info(source)
type(builder).url_infos = {row.url: info}
_text.TEXTS = (row._replace(sha256=sha256, num_bytes=source.stat().st_size),)

# A wrong file in the download cache, which TFDS itself would take.
cached = root / "downloads" / name / resource.get_dl_fname(row.url, info.checksum)
cached.parent.mkdir(parents=True)
cached.write_text("something else")
resource.get_info_path(cached).write_text(json.dumps({"url_info": info.asdict()}))
try:
    _text.text(name)
    refused = False
except ValueError as error:
    refused = sha256 in str(error)

if place == "manual":
    cached = root / "downloads" / "manual" / source.name
    cached.parent.mkdir()
shutil.copy(source, cached)
first = _text.text(name)
shutil.rmtree(root / "downloads")
again = _text.text(name)
print(json.dumps([registered, refused, first == again == source.read_text(encoding="utf-8")]))
"""


@pytest.mark.parametrize(("row", "place"), list(zip(DOWNLOADED, ["manual", "cache"], strict=True)))
def test_through_tfds_beside_this_backend(row, place, tmp_path):
    sha256 = stand_in(row, tmp_path).sha256
    root = tmp_path / "tfds"
    result = run_python(TFDS, row.name, sha256, place, tmp_path / row.file, root, TFDS_DATA_DIR=str(root))
    assert result == [True, True, True], "registered checksum, wrong cached file refused, text equal twice"


def test_tensorflow_is_kept_off_the_gpu_of_another_backend(tmp_path):
    fake = "hidden = []\nclass config:\n    set_visible_devices = staticmethod(lambda *a: hidden.append(a))\n"
    (tmp_path / "tensorflow.py").write_text(fake, encoding="utf-8")
    code = """
import json, sys
from keras_course.datasets import _tfds
_tfds._hide_gpus()
before = "tensorflow" in sys.modules
sys.modules["keras"] = sys
_tfds._hide_gpus()
import tensorflow
print(json.dumps([before, tensorflow.hidden]))
"""
    assert run_python(code, PYTHONPATH=str(tmp_path)) == [False, [[[], "GPU"]]]


def test_reachable_address_is_told_from_a_missing_one(tmp_path):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            """Stay silent."""

    (tmp_path / "there.txt").write_text("x", encoding="utf-8")
    handler = functools.partial(Handler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert _tfds._unreachable(f"{address}/there.txt") is None
        assert "404" in _tfds._unreachable(f"{address}/absent.txt")
        server.shutdown()


def test_importing_and_offline_sets_stay_light():
    code = """
import json, sys
from keras_course import datasets
heavy = ["keras", "tensorflow", "tensorflow_datasets", "sklearn"]
first = [name for name in heavy if name in sys.modules]
corpus = datasets.text("python_docs")
tokens = [ord(c) for c in corpus[:1000]]
datasets.token_windows(tokens, 8, 2, steps_per_epoch=1)[0], datasets.validation_windows(tokens, 8)
print(json.dumps([first, [name for name in heavy[1:3] if name in sys.modules]]))
"""
    first, after = run_python(code)
    assert first == []
    assert after == (["tensorflow"] if keras.config.backend() == "tensorflow" else [])


def test_split_text():
    assert datasets.split_text("abcdefghij") == ("abcdefghi", "j")
    train, validation = datasets.split_text("abc" * 7, 0.5)
    assert train + validation == "abc" * 7
    for fraction in (0, 1, -0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="fraction="):
            datasets.split_text("abc", fraction)
    for short in ("", "a"):
        with pytest.raises(ValueError, match=f"{len(short)} characters"):
            datasets.split_text(short)


def test_list_datasets():
    rows = datasets.list_datasets()
    names = {row.name: row for row in rows}
    assert len(names) == len(rows)
    assert {row.kind for row in rows} == {"text", "images", "table", "generator"}
    for row in rows:
        twin = names[row.offline]
        assert twin.kind == row.kind
        assert twin.url is None
        assert row.size
        assert row.licence
        assert row.origin
        assert (row.url is None) == (row.sha256 is None) == (row.file is None) == (row.offline == row.name)
        if row.url is None:
            assert len(row.load()) >= 2
    with pytest.raises(AttributeError, match="absent"):
        datasets.absent  # noqa: B018
    assert set(datasets.__all__) <= set(dir(datasets))
