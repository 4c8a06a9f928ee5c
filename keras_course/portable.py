"""Equal numbers on every backend: weights that are drawn by NumPy.

A seed means something else to each backend, so two of them never start from the same weights. Here the stream of a
weight depends on (seed, path of the weight) only, and its distribution on the initializer of its layer.

Notation: a kernel of shape (..., n_in, n_out) with a receptive field of r positions has fan_in = r n_in and
fan_out = r n_out.
"""

import math
import re
import zlib

import keras
import numpy as np

from keras_course.checks import numpy_seed, validate
from keras_course.checks.graphs import name_of


@validate(seed=numpy_seed)
def portable_init(model, seed=0) -> keras.Model:
    """Fill every weight of a model from NumPy, each from the distribution of its initializer.

    Args:
        model: a built `keras.Model` or layer; its weights are replaced.
        seed: non-negative integer. The same seed gives the same weights on every backend, bit for bit.

    Returns:
        The model.

    Raises:
        ValueError: `seed` is negative, the model is not built, or a weight's initializer is not known here; nothing
            is changed then.

    Example:
        >>> import keras
        >>> from keras_course.portable import portable_init
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        >>> kernel, bias = portable_init(model, seed=0).get_weights()
        >>> bool(abs(kernel).max() <= (6 / (4 + 3)) ** 0.5), float(bias.max())      # Glorot's uniform distribution
        (True, 0.0)
    """
    if not isinstance(model, keras.layers.Layer) or not model.built:
        raise ValueError(f"model={name_of(model)!r} must be a keras.Model or layer that is built")
    owners = {
        id(weight): (layer, attribute)
        for layer in [model, *model._flatten_layers(include_self=False)]
        for attribute, weight in vars(layer).items()
        if isinstance(weight, keras.Variable)
    }
    values = []
    for weight, path in zip(model.weights, canonical_paths(model.weights), strict=True):
        layer, attribute = owners.get(id(weight), (None, ""))
        initializer = _initializer_of(layer, attribute.lstrip("_"))
        stream = np.random.default_rng((seed, zlib.crc32(path.encode())))
        values.append(_draw(initializer, weight, stream))
    for weight, value in zip(model.weights, values, strict=True):
        weight.assign(value)
    return model


def canonical_paths(variables) -> list[str]:
    """Return the paths of variables with Keras's running numbers counted anew.

    Keras numbers unnamed layers through the whole process: the first model built has `dense`, the next `dense_1`.

    Example:
        >>> import keras
        >>> from keras_course.portable import canonical_paths
        >>> build = lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(3)])
        >>> canonical_paths(build().weights) == canonical_paths(build().weights)
        True
    """
    numbers, paths = {}, []
    if not isinstance(variables, list | tuple) or not all(hasattr(variable, "path") for variable in variables):
        raise ValueError(f"variables={variables!r} must be a list of the variables of a model")
    for variable in variables:
        path = ""
        for part in variable.path.split("/"):
            stem = re.sub(r"_\d+$", "", part)
            seen = numbers.setdefault(f"{path}/{stem}", {})
            path += f"/{stem}_{seen.setdefault(part, len(seen))}"
        paths.append(path)
    return paths


def _initializer_of(layer, attribute):
    """Return the initializer of a layer's weight, or None. That of a depthwise kernel is `depthwise_initializer`."""
    for name in (attribute, "depthwise" if attribute == "kernel" else attribute.removesuffix("_kernel")):
        if initializer := getattr(layer, f"{name}_initializer", None):
            return initializer
    return None


def _draw(initializer, weight, stream):
    """Return an array for one weight. What is not drawn (zeros, ones, a table) comes from the initializer itself."""
    shape = tuple(weight.shape)
    config = initializer.get_config() if isinstance(initializer, keras.initializers.Initializer) else {}
    kind = type(initializer).__name__
    if kind == "RandomNormal":
        value = config["mean"] + config["stddev"] * stream.standard_normal(shape)
    elif kind == "RandomUniform":
        value = stream.uniform(config["minval"], config["maxval"], shape)
    elif kind == "TruncatedNormal":
        value = config["mean"] + config["stddev"] * _truncated(stream, shape)
    elif isinstance(initializer, keras.initializers.VarianceScaling):
        value = _scaled(initializer, stream, shape)
    elif isinstance(initializer, keras.initializers.Orthogonal):
        value = config["gain"] * _orthogonal(stream, shape)
    elif isinstance(initializer, keras.initializers.Initializer) and "seed" not in config:
        value = keras.ops.convert_to_numpy(initializer(shape, dtype=weight.dtype))
    else:
        value = keras.ops.convert_to_numpy(weight)
        if not (value == value.flat[0]).all():  # a constant, such as the gamma of a normalization, may stay
            raise ValueError(f"the initializer {kind} of the weight {weight.path!r} is not known to portable_init")
    return value.astype("float32")


def _truncated(stream, shape):
    """Draw from N(0, 1) given that |x| < 2."""
    x = stream.standard_normal(shape)
    while (outside := np.abs(x) > 2).any():
        x[outside] = stream.standard_normal(outside.sum())
    return x


def _scaled(initializer, stream, shape):
    """Draw with variance scale / fan (Glorot, He, LeCun)."""
    receptive = math.prod(shape[:-2])
    fan_in, fan_out = receptive * (shape[-2] if len(shape) > 1 else shape[0]), receptive * shape[-1]
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[initializer.mode]
    variance = initializer.scale / max(1.0, fan)
    if initializer.distribution == "uniform":
        limit = math.sqrt(3 * variance)
        return stream.uniform(-limit, limit, shape)
    if initializer.distribution == "untruncated_normal":
        return math.sqrt(variance) * stream.standard_normal(shape)
    return math.sqrt(variance) / 0.87962566103423978 * _truncated(stream, shape)  # sd of the truncated normal


def _orthogonal(stream, shape):
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(stream.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return (q if rows >= columns else q.T).reshape(shape)
