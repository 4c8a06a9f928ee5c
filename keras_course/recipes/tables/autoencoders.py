"""Recipes of lecture 11: adversarial networks."""

from keras_course.recipes.tables._adversarial import ADVERSARIAL

TABLE = ADVERSARIAL
