"""The door of the data sets: the places where files are looked for, downloads, and texts.

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
import shutil
import subprocess
import sys
import threading

import keras
import pytest

from keras_course import datasets
from keras_course.datasets import _dataset, _fetch, _text

REAL = os.environ.get("KERAS_COURSE_DATA")
DOWNLOADED = [row for row in datasets.list_datasets() if row.sources and row.kind == "text"]


def run_python(code, *arguments, **environment):
    """Run code in a fresh process on the same backend and return what it prints as JSON in its last line."""
    env = {k: v for k, v in os.environ.items() if k != "KERAS_COURSE_DATA"} | environment
    env["KERAS_BACKEND"] = keras.config.backend()
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def file_of(row):
    """Return the only file of a text."""
    ((file,), _) = row.sources[0]
    return file


def with_file(row, **changes):
    """Return a row that has another file."""
    source = row.sources[0]
    return row._replace(sources=(source._replace(files=(file_of(row)._replace(**changes),)),))


def stand_in(row, folder):
    """Write the file of a set below a folder, the real one where it is there; return the row with its checksum."""
    content = pathlib.Path(REAL, file_of(row).path).read_bytes() if REAL else b"To be, or not to be.\n" * 40
    path = folder / file_of(row).path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return with_file(row, sha256=hashlib.sha256(content).hexdigest(), num_bytes=len(content))


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Neither a data folder, nor earlier downloads, nor sets of TFDS."""
    monkeypatch.delenv("KERAS_COURSE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder with every downloaded text, known to the table by its checksum."""
    rows = tuple(stand_in(row, tmp_path) if row.sources else row for row in _text.TEXTS)
    monkeypatch.setattr(_text, "TEXTS", rows)
    return tmp_path


@pytest.fixture
def server(tmp_path, monkeypatch):
    """An address that serves the folder `tmp_path`; `requests` has each request."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *arguments):
            requests.append(f"{self.command} {self.path}")

        def log_message(self, *arguments):
            """Stay silent."""

    requests = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.address, server.requests = f"http://127.0.0.1:{server.server_port}", requests
        yield server
        server.shutdown()


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
    expected = (data / file_of(row).path).read_text(encoding="utf-8")
    assert datasets.text(row.name, data_dir=data) == expected
    monkeypatch.setenv("KERAS_COURSE_DATA", str(data))
    assert datasets.text(row.name) == expected
    monkeypatch.setenv("KERAS_COURSE_DATA", str(data / "absent"))
    assert datasets.text(row.name, data_dir=data) == expected
    with pytest.raises(FileNotFoundError, match=r"KERAS_COURSE_DATA=.*absent"):
        datasets.text(row.name)


@pytest.mark.parametrize("row", DOWNLOADED, ids=lambda row: row.name)
def test_wrong_file_is_refused_with_both_checksums(row, data):
    (data / file_of(row).path).write_text("something else", encoding="utf-8")
    right = next(file_of(r).sha256 for r in _text.TEXTS if r.name == row.name)
    with pytest.raises(ValueError, match=right) as error:
        datasets.text(row.name, data_dir=data)
    assert hashlib.sha256(b"something else").hexdigest() in str(error.value)
    with open(data / file_of(row).path, "wb") as file:
        file.truncate(2**40)  # of a large file no more is read than the right one has
    with pytest.raises(ValueError, match=r"more than [\d,]+ bytes"):
        datasets.text(row.name, data_dir=data)


def test_own_file(tmp_path, monkeypatch):
    path = tmp_path / "mine.txt"
    path.write_text("Grüße\n", encoding="utf-8")
    assert datasets.text(path) == datasets.text(str(path)) == "Grüße\n"
    monkeypatch.chdir(tmp_path)
    assert datasets.text("mine.txt") == "Grüße\n"
    path.write_bytes("\ufeffGrüße\n".encode())  # a byte-order mark is not part of the text
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


@pytest.mark.parametrize("row", DOWNLOADED, ids=lambda row: row.name)
def test_download_into_the_cache(row, data, server, monkeypatch):
    file = data / file_of(row).path
    rows = [with_file(r, url=f"{server.address}/{file_of(r).path}") if r.sources else r for r in _text.TEXTS]
    monkeypatch.setattr(_text, "TEXTS", rows)
    first = datasets.text(row.name)
    assert first == file.read_text(encoding="utf-8")
    assert server.requests == [f"{method} /{file_of(row).path}" for method in ("HEAD", "GET")]
    assert datasets.text(row.name) == first
    assert len(server.requests) == 2, "the second time, the cache has it"
    (cached,) = (path for path in (data / "cache").rglob("*") if path.is_file())
    cached.write_text("something else")
    with pytest.raises(ValueError, match=r"cache.*SHA-256.*Remove or replace it"):
        datasets.text(row.name)
    assert datasets.text(row.name, data_dir=data) == first, "a data folder comes before the cache"


def test_wrong_download_is_refused_and_not_kept(data, server, monkeypatch):
    row = next(row for row in _text.TEXTS if row.name == "names")
    (data / "wrong.txt").write_text("something else")
    monkeypatch.setattr(_text, "TEXTS", [with_file(row, url=f"{server.address}/wrong.txt")])
    with pytest.raises(ValueError, match=f"wrong.txt is not the data set 'names'.*names.txt.*{file_of(row).sha256}"):
        datasets.text("names")
    assert not [path for path in (data / "cache").rglob("*") if path.is_file()]
    monkeypatch.setattr(_text, "TEXTS", [with_file(row, url=f"{server.address}/absent.txt")])
    with pytest.raises(FileNotFoundError, match=r"cannot be downloaded: 404.*absent.txt"):
        datasets.text("names")


def test_a_new_set_is_a_row_and_a_parser(tmp_path, server):
    """A set of two files, of which the second source has an address: each file is searched for, or downloaded."""
    files = {}
    for name, content in (("one", b"1"), ("two", b"2")):
        (tmp_path / name).write_bytes(content)
        url = f"{server.address}/{name}"
        files[name] = _dataset.File(f"numbers/{name}", 1, hashlib.sha256(content).hexdigest(), url)
    nowhere = _dataset.Source((_dataset.File("numbers/none", 1, "0" * 64),), parse=int)
    both = _dataset.Source(tuple(files.values()), parse=lambda one, two: (int(one), int(two)))
    row = _dataset.Dataset("numbers", "table", "2 numbers", "CC0", "here", None, "digits", (nowhere, both))
    (tmp_path / "numbers").mkdir()
    (tmp_path / "one").rename(tmp_path / "numbers" / "one")
    assert _fetch.fetch(row, tmp_path) == (1, 2)
    assert server.requests == ["HEAD /two", "GET /two"]
    (tmp_path / "numbers" / "two").write_bytes(b"3")
    with pytest.raises(ValueError, match="two is not the data set 'numbers': its SHA-256"):
        _fetch.fetch(row, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"(?s)'numbers' is in none of .* no address is known"):
        _fetch.fetch(row._replace(sources=(nowhere,)), tmp_path)


OFFLINE = """
import json, socket, sys, time
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
heavy = ("keras", "tensorflow", "tensorflow_datasets")
print(json.dumps([time.monotonic() - start, message, [name for name in heavy if name in sys.modules]]))
"""


@pytest.mark.once
@pytest.mark.parametrize(("row", "network"), list(zip(DOWNLOADED, ["refuses", "hangs"], strict=True)))
def test_offline_fails_soon_and_says_what_to_do(row, network, tmp_path):
    seconds, message, heavy = run_python(OFFLINE, row.name, network)
    assert seconds < _fetch.SECONDS + 5
    file = file_of(row)
    for place in ("tfds/downloads/manual", f"tfds/{row.name}", "cache/keras_course"):
        assert str(tmp_path / place) in message
    for part in (file.url, file.path, "KERAS_COURSE_DATA", row.offline):
        assert part in message
    assert heavy == []


@pytest.mark.parametrize("row", DOWNLOADED, ids=lambda row: row.name)
@pytest.mark.parametrize("place", ["manual", "cache"])
def test_file_that_tfds_has(row, place, data, monkeypatch):
    from tensorflow_datasets.core.download.resource import get_dl_fname

    monkeypatch.setattr(_fetch, "_unreachable", lambda url: "no network")
    row = next(r for r in _text.TEXTS if r.name == row.name)
    downloads = data / "tfds" / "downloads"
    path = downloads / "manual" / pathlib.Path(file_of(row).path).name
    if place == "cache":
        path = downloads / row.name / get_dl_fname(file_of(row).url, file_of(row).sha256)
    path.parent.mkdir(parents=True)
    shutil.copy(data / file_of(row).path, path)
    assert datasets.text(row.name) == path.read_text(encoding="utf-8")
    path.write_text("something else")
    with pytest.raises(ValueError, match="SHA-256"):
        datasets.text(row.name)


TFDS = """
import json, pathlib, shutil, socket, sys
import keras, numpy as np, tensorflow_datasets as tfds
from keras_course import datasets
from keras_course.datasets import _text
from tensorflow_datasets.core.download import checksums

def refuse(*arguments, **keywords):
    raise AssertionError("the network was asked")

socket.getaddrinfo = socket.socket.connect = refuse
source, root = map(pathlib.Path, sys.argv[1:])
row = next(row for row in _text.TEXTS if row.name == "tiny_shakespeare")
((file,), parse), = row.sources
builder = tfds.builder("tiny_shakespeare", data_dir=root)
registered = builder.url_infos[file.url].checksum == file.sha256
type(builder).url_infos = {file.url: checksums.compute_url_info(source)}
manual = root / "downloads" / "manual" / source.name
manual.parent.mkdir(parents=True)
shutil.copy(source, manual)
builder.download_and_prepare()
shutil.rmtree(root / "downloads")

with tfds.core.registered.skip_registration():
    class Mnist(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("3.0.1")
        pkg_dir_path = root

        def _info(self):
            features = {"image": tfds.features.Image(shape=(28, 28, 1)), "label": tfds.features.Scalar(np.int64)}
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager):
            return {"test": self._generate_examples()}

        def _generate_examples(self):
            for k in range(10):
                yield k, {"image": np.full((28, 28, 1), 10 * k, "uint8"), "label": k}

Mnist(data_dir=root).download_and_prepare()
train, test = datasets.mnist_10k()
rows = train.x[:, 0, 0, 0] == 10 * train.y

try:
    datasets.text("tiny_shakespeare")
    refused = False
except ValueError as error:
    refused = file.sha256 in str(error)
prepared = row.tfds._replace(parse=lambda *parts: b"".join(part["text"][0] for part in parts).decode())
_text.TEXTS = (row._replace(tfds=prepared),)
same = datasets.text("tiny_shakespeare") == source.read_text(encoding="utf-8")
print(json.dumps([registered, refused, same, sorted(train.y.tolist()) == list(range(10)) and bool(rows.all())]))
"""


@pytest.mark.once
def test_sets_that_tfds_prepared_beside_this_backend(tmp_path):
    source = tmp_path / "input.txt"
    source.write_text("To be, or not to be.\n" * 40, encoding="utf-8")
    result = run_python(TFDS, source, tmp_path / "tfds")
    assert result == [True, True, True, True], "registered checksum, other text refused, text, labels and images"


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


def test_server_that_answers_is_reachable(tmp_path, server, monkeypatch):
    (tmp_path / "there.txt").write_text("x", encoding="utf-8")
    assert _fetch._unreachable(f"{server.address}/there.txt") is None
    monkeypatch.setattr(server.RequestHandlerClass.func, "do_HEAD", lambda handler: handler.send_error(405))
    assert _fetch._unreachable(f"{server.address}/there.txt") is None


@pytest.mark.once
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
