"""Arguments that work, for what lecture 10 offers; `examples_of_fuzz` says how an argument is looked up."""

import keras
import numpy as np
from models_of_fuzz import Make

from keras_course.perceptron import mlp
from keras_course.uncertainty import (
    Affine,
    DiagonalAffine,
    GaussianHead,
    GaussianMixture,
    Uncertainty,
    arcsine_kernel,
    gaussian_network,
    npe,
    reliability,
)

ROW, PROBABILITIES = np.array([0.1, 0.4, 0.8]), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
SMALL_NPE = {
    "num_parameters": 2,
    "observation_shape": (3,),
    "embedding_dims": (4,),
    "num_layers": 1,
    "hidden_dims": (4,),
}
SMALL = {"input_shape": (1,), "num_outputs": 1, "hidden_dims": (4,)}


def standard_normal(points, rows=None):
    return -keras.ops.sum(keras.ops.square(keras.ops.convert_to_tensor(points)), axis=-1) / 2


def growth(t, y):
    return (y[0],)


UNCERTAINTY = {
    # of the module
    "uncertainty": {"function": Affine(), "kept": (0,), "order": (1, 0), "degree": 4},
    # of one callable
    **{f"ops.{name}": {"f": growth, "start": 0.0, "stop": 1.0, "y": Make(lambda: (keras.ops.ones((2,)),))}
       for name in ("dormand_prince", "runge_kutta")},
    "uncertainty.Flow": {"num_features": 2, "transforms": Make(lambda: [DiagonalAffine()])},
    "uncertainty.MaskedDense": {"units": 2, "mask": np.eye(2)},
    "uncertainty.grid_density": {"log_prob": standard_normal, "size": 4},
    "uncertainty.plot_densities": {"contents": {"a": np.eye(3)}},
    "uncertainty.plot_flow_paths": {"times": [0.0, 1.0], "paths": np.zeros((2, 3, 2)), "color": np.arange(3.0)},
    **{f"uncertainty.{name}": {"num_features": 2, "hidden_dims": (4,), "num_layers": 1} for name in (
        "nice", "realnvp", "masked_autoregressive_flow", "neural_spline_flow", "glow_flow")},
    **{f"uncertainty.{name}": SMALL for name in ("gaussian_network", "mdn", "quantile_network")},
    "uncertainty.deep_ensemble": SMALL,
    "uncertainty.bayesian_gaussian_network": {**SMALL, "num_examples": 9},
    "uncertainty.bayes_by_backprop": {**SMALL, "num_examples": 9, "filters": ()},
    "uncertainty.EnsembleDense": {"num_members": 3, "units": 2},
    "uncertainty.VariationalDense": {"units": 2, "num_examples": 9},
    "uncertainty.VariationalConv2D": {"filters": 2, "num_examples": 9},
    "uncertainty.EnsembleHead": {"head": GaussianHead(1)},
    "uncertainty.stochastic_passes": {"model": Make(lambda: mlp((1,), 2, hidden_dims=(4,))), "x": ROW[:, None]},
    "uncertainty.monte_carlo_prediction": {"model": Make(lambda: gaussian_network(**SMALL)), "x": ROW[:, None]},
    "uncertainty.linear_posterior": {"features": ROW[:, None], "y": ROW},
    "uncertainty.gmm": {"num_features": 2, "num_components": 2},
    "uncertainty.GaussianMixture": {"logits": np.zeros(2), "means": np.eye(2), "deviations": np.ones((2, 2))},
    "uncertainty.mix": {"members": [GaussianMixture([0.0], [[0.0]], [[1.0]])]},
    "uncertainty.ProbabilisticModel": {"network": Make(lambda: mlp((2,), 2, hidden_dims=(4,))),
                                       "head": GaussianHead(1)},
    "uncertainty.pinball_loss": {"y": ROW, "quantiles": ROW[:, None], "levels": (0.9,)},
    "uncertainty.split_variance": {"means": PROBABILITIES, "variances": PROBABILITIES},
    "uncertainty.gaussian_crps": {"y": ROW, "mean": ROW, "deviation": ROW},
    "uncertainty.sample_crps": {"y": ROW, "samples": PROBABILITIES},
    "uncertainty.coverage": {"y": ROW, "low": ROW - 1, "high": ROW + 1},
    "uncertainty.calibration_curve": {"probabilities": ROW, "levels": ROW},
    **{f"uncertainty.{name}": {"probabilities": PROBABILITIES, "labels": np.array([0, 1, 1])} for name in (
        "reliability", "expected_calibration_error")},
    "uncertainty.fit_temperature": {"logits": PROBABILITIES, "labels": np.array([0, 1, 1])},
    "uncertainty.conformal_quantile": {"scores": ROW, "level": 0.5},
    "uncertainty.conditional_density": {"model": Make(lambda: gaussian_network(**SMALL)), "size": 4},
    "uncertainty.plot_intervals": {"x": ROW, "intervals": {"a": (ROW, ROW, ROW)}, "points": (ROW, ROW)},
    "uncertainty.plot_uncertainty": {"x": ROW, "predictions": {"a": Uncertainty(ROW, ROW, ROW)}, "points": (ROW, ROW)},
    "uncertainty.depth_network": {"input_shape": (4, 4, 1), "num_outputs": 1, "filters": (2,)},
    "uncertainty.plot_depth": {"images": np.ones((1, 4, 6)), "truth": np.ones((1, 4, 6)),
                               "prediction": Uncertainty(*np.ones((3, 1, 4, 6)))},
    "uncertainty.plot_reliability": {"diagrams": {"a": reliability(PROBABILITIES, [0, 1, 1])}},
    "uncertainty.arcsine_kernel": {"x1": ROW[:, None], "x2": ROW[:2, None]},
    "uncertainty.nn_gp_prior_samples": {"x": ROW[:, None]},
    "uncertainty.gaussian_process_posterior": {"kernel": arcsine_kernel, "x": ROW[:, None], "y": ROW,
                                               "x_new": ROW[:2, None], "noise": 0.1},
    "uncertainty.leapfrog": {"log_prob": standard_normal, "position": PROBABILITIES, "momentum": PROBABILITIES,
                             "step_size": 0.1},
    "uncertainty.hamiltonian_monte_carlo": {"log_prob": standard_normal, "start": PROBABILITIES, "num_samples": 2,
                                            "num_steps": 1, "num_burn_in": 1},
    "uncertainty.stochastic_gradient_langevin": {"log_prob": standard_normal, "start": PROBABILITIES,
                                                 "num_examples": 3, "num_samples": 2, "num_burn_in": 1},
    "uncertainty.WeightPosterior": {"model": Make(lambda: mlp((1,), 1, hidden_dims=(2,))), "x": ROW[:, None],
                                    "y": ROW[:, None]},
    "uncertainty.flat_weights": {"model": Make(lambda: mlp((1,), 1, hidden_dims=(2,)))},
    "uncertainty.sampled_predictions": {"model": Make(lambda: mlp((1,), 1, hidden_dims=(2,))), "x": ROW[:, None],
                                        "weights": np.ones((3, 7))},
    "uncertainty.laplace_last_layer": {"model": Make(lambda: mlp((1,), 1, hidden_dims=(2,))), "x": ROW[:, None],
                                       "y": ROW},
    "uncertainty.Swag": {"start_epoch": 3},
    "uncertainty.plot_samples": {"mean": np.zeros(2), "covariance": np.eye(2), "samples": {"a": PROBABILITIES}},
    "uncertainty.plot_functions": {"x": ROW, "functions": {"a": np.ones((2, 3))}},
    "uncertainty.Probit": {"low": (0.0, 0.0), "high": (1.0, 2.0)},
    "uncertainty.npe": SMALL_NPE,
    "uncertainty.NeuralPosterior": {"embedding": Make(lambda: npe(**SMALL_NPE).embedding),
                                    "flow": Make(lambda: npe(**SMALL_NPE).flow)},
    "uncertainty.simulation_based_calibration": {"theta": PROBABILITIES, "samples": np.ones((3, 5, 2))},
    "uncertainty.expected_coverage": {"log_prob": ROW, "sample_log_prob": PROBABILITIES, "levels": ROW},
    "uncertainty.effective_sample_size": {"log_weights": PROBABILITIES},
    "uncertainty.plot_corner": {"samples": {"a": PROBABILITIES}, "names": ["a", "b"], "low": 0.0, "high": 1.0,
                                "truth": np.ones(2)},
    "uncertainty.plot_ranks": {"ranks": {"a": np.array([0, 3])}, "num_samples": 3},
    "uncertainty.plot_coverage": {"levels": ROW, "coverages": {"a": ROW}, "num_simulations": 10},
    "uncertainty.plot_recordings": {"time": ROW, "signals": {"a": ROW}},
    "uncertainty.plot_time_constants": {"time": ROW, "wave": ROW, "samples": PROBABILITIES, "solutions": PROBABILITIES},
    "uncertainty.umnn": {"num_features": 2, "hidden_dims": (4,), "integrand_dims": (4,), "degree": 2},
    "uncertainty.continuous_flow": {"num_features": 2, "hidden_dims": (4,), "num_steps": 1},
}  # fmt: skip
