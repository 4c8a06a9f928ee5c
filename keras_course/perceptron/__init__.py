"""Lecture 2: the multi-layer perceptron."""

from keras_course import backend

backend.require()

from keras_course.perceptron._activations import ACTIVATIONS, Activation, leaky_relu, step
from keras_course.perceptron._approximation import SumOfUnits, greedy_approximations, universal_approximator_1d
from keras_course.perceptron._descent import (
    Path,
    double_well,
    gradient_descent,
    mini_batches,
    quadratic_surrogate,
    stochastic_gradient_descent,
)
from keras_course.perceptron._diagrams import plot_backpropagation, plot_network, plot_unit, plot_xor
from keras_course.perceptron._discriminant import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from keras_course.perceptron._figures import (
    plot_boundaries,
    plot_clouds,
    plot_surrogates,
)
from keras_course.perceptron._heads import GaussianNegativeLogLikelihood, Head, output_head
from keras_course.perceptron._logistic import LogisticRegressionFit, fit_logistic_regression, logistic_regression
from keras_course.perceptron._mark_one import MarkOne
from keras_course.perceptron._mlp import mlp
from keras_course.perceptron._stretching import stretch_by_network, stretch_by_sigmoid, stretch_linearly
from keras_course.perceptron._unit import PerceptronFit, novikoff_bound, rosenblatt, threshold_unit
from keras_course.perceptron._vanishing import backpropagated_gradients, dead_units, sigmoid_chain, vanishing_bound

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "GaussianNegativeLogLikelihood",
    "Head",
    "LinearDiscriminantAnalysis",
    "LogisticRegressionFit",
    "MarkOne",
    "Path",
    "PerceptronFit",
    "QuadraticDiscriminantAnalysis",
    "SumOfUnits",
    "backpropagated_gradients",
    "dead_units",
    "double_well",
    "fit_logistic_regression",
    "gradient_descent",
    "greedy_approximations",
    "leaky_relu",
    "logistic_regression",
    "mini_batches",
    "mlp",
    "novikoff_bound",
    "output_head",
    "plot_backpropagation",
    "plot_boundaries",
    "plot_clouds",
    "plot_network",
    "plot_surrogates",
    "plot_unit",
    "plot_xor",
    "quadratic_surrogate",
    "rosenblatt",
    "sigmoid_chain",
    "step",
    "stochastic_gradient_descent",
    "stretch_by_network",
    "stretch_by_sigmoid",
    "stretch_linearly",
    "threshold_unit",
    "universal_approximator_1d",
    "vanishing_bound",
]
