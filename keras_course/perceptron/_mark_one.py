"""A simulator of the Mark I Perceptron, Rosenblatt's machine of 1958.

Notation: images (N, S, S) of S x S sensory units (the machine had 20 x 20 photocells), A association units, each wired
at random to some of them, one response unit, whose A + 1 weights (motor-driven potentiometers) learn.
"""

from typing import Self

import numpy as np

from keras_course.checks import as_floats, numpy_seed, validate, whole
from keras_course.perceptron._unit import rosenblatt


class MarkOne:
    """A retina, association units that are wired at random and never learn, and one response unit that does.

    Takes images `(N, S, S)` of 0 and 1; gives `(N,)` of 0 and 1:

        a_j(image) = 1[sum of +-1 times the cells that unit j is wired to >= 1],  response = 1[w . a + b >= 0]

    Each association unit sees some cells with weight +1 and as many with weight -1. With enough of them the response
    unit can tell apart what no unit on the cells can, such as upright from lying bars. It does not carry over to places
    where it saw none: to the machine a shifted image is another image.

    Args:
        num_association_units: number A.
        size: S, cells along each side of the retina.
        fan_in: number of cells that excite an association unit, and of those that inhibit it.
        seed: of the wiring.

    Raises:
        ValueError: a size below 1, or a `fan_in` of which the retina has not twice as many cells.

    Differences from the paper: one response unit instead of eight, and wires with one threshold.

    References:
        Perceptron simulation experiments, Rosenblatt, 1960, https://doi.org/10.1109/JRPROC.1960.287598

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import MarkOne
        >>> left = np.zeros((2, 20, 20))
        >>> left[0, :, :10], left[1, :, 10:] = 1, 1
        >>> MarkOne().fit(left, [0, 1]).predict(left).tolist()
        [0, 1]
    """

    @validate(num_association_units=whole(1), size=whole(1), fan_in=whole(1), seed=numpy_seed)
    def __init__(self, num_association_units=512, *, size=20, fan_in=20, seed=0):
        if 2 * fan_in > size**2:
            raise ValueError(f"fan_in={fan_in} needs {2 * fan_in} cells; a retina of size={size} has {size**2}")
        self.size, rng = size, np.random.default_rng(seed)
        self.wires = np.zeros((size**2, num_association_units))
        for unit in self.wires.T:
            cells = rng.choice(size**2, 2 * fan_in, replace=False)
            unit[cells[:fan_in]], unit[cells[fan_in:]] = 1, -1

    def associate(self, images) -> np.ndarray:
        """Return which association units fire, `(N, A)` of 0 and 1, for images `(N, S, S)`."""
        images = as_floats("images", images)
        if images.ndim != 3 or images.shape[1:] != (self.size, self.size) or not np.isin(images, (0, 1)).all():
            raise ValueError(f"images has shape {images.shape}; it must be (N, {self.size}, {self.size}) of 0 and 1")
        return (images.reshape(len(images), -1) @ self.wires >= 1).astype(int)

    def fit(self, images, y, *, max_epochs=100) -> Self:
        """Train the response unit by Rosenblatt's rule on images and labels 0 and 1, `(N,)`; return self.

        Its history is then in `response`, a `PerceptronFit`.
        """
        self.response = rosenblatt(self.associate(images), y, max_epochs=max_epochs)
        return self

    def predict(self, images) -> np.ndarray:
        """Return the response, 0 or 1, to each image."""
        if not hasattr(self, "response"):
            raise ValueError("this MarkOne has not seen images yet: call fit(images, y) first")
        return self.response.predict(self.associate(images))
