"""Find or download the files of a data set. No other code looks for files or downloads them.

`fetch` takes the first of these that has the set:

1. the folder that `data_dir` or the environment variable KERAS_COURSE_DATA names;
2. the cache of the package, which holds earlier downloads;
3. TensorFlow Datasets (TFDS): a file that it downloaded, or a set that it prepared, below `TFDS_DATA_DIR`;
4. a download into the cache.

Every file is compared with the size and the SHA-256 of its row before it is parsed.
"""

import hashlib
import http.client
import os
import pathlib
import threading
import urllib.error
import urllib.request
from typing import Any

from keras_course.checks import path as check_path
from keras_course.datasets import _tfds
from keras_course.datasets._dataset import Dataset, File, Folder

FOLDER = "KERAS_COURSE_DATA"  # environment variable: the folder in which data sets lie as files
SECONDS = 5  # how long to wait for an answer before the network counts as unreachable


def fetch(row: Dataset, data_dir: str | os.PathLike | None = None) -> Any:
    """Return the data of a set that has `sources`.

    Args:
        row: the data set.
        data_dir: folder with its files; by default the one that the environment variable KERAS_COURSE_DATA names.

    Returns:
        What the parser of the first source with all files returns.

    Raises:
        FileNotFoundError: the folder does not exist, or the set is nowhere and cannot be downloaded; the message lists
            where it was looked for and what to do.
        ValueError: a file has another size or SHA-256 than the table says.
    """
    folder = _data_folder(data_dir)
    places = {file: _places(row, file, folder) for source in row.sources for file in source.files}
    found = {file: next((path for path in paths if _is_there(path, file)), None) for file, paths in places.items()}
    for source in row.sources:
        if all(found[file] for file in source.files):
            return _parse(source, row, found)
    if row.tfds and (prepared := _tfds.find_prepared(row.tfds.name)):
        return row.tfds.parse(*_tfds.read(prepared, row.tfds.splits))
    try:
        source = _to_download(row, found)
        found |= {file: _download(file, row.name) for file in source.files if not found[file]}
    except OSError as error:
        raise FileNotFoundError(_not_found(row, places, folder, error)) from error
    return _parse(source, row, found)


def check_sha256(content: bytes, where: object, name: str, sha256: str) -> bytes:
    """Return `content`, or raise a ValueError where its checksum is not the one in the table."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{where} is not the data set {name!r}: its SHA-256 is {found}, not {sha256}. Remove or replace it."
        )
    return content


def _data_folder(data_dir):
    """Return the folder that the user names, or None; a FileNotFoundError where there is none of that name."""
    named = check_path(data_dir=data_dir) if data_dir is not None else os.environ.get(FOLDER)
    if not named:
        return None
    folder = pathlib.Path(named).expanduser()
    if not folder.is_dir():
        argument = FOLDER if data_dir is None else "data_dir"
        raise FileNotFoundError(f"{argument}={str(named)!r}: there is no such folder.")
    return folder


def _cache():
    import pooch

    return pooch.os_cache("keras_course")


def _places(row, file, folder):
    """Return the paths where a file may lie, in the order of the search."""
    ours = [root / file.path for root in (folder, _cache()) if root]
    return ours + (_tfds.places(row.tfds.name, file) if row.tfds else [])


def _is_there(path, file):
    if isinstance(file, Folder):
        return all((path / part).is_dir() for part in file.parts)
    return path.is_file()


def _parse(source, row, found):
    """Return the data of a source, all files of which are found."""
    return source.parse(*(_read(found[file], row, file) for file in source.files))


def _to_download(row, found):
    """Return the first source whose missing files all have an address."""
    for source in row.sources:
        if all(found[file] or file.url for file in source.files):
            return source
    raise OSError("no address is known for some of its files")


def _read(path, row, file):
    """Return the content of a file. Of one that is too large, only one byte too many is read."""
    if isinstance(file, Folder):
        return _read_folder(path, row, file)
    with open(path, "rb") as stream:
        content = stream.read(file.num_bytes + 1)
    if len(content) > file.num_bytes:
        raise ValueError(
            f"{path} is not the data set {row.name!r}: it has more than {file.num_bytes:,} bytes. Remove or replace it."
        )
    return check_sha256(content, path, row.name, file.sha256)


def _read_folder(path, row, folder):
    """Return the contents of the files of a folder by their names, after a look at their size and checksum."""
    files = sorted(file for part in folder.parts for file in (path / part).rglob("*") if file.is_file())
    size = sum(file.stat().st_size for file in files)
    if size != folder.num_bytes:
        raise ValueError(
            f"{path} is not the data set {row.name!r}: the folders {', '.join(folder.parts)} have {size:,} bytes, not "
            f"{folder.num_bytes:,}. Remove or replace them."
        )
    contents = {file.relative_to(path).as_posix(): file.read_bytes() for file in files}
    joined = b"".join(name.encode() + b"\0" + content for name, content in contents.items())
    check_sha256(joined, path, row.name, folder.sha256)
    return contents


def _download(file: File, name: str) -> pathlib.Path:
    """Download a file into the cache, where it appears only if it is complete and has the right SHA-256."""
    import pooch

    if reason := _unreachable(file.url):
        raise OSError(f"{file.url} cannot be reached ({reason})")
    path = _cache() / file.path
    get = pooch.HTTPDownloader(timeout=SECONDS)
    try:
        pooch.retrieve(file.url, f"sha256:{file.sha256}", fname=path.name, path=path.parent, downloader=get)
    except ValueError as error:
        raise ValueError(f"{file.url} is not the data set {name!r}: {error}") from error
    return path


def _unreachable(url):
    """Return why a server does not answer within `SECONDS`, or None if it answers, even if it refuses the request."""
    reasons = [f"no answer within {SECONDS} seconds"]

    def ask():
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=SECONDS):
                reasons[0] = None
        except urllib.error.HTTPError:  # not every server allows HEAD; a download fails by itself
            reasons[0] = None
        except (OSError, http.client.HTTPException) as error:
            reasons[0] = f"{type(error).__name__}: {error}"

    # No timeout of a request bounds the look-up of the host's name, which can take half a minute.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return reasons[0]


def _not_found(row, places, folder, error):
    """Return the message for a set that is nowhere."""
    lines = [str(path) for paths in places.values() for path in paths]
    lines += [] if folder else [f"the folder that {FOLDER} names (it is not set)"]
    lines += [_tfds.prepared_pattern(row.tfds.name)] if row.tfds else []
    wanted = " or ".join(" and ".join(map(_with_address, source.files)) for source in row.sources)
    places = "\n  ".join(lines)
    return (
        f"The data set {row.name!r} is in none of these places:\n  {places}\nand cannot be downloaded: {error}. "
        f"Save {wanted} in a folder and set {FOLDER} to that folder, or use {row.offline!r}, which needs no download."
    )


def _with_address(file):
    address = file.page if isinstance(file, Folder) else file.url
    return f"{file.path} (from {address})" if address else file.path
