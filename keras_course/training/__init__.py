"""Lecture 4: training neural networks."""

from keras_course import backend

backend.require()

from keras_course.training._adaptive import AdaGrad, Adam, AdamW, Lion, RMSProp
from keras_course.training._deep_mlp import deep_mlp
from keras_course.training._descent import GD, SGD, Momentum, Nesterov
from keras_course.training._figures import plot_layer, plot_momentum, plot_normalized_axes
from keras_course.training._gradient_noise import gradient_noise
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
from keras_course.training._normalization import RunningStatistics, normalize, normalize_backward
from keras_course.training._probes import LayerProbe, probe_activations, probe_gradients
from keras_course.training._range_test import RangeTest, learning_rate_range_test
from keras_course.training._regularization import (
    L2,
    Decoupled,
    average_weights,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    early_stop,
)
from keras_course.training._schedules import (
    CosineSchedule,
    ExponentialSchedule,
    InverseTimeSchedule,
    RestartSchedule,
    StepSchedule,
)
from keras_course.training._standardize import standardize

__all__ = [
    "GD",
    "L2",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "CosineSchedule",
    "Decoupled",
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
    "RunningStatistics",
    "StepSchedule",
    "VariancePath",
    "anisotropic",
    "average_weights",
    "backtracking",
    "beale",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "deep_mlp",
    "draw_weights",
    "early_stop",
    "gradient_noise",
    "lbfgs",
    "learning_rate_range_test",
    "minimize",
    "normalize",
    "normalize_backward",
    "orthogonal",
    "orthogonalize",
    "plot_layer",
    "plot_momentum",
    "plot_normalized_axes",
    "probe_activations",
    "probe_gradients",
    "propagate_variance",
    "standardize",
    "variance_of",
    "wolfe_line_search",
]
