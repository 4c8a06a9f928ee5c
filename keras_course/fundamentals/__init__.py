"""Lecture 1: fundamentals of machine learning."""

from keras_course import backend

backend.require()

from keras_course.fundamentals._bias_variance import BiasVariance, bias_variance_decomposition
from keras_course.fundamentals._double_descent import DoubleDescent, mlp_sweep, random_features, random_features_sweep
from keras_course.fundamentals._estimators import KerasClassifier, KerasRegressor
from keras_course.fundamentals._figures import plot_fits, plot_projection, plot_resamples, plot_splits
from keras_course.fundamentals._neighbors import NearestNeighbors
from keras_course.fundamentals._problem import RegressionProblem, noisy_cubic
from keras_course.fundamentals._regression import PolynomialRegressor, least_squares, polynomial_features
from keras_course.fundamentals._risk import (
    RiskCurve,
    Split,
    capacity_curve,
    cross_validated_risk,
    empirical_risk,
    learning_curve,
    train_validation_test,
)
from keras_course.fundamentals._wide_mlp import wide_mlp

__all__ = [
    "BiasVariance",
    "DoubleDescent",
    "KerasClassifier",
    "KerasRegressor",
    "NearestNeighbors",
    "PolynomialRegressor",
    "RegressionProblem",
    "RiskCurve",
    "Split",
    "bias_variance_decomposition",
    "capacity_curve",
    "cross_validated_risk",
    "empirical_risk",
    "learning_curve",
    "least_squares",
    "mlp_sweep",
    "noisy_cubic",
    "plot_fits",
    "plot_projection",
    "plot_resamples",
    "plot_splits",
    "polynomial_features",
    "random_features",
    "random_features_sweep",
    "train_validation_test",
    "wide_mlp",
]
