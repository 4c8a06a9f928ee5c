"""Lecture 3: automatic differentiation."""

from keras_course import backend

backend.require()

from keras_course.autodiff._dual import Dual
from keras_course.autodiff._rules import relu, sigmoid
from keras_course.autodiff._tape import Var, backward
from keras_course.autodiff._verbs import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    nth_derivative,
    value_and_grad,
    vjp,
)

__all__ = [
    "Dual",
    "Var",
    "backward",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "nth_derivative",
    "relu",
    "sigmoid",
    "value_and_grad",
    "vjp",
]
