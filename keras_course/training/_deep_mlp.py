"""A stack of dense layers to try initializers and normalizations on.

Notation: x (B, D) features, K = `num_classes`, C = `hidden_dim`, L = `num_layers`; a_l = W_l h_{l-1} + b_l.
"""

import keras

from keras_course._registry import builder
from keras_course.checks import one_of, validate, whole
from keras_course.layers import BatchNormalization, GroupNormalization, sibling
from keras_course.layers._activations import get_activation
from keras_course.layers._initializers import get_initializer

INITIALIZERS = {
    "zeros": lambda seed: keras.initializers.Zeros(),
    "uniform": lambda seed: keras.initializers.RandomUniform(-1.0, 1.0, seed=seed),
    "small_normal": lambda seed: keras.initializers.RandomNormal(0.0, 0.01, seed=seed),  # 0.01 is the sd
    "normal": lambda seed: keras.initializers.RandomNormal(0.0, 1.0, seed=seed),
    "lecun": lambda seed: keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal", seed=seed),
    "glorot": lambda seed: keras.initializers.VarianceScaling(1.0, "fan_avg", "untruncated_normal", seed=seed),
    "he": lambda seed: keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=seed),
    "orthogonal": lambda seed: keras.initializers.Orthogonal(2.0**0.5, seed=seed),
}
NORMS = (None, "batch", "layer", "group", "rms")
EXPLORER = {"num_features": 256, "num_classes": 256, "hidden_dim": 256, "num_layers": 10}


@builder(
    reference="He et al., 2015, https://arxiv.org/abs/1502.01852",
    presets={
        "tiny": {"num_features": 8, "num_classes": 3},
        "init_explorer": {**EXPLORER, "parameters": 11 * 256 * 257},
        "batch_norm": {**EXPLORER, "norm": "batch"},
    },
)
@validate(num_features=whole(1), num_classes=whole(1), hidden_dim=whole(1), num_layers=whole(1), seed=whole(0))
def deep_mlp(
    num_features,
    num_classes,
    *,
    hidden_dim=32,
    num_layers=3,
    activation="relu",
    kernel_initializer="he",
    norm=None,
    seed=0,
    name="deep_mlp",
) -> keras.Model:
    """Build a multi-layer perceptron of equal layers, with any initializer and any normalization.

    Takes x `(B, D)`, gives logits `(B, K)`:

        h_0 = x,  h_l = phi(norm(W_l h_{l-1} + b_l)) for l = 1..L,  logits = W h_L + b

    Every part is a layer of its own (`dense_1`, `norm_1`, `activation_1`, ...), so that `probe_activations` and
    `probe_gradients` show the pre-activations as well.

    Args:
        num_features: number D of features.
        num_classes: number K of outputs.
        hidden_dim: width C of each hidden layer.
        num_layers: number L of hidden layers.
        activation: phi, a Keras name or a function.
        kernel_initializer: initializer of all kernels: "zeros", "uniform" (from -1 to 1), "small_normal" (sd 0.01),
            "normal" (sd 1), "lecun", "glorot", "he" (all normal, see `variance_of`), "orthogonal" (with gain sqrt(2)),
            or a Keras initializer.
        norm: "batch", "layer", "group" (in eight groups, or as few as divide C), "rms" or None. Batch normalization
            stands in for the bias of its layer, which it would take out again.
        seed: integer seed of the weights, of layer l from `seed` + l.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a size below 1, a `seed` below 0, or an unknown `activation`, `kernel_initializer` or `norm`.

    References:
        Delving Deep into Rectifiers, He et al., 2015, https://arxiv.org/abs/1502.01852;
        Batch Normalization, Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167

    Example:
        >>> from keras_course.training import deep_mlp
        >>> deep_mlp.from_preset("init_explorer", num_layers=2).output_shape
        (None, 256)
    """
    phi = get_activation(activation)
    one_of(NORMS, norm=norm)
    x = inputs = keras.Input((num_features,), name="features")
    for i in range(1, num_layers + 1):
        kernel = _initializer(kernel_initializer, seed + i)
        use_bias = norm != "batch"
        x = keras.layers.Dense(hidden_dim, kernel_initializer=kernel, use_bias=use_bias, name=f"dense_{i}")(x)
        if norm is not None:
            x = _norm(norm, hidden_dim, name=f"norm_{i}")(x)
        x = keras.layers.Activation(phi, name=f"activation_{i}")(x)
    kernel = _initializer(kernel_initializer, seed + num_layers + 1)
    return keras.Model(inputs, keras.layers.Dense(num_classes, kernel_initializer=kernel, name="logits")(x), name=name)


def _initializer(initializer, seed):
    if not isinstance(initializer, str):
        return sibling(get_initializer(kernel_initializer=initializer), seed)
    if initializer not in INITIALIZERS:
        raise ValueError(f"kernel_initializer={initializer!r} must be one of {', '.join(INITIALIZERS)}")
    return INITIALIZERS[initializer](seed)


def _norm(kind, width, name):
    """Return a normalization with PyTorch's constants, as in the papers; Keras's epsilon is 1e-3."""
    if kind == "batch":
        return BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)
    if kind == "layer":
        return keras.layers.LayerNormalization(epsilon=1e-5, name=name)
    if kind == "rms":
        return keras.layers.RMSNormalization(epsilon=1e-5, name=name)
    groups = max(n for n in range(1, 9) if width % n == 0)
    return GroupNormalization(groups, epsilon=1e-5, name=name)
