"""Lecture 10: uncertainty."""

from keras_course import backend

backend.require()

from keras_course.uncertainty._autoregressive import Autoregressive
from keras_course.uncertainty._continuous import ContinuousTransform, continuous_flow
from keras_course.uncertainty._coupling import Coupling
from keras_course.uncertainty._figures import grid_density, plot_coupling, plot_densities, plot_flow_paths
from keras_course.uncertainty._flow import Flow
from keras_course.uncertainty._functions import Affine, MonotonicFunction, Shift
from keras_course.uncertainty._invertible_dense import InvertibleDense, glow_flow
from keras_course.uncertainty._masked_flows import masked_autoregressive_flow, neural_spline_flow
from keras_course.uncertainty._monotonic import MonotonicIntegral, clenshaw_curtis, umnn
from keras_course.uncertainty._networks import MaskedDense
from keras_course.uncertainty._realnvp import nice, realnvp
from keras_course.uncertainty._solvers import dormand_prince, runge_kutta
from keras_course.uncertainty._splines import RationalQuadraticSpline
from keras_course.uncertainty._transforms import DiagonalAffine, Permutation, Transform

__all__ = [
    "Affine",
    "Autoregressive",
    "ContinuousTransform",
    "Coupling",
    "DiagonalAffine",
    "Flow",
    "InvertibleDense",
    "MaskedDense",
    "MonotonicFunction",
    "MonotonicIntegral",
    "Permutation",
    "RationalQuadraticSpline",
    "Shift",
    "Transform",
    "clenshaw_curtis",
    "continuous_flow",
    "dormand_prince",
    "glow_flow",
    "grid_density",
    "masked_autoregressive_flow",
    "neural_spline_flow",
    "nice",
    "plot_coupling",
    "plot_densities",
    "plot_flow_paths",
    "realnvp",
    "runge_kutta",
    "umnn",
]
