"""What the tests of lecture 5 share."""

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def drawn_by_numpy(monkeypatch):
    """Draw first weights with NumPy: JAX compiles its own draw for each shape, half a second for each of hundreds.

    The scale of the draw is that of `VarianceScaling`; its law is no matter of these tests.
    """
    rng = np.random.default_rng(0)

    def draw(law, shape, dtype=None):
        fan_in = max(1, int(np.prod(shape[:-1])))
        return keras.ops.convert_to_tensor(rng.normal(0, (law.scale / fan_in) ** 0.5, shape), dtype or "float32")

    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", draw)
