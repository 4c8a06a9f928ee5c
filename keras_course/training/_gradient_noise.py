"""How noisy the gradients of mini-batches are.

Notation: g the gradient of the loss on all n examples, g_B the gradient on a batch of B examples, drawn with
replacement; Sigma the covariance of the gradients of single examples.

    E[g_B] = g,  E[|g_B - g|^2] = trace(Sigma) / B
"""

import numpy as np
from keras import ops, tree

from keras_course.checks import numpy_seed, validate, whole, whole_number
from keras_course.checks.examples import check_examples
from keras_course.checks.graphs import check_model
from keras_course.ops import jit, value_and_grad


def _check_compiled(model):
    check_model(model=model)
    if not model.compiled:
        raise ValueError(f"model={model.name!r} is not compiled: it has no loss")


def _check_sizes(batch_sizes):
    if np.ndim(batch_sizes) != 1 or not len(batch_sizes):
        raise ValueError(f"batch_sizes={batch_sizes!r} must be a series of whole numbers, such as (1, 4, 16)")
    for size in batch_sizes:
        whole_number(1, batch_sizes=size)


@validate(model=_check_compiled, batch_sizes=_check_sizes, num_batches=whole(1), seed=numpy_seed)
def gradient_noise(model, x, y=None, *, batch_sizes=(1, 4, 16, 64), num_batches=100, seed=0) -> np.ndarray:
    """Measure the variance of mini-batch gradients, for several batch sizes.

    Args:
        model: a compiled `keras.Model`; it runs as in inference, and is left as it was.
        x: training inputs, an array or nested lists of arrays.
        y: targets; None for a model that owns its loss.
        batch_sizes: batch sizes B.
        num_batches: number of batches that are drawn for each B.
        seed: seed of the batches.

    Returns:
        An array with the mean of `|g_B - g|^2` over the batches for each B. It falls as 1 / B: four times the work for
        half the noise.

    Raises:
        ValueError: the model is not compiled, `num_batches` or a batch size < 1, `seed` < 0, or x and y hold no or not
            equally many examples, numbers that are not finite, or labels out of range.

    References:
        An Empirical Model of Large-Batch Training, McCandlish et al., 2018, https://arxiv.org/abs/1812.06162

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.training import gradient_noise
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> x = np.random.default_rng(0).normal(size=(50, 2))
        >>> small, large = gradient_noise(model, x, x[:, :1] ** 2, batch_sizes=(2, 20))
        >>> bool(5 < small / large < 20)
        True
    """
    x, y = check_examples(model, x, y)

    def loss(x, y):
        targets = {} if y is None else {"y": y}
        return model.compute_loss(x=x, y_pred=model(x, training=False), **targets)

    gradient_of = value_and_grad(loss, variables=model.trainable_variables)
    if y is None:
        compiled = jit(lambda x: gradient_of(x, None)[1], variables=model.variables)
        data = (x,)
    else:
        compiled = jit(lambda x, y: gradient_of(x, y)[1], variables=model.variables)
        data = (x, y)

    def gradient(rows):
        parts = compiled(*(tree.map_structure(lambda a: np.asarray(a)[rows], part) for part in data))
        return np.concatenate([np.ravel(ops.convert_to_numpy(part)) for part in parts]).astype("float64")

    examples, rng = len(tree.flatten(x)[0]), np.random.default_rng(seed)
    full = gradient(np.arange(examples))
    return np.array(
        [
            np.mean([np.sum((gradient(rng.integers(examples, size=size)) - full) ** 2) for _ in range(num_batches)])
            for size in batch_sizes
        ]
    )
