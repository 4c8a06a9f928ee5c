"""Checks of zip archives (`.keras` and `.npz` files) by the sizes that they declare, before anything is unpacked.

Deflate shrinks data to a thousandth of its size, so that a file of megabytes can declare gigabytes. Keras and NumPy
store arrays uncompressed, and trained weights hardly get smaller when somebody compresses them.
"""

import math
import os
import zipfile

import numpy as np

LARGEST_RATIO = 100  # of a part's size to the bytes that are stored for it
SMALL = 2**24  # a part of up to 16 MiB may have any ratio


def check_archive(path: str | os.PathLike) -> None:
    """Raise a ValueError for a zip archive that declares more than can honestly be in it.

    Raises:
        ValueError: a part declares over 16 MiB and over 100 times its stored size, or parts lie over each other.
        zipfile.BadZipFile: the file is no zip archive, or is truncated.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    for part in parts:
        if is_inflated(part.file_size, part.compress_size):
            raise ValueError(
                f"its part {part.filename!r} declares {part.file_size:,} bytes and stores {part.compress_size:,}; "
                f"a part of over {SMALL:,} bytes may declare at most {LARGEST_RATIO} times what it stores"
            )
    if (stored := sum(part.compress_size for part in parts)) > (size := os.path.getsize(path)):
        raise ValueError(f"its parts declare {stored:,} stored bytes, more than the {size:,} of the file")


def is_inflated(declared, stored):
    """Return whether something declares many more bytes than are stored for it."""
    return declared > SMALL and declared > LARGEST_RATIO * stored


def array_shapes(path: str | os.PathLike) -> dict[str, tuple]:
    """Return name to shape of the arrays in a `.npz` file, after comparing each shape with the stored bytes.

    NumPy itself asks for the memory of a declared shape before it looks at what is stored.

    Raises:
        ValueError: the archive declares too much, or an array's shape and its bytes disagree.
        zipfile.BadZipFile: the file is no zip archive, or is truncated.
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
