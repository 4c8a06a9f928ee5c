"""The training runs: their table `RECIPES`, and `train`, which carries one out.

Notation: a run makes `steps` steps of `batch_size` windows of T tokens, or of examples. The validation loss of a text
is the mean of -log p(next token), in nats, over every token of its last part but the first; that part is cut into
windows of T that do not overlap, and the last one may be shorter. Nothing is chosen by what is measured between two
epochs, and the last one counts, so for examples the held-out part is a test set.

Importing this module imports neither Keras nor a backend.
"""

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import sys
from typing import Any

from keras_course import _run, _saved, backend, datasets, records
from keras_course._recipe import SGD, AdamW, Muon, Recipe
from keras_course._recipe_table import RECIPES
from keras_course.checks import instead_of, whole_number

__all__ = [
    "DEFAULT",
    "RECIPES",
    "SGD",
    "AdamW",
    "Muon",
    "Recipe",
    "Run",
    "load_run",
    "train",
]

DEFAULT = "python_docs_cpu"


@dataclasses.dataclass(frozen=True)
class Run:
    """A complete run: what came out of `train`.

    Args:
        recipe: the `Recipe`.
        model: the trained `keras.Model`.
        tokenizer: the tokenizer of its text; None where it was trained on none.
        history: column name to list with one entry for each epoch: `epoch`, `step`, `loss`, `val_loss`, `seconds`.
        value: the recipe's metric at the end.
        sample: a text that the model wrote; None where it writes none.
        facts: what `run.json` holds: machine, versions, arguments and result.
        folder: where the files are, or None.
    """

    recipe: Recipe
    model: Any
    tokenizer: Any
    history: dict[str, list]
    value: float
    sample: str | None
    facts: dict
    folder: pathlib.Path | None


def train(
    recipe: Recipe | str | None = None,
    *,
    data: str | os.PathLike | None = None,
    steps: int | None = None,
    seed: int | None = None,
    out: str | os.PathLike | None = None,
    resume: str | os.PathLike | None = None,
    callbacks=(),
    verbose: int | str = "auto",
) -> Run:
    """Carry out a recipe, and go on with one that was interrupted.

    With a folder, all state is saved at the end of each epoch, in one step. A run that was interrupted, even killed,
    and resumed ends with the same weights, bit for bit, as one that was not.

    Args:
        recipe: a `Recipe` or the name of one in `RECIPES`; by default "python_docs_cpu".
        data: name of a text, or path of a text file, in place of the recipe's.
        steps: number of steps in place of the recipe's; the schedule shrinks or stretches with it. Above 100 it
            needs a divisor from 5 to 20, the number of validations and checkpoints.
        seed: non-negative integer, 0 by default: it fixes first weights, order of the data and dropout.
        out: folder to make and write into; None writes nothing.
        resume: folder of an interrupted run. The arguments above are the earlier ones then, and may be left out,
            except for a `recipe` that is not in `RECIPES`.
        callbacks: further Keras callbacks. Their own state is not saved.
        verbose: 0 for silence, 1 for Keras's progress bar, 2 for one line an epoch, or "auto": 1 on a terminal, else 2.

    Returns:
        A `Run`.

    Raises:
        ValueError: an unknown recipe or text, a number out of range, a text too short, or an argument that differs
            from the interrupted run's.
        FileNotFoundError: the text or the folder to resume is not there.
        FileExistsError: `out` already holds a run.
        BlockingIOError: another process is training in that folder.
        FloatingPointError: the loss became infinite or NaN, or the metric is so at the end.

    Example:
        >>> from keras_course import recipes
        >>> run = recipes.train("digits_mlp", steps=2, verbose=0)
        >>> len(run.history["val_loss"]), run.value < 95        # the test error, in percent
        (2, True)
    """
    backend.require()
    if resume is not None and out is not None:
        raise ValueError(f"out={str(out)!r} cannot go with resume={str(resume)!r}: that run has its folder.")
    with _folder(out, resume) as folder:
        earlier = None if resume is None else _earlier(folder)
        recipe, data, steps, seed = _settle(recipe, data, steps, seed, earlier)
        if verbose:
            print("Loading Keras and the data ...", flush=True)
        from keras_course import _tasks, _training

        task = _tasks.TASKS[recipe.task](recipe, data)
        facts = _facts(recipe, task, steps, _training.plan(steps), seed)
        if earlier is not None:
            facts = _continued(facts, earlier, folder)
        model = _training.build_model(recipe, task, steps, seed)
        recorder = _training.Recorder(folder, facts["steps_per_epoch"])
        if folder is not None:
            task.save(folder)
            _run.write_facts(folder, facts)
            recorder.restore(model)
        _training.fit(model, task, recorder, recipe, facts, callbacks, verbose)
        value = _value(recipe, task, recorder.rows[-1])
        if verbose and folder is not None:
            print(f"Saving to {folder} ...", flush=True)
        sample = task.sample(model, recipe, seed)
        facts |= _result(recipe, facts, model, recorder.rows[-1], value, sample)
        history = {name: [row[name] for row in recorder.rows] for name in recorder.rows[0]}
        if folder is not None:
            _finish(folder, recipe, task, model, history, facts)
    return Run(recipe, model, task.tokenizer, history, facts["value"], sample, facts, folder)


