"""What is measured of models: how well a language model predicts a text, and how much a network computes."""

from keras_course import backend

backend.require()

from keras_course.metrics._flops import Cost, count_flops
from keras_course.metrics._language import Perplexity, bits_per_character, perplexity, text_loss

__all__ = [
    "Cost",
    "Perplexity",
    "bits_per_character",
    "count_flops",
    "perplexity",
    "text_loss",
]
