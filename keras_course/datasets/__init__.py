"""One door for all data. It returns a str or NumPy arrays, the same on every backend.

Text: `text`, `split_text`, and `token_windows`, `validation_windows` to train language models on it.
Images: `mnist_10k`, `cifar10_12k`, `digit_images`. `example_batches` yields batches in an order that is the same
on every backend, and `crop_and_flip` augments images.
Tables: `digits`, `diabetes`, `breast_cancer`, `iris`; `concrete`, `yacht`, `wine_quality_red`, `kin8nm` with the fixed
splits of `uci_split`. Points: `two_moons`, `blobs`, `spiral`,
`gaussian_classes`, and for density estimation `two_spirals`, `pinwheel`, `checkerboard`, `rings`, `eight_gaussians`.
Noisy regressions: `varying_noise`, `inverse_sine`. Simulators, for inference of their parameters: `pulse_waves`
(`Windkessel`), `lotka_volterra` (`LotkaVolterra`), `inverse_moons` (`InverseMoons`).
Graphs: `cora`, `citations`. Molecules: `esol`, `toy_molecules`. Scans of streets: `lidar_scenes`. Images with depth
maps: `depth_scenes`. Travel times: `road_traffic`. Annotated images, with masks or boxes: `isbi_membrane`, `bccd`,
`voronoi_membranes`, and `shape_scenes`, which also has keypoints, depth and captions.
`list_datasets` returns the table of all sets, `get_dataset` one row of it, and `find` looks up what a user names. Each
set that has to be downloaded has an offline twin in that table.
"""

import importlib

from keras_course.datasets._annotated import AnnotatedImages, bccd, isbi_membrane
from keras_course.datasets._augment import crop_and_flip
from keras_course.datasets._chains import Chains, toy_chains
from keras_course.datasets._citations import Citations, citations, cora
from keras_course.datasets._dataset import Dataset
from keras_course.datasets._depth import DEPTH_KINDS, DEPTH_NOISE, DepthScenes, depth_scenes
from keras_course.datasets._generators import blobs, gaussian_classes, spiral, two_moons
from keras_course.datasets._images import Images, cifar10_12k, digit_images, mnist_10k
from keras_course.datasets._list import find, get_dataset, list_datasets
from keras_course.datasets._molecules import Molecules, esol, toy_molecules
from keras_course.datasets._noisy import inverse_sine, varying_noise
from keras_course.datasets._palindromes import palindromes
from keras_course.datasets._particles import Particles, spring_particles
from keras_course.datasets._planar import checkerboard, eight_gaussians, pinwheel, rings, two_spirals
from keras_course.datasets._pulse import Windkessel, pulse_waves
from keras_course.datasets._scenes import SCENE_CLASSES, Scenes, lidar_scenes
from keras_course.datasets._shapes import FIGURE_POINTS, SHAPE_CLASSES, SHAPE_COLORS, shape_scenes, voronoi_membranes
from keras_course.datasets._signals import shape_signals
from keras_course.datasets._simulators import InverseMoons, LotkaVolterra, Simulator, inverse_moons, lotka_volterra
from keras_course.datasets._sounds import SOUND_CLASSES, SOUND_RATE, sounds
from keras_course.datasets._stories import (
    Stories,
    encode_stories,
    insert_empty_sentences,
    split_words,
    stories,
    story_words,
)
from keras_course.datasets._tables import Table, breast_cancer, diabetes, digits, iris
from keras_course.datasets._text import split_text, text
from keras_course.datasets._traffic import Traffic, road_traffic
from keras_course.datasets._translations import Sentences, multi30k, phrases
from keras_course.datasets._uci import concrete, kin8nm, uci_split, wine_quality_red, yacht
from keras_course.datasets._weather import Weather, era5_uk, rossby_haurwitz

__all__ = [
    "DEPTH_KINDS",
    "DEPTH_NOISE",
    "FIGURE_POINTS",
    "SCENE_CLASSES",
    "SHAPE_CLASSES",
    "SHAPE_COLORS",
    "SOUND_CLASSES",
    "SOUND_RATE",
    "AnnotatedImages",
    "Chains",
    "Citations",
    "Dataset",
    "DepthScenes",
    "ExampleBatches",
    "Images",
    "InverseMoons",
    "LotkaVolterra",
    "MaskedBatches",
    "Molecules",
    "PairBatches",
    "Particles",
    "Scenes",
    "Sentences",
    "Simulator",
    "Stories",
    "Table",
    "TokenWindows",
    "Traffic",
    "Weather",
    "Windkessel",
    "bccd",
    "blobs",
    "breast_cancer",
    "checkerboard",
    "cifar10_12k",
    "citations",
    "concrete",
    "cora",
    "crop_and_flip",
    "depth_scenes",
    "diabetes",
    "digit_images",
    "digits",
    "eight_gaussians",
    "encode_stories",
    "era5_uk",
    "esol",
    "example_batches",
    "find",
    "gaussian_classes",
    "get_dataset",
    "insert_empty_sentences",
    "inverse_moons",
    "inverse_sine",
    "iris",
    "isbi_membrane",
    "kin8nm",
    "lidar_scenes",
    "list_datasets",
    "lotka_volterra",
    "mask_tokens",
    "masked_batches",
    "mnist_10k",
    "multi30k",
    "pair_batches",
    "palindromes",
    "phrases",
    "pinwheel",
    "pulse_waves",
    "rings",
    "road_traffic",
    "rossby_haurwitz",
    "shape_scenes",
    "shape_signals",
    "sounds",
    "spiral",
    "split_text",
    "split_words",
    "spring_particles",
    "stories",
    "story_words",
    "text",
    "token_windows",
    "toy_chains",
    "toy_molecules",
    "two_moons",
    "two_spirals",
    "uci_split",
    "validation_windows",
    "varying_noise",
    "voronoi_membranes",
    "wine_quality_red",
    "yacht",
]

_NEEDS_KERAS = {
    "ExampleBatches": "_batches",
    "example_batches": "_batches",
    "MaskedBatches": "_masked",
    "mask_tokens": "_masked",
    "masked_batches": "_masked",
    "PairBatches": "_pairs",
    "pair_batches": "_pairs",
    "TokenWindows": "_windows",
    "token_windows": "_windows",
    "validation_windows": "_windows",
}


def __getattr__(name):
    # Keras takes seconds to import, and a text or an array needs none of it.
    if name in _NEEDS_KERAS:
        return getattr(importlib.import_module(f"keras_course.datasets.{_NEEDS_KERAS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(set(globals()) | set(__all__))
