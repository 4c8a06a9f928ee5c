"""What is measured of models: how well a language model predicts a text, how close a predicted structure is to the true
one, how close samples are to data, and how much a network computes.
"""

from keras_course import backend

backend.require()

from keras_course.metrics._flops import Cost, count_flops
from keras_course.metrics._language import Perplexity, bits_per_character, perplexity, text_loss
from keras_course.metrics._samples import energy_distance, frechet_distance
from keras_course.metrics._structure import distance_error, lddt, pairwise_distances, superpose, tm_score

__all__ = [
    "Cost",
    "Perplexity",
    "bits_per_character",
    "count_flops",
    "distance_error",
    "energy_distance",
    "frechet_distance",
    "lddt",
    "pairwise_distances",
    "perplexity",
    "superpose",
    "text_loss",
    "tm_score",
]
