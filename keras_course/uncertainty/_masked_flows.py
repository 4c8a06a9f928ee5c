"""Flows of autoregressive transforms, and of splines.

Notation: x (B, D) data, c (B, C) context, z (B, D) latent variables; L layers.
"""

from keras_course._registry import builder
from keras_course.checks import choice, positive, validate, whole, wholes
from keras_course.uncertainty._autoregressive import Autoregressive
from keras_course.uncertainty._flow import Flow
from keras_course.uncertainty._functions import Affine
from keras_course.uncertainty._realnvp import SEED, couplings, seeds
from keras_course.uncertainty._splines import RationalQuadraticSpline


def autoregressive_layers(function, num_features, num_layers, seed, **options) -> list[Autoregressive]:
    """Return transforms in ascending and descending order of the features in turn."""
    ascending = tuple(range(num_features))
    return [
        Autoregressive(
            function(), ascending[:: 1 - 2 * (k % 2)], seed=layer_seed, name=f"autoregressive_{k}", **options
        )
        for k, layer_seed in enumerate(seeds(seed, num_layers))
    ]


@builder(
    reference="Papamakarios, Pavlakou and Murray, 2017, https://arxiv.org/abs/1705.07057",
    presets={"tiny": {"num_features": 2}},
)
@validate(num_features=whole(1), context_dim=whole(0), num_layers=whole(1), hidden_dims=wholes(1), seed=SEED)
def masked_autoregressive_flow(
    num_features,
    context_dim=0,
    *,
    num_layers=3,
    hidden_dims=(32, 32),
    activation="relu",
    seed=0,
    name="masked_autoregressive_flow",
) -> Flow:
    """Build a masked autoregressive flow (MAF).

    Takes x (B, D), or {"x": (B, D), "context": (B, C)}; returns {"z": (B, D), "log_prob": (B,)}:

        z_i = exp(s_i) x_i + t_i,  s_i, t_i = network_i(x_j for j before i, c)      L times, each in the reverse order
        log abs(det J) = sum of all s_i

    A density takes L passes through networks, a sample L D of them.

    Args:
        num_features: D.
        context_dim: C; 0 for a flow without context.
        num_layers: L, the number of transforms.
        hidden_dims: widths of the hidden layers of each masked network, at least one.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `Flow`, which owns its loss.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        No batch normalization between the layers. The log-scale is limited softly, see `Affine`.

    References:
        Masked Autoregressive Flow for Density Estimation, Papamakarios, Pavlakou and Murray, 2017,
        https://arxiv.org/abs/1705.07057

    Example:
        >>> from keras_course.uncertainty import masked_autoregressive_flow
        >>> masked_autoregressive_flow(3).sample(10).shape == (10, 3)
        True
    """
    options = {"hidden_dims": hidden_dims, "activation": activation}
    layers = autoregressive_layers(Affine, num_features, num_layers, seed, **options)
    return Flow(num_features, layers, context_dim=context_dim, name=name)


@builder(
    reference="Durkan, Bekasov, Murray and Papamakarios, 2019, https://arxiv.org/abs/1906.04032",
    presets={"tiny": {"num_features": 2}},
)
@validate(
    num_features=whole(1),
    context_dim=whole(0),
    num_layers=whole(1),
    num_bins=whole(2),
    bound=positive,
    conditioner=choice("coupling", "autoregressive"),
    hidden_dims=wholes(1),
    seed=SEED,
)
def neural_spline_flow(
    num_features,
    context_dim=0,
    *,
    num_layers=3,
    num_bins=8,
    bound=5.0,
    conditioner="coupling",
    hidden_dims=(32, 32),
    activation="relu",
    seed=0,
    name="neural_spline_flow",
) -> Flow:
    """Build a neural spline flow: couplings, or autoregressive transforms, of rational-quadratic splines.

    Takes x (B, D), or {"x": (B, D), "context": (B, C)}; returns {"z": (B, D), "log_prob": (B,)}:

        z_a = x_a,  z_b = spline(x_b; p),  p = network(x_a, c)       L times, each keeping what the last one changed
        log abs(det J) = sum of the logarithms of all slopes

    Outside [-b, b] a spline is the identity, so scale the data to lie inside.

    Args:
        num_features: D; at least 2 for couplings.
        context_dim: C; 0 for a flow without context.
        num_layers: L, the number of transforms.
        num_bins: bins of a spline.
        bound: b.
        conditioner: "coupling", with fast samples, or "autoregressive".
        hidden_dims: widths of the hidden layers of each network.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `Flow`, which owns its loss.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        The networks have no residual blocks, and no linear layer stands between the transforms: odd and even features,
        or the two orders, take turns. For the slopes see `RationalQuadraticSpline`.

    References:
        Neural Spline Flows, Durkan, Bekasov, Murray and Papamakarios, 2019, https://arxiv.org/abs/1906.04032

    Example:
        >>> from keras_course.uncertainty import neural_spline_flow
        >>> neural_spline_flow(2, num_bins=4).sample(10).shape == (10, 2)
        True
    """
    make = couplings if conditioner == "coupling" else autoregressive_layers
    options = {"hidden_dims": hidden_dims, "activation": activation}

    def spline():
        return RationalQuadraticSpline(num_bins, bound, name="spline")

    layers = make(spline, num_features, num_layers, seed, **options)
    return Flow(num_features, layers, context_dim=context_dim, name=name)
