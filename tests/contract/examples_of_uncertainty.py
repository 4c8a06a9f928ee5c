"""Arguments that work, for what lecture 10 offers; `examples_of_fuzz` says how an argument is looked up."""

import keras
import numpy as np
from models_of_fuzz import Make

from keras_course.uncertainty import Affine, DiagonalAffine


def standard_normal(points):
    return -keras.ops.sum(keras.ops.square(keras.ops.convert_to_tensor(points)), axis=-1) / 2


def growth(t, y):
    return (y[0],)


UNCERTAINTY = {
    # of the module
    "uncertainty": {"function": Affine(), "kept": (0,), "order": (1, 0), "degree": 4, "f": growth, "start": 0.0,
                    "stop": 1.0, "y": Make(lambda: (keras.ops.ones((2,)),))},
    # of one callable
    "uncertainty.Flow": {"num_features": 2, "transforms": Make(lambda: [DiagonalAffine()])},
    "uncertainty.MaskedDense": {"units": 2, "mask": np.eye(2)},
    "uncertainty.grid_density": {"log_prob": standard_normal, "size": 4},
    "uncertainty.plot_densities": {"contents": {"a": np.eye(3)}},
    "uncertainty.plot_flow_paths": {"times": [0.0, 1.0], "paths": np.zeros((2, 3, 2)), "color": np.arange(3.0)},
    **{f"uncertainty.{name}": {"num_features": 2, "hidden_dims": (4,), "num_layers": 1} for name in (
        "nice", "realnvp", "masked_autoregressive_flow", "neural_spline_flow", "glow_flow")},
    "uncertainty.umnn": {"num_features": 2, "hidden_dims": (4,), "integrand_dims": (4,), "degree": 2},
    "uncertainty.continuous_flow": {"num_features": 2, "hidden_dims": (4,), "num_steps": 1},
}  # fmt: skip
