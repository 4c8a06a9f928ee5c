"""The learning-rate range test: one short run with a rate that rises until the loss explodes.

Notation: gamma_0 < gamma_1 < ... the rates, equally far apart in the logarithm.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops, tree

from keras_course.checks import numpy_seed, positive, validate, whole, within
from keras_course.checks.examples import check_examples
from keras_course.checks.graphs import check_model


class RangeTest(NamedTuple):
    """What `learning_rate_range_test` finds, up to where the loss explodes.

    Args:
        rates: the learning rates that were tried, `(N,)`.
        losses: the loss of the batch before the step with each of them, `(N,)`.
    """

    rates: np.ndarray
    losses: np.ndarray

    @property
    def smoothed(self) -> np.ndarray:
        """The moving average of the losses, each batch with 0.9 of the weight of the next one."""
        kept, smooth = 0.0, []
        for n, loss in enumerate(self.losses, 1):
            kept = 0.9 * kept + 0.1 * loss
            smooth.append(kept / (1 - 0.9**n))
        return np.array(smooth)

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the smoothed loss is lowest: the rule of thumb for the highest rate."""
        return float(self.rates[np.argmin(self.smoothed)] / 10)


@validate(
    num_steps=whole(2),
    batch_size=whole(1),
    seed=numpy_seed,
    lowest=positive,
    highest=positive,
    explosion=within(above=1),
    model=check_model,
)
def learning_rate_range_test(
    model, x, y=None, *, lowest=1e-6, highest=1.0, num_steps=100, batch_size=32, explosion=4.0, seed=0
) -> RangeTest:
    """Train for a few steps, each with a higher learning rate than the last, and record the losses.

    Where the loss begins to fall the rate is just high enough; where it rises again, too high. The model is left as it
    was: weights, random generators and the state of the optimizer.

    Args:
        model: a compiled `keras.Model` whose optimizer has a number as learning rate.
        x: training inputs, an array or nested lists of arrays.
        y: targets; None for a model that owns its loss.
        lowest: the first rate.
        highest: the last rate.
        num_steps: number of steps, and so of rates.
        batch_size: number of examples in each batch, drawn with replacement.
        explosion: the test stops if the loss is NaN, or more than `explosion` times the lowest loss so far.
        seed: seed of the batches.

    Returns:
        A `RangeTest`.

    Raises:
        ValueError: the model is not compiled, its optimizer has a schedule, the rates are not 0 < lowest < highest,
            `num_steps` < 2, `seed` < 0, or x and y hold no or not equally many examples, numbers that are not finite,
            or labels out of range.

    References:
        Cyclical Learning Rates for Training Neural Networks, Smith, 2017, https://arxiv.org/abs/1506.01186

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.training import learning_rate_range_test
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> found = learning_rate_range_test(model, x, x[:, :1], highest=1e3)
        >>> bool(1e-3 < found.suggestion < 1e3)
        True
    """
    if not lowest < highest:
        raise ValueError(f"lowest={lowest!r} must be less than highest={highest!r}")
    optimizer = _optimizer(model)
    x, y = check_examples(model, x, y)
    state = [*model.variables, *optimizer.variables]
    before = [np.array(ops.convert_to_numpy(v)) for v in state]
    rng, rates, losses = np.random.default_rng(seed), np.geomspace(lowest, highest, num_steps), []
    try:
        for rate in rates:
            rows = rng.integers(len(tree.flatten(x)[0]), size=batch_size)
            optimizer.learning_rate = float(rate)
            batch = [tree.map_structure(lambda a, rows=rows: np.asarray(a)[rows], part) for part in (x, y)]
            loss = model.train_on_batch(*batch) if y is not None else model.train_on_batch(batch[0])
            losses.append(float(np.ravel(loss)[0]))
            if not losses[-1] <= explosion * min(losses):  # `not <=`: true of NaN as well
                break
    finally:
        for variable, value in zip(state, before, strict=True):
            variable.assign(value)
        model.reset_metrics()
    return RangeTest(rates[: len(losses)], np.array(losses))


def _optimizer(model):
    """Return the optimizer of a model, with all its variables made."""
    if not getattr(model, "compiled", False) or model.optimizer is None:
        raise ValueError(f"model={model.name!r} is not compiled: it has no loss and no optimizer")
    if isinstance(model.optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        raise ValueError("model.optimizer has a schedule: compile the model with a number as its learning rate")
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return model.optimizer
