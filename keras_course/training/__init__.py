"""Lecture 4: training neural networks."""

from keras_course import backend

backend.require()

from keras_course.training._adaptive import AdaGrad, Adam, AdamW, Lion, RMSProp
from keras_course.training._deep_mlp import deep_mlp
from keras_course.training._descent import GD, SGD, Momentum, Nesterov
from keras_course.training._initialization import (
    VariancePath,
    draw_weights,
    orthogonal,
    propagate_variance,
    variance_of,
)
from keras_course.training._line_search import LineSearch, backtracking, lbfgs, wolfe_line_search
from keras_course.training._minimize import Descent, anisotropic, beale, minimize
from keras_course.training._muon import Muon, orthogonalize
from keras_course.training._probes import LayerProbe, probe_activations, probe_gradients
from keras_course.training._range_test import RangeTest, learning_rate_range_test
from keras_course.training._schedules import (
    CosineSchedule,
    ExponentialSchedule,
    InverseTimeSchedule,
    RestartSchedule,
    StepSchedule,
)

__all__ = [
    "GD",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "CosineSchedule",
    "Descent",
    "ExponentialSchedule",
    "InverseTimeSchedule",
    "LayerProbe",
    "LineSearch",
    "Lion",
    "Momentum",
    "Muon",
    "Nesterov",
    "RMSProp",
    "RangeTest",
    "RestartSchedule",
    "StepSchedule",
    "VariancePath",
    "anisotropic",
    "backtracking",
    "beale",
    "deep_mlp",
    "draw_weights",
    "lbfgs",
    "learning_rate_range_test",
    "minimize",
    "orthogonal",
    "orthogonalize",
    "probe_activations",
    "probe_gradients",
    "propagate_variance",
    "variance_of",
    "wolfe_line_search",
]
