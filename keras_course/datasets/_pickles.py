"""Arrays from pickles of Python 2, without running what a pickle says. No other code reads pickles."""

import collections
import io
import pickle

import numpy as np


class SparseRows:
    """The attributes of a sparse matrix in rows, as its pickle sets them: data, indices, indptr and _shape."""


_ADMITTED = {  # every name that a pickle may use, and what stands for it
    "numpy.core.multiarray._reconstruct": np.empty(0).__reduce__()[0],
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "scipy.sparse.csr.csr_matrix": SparseRows,
    "collections.defaultdict": collections.defaultdict,
    "__builtin__.list": list,
}


class _Restricted(pickle.Unpickler):
    """An unpickler that knows six names, none of which runs a command, opens a file or imports a module."""

    def find_class(self, module, name) -> object:
        if f"{module}.{name}" not in _ADMITTED:
            raise ValueError(f"the pickle asks for {module}.{name}; only arrays, sparse matrices and dicts are read")
        return _ADMITTED[f"{module}.{name}"]

    def persistent_load(self, pid) -> object:
        raise ValueError(f"the pickle asks for the object {pid!r}, which lies outside of it")


def read_arrays(content: bytes, name: str) -> object:
    """Return the array, the dict of lists, or the sparse matrix (as a dense array) in a pickle of Python 2.

    Args:
        content: the pickle.
        name: of the file, for the message.

    Raises:
        ValueError: the pickle asks for anything but arrays, sparse matrices, dicts and lists, or it is damaged.
    """
    try:
        value = _Restricted(io.BytesIO(content), encoding="latin1").load()
        return _dense(value) if isinstance(value, SparseRows) else value
    except Exception as error:  # a damaged pickle fails in many ways
        raise ValueError(f"{name} cannot be read: {error}") from error


def _dense(matrix):
    rows = np.zeros(matrix._shape, matrix.data.dtype)
    rows[np.repeat(np.arange(len(rows)), np.diff(matrix.indptr)), matrix.indices] = matrix.data
    return rows
