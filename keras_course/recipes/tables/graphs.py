"""Recipes of lecture 9: weather on the sphere, and particles."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tasks.forecast import Forecast

TABLE = (
    Recipe(
        name="rossby_haurwitz_graphcast",
        summary="a small GraphCast predicts waves of the barotropic atmosphere 5 days ahead, without any download",
        task=Forecast(),
        topic="graphs",
        builder="graphcast",
        preset="tiny",
        overrides={"mesh_level": 1, "hidden_dim": 32, "num_layers": 2},
        optimizer=AdamW(peak_rate=2e-3, final_rate=1e-5, warmup=100, weight_decay=0.01),
        steps=1_500,
        batch_size=8,
        minutes=3,
    ),
    Recipe(
        name="era5_uk_graphcast",
        summary="a small GraphCast predicts the temperature over the British Isles 24 hours ahead",
        task=Forecast("era5_uk", steps=4, num_states=5, time_of_day=True),
        topic="graphs",
        builder="graphcast",
        preset="tiny",
        overrides={"mesh_level": 6, "hidden_dim": 32, "num_layers": 2},
        optimizer=AdamW(peak_rate=2e-3, final_rate=1e-5, warmup=100, weight_decay=0.1),
        steps=1_000,
        batch_size=8,
        minutes=3,
    ),
)
