"""A training run as plain data: the recipe. Importing this module does not import Keras."""

import dataclasses
import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from keras_course.checks import number, string, whole_number
from keras_course.recipes._optimizers import SGD, AdamW, Muon
from keras_course.recipes._task import Task


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One training run, complete: a task, a model, an optimizer, a budget, and the result to expect.

    Args:
        name: what the run is called.
        summary: what it is for, in one line.
        task: a `Task`, such as `NextToken("python_docs", context_length=64)`: data and metric.
        builder, preset, overrides: the model, `builder.from_preset(preset, **overrides)`; a builder of this package is
            given by its name, beside
        topic: the package `keras_course.<topic>` that it stands in. A builder of your own is given as the function.
        optimizer: an `AdamW`, `Muon` or `SGD`.
        steps: number of steps; 0 where nothing is trained, and the task only measures.
        batch_size: number of examples or windows in a step.
        start: name of the recipe whose trained weights the run begins with; None begins with initial weights.
        expected: the value to expect,
        tolerance: from which one seed may differ by so much.
        published, source: what others report, and where; None where nobody did.
        note: what a reader of the result has to know, in a sentence; None where there is nothing.
        minutes: about how long it takes on two CPU cores; None where it needs a GPU.
    """

    name: str
    summary: str
    task: Task
    builder: str | Callable
    preset: str
    optimizer: AdamW | Muon | SGD
    steps: int
    batch_size: int
    topic: str | None = None
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    start: str | None = None
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
        if (isinstance(self.builder, str), callable(self.builder)) != (self.topic is not None, self.topic is None):
            raise ValueError(f"builder={self.builder!r} must be a name, beside a topic, or a function without one")
        if not isinstance(self.optimizer, AdamW | Muon | SGD):
            raise ValueError(f"optimizer={self.optimizer!r} must be an AdamW, Muon or SGD of keras_course.recipes")
        if not isinstance(self.overrides, Mapping):
            raise ValueError(f"overrides={self.overrides!r} must be a dict of arguments of the builder")

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
        """Return all fields that decide on the result of a run: a resumed run must agree in them."""
        left_out = {"name", "summary", "expected", "tolerance", "published", "source", "note", "minutes"}
        settings = {key: value for key, value in dataclasses.asdict(self).items() if key not in left_out}
        for key in ("task", "optimizer"):
            settings[key]["kind"] = type(getattr(self, key)).__name__
        if self.topic is None:
            settings["builder"] = self.builder.__name__  # its module has another name where it runs as a script
        return json.loads(json.dumps(settings))  # as it reads when it comes back from run.json


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
