"""The house in order: floors of imports, complete lectures, and what no file may do."""

import ast
import itertools
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

from keras_course._lectures import LECTURES
from keras_course.backend import BACKENDS

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = ROOT / "keras_course"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    1: {"backend", "ops", "_registry", "checks", "_lectures"},
    2: {"layers", "decoding", "losses", "metrics", "plots", "portable"},
    3: {"perceptron", "autodiff", "training", "convnets", "attention"},
    4: {"fundamentals", "vision", "language", "graphs", "uncertainty", "autoencoders", "diffusion"},
    5: {"datasets", "records"},
    6: {"recipes"},
    7: {"cli", "__init__"},
    8: {"__main__"},
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}
SIDEWAYS = {
    ("_registry", "_lectures"),
    ("_registry", "checks"),  # a builder takes numbers of NumPy
    ("ops", "backend"),
    ("ops", "checks"),
    ("diffusion", "vision"),
}
OF_DATASETS = {"datasets", "checks"}
HEAVY = {*BACKENDS, "tensorflow_datasets", "matplotlib", "sklearn", "transformers", "safetensors"}
ASKING = {"keras.config.backend", "keras.backend.backend", "keras_course.backend.current"}
OF_BACKENDS = {  # what a room may know of the backends; the others nothing
    "backend": ASKING | {repr(name) for name in (*BACKENDS, "KERAS_BACKEND")},  # it chooses one
    "ops": ASKING | {*BACKENDS} | {repr(name) for name in BACKENDS},  # it branches, so that no other room has to
    "records": {repr(name) for name in BACKENDS},  # it looks for the devices of each, and writes their names
    "datasets": {"tensorflow", "'tensorflow'"},  # TensorFlow Datasets needs it
    "recipes": {"keras_course.backend.current"},  # a run is stored with the backend that it ran on
    "cli": {"keras_course.backend.current"},  # it marks that one in the list, and names a run's folder after it
}


# The rules: each tells what a source does against it in its room, a top-level module of the package -------------------


def imports(nodes):
    """Yield (name in the file, full name) of everything that is imported."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((a.asname or a.name.split(".")[0], a.name) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((a.asname or a.name, f"{module}.{a.name}") for a in node.names)


def names(tree):
    """Yield the full name of everything that is imported, and of every `a.b.c` whose `a` is: at any depth."""
    known = {}
    for name, full in imports(ast.walk(tree)):
        known[name] = full if full.split(".")[0] != name else name  # `import a.b` makes `a` known
        yield full
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            if first in known:
                yield f"{known[first]}.{rest}"


def outside_functions(tree):
    """Yield the nodes that run when a file is imported: neither bodies of functions nor what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        checked_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not checked_only and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from outside_functions(node)


def rooms(tree):
    return {name.split(".")[1] for name in names(tree) if name.startswith("keras_course.")} & FLOOR.keys()


def imports_in_short(tree, here):
    return [f"imports {full}: write its full name" for _, full in imports(ast.walk(tree)) if full.startswith(".")]


def imports_upwards(tree, here):
    for other in rooms(tree) - {here}:
        if FLOOR[other] >= FLOOR[here] and (here, other) not in SIDEWAYS:
            yield f"floor {FLOOR[here]} imports {other} of floor {FLOOR[other]}"


def mixes_models_and_data(tree, here):
    if here == "datasets":
        return [f"a data set knows {other}" for other in rooms(tree) - OF_DATASETS]
    return ["a model knows a data set"] if FLOOR[here] <= 4 and "datasets" in rooms(tree) else []


def is_slow_to_import(tree, here):
    if here == "ops":  # it imports the backend that runs anyway
        return []
    modules = {full.split(".")[0] for _, full in imports(outside_functions(tree))}
    return [f"imports {module} when it is imported" for module in modules & HEAVY]


def knows_backends(tree, here):
    """Whoever branches on the backend has to ask for it, to import one, or to write the name of one."""
    found = {name for name in names(tree) if name in ASKING}
    found |= {name.split(".")[0] for name in names(tree)} & {*BACKENDS}
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    found |= {repr(text) for text in strings if text.split(".")[0] in (*BACKENDS, "KERAS_BACKEND")}
    return [f"knows the backend: {thing}" for thing in found - OF_BACKENDS.get(here, set())]


def trains_by_hand(tree, here):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in {"train_step", "test_step", "predict_step"}:
            yield f"defines {node.name}: use compute_loss"


