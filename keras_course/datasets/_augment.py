"""Data augmentation: images that look a little different in each pass.

Notation: x (B, H, W, C) images.
"""

import numpy as np

from keras_course.checks import flag, generator, validate, whole


@validate(padding=whole(0), flip=flag, rng=generator)
def crop_and_flip(x: np.ndarray, rng: np.random.Generator, *, padding: int = 4, flip: bool = True) -> np.ndarray:
    """Shift each image by a random number of pixels in both directions, and mirror it with probability 1/2.

    Takes and returns `(B, H, W, C)`. An image is padded on all sides by zeros (the mean of standardized pixels, black
    otherwise), and cropped at a random position.

    Args:
        x: the images.
        rng: generator of NumPy that samples the positions and which images are mirrored.
        padding: largest shift in pixels.
        flip: whether to mirror images left to right, which suits photos and not digits.

    Returns:
        New images, of the dtype of x.

    Raises:
        ValueError: x has another shape, `rng` is not a generator, `padding` is not a whole number of at least 0, or
            `flip` is neither true nor false.

    References:
        Deep Residual Learning for Image Recognition, He, Zhang, Ren and Sun, 2016, section 4.2,
        https://arxiv.org/abs/1512.03385

    Example:
        >>> import numpy as np
        >>> from keras_course import datasets
        >>> x = np.arange(3.0).reshape(1, 1, 3, 1)
        >>> [datasets.crop_and_flip(x, np.random.default_rng(k), padding=0).ravel().tolist() for k in (0, 2)]
        [[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]
    """
    x = np.asarray(x)
    if x.ndim != 4:
        raise ValueError(f"x has shape {x.shape}; it must be (B, H, W, C)")
    batch, height, width, _ = x.shape
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    top, left = rng.integers(0, 2 * padding + 1, (2, batch, 1))
    columns = np.arange(width) + np.zeros_like(left)
    if flip:
        columns = np.where(rng.random((batch, 1)) < 0.5, columns[:, ::-1], columns)
    rows = top + np.arange(height)
    return padded[np.arange(batch)[:, None, None], rows[:, :, None], (left + columns)[:, None, :]]
