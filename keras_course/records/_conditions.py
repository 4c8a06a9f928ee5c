"""Where, with what and when rows were measured, in words that many rows share."""

from keras_course.backend import BACKENDS
from keras_course.records._markdown import code, text

TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch", "numpy": "NumPy"}
SHARED = ("python", "keras-course", "keras", "numpy")  # packages that every row names


def title(backend: str) -> str:
    """Return the name of a backend, or of a peer, as its makers write it."""
    return TITLES.get(backend, backend)


def backends_of(rows: list[dict]) -> list[str]:
    """Return the backends of rows: Keras's own first, in their usual order, then others."""
    found = dict.fromkeys(row["backend"] for row in rows)
    return [name for name in dict.fromkeys((*BACKENDS, *found)) if name in found]


def gpu_of(row: dict) -> str | None:
    """Return the GPU that a row was measured on, or None if that was a CPU."""
    return None if "cpu" in row.get("device", "").lower() else row["machine"].get("gpu")


def latest(rows: list[dict], *keys: str) -> list[dict]:
    """Return the last row for each GPU (or none) and combination of `keys`, in the order of the first ones."""
    return list({(gpu_of(row), *(row[key] for key in keys)): row for row in rows}.values())


def machine(row: dict) -> str:
    """Return the machine of a row."""
    cores = row["machine"]["cores"]
    cpu = f"{row['machine']['cpu']}, {cores} core{'s' * (cores != 1)}"
    return text(", ".join(part for part in (gpu_of(row), cpu) if part))


def packages(versions: dict) -> str:
    """Return packages with their versions."""
    return text(", ".join(f"{name} {version}" for name, version in versions.items()))


def each(cells) -> str:
    """Return the different ones of some cells; several rows usually agree in them."""
    return "; ".join(dict.fromkeys(cells))


def commits(rows: list[dict]) -> str:
    """Return the commits of rows, abbreviated."""
    return each(code(row["commit"][:8]) for row in rows)


def dates(rows: list[dict]) -> str:
    """Return the dates of rows."""
    return each(text(row["date"][:10]) for row in rows)
