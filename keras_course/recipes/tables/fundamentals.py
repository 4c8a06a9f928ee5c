"""Recipes of lecture 1: a network with many more parameters than examples."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tasks.examples import Regression

TABLE = (
    Recipe(
        name="diabetes_wide_mlp",
        summary="one hidden layer of 10,000 units on 353 rows, which does not overfit",
        task=Regression("diabetes", unit="points"),
        topic="fundamentals",
        builder="wide_mlp",
        preset="tiny",
        overrides={"width": 10_000},
        batch_size=32,
        steps=500,
        optimizer=AdamW(peak_rate=1e-3, final_rate=1e-5, warmup=25),
        expected=57.1,
        tolerance=0.5,
        minutes=0.1,
    ),
)