def load_run(path: str | os.PathLike):
    """Return (model, tokenizer) of a run; the tokenizer is None where none lies beside the model.

    Args:
        path: folder of a run, or a `.keras` file.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: the file is truncated, is not a Keras model, or cannot be loaded safely.
    """
    backend.require()
    model, folder = _saved.load_model(path), _saved.model_path(path).parent
    if not any((folder / name).exists() for name in _run.TOKENIZER):
        return model, None
    from keras_course.language import load_tokenizer

    return model, load_tokenizer(folder)


def _folder(out, resume):
    """Return a context with the locked folder of a run, new or interrupted, or with None where nothing is written."""
    given = {name: path for name, path in (("out", out), ("resume", resume)) if path is not None}
    for name, path in given.items():
        if not isinstance(path, str | os.PathLike):
            raise ValueError(f"{name}={path!r} must be the path of a folder.")
    if resume is not None:
        _run.read_facts(resume)  # before a lock is put into a folder that holds no run
        return _run.hold(pathlib.Path(resume).expanduser(), "resume")
    return contextlib.nullcontext() if out is None else _run.claim(out)


def _earlier(folder):
    """Return what `run.json` of an interrupted run says."""
    earlier = _run.read_facts(folder)
    if earlier["complete"]:
        raise ValueError(f"resume={str(folder)!r}: that run is complete, and there is nothing to go on with.")
    return earlier


def _settle(recipe, data, steps, seed, earlier):
    """Fill in what was not given, from the interrupted run or from the recipe, and check it."""
    usual = earlier or {"recipe": DEFAULT, "seed": 0}
    recipe = usual["recipe"] if recipe is None else recipe
    if not isinstance(recipe, Recipe):
        if not isinstance(recipe, str) or recipe not in RECIPES:
            raise ValueError(f"recipe={recipe!r} is not a recipe; {instead_of(recipe, RECIPES)}")
        recipe = RECIPES[recipe]
    data = usual.get("data", recipe.data) if data is None else data
    data = _data_name(recipe, data)
    steps = usual.get("steps", recipe.steps) if steps is None else steps
    seed = usual["seed"] if seed is None else seed
    whole_number(1, steps=steps)
    whole_number(0, seed=seed)
    return recipe, data, int(steps), int(seed)


