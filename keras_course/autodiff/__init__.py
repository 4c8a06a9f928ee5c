"""Lecture 3: automatic differentiation."""

from keras_course import backend

backend.require()

from keras_course.autodiff._checkpoint import checkpoint, checkpointed_chain, peak_memory, stored
from keras_course.autodiff._cost import OperationCount, accumulation_cost, count_operations
from keras_course.autodiff._dual import Dual
from keras_course.autodiff._figures import plot_chain, plot_tape, plot_wind_tunnel
from keras_course.autodiff._fluid import Flow, advect, divergence, lift_and_drag, project, simulate
from keras_course.autodiff._gradcheck import gradcheck
from keras_course.autodiff._graph import graph_dot, graph_text
from keras_course.autodiff._rules import relu, sigmoid
from keras_course.autodiff._shape import ShapeRun, differentiable_fluid, optimize_shape
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
    "Flow",
    "OperationCount",
    "ShapeRun",
    "Var",
    "accumulation_cost",
    "advect",
    "backward",
    "checkpoint",
    "checkpointed_chain",
    "count_operations",
    "differentiable_fluid",
    "divergence",
    "grad",
    "gradcheck",
    "graph_dot",
    "graph_text",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "lift_and_drag",
    "nth_derivative",
    "optimize_shape",
    "peak_memory",
    "plot_chain",
    "plot_tape",
    "plot_wind_tunnel",
    "project",
    "relu",
    "sigmoid",
    "simulate",
    "stored",
    "value_and_grad",
    "vjp",
]
