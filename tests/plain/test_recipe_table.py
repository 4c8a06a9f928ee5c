"""The table of recipes: each names a builder, a data set and arguments that exist."""

import functools
import subprocess
import sys

import pytest

from keras_course import datasets, recipes
from keras_course._registry import check_arguments
from keras_course.recipes._part import build_model, compile_model


@functools.cache
def load(task):
    return task.load()


@pytest.mark.usefixtures("drawn_by_numpy")
@pytest.mark.parametrize("row", recipes.RECIPES.values(), ids=lambda row: row.name)
def test_table(row):
    assert row.preset in row.build.presets
    check_arguments(row.build, row.overrides)
    if not isinstance(row.task, recipes.NextToken):  # the context of a text is checked as it trains
        data = load(row.task)
        model = compile_model(build_model(row, data, seed=0), row, data)
        assert model.output_shape[1] in {data.num_outputs, 1}
    assert row.task.data in {entry.name for entry in datasets.list_datasets()}
    assert recipes.RECIPES[row.name] is row
    assert (row.published is None) == (row.source is None)


def test_table_needs_no_keras():
    code = "import sys, keras_course.recipes as r; print(len(r.RECIPES), 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [str(len(recipes.RECIPES)), "False"]
