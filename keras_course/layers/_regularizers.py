"""Penalties on weights, by the names that Keras has for them."""

import keras


def get_regularizer(**argument) -> keras.regularizers.Regularizer | None:
    """Return the regularizer that an argument stands for: a name or settings of Keras, a regularizer, or None."""
    ((name, value),) = argument.items()
    try:
        if value is None or isinstance(value, str | dict) or callable(value):
            return keras.regularizers.get(value)
    except (ValueError, TypeError):
        pass
    raise ValueError(f"{name}={value!r} is not a regularizer of Keras")
