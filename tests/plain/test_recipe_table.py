"""The table of recipes: each names a builder, a data set and arguments that exist."""

import dataclasses
import functools
import subprocess
import sys

import pytest

from keras_course import _tasks, _training, datasets, recipes
from keras_course._recipe import builder_of
from keras_course._registry import check_arguments


@functools.cache
def task_of(kind, data, split):
    return _tasks.TASKS[kind](dataclasses.replace(recipes.RECIPES["digits_mlp"], split=split), data)


@pytest.mark.usefixtures("drawn_by_numpy")
@pytest.mark.parametrize("row", recipes.RECIPES.values(), ids=lambda row: row.name)
def test_table(row):
    assert row.preset in builder_of(row).presets
    check_arguments(builder_of(row), row.overrides)
    if row.task != "language":
        task = task_of(row.task, row.data, row.split)
        model = _training.build_model(row, task, row.steps, seed=0)
        assert model.output_shape[1] in {task.num_outputs, 1}
    assert row.data in {entry.name for entry in datasets.list_datasets()}
    assert recipes.RECIPES[row.name] is row
    assert (row.published is None) == (row.source is None)


def test_table_needs_no_keras():
    code = "import sys, keras_course.recipes as r; print(len(r.RECIPES), 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [str(len(recipes.RECIPES)), "False"]
