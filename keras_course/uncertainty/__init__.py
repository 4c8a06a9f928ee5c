"""Lecture 10: uncertainty."""

from keras_course import backend

backend.require()

from keras_course.uncertainty._autoregressive import Autoregressive
from keras_course.uncertainty._bayesian import bayes_by_backprop, bayesian_gaussian_network
from keras_course.uncertainty._calibration import (
    Reliability,
    conformal_quantile,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from keras_course.uncertainty._chains import Chains
from keras_course.uncertainty._continuous import ContinuousTransform, continuous_flow
from keras_course.uncertainty._coupling import Coupling
from keras_course.uncertainty._depth import depth_network
from keras_course.uncertainty._depth_figures import plot_depth, plot_depth_network
from keras_course.uncertainty._ensemble import EnsembleDense, EnsembleHead, deep_ensemble
from keras_course.uncertainty._figures import grid_density, plot_coupling, plot_densities, plot_flow_paths
from keras_course.uncertainty._flow import Flow
from keras_course.uncertainty._functions import Affine, MonotonicFunction, Shift
from keras_course.uncertainty._gaussian_process import arcsine_kernel, gaussian_process_posterior, nn_gp_prior_samples
from keras_course.uncertainty._gmm import gmm
from keras_course.uncertainty._hamiltonian import hamiltonian_monte_carlo, leapfrog
from keras_course.uncertainty._head_figures import (
    conditional_density,
    plot_density_network,
    plot_intervals,
    plot_reliability,
    plot_uncertainty,
)
from keras_course.uncertainty._heads import GaussianHead, Head, QuantileHead, pinball_loss
from keras_course.uncertainty._inference_figures import (
    plot_corner,
    plot_coverage,
    plot_npe,
    plot_ranks,
)
from keras_course.uncertainty._invertible_dense import InvertibleDense, glow_flow
from keras_course.uncertainty._langevin import stochastic_gradient_langevin
from keras_course.uncertainty._laplace import LastLayerLaplace, laplace_last_layer
from keras_course.uncertainty._linear import LinearPosterior, linear_posterior
from keras_course.uncertainty._masked_flows import masked_autoregressive_flow, neural_spline_flow
from keras_course.uncertainty._mixture import GaussianMixture, mix
from keras_course.uncertainty._monotonic import MonotonicIntegral, clenshaw_curtis, umnn
from keras_course.uncertainty._monte_carlo import monte_carlo_prediction, stochastic_passes
from keras_course.uncertainty._networks import MaskedDense
from keras_course.uncertainty._posterior import NeuralPosterior, npe
from keras_course.uncertainty._posterior_checks import (
    effective_sample_size,
    expected_coverage,
    simulation_based_calibration,
)
from keras_course.uncertainty._probabilistic import ProbabilisticModel, gaussian_network, mdn, quantile_network
from keras_course.uncertainty._pulse_figures import plot_recordings, plot_time_constants, plot_windkessel
from keras_course.uncertainty._realnvp import nice, realnvp
from keras_course.uncertainty._sampling_figures import plot_functions, plot_samples
from keras_course.uncertainty._scores import (
    Uncertainty,
    calibration_curve,
    coverage,
    gaussian_crps,
    sample_crps,
    split_variance,
)
from keras_course.uncertainty._splines import RationalQuadraticSpline
from keras_course.uncertainty._swag import Swag
from keras_course.uncertainty._transforms import DiagonalAffine, Permutation, Probit, Transform
from keras_course.uncertainty._variational import VariationalConv2D, VariationalDense
from keras_course.uncertainty._weights import WeightPosterior, flat_weights, sampled_predictions

__all__ = [
    "Affine",
    "Autoregressive",
    "Chains",
    "ContinuousTransform",
    "Coupling",
    "DiagonalAffine",
    "EnsembleDense",
    "EnsembleHead",
    "Flow",
    "GaussianHead",
    "GaussianMixture",
    "Head",
    "InvertibleDense",
    "LastLayerLaplace",
    "LinearPosterior",
    "MaskedDense",
    "MonotonicFunction",
    "MonotonicIntegral",
    "NeuralPosterior",
    "Permutation",
    "ProbabilisticModel",
    "Probit",
    "QuantileHead",
    "RationalQuadraticSpline",
    "Reliability",
    "Shift",
    "Swag",
    "Transform",
    "Uncertainty",
    "VariationalConv2D",
    "VariationalDense",
    "WeightPosterior",
    "arcsine_kernel",
    "bayes_by_backprop",
    "bayesian_gaussian_network",
    "calibration_curve",
    "clenshaw_curtis",
    "conditional_density",
    "conformal_quantile",
    "continuous_flow",
    "coverage",
    "deep_ensemble",
    "depth_network",
    "effective_sample_size",
    "expected_calibration_error",
    "expected_coverage",
    "fit_temperature",
    "flat_weights",
    "gaussian_crps",
    "gaussian_network",
    "gaussian_process_posterior",
    "glow_flow",
    "gmm",
    "grid_density",
    "hamiltonian_monte_carlo",
    "laplace_last_layer",
    "leapfrog",
    "linear_posterior",
    "masked_autoregressive_flow",
    "mdn",
    "mix",
    "monte_carlo_prediction",
    "neural_spline_flow",
    "nice",
    "nn_gp_prior_samples",
    "npe",
    "pinball_loss",
    "plot_corner",
    "plot_coupling",
    "plot_coverage",
    "plot_densities",
    "plot_density_network",
    "plot_depth",
    "plot_depth_network",
    "plot_flow_paths",
    "plot_functions",
    "plot_intervals",
    "plot_npe",
    "plot_ranks",
    "plot_recordings",
    "plot_reliability",
    "plot_samples",
    "plot_time_constants",
    "plot_uncertainty",
    "plot_windkessel",
    "quantile_network",
    "realnvp",
    "reliability",
    "sample_crps",
    "sampled_predictions",
    "simulation_based_calibration",
    "split_variance",
    "stochastic_gradient_langevin",
    "stochastic_passes",
    "umnn",
]
