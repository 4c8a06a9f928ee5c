"""What a training run is about: the task, the data that it loads, and the metric that counts.

A new kind of task is a frozen dataclass with a metric and a method `load`, and a subclass of `Data` that overrides what
differs from the defaults. Nothing else has to change: `train`, the command line, resuming and the results use only what
stands in this file. Importing this module does not import Keras.
"""

import dataclasses
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from keras_course.checks import as_array, flag, string, validate, whole


@dataclasses.dataclass(frozen=True)
class Metric:
    """What a run is judged by.

    Args:
        name: of the metric, such as "test error".
        unit: such as "%"; "" for a number without a unit.
        higher_is_better: whether a larger value is the better one.
    """

    name: str
    unit: str = ""
    higher_is_better: bool = False

    def __post_init__(self):
        string(name=self.name, unit=self.unit)
        flag(higher_is_better=self.higher_is_better)

    def __str__(self):
        return f"{self.name} in {self.unit}" if self.unit else self.name

    def reached(self, value: float, expected: float, tolerance: float) -> bool:
        """Return whether a value is as good as expected, within the tolerance."""
        return value >= expected - tolerance if self.higher_is_better else value <= expected + tolerance


@dataclasses.dataclass(frozen=True)
class Task:
    """What a recipe is about, as plain data: every field decides whether a run may be resumed.

    Attributes of a subclass:
        metric: the `Metric` that counts.
        parts: number of fixed splits or ensemble members. `train` trains a model on each, and the value is their mean.
        data: name of the data set, or the path of a file; a task that makes its own data says in a word what they are.

    Example:
        A regression on generated data, with a metric that is better when it is higher:

        >>> import dataclasses, keras, numpy as np
        >>> from keras_course import datasets, recipes
        >>> class Wave(recipes.Data):
        ...     def __init__(self, noise):
        ...         random = np.random.default_rng(0)
        ...         x = random.uniform(-1, 1, (300, 1)).astype("float32")
        ...         y = np.sin(3 * x) + noise * random.normal(size=x.shape).astype("float32")
        ...         self.x, self.y, self.variance = x[:200], y[:200], y[200:].var()
        ...         self.validation = recipes.in_batches((x[200:], y[200:]))
        ...     def objective(self, model):
        ...         return {"loss": keras.losses.MeanSquaredError()}
        ...     def batches(self, batch_size, steps_per_epoch, seed, start_epoch):
        ...         epochs = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        ...         return datasets.example_batches(self.x, self.y, batch_size, **epochs)
        ...     def measure(self, model, row, seed):
        ...         return {"R^2": 1 - row["val_loss"] / self.variance}
        >>> @dataclasses.dataclass(frozen=True)
        ... class FitWave(recipes.Task):
        ...     noise: float = 0.1
        ...     metric: ClassVar = recipes.Metric("R^2", higher_is_better=True)
        ...     data: ClassVar = "wave"
        ...     def load(self, part=0, start=None):
        ...         return Wave(self.noise)
        >>> network = {"topic": "perceptron", "builder": "mlp", "preset": "tiny"}
        >>> network["overrides"] = {"input_shape": (1,), "num_outputs": 1}
        >>> rates = recipes.AdamW(peak_rate=1e-2, final_rate=1e-3, warmup=2)
        >>> recipe = recipes.Recipe("wave", "a sine", FitWave(), optimizer=rates, steps=40, batch_size=32, **network)
        >>> recipes.train(recipe, verbose=0).value > 0.5
        True
    """

    metric: ClassVar[Metric]
    parts: ClassVar[int] = 1
    data: ClassVar[str]

    def load(self, part: int = 0, start: "Trained | None" = None) -> "Data":
        """Return the data of a part; `start` is the run whose weights this one begins with, if it begins with any."""
        raise NotImplementedError(f"{type(self).__name__} must define load(part, start)")

    def read(self, folder: pathlib.Path) -> dict[str, Any]:
        """Return the assets that a run of this task left in its folder, by name."""
        return {}

    @staticmethod
    def write(model: Any, tokenizer: Any, prompt: str) -> str:
        """Return what a trained model writes for a text: its translation, or how it continues.

        The command `keras-course generate` calls it. A subclass whose model writes text overrides it, with the options
        that make sense there. It is static, because a saved run tells its kind of task only.

        Args:
            model: the trained model.
            tokenizer: the asset "tokenizer" of its run.
            prompt: a text of at least one character.

        Raises:
            ValueError: a run of this kind of task writes no text.
        """
        raise ValueError(f"prompt={prompt!r}: a run of this kind of task writes no text.")

    def combine(self, models: Sequence[Any], metrics: Sequence[dict[str, float]]) -> dict[str, float]:
        """Return the metrics of all parts together; by default the mean of each. An ensemble may average predictions.

        Args:
            models: the trained model of each part.
            metrics: what `measure` returned for each part.
        """
        return {name: statistics.mean(row[name] for row in metrics) for name in metrics[0]}

    def on(self, data: str) -> "Task":
        """Return the same task on other data, or raise a ValueError that names `data`."""
        if data != self.data:
            raise ValueError(f"data={data!r}: this recipe makes its own data, and takes no others.")
        return self


class Trained(NamedTuple):
    """A complete run, read back from its folder.

    Args:
        model: the trained `keras.Model`.
        assets: what `Task.read` found beside it, such as {"tokenizer": ...}.
        facts: what `run.json` holds.
        folder: where the files are.
    """

    model: Any
    assets: dict[str, Any]
    facts: dict
    folder: pathlib.Path


