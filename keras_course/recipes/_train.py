"""`train` carries out a recipe. It calls `_part` for each model, which calls `_loop`, `_checkpoint` and `_folder`."""

import contextlib
import dataclasses
import os
import pathlib
import statistics
from typing import Any

from keras_course import backend, records
from keras_course.checks import instead_of, whole_number
from keras_course.recipes import _folder, tables
from keras_course.recipes._recipe import Order, Recipe
from keras_course.recipes._saved import load_model
from keras_course.recipes._task import Trained

RECIPES = tables.collect()
DEFAULT = "python_docs_cpu"


@dataclasses.dataclass(frozen=True, repr=False)
class Run:
    """A complete run: what came out of `train`.

    Args:
        recipe: the `Recipe` that was carried out, with the data and steps that `train` was given.
        model: the trained `keras.Model`.
        assets: name to what a user of the model needs beside it, such as {"tokenizer": ...}.
        history: column name to list with one entry for each epoch: `epoch`, `step`, `loss`, `seconds`, and `val_loss`
            and metrics where the task has them.
        value: the metric of the task at the end.
        sample: what the model made: a text, an image, a sound, a table; None where it makes none.
        facts: what `run.json` holds: machine, versions, arguments and result.
        folder: where the files are, or None.
        parts: the run of each part where the task has several, else empty. `value` is their mean or what the
            task combines; model, assets, history and sample are those of the last part.
    """

    recipe: Recipe
    model: Any
    assets: dict[str, Any]
    history: dict[str, list]
    value: float
    sample: Any
    facts: dict
    folder: pathlib.Path | None
    parts: tuple["Run", ...] = ()

    def __repr__(self):
        return f"Run({self.recipe.name!r}, {self.recipe.task.metric.name}={self.value:.4g}, folder={self.folder})"

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of its text; None where it was trained on none."""
        return self.assets.get("tokenizer")


def train(
    recipe: Recipe | str | None = None,
    *,
    data: str | os.PathLike | None = None,
    steps: int | None = None,
    seed: int | None = None,
    start: str | os.PathLike | None = None,
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
        data: name of a data set, or path of a file that the task reads, in place of the recipe's.
        steps: number of steps in place of the recipe's; the schedule shrinks or stretches with it. Above 100 it
            needs a divisor from 5 to 20, the number of validations and checkpoints.
        seed: non-negative integer, 0 by default: it fixes initial weights, order of the data and dropout.
        start: folder of a complete run of the recipe that `recipe.start` names, whose weights this run begins with.
        out: folder to make and write into, new or empty; None writes nothing.
        resume: folder of an interrupted run. The arguments above are the earlier ones then, and may be left out,
            except for a `recipe` that is not in `RECIPES`.
        callbacks: further Keras callbacks. Their own state is not saved.
        verbose: 0 for silence, 1 for Keras's progress bar, 2 for one line an epoch, or "auto": 1 on a terminal, else 2.

    Returns:
        A `Run`.

    Raises:
        ValueError: an unknown recipe or data set, a number out of range, a text too short, or an argument that differs
            from the interrupted run's.
        FileNotFoundError: the text, the run to start from or the folder to resume is not there.
        FileExistsError: `out` is not empty.
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
    with _opened(out, resume) as folder:
        earlier = {} if resume is None else _earlier(folder)
        order = _settle(recipe, data, steps, seed, start, earlier)
        if verbose:
            print("Loading Keras and the data ...", flush=True)
        begin = None if order.start is None else _trained(order.recipe, order.start)
        from keras_course.recipes._part import train_part

        def run_part(part, where):
            model, assets, rows, sample, facts = train_part(order, part, where, begin, callbacks, verbose)
            history = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
            return Run(order.recipe, model, assets, history, facts["value"], sample, facts, where)

        if order.recipe.task.parts == 1:
            return run_part(0, folder)
        return _all_parts(run_part, order, folder, earlier)


def _opened(out, resume):
    """Return a context with the locked folder of a run, new or interrupted, or with None where nothing is written."""
    given = {name: path for name, path in (("out", out), ("resume", resume)) if path is not None}
    for name, path in given.items():
        if not isinstance(path, str | os.PathLike):
            raise ValueError(f"{name}={path!r} must be the path of a folder.")
    if resume is not None:
        _folder.read_facts(resume)  # before a lock is put into a folder that holds no run
        return _folder.hold(pathlib.Path(resume).expanduser(), "resume")
    return contextlib.nullcontext() if out is None else _folder.claim(out)


def _earlier(folder):
    """Return what `run.json` of an interrupted run says."""
    earlier = _folder.read_facts(folder)
    if earlier["complete"]:
        raise ValueError(f"resume={str(folder)!r}: that run is complete, and there is nothing to go on with.")
    return earlier


def _settle(recipe, data, steps, seed, start, earlier):
    """Fill in what was not given, from the interrupted run or from the recipe, and check it."""
    recipe = earlier.get("recipe", DEFAULT) if recipe is None else recipe
    if not isinstance(recipe, Recipe):
        if not isinstance(recipe, str) or recipe not in RECIPES:
            own = "; give a recipe of your own as the Recipe itself" if earlier else ""
            raise ValueError(f"recipe={recipe!r} is not a recipe; {instead_of(recipe, RECIPES)}{own}")
        recipe = RECIPES[recipe]
    data = earlier.get("data", recipe.task.data) if data is None else data
    if not isinstance(data, str | os.PathLike):
        raise ValueError(f"data={data!r} must be the name of a data set or the path of a file.")
    asked = dataclasses.replace(recipe, task=recipe.task.on(os.fspath(data)))
    steps = earlier.get("steps", recipe.steps) if steps is None else steps
    whole_number(1 if recipe.steps else 0, steps=steps)
    if steps and not recipe.steps:
        raise ValueError(f"steps={steps}: {recipe.name!r} trains nothing, so it takes no steps.")
    seed = earlier.get("seed", 0) if seed is None else seed
    whole_number(0, seed=seed)
    start = earlier.get("start") if start is None else _folder_of(start)
    if start is None and recipe.start is not None:
        raise ValueError(
            f"start=None: {recipe.name!r} begins with the weights of {recipe.start.name!r}; train that first, and "
            f"give the folder of its run by `keras-course train {recipe.name} --start runs/{recipe.start.name}-...`."
        )
    if start is not None and recipe.start is None:
        raise ValueError(f"start={str(start)!r}: {recipe.name!r} does not begin with the weights of a run.")
    own_data = asked.task.data in (recipe.task.data, os.path.abspath(os.path.expanduser(recipe.task.data)))
    usual = own_data and int(steps) == recipe.steps
    compared = ("expected", "tolerance", "published", "source")
    compared = {name: getattr(recipe, name) if usual else None for name in compared}
    return Order(asked.with_steps(int(steps)), int(seed), start, compared)


def _folder_of(start):
    """Return the folder of the run to start from in full, as it must be found again when this run is resumed."""
    if not isinstance(start, str | os.PathLike):
        raise ValueError(f"start={start!r} must be the folder of a run.")
    return str(pathlib.Path(start).expanduser().resolve())


def _trained(recipe, start):
    """Return the complete run that a recipe begins with."""
    folder = pathlib.Path(start)
    facts, wanted = _folder.read_facts(folder, "start"), recipe.start
    if facts["recipe"] != wanted.name or not facts["complete"]:
        state = "complete" if facts["complete"] else "interrupted"
        raise ValueError(
            f"start={start!r} is {state} and of {facts['recipe']!r}; it must be a complete run of {wanted.name!r}"
        )
    return Trained(load_model(folder), wanted.task.read(folder), facts, folder)


def _all_parts(run_part, order, folder, earlier):
    """Train each part in a folder of its own, and combine their metrics: by default, the value is their mean."""
    recipe = order.recipe
    plan = {
        "recipe": recipe.name,
        "data": recipe.task.data,
        "start": order.start,
        "steps": recipe.steps,
        "seed": order.seed,
        "backend": backend.current(),
        "settings": recipe.settings(),
        "complete": False,
        "commit": records.commit(),
        "uncommitted": records.uncommitted(),
    }
    if earlier:
        _folder.check_same(earlier, plan, folder)
    if folder is not None:
        _folder.write_facts(folder, plan)
    runs = []
    for part in range(recipe.task.parts):
        where = None if folder is None else folder / f"part_{part:02d}"
        if where is not None:
            where.mkdir(exist_ok=True)
        runs.append(run_part(part, where))
    last, values = runs[-1], [run.value for run in runs]
    metrics = recipe.task.combine([run.model for run in runs], [run.facts["metrics"] for run in runs])
    commits = {run.facts["commit"] for run in runs}
    facts = {
        **{key: value for key, value in last.facts.items() if key not in ("part", "sample", "kept_epoch")},
        **plan,
        "commit": last.facts["commit"] if len(commits) == 1 else None,
        "complete": True,
        "metrics": metrics,
        "value": metrics[recipe.task.metric.name],
        "parts": len(values),
        "values": values,
        "deviation": statistics.stdev(values),
        "minutes": round(sum(run.facts["minutes"] for run in runs), 2),
    }
    if folder is not None:
        _folder.write_facts(folder, facts)
        _folder.finish(folder)
    return dataclasses.replace(last, value=facts["value"], facts=facts, folder=folder, parts=tuple(runs))
