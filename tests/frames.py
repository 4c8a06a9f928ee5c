"""Random frames for the tests of structures."""

import numpy as np
from scipy.spatial.transform import Rotation


def random_frames(rng, *shape, scale=10.0) -> np.ndarray:
    """Return frames `(*shape, 3, 4)` with uniform rotations and with normal translations of this scale."""
    rotations = Rotation.random(int(np.prod(shape)), random_state=rng).as_matrix().reshape(*shape, 3, 3)
    return np.concatenate([rotations, scale * rng.normal(size=(*shape, 3, 1))], axis=-1).astype("float32")
