"""Recipes of lecture 4: a deep network that trains."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tables._notes import BUSY
from keras_course.recipes.tasks.examples import Classification

TABLE = (
    Recipe(
        name="digits_deep_mlp",
        summary="ten hidden layers with He initialization and batch normalization",
        task=Classification("digits"),
        topic="training",
        builder="deep_mlp",
        preset="batch_norm",
        overrides={"hidden_dim": 64},
        batch_size=32,
        steps=2000,
        optimizer=AdamW(peak_rate=3e-3, final_rate=3e-5, warmup=100),
        expected=1.3,
        tolerance=1.2,
        note=BUSY,
        minutes=0.2,
    ),
)
