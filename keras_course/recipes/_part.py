"""One model from its data to its saved file; `train` calls this once, or once for each part of a task."""

import math
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_course import backend, plots, records
from keras_course._registry import parameters_of
from keras_course.ops import jit_training, keep_working_memory
from keras_course.portable import portable_init
from keras_course.recipes import _folder, _loop, _saved
from keras_course.recipes._checkpoint import Recorder
from keras_course.recipes._optimizers import cosine_schedule
from keras_course.recipes._recipe import Order, Recipe
from keras_course.recipes._sample import write_sample
from keras_course.recipes._task import Data, Trained


def train_part(
    order: Order, part: int, folder: pathlib.Path | None, start: Trained | None, callbacks, verbose
) -> tuple:
    """Train, measure and save one model; return (model, assets, rows of the history, sample, facts).

    A part that its folder already holds is read back if it is complete, and goes on from its last epoch if it is not.
    """
    recipe, seed = order.recipe, _seed_of(order.seed, part)
    data = recipe.task.load(part, start)
    if recipe.keep == "best" and data.validation is None:
        raise ValueError(f"keep='best': {recipe.name!r} has no validation set, by which the best epoch is known")
    facts = _facts(recipe, data, part, seed, start)
    if folder is not None and (folder / _folder.RUN).exists():
        earlier = _folder.read_facts(folder)
        facts = _continued(facts, earlier, folder)
        if earlier["complete"]:
            model = _saved.load_model(folder)
            return model, dict(data.assets), _folder.read_history(folder), data.sample(model, seed), earlier
    model = build_model(recipe, data, seed)
    if start is not None:
        facts["weights_from_start"] = count = data.initialize(model, start)
        if verbose:
            print(f"Copied {count} of {len(model.weights)} weight arrays from {start.folder}", flush=True)
    compile_model(model, recipe, data)
    recorder = Recorder(folder, facts["steps_per_epoch"], recipe.keep)
    if folder is not None:
        for asset in data.assets.values():
            asset.save(folder)
        _folder.write_facts(folder, facts)
        recorder.restore(model)
    if verbose and recipe.task.parts > 1:
        print(f"Part {part + 1} of {recipe.task.parts}", flush=True)
    _loop.fit(model, data, recorder, recipe, facts, callbacks, verbose)
    recorder.restore_best(model)
    metrics = _measure(recipe, data, model, recorder.row, seed)
    if verbose and folder is not None:
        print(f"Saving to {folder} ...", flush=True)
    sample = data.sample(model, seed)
    facts |= {
        "complete": True,
        "finished": records.today(),
        "value": metrics[recipe.task.metric.name],
        "metrics": metrics,
        "kept_epoch": recorder.row.get("epoch", 0),
        **order.compared,
        "parameters": model.count_params(),
        "device": str(model.weights[0].value.device) if model.weights else "",
        "minutes": round(recorder.seconds / 60, 2),
        "sample": None,
    }
    if folder is not None:
        _save(folder, recipe, data, model, recorder.rows, sample, facts)
    return model, dict(data.assets), recorder.rows, sample, facts


def build_model(recipe: Recipe, data: Data, seed: int) -> Any:
    """Return the model of a recipe, with initial weights that are the same on every backend."""
    build = recipe.build
    arguments = recipe.overrides | data.arguments(build)
    if "seed" in parameters_of(build):
        arguments["seed"] = seed
    model = build(**arguments) if recipe.preset is None else build.from_preset(recipe.preset, **arguments)
    return portable_init(model, seed)


def compile_model(model: Any, recipe: Recipe, data: Data) -> Any:
    """Compile a model with the optimizer of a recipe and the objective of its data, and return it."""
    keep_working_memory()
    schedule = cosine_schedule(recipe.optimizer, recipe.steps)
    model.compile(optimizer=recipe.optimizer.build(model, schedule), **data.objective(model))
    model.optimizer.build(model.trainable_variables)  # its state has to be there before one is restored
    return jit_training(model)


def _seed_of(seed, part):
    """Return the seed of a part, so that two runs with different seeds have no seed of a part in common.

    It is at most 2 billion, the highest seed that builders take.
    """
    return seed if part == 0 else int(np.random.SeedSequence((seed, part)).generate_state(1)[0] >> 1) % 2_000_000_000


def _facts(recipe, data, part, seed, start):
    """Return what is known before training. The first half decides on the result, so a resumed run must agree in it."""
    epochs, steps_per_epoch = _loop.plan(recipe.steps)
    return {
        "recipe": recipe.name,
        "data": recipe.task.data,
        "data_sha256": data.sha256,
        "part": part,
        "start": None if start is None else str(start.folder),
        "steps": recipe.steps,
        "epochs": epochs,
        "steps_per_epoch": steps_per_epoch,
        "seed": seed,
        "backend": backend.current(),
        "settings": recipe.settings(),
        "complete": False,
        "size": data.size,
        "metric": str(recipe.task.metric),
        "higher_is_better": recipe.task.metric.higher_is_better,
        **data.facts,
        "started": records.today(),
        "command": sys.argv,
        "machine": records.machine(),
        "versions": records.versions(backend.current()),
        "commit": records.commit(),
        "uncommitted": records.uncommitted(),
    }


def _continued(facts, earlier, folder):
    """Return the facts of a run that goes on, after comparing those that decide on its result."""
    _folder.check_same(earlier, facts, folder)
    same = facts["commit"] == earlier.get("commit")
    return {**facts, "started": earlier.get("started"), "commit": facts["commit"] if same else None}


def _measure(recipe, data, model, row, seed):
    """Return the metrics of the trained model. They must be finite; in other epochs they need not be."""
    measured, name = data.measure(model, row, seed), recipe.task.metric.name
    if not isinstance(measured, Mapping):
        raise ValueError(f"measure returned {measured!r}; it must return a dict with a number for each metric")
    metrics = {key: float(value) for key, value in measured.items()}
    if name not in metrics:
        raise ValueError(f"measure returned {sorted(metrics)}, and {name!r}, the metric of the task, is not among them")
    if not math.isfinite(metrics[name]):
        raise FloatingPointError(
            f"{name} is {metrics[name]} at the end of the run, after step {row.get('step', 0)}, although the training "
            f"loss is {row.get('loss')}: the model has no result, and is not saved. A lower learning rate helps."
        )
    return metrics


def _save(folder, recipe, data, model, rows, sample, facts):
    """Write the results; the checkpoint goes last, so that a failure here can be resumed as well."""
    _saved.save_model(model, folder / _saved.MODEL)
    if rows:
        history = {name: [row[name] for row in rows] for name in rows[0]}
        _folder.save_figure(plots.loss_curves({recipe.name: history}, unit=data.loss_unit), folder / _folder.FIGURE)
    if sample is not None:
        facts["sample"] = write_sample(folder, sample)
    _folder.write_facts(folder, facts)
    _folder.finish(folder)
