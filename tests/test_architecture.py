"""The house in order: floors of imports, complete lectures, and what no file may do."""

import ast
import pathlib

import pytest

from keras_course._lectures import LECTURES

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "keras_course"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    1: {
        "backend",
        "ops",
        "_registry",
        "_check",
        "_lectures",
        "_files",
        "_graphs",
        "_tokens",
        "_machine",
        "_recipe",
        "_recipe_table",
    },
    2: {"layers", "losses", "metrics", "portable", "_run", "_results"},
    3: {"perceptron", "autodiff", "training", "convnets", "attention"},
    4: {"fundamentals", "vision", "language", "graphs", "uncertainty", "autoencoders", "diffusion"},
    5: {"datasets", "recipes", "_tasks", "_training", "plots"},
    6: {"cli", "__init__"},
    7: {"__main__"},
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}
SIDEWAYS = {
    ("_registry", "_lectures"),
    ("ops", "_check"),
    ("_machine", "backend"),
    ("_recipe_table", "_recipe"),
    ("diffusion", "vision"),
    ("_tasks", "datasets"),  # a recipe is where models and data meet
    ("_training", "datasets"),
    ("recipes", "_tasks"),
    ("recipes", "_training"),
    ("recipes", "plots"),
}
ASKS_FOR_BACKEND = {"ops", "backend"}
HEAVY = {"tensorflow", "jax", "torch", "tensorflow_datasets", "matplotlib", "sklearn", "transformers", "safetensors"}


def room(path):
    """Return the room that a file belongs to: its top-level module in the package."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(tree, top_level_only=False):
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            if node.module == "keras_course":
                yield from (f"keras_course.{alias.name}" for alias in node.names)


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    here = room(path)
    assert here in FLOOR, f"{here} has no floor: write it into FLOORS"
    top_level = set(imports(parsed(path), top_level_only=True))
    assert not {name.split(".")[0] for name in top_level} & HEAVY, "imports something heavy when it is imported"
    for name in imports(parsed(path)):
        parts = name.split(".")
        if parts[0] != "keras_course" or len(parts) < 2 or parts[1] == here or parts[1] not in FLOOR:
            continue
        down = FLOOR[parts[1]] < FLOOR[here]
        assert down or (here, parts[1]) in SIDEWAYS, f"{here} (floor {FLOOR[here]}) imports {parts[1]}"


def test_models_and_datasets_do_not_know_each_other():
    for path in FILES:
        names = [name.split(".")[1] for name in imports(parsed(path)) if name.startswith("keras_course.")]
        if room(path) == "datasets":
            assert set(names) <= {"datasets", "_check", "_files", "backend"}, path
        elif FLOOR.get(room(path), 9) <= 4:
            assert "datasets" not in names, path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_two_rooms_ask_which_backend_runs(path):
    text = path.read_text(encoding="utf-8")
    asks = "config.backend(" in text or "keras.backend.backend(" in text
    asks |= FLOOR[room(path)] in (3, 4) and "backend.current(" in text
    assert not asks or room(path) in ASKS_FOR_BACKEND


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_trains_by_hand_or_unpickles(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef):
            assert node.name not in {"train_step", "test_step", "predict_step"}, "use compute_loss"
        if isinstance(node, ast.Call):
            call = ast.unparse(node)
            assert not call.startswith(("pickle.", "eval(", "exec(")), call
            assert "safe_mode=False" not in call, call
            assert "allow_pickle=True" not in call, call


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


def test_top_level_holds_what_the_design_names():
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    ours = {"pyproject.toml", "README.md", "LICENSE", "keras_course", "benchmarks", "tests", "tutorials", "docs"}
    assert ours <= names
    assert names - ours <= {"keras_course.egg-info", "build", "runs"}
