"""Lecture 1: fundamentals of machine learning."""

from keras_course import backend

backend.require()

from keras_course.fundamentals._estimators import KerasClassifier, KerasRegressor

__all__ = ["KerasClassifier", "KerasRegressor"]
