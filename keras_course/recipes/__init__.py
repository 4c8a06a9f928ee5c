"""Training runs: a `Recipe` says what to train, `train` carries it out, and `RECIPES` is the table of ours.

A recipe is plain data: a task (data and metric), a model, an optimizer and a budget. A run makes `steps` steps of
`batch_size` examples or windows. An epoch is the interval between two validations, not a pass over the data.

Importing this package imports neither Keras nor a backend.
"""

from keras_course.recipes._optimizers import SGD, AdamW, Muon
from keras_course.recipes._recipe import Recipe
from keras_course.recipes._saved import load_run
from keras_course.recipes._task import Data, Metric, Sound, Task, Trained, in_batches
from keras_course.recipes._train import DEFAULT, RECIPES, Run, train
from keras_course.recipes.tasks.boxes import BoxDetection
from keras_course.recipes.tasks.chains import FoldChains
from keras_course.recipes.tasks.citations import Citations
from keras_course.recipes.tasks.conditional import ConditionalDensity
from keras_course.recipes.tasks.density import Density
from keras_course.recipes.tasks.depth import DepthMaps
from keras_course.recipes.tasks.examples import Classification, CropAndFlip, Regression
from keras_course.recipes.tasks.forecast import Forecast
from keras_course.recipes.tasks.inference import PosteriorEstimation
from keras_course.recipes.tasks.masked import MaskedTokens
from keras_course.recipes.tasks.modes import Modes
from keras_course.recipes.tasks.molecules import Screening, Solubility
from keras_course.recipes.tasks.palindromes import Palindromes
from keras_course.recipes.tasks.particles import Particles
from keras_course.recipes.tasks.predictive import PredictiveRegression
from keras_course.recipes.tasks.resolution import SuperResolution
from keras_course.recipes.tasks.sampling import SampledDensity, Sampling
from keras_course.recipes.tasks.scenes import Detection
from keras_course.recipes.tasks.segmentation import Segmentation
from keras_course.recipes.tasks.signals import AveragePairs
from keras_course.recipes.tasks.sounds import Sounds
from keras_course.recipes.tasks.stories import Questions
from keras_course.recipes.tasks.strings import MoleculeDesign
from keras_course.recipes.tasks.text import NextToken
from keras_course.recipes.tasks.traffic import TravelTime
from keras_course.recipes.tasks.translation import Translation
from keras_course.recipes.tasks.unlabeled import Generation, Reconstruction

__all__ = [
    "DEFAULT",
    "RECIPES",
    "SGD",
    "AdamW",
    "AveragePairs",
    "BoxDetection",
    "Citations",
    "Classification",
    "ConditionalDensity",
    "CropAndFlip",
    "Data",
    "Density",
    "DepthMaps",
    "Detection",
    "FoldChains",
    "Forecast",
    "Generation",
    "MaskedTokens",
    "Metric",
    "Modes",
    "MoleculeDesign",
    "Muon",
    "NextToken",
    "Palindromes",
    "Particles",
    "PosteriorEstimation",
    "PredictiveRegression",
    "Questions",
    "Recipe",
    "Reconstruction",
    "Regression",
    "Run",
    "SampledDensity",
    "Sampling",
    "Screening",
    "Segmentation",
    "Solubility",
    "Sound",
    "Sounds",
    "SuperResolution",
    "Task",
    "Trained",
    "Translation",
    "TravelTime",
    "in_batches",
    "load_run",
    "train",
]
