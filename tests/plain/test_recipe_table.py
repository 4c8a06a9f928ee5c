"""The table of recipes: each names a builder, a data set and arguments that exist."""

import dataclasses
import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_course import datasets, recipes
from keras_course._registry import check_arguments
from keras_course.recipes._part import build_model, compile_model

SHAPES = {"mnist_10k": (28, 28, 1), "cifar10_12k": (32, 32, 3), "digit_images": (8, 8, 1)}
MASKED = datasets.AnnotatedImages(np.zeros((2, 128, 128, 1), "uint8"), ("a", "b"), masks=np.zeros((2, 128, 128), int))
BOXED = datasets.AnnotatedImages(
    np.zeros((2, 240, 320, 3), "uint8"), (), ("a", "b", "c"), boxes=np.zeros((2, 1, 4)), classes=np.full((2, 1), -1)
)
ANNOTATED = {"isbi_membrane": MASKED, "bccd": BOXED}


@functools.cache
def load(task):
    """Return the data of a task; zeros stand in for images and phrases for other sentences: files need not be here."""
    if isinstance(task, recipes.Translation):
        return dataclasses.replace(task, data="phrases", vocab_size=300).load()
    if task.data not in SHAPES and task.data not in ANNOTATED:
        return task.load()
    if task.data in SHAPES:
        images = datasets.Images(np.zeros((20, *SHAPES[task.data])), np.arange(20) % 10, tuple("0123456789"))
    else:
        images = ANNOTATED[task.data]
    row = datasets.get_dataset(task.data)._replace(load=lambda: (images, images))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "get_dataset", lambda name: row)
        return task.load()


@pytest.mark.usefixtures("drawn_by_numpy")
@pytest.mark.parametrize("row", recipes.RECIPES.values(), ids=lambda row: row.name)
def test_table(row):
    assert row.preset in row.build.presets
    check_arguments(row.build, row.overrides)
    if not isinstance(row.task, recipes.NextToken):  # the context of a text is checked as it trains
        data = load(row.task)
        model = compile_model(build_model(row, data, seed=0), row, data)
        sizes = data.arguments(row.build)
        width = getattr(data, "num_outputs", None) or sizes.get("num_outputs") or sizes["vocab_size"]
        own = type(model).compute_loss is not keras.Model.compute_loss  # its outputs are the terms of its loss
        density = own or hasattr(model, "distribution")  # its raw outputs are parameters
        assert density or {output.shape[-1] for output in model.outputs} & {width, 1}
    assert row.task.data in {entry.name for entry in datasets.list_datasets()}
    assert recipes.RECIPES[row.name] is row
    assert (row.published is None) == (row.source is None)


def test_table_needs_no_keras():
    code = "import sys, keras_course.recipes as r; print(len(r.RECIPES), 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [str(len(recipes.RECIPES)), "False"]
