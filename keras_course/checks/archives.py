"""Checks of zip archives (`.keras` and `.npz` files) by the sizes that they declare, before anything is unpacked.

Deflate shrinks data to a thousandth of its size, so that a file of megabytes can declare gigabytes. Keras and NumPy
store arrays uncompressed, and trained weights hardly get smaller when somebody compresses them. What all parts of a
file declare together is compared with the size of the file, because many small parts cost as much as a large one.
"""

import math
import os
import zipfile

import numpy as np

LARGEST_RATIO = 100  # of the bytes that all parts of a file declare to the bytes of the file
ALLOWANCE = 2**20  # bytes that a file may declare beyond that


def check_archive(path: str | os.PathLike) -> None:
    """Raise a ValueError for a zip archive that declares more than can honestly be in it.

    Raises:
        ValueError: its parts declare over 100 times the size of the file and 1 MiB more, or lie over each other.
        zipfile.BadZipFile: the file is not a zip archive, or is truncated.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    check_declared(path, "parts", sum(part.file_size for part in parts))
    if (stored := sum(part.compress_size for part in parts)) > (size := os.path.getsize(path)):
        raise ValueError(f"its parts declare {stored:,} stored bytes, more than the {size:,} of the file")


def check_declared(path: str | os.PathLike, what: str, declared: int) -> None:
    """Raise a ValueError where something in a file declares, all together, many more bytes than the file has."""
    if declared > LARGEST_RATIO * (size := os.path.getsize(path)) + ALLOWANCE:
        raise ValueError(
            f"its {what} declare {declared:,} bytes, more than {LARGEST_RATIO} times the {size:,} of the file"
        )


def array_shapes(path: str | os.PathLike) -> dict[str, tuple]:
    """Return name to shape of the arrays in a `.npz` file, after comparing each shape with the stored bytes.

    NumPy itself asks for the memory of a declared shape before it looks at what is stored.

    Raises:
        ValueError: the archive declares too much, or an array's shape and its bytes disagree.
        zipfile.BadZipFile: the file is not a zip archive, or is truncated.
    """
    check_archive(path)
    shapes = {}
    with zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            with archive.open(part) as file:
                first_version = np.lib.format.read_magic(file) == (1, 0)
                read = np.lib.format.read_array_header_1_0 if first_version else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
                declared, stored = math.prod(shape) * dtype.itemsize, part.file_size - file.tell()
            if declared != stored:
                raise ValueError(
                    f"its array {part.filename!r} of shape {shape} needs {declared:,} bytes and has {stored:,}"
                )
            shapes[part.filename.removesuffix(".npy")] = shape
    return shapes