def _data_name(recipe, data):
    """Return the name of a data set as it is, and the path of a text in full: it must last until the run is resumed."""
    if not isinstance(data, str | os.PathLike):
        raise ValueError(f"data={data!r} must be the name of a data set or the path of a text file.")
    data = os.fspath(data)
    kinds, wanted = (("text",), "text") if recipe.task == "language" else (("table", "images"), "set of examples")
    names = [row.name for row in datasets.list_datasets() if row.kind in kinds]
    path = pathlib.Path(data).expanduser()
    if data in names:
        return data
    if path.is_file() and recipe.task != "language":
        raise ValueError(
            f"data={data!r} is a file, and only a language model is trained on one by a recipe. This recipe takes a "
            f"data set by its name, one of {', '.join(names)}; README tells how to train on other tables and images."
        )
    if path.is_file():
        return str(path.resolve())
    if path.suffix or path.name != data:
        what = "it is a folder, not a file of text" if os.path.isdir(data) else "there is no such file"
        raise FileNotFoundError(f"data={data!r}: {what}.")
    raise ValueError(f"data={data!r} is not a {wanted}; {instead_of(data, names)}")


def _facts(recipe, task, steps, plan, seed):
    """Return what is known before training. The first half decides on the result, so a resumed run must agree in it."""
    settings = json.loads(json.dumps(dataclasses.asdict(recipe)))  # as it will read when it comes back from run.json
    settings["optimizer"]["kind"] = type(recipe.optimizer).__name__
    epochs, steps_per_epoch = plan
    return {
        "recipe": recipe.name,
        "settings": {key: settings[key] for key in settings if key in _DECISIVE},
        "data": task.name,
        "data_sha256": task.sha256,
        "steps": steps,
        "epochs": epochs,
        "steps_per_epoch": steps_per_epoch,
        "seed": seed,
        "backend": backend.current(),
        "complete": False,
        "size": task.size,
        **task.facts,
        "started": records.today(),
        "command": sys.argv,
        "machine": records.machine(),
        "versions": records.versions(backend.current()),
        "commit": records.commit(),
        "uncommitted": records.uncommitted(),
    }


_DECISIVE = {"task", "topic", "builder", "preset", "overrides", "tokenizer", "split", "permute"}
_DECISIVE |= {"batch_size", "steps", "optimizer"}


def _continued(facts, earlier, folder):
    """Return the facts of a run that goes on, after comparing those that decide on its result."""
    for key in list(facts)[: list(facts).index("complete")]:
        if facts[key] != earlier.get(key):
            raise ValueError(
                f"resume={str(folder)!r}: {key} was {earlier.get(key)!r} when that run was started, and is now "
                f"{facts[key]!r}. Go on with what it was started with, or start a new run."
            )
    same = facts["commit"] == earlier.get("commit")
    return {**facts, "started": earlier.get("started"), "commit": facts["commit"] if same else None}


def _value(recipe, task, row):
    """Return the metric after the last epoch. It must be finite there; in earlier epochs it need not be."""
    value = task.value(row)
    if not math.isfinite(value):
        raise FloatingPointError(
            f"{recipe.metric} is {value} at the end of the run, after step {row['step']}, although the training loss "
            f"is {row['loss']}: the model has no result, and is not saved. A lower learning rate helps."
        )
    return value


def _result(recipe, facts, model, row, value, sample):
    """Return what is known after training; other data or steps than the recipe's have no expected value."""
    usual = (facts["data"], row["step"]) == (recipe.data, recipe.steps)
    compared = ("expected", "tolerance", "published", "source")
    return {
        "complete": True,
        "finished": records.today(),
        "metric": f"{recipe.metric} in {recipe.unit}",
        "value": value,
        **{name: getattr(recipe, name) if usual else None for name in compared},
        "parameters": model.count_params(),
        "device": str(model.trainable_variables[0].value.device),
        "minutes": round(row["seconds"] / 60, 2),
        "sample": sample,
    }


def _finish(folder, recipe, task, model, history, facts):
    """Write the results; the checkpoint goes last, so that a failure here can be resumed as well."""
    from keras_course import plots

    _saved.save_model(model, folder / _saved.MODEL)
    figure = plots.loss_curves({recipe.name: history}, unit=task.loss_unit)
    _run.save_figure(figure, folder / _run.FIGURE)
    _run.write_facts(folder, facts)
    _run.finish(folder)
