"""A training run as plain data: the recipe. Importing this module does not import Keras."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from keras_course.checks import number, plain, string, whole_number
from keras_course.recipes._optimizers import SGD, AdamW, Muon
from keras_course.recipes._task import Metric, Task


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One training run, complete: a task, a model, an optimizer, a budget, and the result to expect.

    Args:
        name: what the run is called.
        summary: what it is for, in one line.
        task: a `Task`, such as `NextToken("python_docs", context_length=64)`: data and metric.
        builder, preset, overrides: the model, `builder.from_preset(preset, **overrides)`; a builder of this package is
            given by its name, beside
        topic: the package `keras_course.<topic>` that it stands in. A function of your own that returns a Keras model
            is given itself, without a topic. With preset=None the builder is called with the overrides alone.
        optimizer: an `AdamW`, `Muon` or `SGD`.
        steps: number of steps; 0 where nothing is trained, and the task only measures.
        batch_size: number of examples or windows in a step.
        keep: which weights the run ends with: "last", those after the last epoch, or "best", those after the epoch with
            the lowest validation loss.
        start: the recipe whose trained weights the run begins with; None begins with initial weights.
        expected: the value to expect,
        tolerance: from which one seed may differ by so much.
        published, source: what others report, and where; None where nobody did.
        note: what a reader of the result has to know, in a sentence; None where there is nothing.
        minutes: about how long it takes on two CPU cores; None where that is not measured, or it needs a GPU.
    """

    name: str
    summary: str
    task: Task
    builder: str | Callable
    preset: str | None
    optimizer: AdamW | Muon | SGD
    steps: int
    batch_size: int
    topic: str | None = None
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    keep: str = "last"
    start: "Recipe | None" = None
    expected: float | None = None
    tolerance: float = 0.0
    published: float | None = None
    source: str | None = None
    note: str | None = None
    minutes: float | None = None

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is str or (field.type == str | None and value is not None):
                string(**{field.name: value})
            if field.type == float | None and value is not None:
                number(**{field.name: value})
        whole_number(1, batch_size=self.batch_size)
        whole_number(0, steps=self.steps)
        number(tolerance=self.tolerance)
        if not isinstance(self.task, Task):
            raise ValueError(f"task={self.task!r} must be a Task of keras_course.recipes")
        if not isinstance(getattr(self.task, "metric", None), Metric):
            raise ValueError(f"task={self.task!r} must have a Metric, as its attribute `metric`")
        if (isinstance(self.builder, str), callable(self.builder)) != (self.topic is not None, self.topic is None):
            raise ValueError(f"builder={self.builder!r} must be a name, beside a topic, or a function without one")
        if self.preset is not None and callable(self.builder) and not hasattr(self.builder, "from_preset"):
            raise ValueError(f"preset={self.preset!r}: {self.builder.__name__} has no presets, so preset must be None")
        if not isinstance(self.optimizer, AdamW | Muon | SGD):
            raise ValueError(f"optimizer={self.optimizer!r} must be an AdamW, Muon or SGD of keras_course.recipes")
        if not isinstance(self.overrides, Mapping):
            raise ValueError(f"overrides={self.overrides!r} must be a dict of arguments of the builder")
        if self.keep not in ("last", "best"):
            raise ValueError(f"keep={self.keep!r} must be 'last' or 'best'")
        if not isinstance(self.start, Recipe | None):
            raise ValueError(f"start={self.start!r} must be a Recipe or None")
        whole_number(1, **{"task.parts": self.task.parts})
        self.settings()

    @property
    def build(self) -> Callable:
        """The builder that the recipe names."""
        if self.topic is None:
            return self.builder
        return getattr(importlib.import_module(f"keras_course.{self.topic}"), self.builder)

    def with_steps(self, steps: int) -> "Recipe":
        """Return the recipe with another number of steps: its schedule shrinks or stretches with it."""
        if steps == self.steps:
            return self
        warmup = round(self.optimizer.warmup * steps / self.steps)
        return dataclasses.replace(self, steps=steps, optimizer=dataclasses.replace(self.optimizer, warmup=warmup))

    def settings(self) -> dict[str, Any]:
        """Return all fields that decide on the result of a run, as JSON: a resumed run must agree in them."""
        left_out = {"name", "summary", "expected", "tolerance", "published", "source", "note", "minutes"}
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["builder"] = getattr(self.builder, "__name__", self.builder)  # a script's module has another name
        fields["start"] = self.start and self.start.name
        return {name: _plain(name, value) for name, value in fields.items() if name not in left_out}


def _plain(name, value):
    """Return a value as JSON holds it, in which every dataclass has its kind; refuse what is not plain data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__} | {key: _plain(f"{name}.{key}", entry) for key, entry in fields.items()}
    value = plain(value)  # numbers and arrays of NumPy become those of Python
    if isinstance(value, Mapping):
        return {str(key): _plain(f"{name}[{key!r}]", entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(f"{name}[{i}]", entry) for i, entry in enumerate(value)]
    if not isinstance(value, bool | int | float | str | None):
        raise ValueError(f"{name}={value!r} must be plain data: numbers, text, lists, dicts and dataclasses of them")
    return value


class Order(NamedTuple):
    """What `train` was asked for, complete and checked.

    Args:
        recipe: the recipe with the data and the steps that were asked for.
        seed: the seed.
        start: folder of the run that this one begins with, or None.
        compared: the values to compare the result with; None each where data or steps are not the recipe's.
    """

    recipe: Recipe
    seed: int
    start: str | None
    compared: dict[str, Any]