def hides_what_it_returns(tree, here):
    """Public functions, and public methods of public classes, have a return annotation."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in itertools.chain(tree.body, *(node.body for node in classes)):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.returns is None:
            yield f"{node.name} has no return annotation"


def runs_what_it_reads(tree, here):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"eval", "exec"}:
            yield f"calls {ast.unparse(node.func)}"
        if isinstance(node, ast.keyword) and ast.unparse(node) in {"safe_mode=False", "allow_pickle=True"}:
            yield f"passes {ast.unparse(node)}"
    if here != "datasets" or not unpickles_named_classes_only(tree):
        yield from (f"imports {full}" for _, full in imports(ast.walk(tree)) if full.split(".")[0] == "pickle")


def unpickles_named_classes_only(tree):
    """Return whether a file uses of `pickle` only the base class of unpicklers that decide which names are known.

    Old data sets, such as Planetoid, are published as pickles of arrays. An unpickler whose `find_class` admits arrays
    only runs nothing that a file says.
    """
    unpicklers = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and [ast.unparse(base) for base in node.bases] == ["pickle.Unpickler"]
        and any(isinstance(part, ast.FunctionDef) and part.name == "find_class" for part in node.body)
    ]
    used = [name for name in names(tree) if name.split(".")[0] == "pickle" and name != "pickle"]
    return used == len(unpicklers) * ["pickle.Unpickler"]


RULES = (
    imports_in_short,
    imports_upwards,
    mixes_models_and_data,
    is_slow_to_import,
    knows_backends,
    trains_by_hand,
    hides_what_it_returns,
    runs_what_it_reads,
)


def faults(source, here):
    assert here in FLOOR, f"{here} has no floor: write it into FLOORS"
    tree = ast.parse(source)
    return [fault for rule in RULES for fault in rule(tree, here)]


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_keeps_the_rules(path):
    assert faults(path.read_text(encoding="utf-8"), room(path)) == []


PLANTED = {  # a source: the room that it stands in, and what must be said of it
    "from . import _gpt": ("language", "write its full name"),
    "from keras_course.language import gpt": ("convnets", "floor 3 imports language of floor 4"),
    "from keras_course import recipes": ("language", "floor 4 imports recipes of floor 6"),
    "def f():\n    import keras_course.cli": ("plots", "floor 2 imports cli of floor 7"),
    "import keras_course\nkeras_course.training.ELU": ("convnets", "floor 3 imports training of floor 3"),
    "def f():\n    from keras_course.datasets import text": ("language", "a model knows a data set"),
    "import keras_course\nkeras_course.datasets.text()": ("language", "a model knows a data set"),
    "from keras_course.ops import jit": ("datasets", "a data set knows ops"),
    "import sklearn.base": ("fundamentals", "imports sklearn when it is imported"),
    "try:\n    from matplotlib import pyplot\nexcept ImportError:\n    pass": ("plots", "imports matplotlib when"),
    "class A:\n    import tensorflow_datasets as tfds": ("datasets", "imports tensorflow_datasets when"),
    "from keras_course import backend\nbackend.current() == other": ("layers", "knows the backend: keras_course."),
    "from keras_course.backend import current as runs": ("plots", "knows the backend: keras_course.backend.current"),
    "import keras_course.backend\nask = keras_course.backend.current": ("portable", "knows the backend: keras_course."),
    "def f():\n    from keras.config import backend": ("language", "knows the backend: keras.config.backend"),
    "import keras\nkeras.config.backend()": ("language", "knows the backend: keras.config.backend"),
    "from keras import config as settings\nsettings.backend()": ("recipes", "knows the backend: keras.config.backend"),
    "from keras import backend as K\nK.backend()": ("training", "knows the backend: keras.backend.backend"),
    "def f():\n    import torch": ("language", "knows the backend: torch"),
    "def f():\n    import jax.numpy as jnp": ("metrics", "knows the backend: jax"),
    "def f():\n    from tensorflow import nest": ("plots", "knows the backend: tensorflow"),
    "def f():\n    import jax": ("datasets", "knows the backend: jax"),
    "import importlib\nimportlib.import_module('torch.nn')": ("recipes", "knows the backend: 'torch.nn'"),
    "import os\nos.environ['KERAS_BACKEND']": ("records", "knows the backend: 'KERAS_BACKEND'"),
    "def train_step(self, data): ...": ("language", "defines train_step"),
    "class Layer:\n    def call(self, x): ...": ("layers", "call has no return annotation"),
    "eval(text)": ("cli", "calls eval"),
    "def f():\n    from pickle import load": ("recipes", "imports pickle"),
    "import pickle\npickle.load(file)": ("datasets", "imports pickle"),
    "import pickle\nclass Reader(pickle.Unpickler):\n    pass": ("datasets", "imports pickle"),
    "import pickle\nclass Reader(pickle.Unpickler):\n    def find_class(self): ...": ("recipes", "imports pickle"),
    "keras.models.load_model(path, safe_mode=False)": ("recipes", "passes safe_mode=False"),
    "np.load(path, allow_pickle=True)": ("recipes", "passes allow_pickle=True"),
}


@pytest.mark.parametrize("source", PLANTED)
def test_planted_fault_is_found(source):
    here, message = PLANTED[source]
    assert any(message in fault for fault in faults(source, here))


def test_a_new_room_needs_a_floor():
    with pytest.raises(AssertionError, match="cellar has no floor"):
        faults("", "cellar")


ALLOWED = {  # a source that resembles a fault: a room that it may stand in
    "def _f(x): ...\nclass _Layer:\n    def call(self, x): ...": "layers",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from matplotlib.figure import Figure": "plots",
    "from keras_course.convnets import resnet": "vision",
    "from keras_course.vision import unet": "diffusion",
    "from keras import backend\nbackend.is_float_dtype(x.dtype)": "training",
    "from keras_course import backend\nbackend.require()": "language",
    "def f() -> None:\n    import sklearn.base": "fundamentals",
    "import pickle\nclass _Reader(pickle.Unpickler):\n    def find_class(self, module, name): ...": "datasets",
    "import keras\nif keras.config.backend() == 'jax':\n    import jax": "ops",
}


@pytest.mark.parametrize("source", ALLOWED)
def test_what_is_allowed_is_not_called_a_fault(source):
    assert faults(source, ALLOWED[source]) == []


# The files of `recipes` in the order of the calls from `train` to the saved model: each imports later ones only
ORDER = ["_train", "_part", "_saved", "_loop", "_checkpoint", "_folder", "_sample", "tables", "tasks", "_recipe"]
ORDER += ["_optimizers", "_task"]


def imports_earlier_files(source, step):
    """Yield the files of `recipes` that one of them imports although they do not come after it in the order."""
    for _, full in imports(ast.walk(ast.parse(source))):
        other = full.removeprefix("keras_course.recipes.").split(".")[0]
        if other not in ORDER or not full.startswith("keras_course.recipes."):
            continue
        if ORDER.index(other) <= ORDER.index(step) and (other != step or step not in ("tables", "tasks")):
            yield other


def test_files_of_recipes_import_in_one_direction():
    files = {
        path: path.relative_to(PACKAGE / "recipes").with_suffix("").parts[0]
        for path in FILES
        if "recipes" in path.parts
    }
    assert set(files.values()) == {*ORDER, "__init__"}
    for path, step in files.items():
        if step != "__init__":
            assert list(imports_earlier_files(path.read_text(encoding="utf-8"), step)) == [], path
    assert list(imports_earlier_files("from keras_course.recipes import _train, _task", "_loop")) == ["_train"]
    assert list(imports_earlier_files("def f():\n    from keras_course.recipes._loop import fit", "_loop")) == ["_loop"]


@pytest.mark.parametrize("lecture", LECTURES, ids=lambda lecture: lecture.topic)
def test_a_lecture_is_complete_or_absent(lecture):
    test = ROOT / lecture.test
    there = {
        "package": (ROOT / lecture.package / "__init__.py").exists(),
        "tutorial": (ROOT / lecture.tutorial).exists(),
        "test": test.is_dir() or test.with_name(f"test_{lecture.topic}.py").exists(),
        "benchmark": (ROOT / lecture.benchmark).exists(),
    }
    assert len(set(there.values())) == 1, there
    assert there["package"] == lecture.ready


def test_some_lecture_is_there():
    assert any(lecture.ready for lecture in LECTURES)


DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}  # whose name differs from that of the module


def undeclared(sources, project):
    """Return the distributions that sources import and that no dependency or extra of a project names."""
    lines = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    declared = {re.match(r"[\w-]+", line)[0].replace("-", "_") for line in lines} | {project["name"]}
    modules = {full.split(".")[0] for source in sources for _, full in imports(ast.walk(ast.parse(source)))}
    return {
        DISTRIBUTIONS.get(module, module)
        for module in modules - sys.stdlib_module_names
        if DISTRIBUTIONS.get(module, module).replace("-", "_") not in declared
    }


def test_every_import_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert undeclared([path.read_text(encoding="utf-8") for path in FILES], project) == set()
    planted = {"name": "ours", "dependencies": ["numpy>=2"], "optional-dependencies": {"extra": ["scikit-learn"]}}
    assert undeclared(["import sklearn.base, os, numpy", "def f():\n    from PIL import Image"], planted) == {"pillow"}


def test_top_level_holds_what_the_design_names():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    names = {line.split("/")[0] for line in listed.splitlines() if not line.startswith(".")}
    ours = {"pyproject.toml", "README.md", "LICENSE", "keras_course", "benchmarks", "tests", "tutorials", "docs"}
    assert names == ours