class Data:
    """What a task loaded. The defaults fit a model that owns its loss; a subclass overrides what it needs.

    Attributes:
        size: how much data there is, in words.
        sha256: checksum of the data; "" where they follow from the task alone.
        loss_unit: unit of the training loss, for the figure.
        facts: what else belongs in `run.json`.
        assets: name to object with a method `save(folder)`: what a user of the saved model needs beside it, such as a
            tokenizer. `Task.read` reads them back.
        validation: a sequence of batches `(x, y)` or `(x, y, weights)`, or `(x,)`, on which the loss is measured after
            each epoch; None measures nothing. `in_batches` makes one of arrays.
    """

    size: str = ""
    sha256: str = ""
    loss_unit: str = ""
    facts: Mapping[str, Any] = {}
    assets: Mapping[str, Any] = {}
    validation: Sequence[tuple] | None = None

    def arguments(self, build: Any) -> dict[str, Any]:
        """Return what the data say about the model: arguments of its builder `build`, by name, such as shapes."""
        return {}

    def initialize(self, model: Any, start: "Trained") -> int:
        """Take initial weights from `start`: by default those with the same path and shape; return their number."""
        return transfer_weights(start.model, model)

    def objective(self, model: Any) -> dict[str, Any]:
        """Return loss and metrics, as arguments of `compile`; nothing where the model owns its loss."""
        return {}

    def batches(self, batch_size: int, steps_per_epoch: int, seed: int, start_epoch: int) -> Iterable:
        """Return an endless stream of training batches `(x, y)`, the first one of which belongs to `start_epoch`.

        A batch must follow from the arguments and its number alone, so that a resumed run sees the batches that the
        interrupted one would have seen, as those of `keras_course.datasets.example_batches` do.
        """
        raise NotImplementedError(f"{type(self).__name__} must define batches, or its recipe have steps=0")

    def measure(self, model: Any, row: dict[str, float], seed: int) -> dict[str, float]:
        """Return the metrics after training by name, the task's own among them; it may predict, sample or roll out.

        Args:
            model: the trained model.
            row: the history's row of the epoch whose weights the model has; empty where nothing was trained.
            seed: seed of the run, for a measure that samples.
        """
        if "val_loss" not in row:
            raise NotImplementedError(f"{type(self).__name__} must define measure, as it has no validation loss")
        return {"validation loss": row["val_loss"]}

    def sample(self, model: Any, seed: int) -> Any:
        """Return something that the trained model made, or None.

        A `str` is written to sample.txt; an array (H, W), (H, W, 3) or (H, W, 4) of `uint8` to sample.png; a `Sound` to
        sample.wav; a dict of columns to sample.csv. A list of several kinds is written to several files.
        """
        return None


class Sound(NamedTuple):
    """A sound: samples (N,) or (N, channels) in [-1, 1], and the number of samples per second in Hz."""

    samples: Any
    rate: int


@validate(batch_size=whole(1))
def in_batches(arrays: Sequence[Any], batch_size: int = 64) -> list[tuple]:
    """Return arrays of N rows each as a list of batches of views, of which the last one may be shorter.

    Args:
        arrays: such as (x, y), (x, y, weights), or (x,); each an array, or a dict of arrays for several inputs.
        batch_size: number of rows in a batch.

    Raises:
        ValueError: there is no array, they differ in length, or `batch_size` is less than 1.

    Example:
        >>> import numpy as np
        >>> [len(x) for x, y in in_batches((np.zeros((5, 2)), np.zeros(5)), batch_size=2)]
        [2, 2, 1]
    """
    if not isinstance(arrays, Sequence):
        raise ValueError(f"arrays={arrays!r} must be a tuple such as (x, y)")
    arrays = tuple(
        {key: as_array(f"arrays[{i}][{key!r}]", part) for key, part in entry.items()}
        if isinstance(entry, Mapping)
        else as_array(f"arrays[{i}]", entry)
        for i, entry in enumerate(arrays)
    )
    lengths = [len(part) for entry in arrays for part in (entry.values() if isinstance(entry, dict) else [entry])]
    if len(set(lengths)) != 1:
        raise ValueError(f"arrays has {lengths} rows; it must be arrays of one length")

    def rows(entry, batch):
        return {key: part[batch] for key, part in entry.items()} if isinstance(entry, dict) else entry[batch]

    batches = [slice(begin, begin + batch_size) for begin in range(0, lengths[0], batch_size)]
    return [tuple(rows(entry, batch) for entry in arrays) for batch in batches]


def transfer_weights(source: Any, target: Any) -> int:
    """Copy each weight of `source` to the weight of `target` with the same path and shape; return how many.

    Raises:
        ValueError: no weight of `target` has the path and the shape of one of `source`.
    """
    weights = {(variable.path, tuple(variable.shape)): variable for variable in source.weights}
    shared = [v for v in target.weights if (v.path, tuple(v.shape)) in weights]
    if not shared:
        raise ValueError(
            f"start: no weight of {target.name!r} has the path and the shape of one of {source.name!r}, so the run "
            "cannot begin with its weights"
        )
    for variable in shared:
        variable.assign(weights[variable.path, tuple(variable.shape)])
    return len(shared)


def image_of(figure) -> np.ndarray:
    """Return a Matplotlib `Figure` as an image (H, W, 3) of uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
