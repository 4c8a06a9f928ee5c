"""One initializer for many weights.

An initializer with a seed returns the same weights whenever it is called for the same shape. Two layers that share one
begin with equal weights; `sibling` returns an initializer for each.
"""

from collections.abc import Callable

import keras
import numpy as np

from keras_course.checks import whole_number


def sibling(initializer, k) -> Callable:
    """Return the `k`-th initializer of the same distribution, with a seed of its own.

    Args:
        initializer: a Keras initializer or the name of one.
        k: non-negative integer.

    Raises:
        ValueError: `initializer` is none, or `k` no whole number.

    Example:
        >>> import keras
        >>> from keras_course.layers import sibling
        >>> normal = keras.initializers.RandomNormal(seed=0)
        >>> bool(keras.ops.all(sibling(normal, 0)((2, 3)) == sibling(normal, 1)((2, 3))))
        False
    """
    whole_number(0, k=k)
    initializer = get_initializer(initializer=initializer)
    config = initializer.get_config() if isinstance(initializer, keras.initializers.Initializer) else {}
    if "seed" not in config:  # zeros, ones, a table
        return initializer
    seed = config["seed"]
    if isinstance(seed, int):
        config["seed"] = int(np.random.SeedSequence((seed, k)).generate_state(1)[0] >> 1)
    return type(initializer).from_config(config)


def get_initializer(**argument) -> Callable:
    """Return the initializer that an argument stands for: a name or settings of Keras, an initializer or a function."""
    ((name, value),) = argument.items()
    try:
        if isinstance(value, str | dict) or callable(value):
            return keras.initializers.get(value)
    except (ValueError, TypeError):
        pass
    raise ValueError(f"{name}={value!r} is not an initializer of Keras")
