"""Lecture 2: the multi-layer perceptron."""

from keras_course import backend

backend.require()

from keras_course.perceptron._mlp import mlp

__all__ = ["mlp"]
