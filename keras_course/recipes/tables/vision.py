"""Recipes of lecture 6: segmentation and detection."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tasks.boxes import BoxDetection
from keras_course.recipes.tasks.segmentation import Segmentation


def _recipe(name, summary, task, builder, overrides, *, steps, batch_size, peak_rate=2e-3, preset="tiny", **options):
    return Recipe(
        name=name,
        summary=summary,
        task=task,
        topic="vision",
        builder=builder,
        preset=preset,
        overrides=overrides,
        optimizer=AdamW(peak_rate=peak_rate, final_rate=1e-5, warmup=50, betas=(0.9, 0.999), weight_decay=0.01),
        steps=steps,
        batch_size=batch_size,
        **options,
    )


TABLE = (
    _recipe(
        "scenes_segmentation",
        "the offline twin: a U-Net says what each pixel of scenes of shapes is, without any download",
        Segmentation("shape_scenes"),
        "unet",
        {"widths": (16, 32, 64), "norm": "batch", "use_bias": False},
        steps=600,
        batch_size=16,
    ),
    _recipe(
        "scenes_detection",
        "an anchor-free YOLO finds shapes and figures in scenes, without any download",
        BoxDetection("shape_scenes"),
        "yolo",
        {"widths": (16, 32, 64, 96), "levels": 3},
        steps=1_500,
        batch_size=16,
    ),
    _recipe(
        "tissue_unet",
        "a U-Net finds membranes in simulated tissue, without any download",
        Segmentation("voronoi_membranes", crop=64, turn=True),
        "unet",
        {"widths": (16, 32, 64), "norm": "batch", "use_bias": False},
        steps=300,
        batch_size=16,
    ),
    _recipe(
        "membranes_unet",
        "a U-Net finds the membranes between cells in slices of an electron microscope",
        Segmentation("isbi_membrane", crop=128, turn=True),
        "unet",
        {"widths": (16, 32, 64, 128), "norm": "batch", "use_bias": False},
        steps=1_000,
        batch_size=16,
    ),
    _recipe(
        "cells_yolo",
        "an anchor-free YOLO finds red cells, white cells and platelets in photos of blood smears",
        BoxDetection("bccd", augment="tissue"),
        "yolo",
        {},
        preset="cells",
        steps=1_500,
        batch_size=8,
    ),
)
