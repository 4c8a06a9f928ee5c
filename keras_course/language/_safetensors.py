"""The safetensors format, in which weights are exchanged: read and written with NumPy alone.

Notation: a file is n (8 bytes, little-endian), then n bytes of JSON, the header, then the data. The header maps the
name of each tensor to its type, its shape and the place [begin, end) of its bytes in the data, in row-major order:

    {"wte.weight": {"dtype": "F32", "shape": [65, 64], "data_offsets": [0, 16640]}, ...}

Nothing in such a file is executed. It is checked as a whole before a tensor is looked at. (The package `safetensors`
reads it into PyTorch; its NumPy side knows no bfloat16.)

References:
    safetensors, format, Hugging Face, 2022, https://github.com/huggingface/safetensors#format
"""

import json
import math
import os
from typing import NamedTuple

import numpy as np

_MAX_HEADER = 100_000_000  # bytes, as in the reference implementation
_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|u1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
}  # fmt: skip


class StoredTensor(NamedTuple):
    """A tensor in a file: `raw` are its bytes, which stay on the disk until they are used."""

    dtype: str
    shape: tuple[int, ...]
    raw: np.ndarray

    def floats(self):
        """Return the tensor as a float32 array, or raise a ValueError where it does not hold floats."""
        if self.dtype not in ("F64", "F32", "F16", "BF16"):
            raise ValueError(f"its type is {self.dtype}; it must be one of F64, F32, F16 and BF16")
        values = self.raw.view(_TYPES[self.dtype]).reshape(self.shape)
        if self.dtype == "BF16":  # the upper half of a float32
            return (values.astype("uint32") << 16).view("float32")
        return values.astype("float32")


def read_safetensors(path):
    """Return `{name: StoredTensor}` for the file `path`, all of it checked.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, or no safetensors file; the message says where.
    """
    size = os.path.getsize(path)
    if size < 8:
        raise ValueError(f"{path} is no safetensors file: it has {size} bytes, fewer than the 8 of the header's size")
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, _MAX_HEADER):
            raise ValueError(f"{path} is truncated, or no safetensors file: {size} bytes, a header of {length}")
        header = _parse(file.read(length), path)
    data = np.memmap(path, dtype="uint8", mode="r")[8 + length :]
    tensors = {name: _tensor(name, entry, data, path) for name, entry in header.items() if name != "__metadata__"}
    end = 0
    for begin, next_end in sorted(header[name]["data_offsets"] for name in tensors):
        if begin != end:
            raise ValueError(f"{path} is malformed: a tensor begins at byte {begin} and the one before ends at {end}")
        end = next_end
    if end != data.size:
        raise ValueError(f"{path} is malformed: its tensors end at byte {end} of {data.size}")
    return tensors


def _parse(text, path):
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no safetensors file: its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise ValueError(f"{path} is no safetensors file: its header is no table of tensors")
    return header


def _tensor(name, entry, data, path):
    """Return one tensor after checking that its bytes lie inside the data and are as many as its shape needs."""
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(end)]} if (
            dtype in _TYPES and all(type(n) is int and n >= 0 for n in shape)
        ):
            pass
        case _:
            raise ValueError(f"{path} is malformed: the header says {entry!r:.200} of the tensor {name!r}")
    if not 0 <= begin <= end <= data.size:
        raise ValueError(
            f"{path} is truncated or malformed: the tensor {name!r} takes the bytes {begin} to {end} of {data.size}"
        )
    needed = math.prod(shape) * np.dtype(_TYPES[dtype]).itemsize
    if end - begin != needed:
        raise ValueError(f"{path} is malformed: the tensor {name!r} has {end - begin} bytes; its shape needs {needed}")
    return StoredTensor(dtype, tuple(shape), data[begin:end])


def pack_safetensors(arrays):
    """Return the bytes of a safetensors file that holds `arrays`, a dict of name to array, as float32."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0  # transformers insists on this entry
    arrays = {name: np.asarray(array, dtype="<f4") for name, array in arrays.items()}
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the data are aligned
    return b"".join([len(text).to_bytes(8, "little"), text, *(array.tobytes() for array in arrays.values())])
