"""Flows of couplings: NICE and RealNVP.

Notation: x (B, D) data, c (B, C) context, z (B, D) latent variables; L couplings.
"""

import numpy as np

from keras_course._registry import builder
from keras_course.checks import validate, whole, wholes
from keras_course.uncertainty._coupling import Coupling
from keras_course.uncertainty._flow import Flow
from keras_course.uncertainty._functions import Affine, Shift
from keras_course.uncertainty._transforms import DiagonalAffine

SEED = whole(0, 2_000_000_000)


def couplings(function, num_features, num_layers, seed, alternate=True, **options) -> list[Coupling]:
    """Return couplings that keep the features of even index, or those of even and of odd index in turn.

    `function` makes the function of each.

    Raises:
        ValueError: `num_features` is less than 2.
    """
    if num_features < 2:
        raise ValueError(f"num_features={num_features} must be at least 2: a coupling changes features given others")
    return [
        Coupling(
            function(),
            range_of(k % 2 if alternate else 0, num_features),
            seed=layer_seed,
            name=f"coupling_{k}",
            **options,
        )
        for k, layer_seed in enumerate(seeds(seed, num_layers))
    ]


def range_of(first, num_features) -> tuple[int, ...]:
    """Return every second index from `first` on."""
    return tuple(range(first, num_features, 2))


def seeds(seed, count) -> list[int]:
    """Return a seed for each layer."""
    return np.random.default_rng(seed).integers(2_000_000_000, size=count).tolist()


@builder(
    reference="Dinh, Krueger and Bengio, 2014, https://arxiv.org/abs/1410.8516",
    presets={"tiny": {"num_features": 2}},
)
@validate(num_features=whole(1), context_dim=whole(0), num_layers=whole(1), hidden_dims=wholes(1), seed=SEED)
def nice(
    num_features, context_dim=0, *, num_layers=4, hidden_dims=(32, 32), activation="relu", seed=0, name="nice"
) -> Flow:
    """Build NICE: additive couplings, which preserve volume, and one scale for each feature.

    Takes x (B, D), or {"x": (B, D), "context": (B, C)}; returns {"z": (B, D), "log_prob": (B,)}:

        z_a = x_a,  z_b = x_b + t(x_a, c)             L times, each keeping the features that the last one changed
        z = exp(s) z,  log abs(det J) = sum_i s_i

    Args:
        num_features: D, at least 2.
        context_dim: C; 0 for a flow without context.
        num_layers: L, the number of couplings.
        hidden_dims: widths of the hidden layers of each network t.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `Flow`, which owns its loss.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        The base distribution is normal; the paper also uses a logistic one. The context is an addition.

    References:
        NICE: Non-linear Independent Components Estimation, Dinh, Krueger and Bengio, 2014,
        https://arxiv.org/abs/1410.8516

    Example:
        >>> from keras_course.uncertainty import nice
        >>> nice(3).log_abs_det_jacobian([[1.0, 2.0, 3.0]]).shape == (1,)
        True
    """
    options = {"hidden_dims": hidden_dims, "activation": activation}
    layers = couplings(Shift, num_features, num_layers, seed, **options)
    scale = DiagonalAffine(shift=False, name="scale")
    return Flow(num_features, [*layers, scale], context_dim=context_dim, name=name)


@builder(
    reference="Dinh, Sohl-Dickstein and Bengio, 2017, https://arxiv.org/abs/1605.08803",
    presets={
        "tiny": {"num_features": 2},
        "two_moons": {"num_features": 2, "num_layers": 5, "hidden_dims": (64, 64), "parameters": 22_090},
    },
)
@validate(num_features=whole(1), context_dim=whole(0), num_layers=whole(1), hidden_dims=wholes(1), seed=SEED)
def realnvp(
    num_features, context_dim=0, *, num_layers=4, hidden_dims=(32, 32), activation="relu", seed=0, name="realnvp"
) -> Flow:
    """Build RealNVP: affine couplings.

    Takes x (B, D), or {"x": (B, D), "context": (B, C)}; returns {"z": (B, D), "log_prob": (B,)}:

        z_a = x_a,  z_b = exp(s) x_b + t,  s, t = network(x_a, c)       L times, each keeping what the last one changed
        log abs(det J) = sum of all s

    Args:
        num_features: D, at least 2.
        context_dim: C; 0 for a flow without context.
        num_layers: L, the number of couplings.
        hidden_dims: widths of the hidden layers of each network.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `Flow`, which owns its loss.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        For vectors, so without convolutions, multiple scales and batch normalization. The log-scale s is limited
        softly, see `Affine`; the paper takes a tanh. The context is an addition.

    References:
        Density estimation using Real NVP, Dinh, Sohl-Dickstein and Bengio, 2017, https://arxiv.org/abs/1605.08803

    Example:
        >>> from keras_course.uncertainty import realnvp
        >>> flow = realnvp.from_preset("two_moons")
        >>> flow.count_params()
        22090
        >>> flow.sample(100, seed=1).shape == (100, 2)
        True
    """
    options = {"hidden_dims": hidden_dims, "activation": activation}
    layers = couplings(Affine, num_features, num_layers, seed, **options)
    return Flow(num_features, layers, context_dim=context_dim, name=name)
