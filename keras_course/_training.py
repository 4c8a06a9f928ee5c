"""What `recipes.train` is made of: the model of a recipe, its schedule, and the state that outlives a crash.

Notation: a run makes S = `steps` steps of B = `batch_size` windows or examples, in E epochs. An epoch is the stretch
between two validations, not a pass over the data.
"""

import json
import math
import sys
import time
import warnings

import keras
import numpy as np

from keras_course import _run
from keras_course._files import atomic_write
from keras_course._recipe import builder_of
from keras_course._registry import parameters_of
from keras_course.checks.archives import array_shapes
from keras_course.ops import jit_training, keep_working_memory
from keras_course.portable import portable_init


def build_model(recipe, task, steps, seed):
    """Return the compiled model of a recipe, with weights that are the same on every backend."""
    keep_working_memory()
    build = builder_of(recipe)
    arguments = recipe.overrides | task.arguments(build)
    if "seed" in parameters_of(build):
        arguments["seed"] = seed
    model = portable_init(build.from_preset(recipe.preset, **arguments), seed)
    model.compile(
        optimizer=recipe.optimizer.build(model, _schedule_of(recipe, steps)),
        **task.objective(model),
    )
    model.optimizer.build(model.trainable_variables)  # its state has to be there before one is restored
    return jit_training(model)


def _schedule_of(recipe, steps):
    """Return a function from (peak, final) to the learning rate over a run: a linear rise, then half a cosine.

    A run that is shorter or longer than the recipe's has the same schedule, shrunk or stretched.
    """
    warmup = round(recipe.optimizer.warmup * steps / recipe.steps)

    def schedule(peak, final):
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=peak / (warmup + 1),  # not 0, which would waste the first step
            warmup_target=peak if warmup else None,
            warmup_steps=warmup,
            decay_steps=max(1, steps - warmup),
            alpha=final / peak,
        )

    return schedule


def plan(steps):
    """Return (E, steps per epoch): ten epochs of equal length, or as near to ten as divides; cut to Keras's own caps.

    The caps are the environment variables KERAS_MAX_EPOCHS and KERAS_MAX_STEPS_PER_EPOCH.
    """
    counts = [count for count in (10, 9, 8, 7, 6, 5, *range(11, 21)) if steps % count == 0]
    if not counts and steps > 100:
        raise ValueError(
            f"steps={steps} has no divisor from 5 to 20, so it cannot be cut into equal stretches with a checkpoint "
            f"after each; {10 * round(steps / 10)} can."
        )
    epochs = counts[0] if counts else next(count for count in (4, 3, 2, 1) if steps % count == 0)
    cap_epochs, cap_steps = keras.config.max_epochs(), keras.config.max_steps_per_epoch()
    return min(epochs, cap_epochs or epochs), min(steps // epochs, cap_steps or steps)


def fit(model, task, recorder, recipe, facts, callbacks, verbose):
    """Train from where `recorder` stands to the last epoch, with a validation after each."""
    if recorder.epoch >= facts["epochs"]:  # interrupted between the last epoch and the end
        return
    if verbose == "auto":
        verbose = 1 if sys.stdout.isatty() else 2
    lines = [EpochLines(recorder, facts["steps"], task.loss_unit)] if verbose == 2 else []
    batches = task.batches(recipe, facts, recorder.epoch)
    if verbose:
        print("Compiling the first step (up to a minute) ...", flush=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Limiting (epochs|steps_per_epoch) to")  # whoever set the cap knows it
        model.fit(
            batches,
            steps_per_epoch=batches.steps_per_epoch,
            initial_epoch=recorder.epoch,
            epochs=facts["epochs"],
            shuffle=False,
            validation_data=task.validation,
            validation_batch_size=64,
            callbacks=[recorder, *callbacks, *lines],
            verbose=1 if verbose == 1 else 0,
        )


class Recorder(keras.callbacks.Callback):
    """Keep the history of a run and, where it has a folder, all state that a restart needs.

    Keras's `BackupAndRestore` leaves out the states of the random generators and the history, so a run that it
    restores differs from one that was never interrupted. Here everything stands in one file, which is replaced in one
    step at the end of each epoch: weights, state of the optimizer and of the generators, history. The order of the
    data needs no state: it is a function of (seed, epoch, batch).
    """

    def __init__(self, folder, steps_per_epoch):
        super().__init__()
        self.folder = folder
        self.steps_per_epoch = steps_per_epoch
        self.rows = []  # one dict for each epoch
        self._started = time.monotonic()

    @property
    def epoch(self):
        """The number of complete epochs."""
        return len(self.rows)

    @property
    def seconds(self):
        """Time spent, that of interrupted sessions included up to their last complete epoch."""
        return time.monotonic() - self._started

    def on_epoch_end(self, epoch, logs=None):
        step = (epoch + 1) * self.steps_per_epoch
        row = {"epoch": epoch + 1, "step": step, **{name: float(value) for name, value in logs.items()}}
        if not math.isfinite(row["loss"]):  # a validation may overflow for one epoch, and the run recovers
            raise FloatingPointError(
                f"loss is {row['loss']} after step {step}: training has diverged. A lower learning rate helps."
            )
        self.rows.append({**row, "seconds": round(self.seconds, 1)})
        if self.folder is not None:
            self._save()

    def _save(self):
        arrays = {f"v{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_state(self.model))}
        history = np.array(json.dumps(self.rows))  # with NaN and Infinity, as Python reads them back
        atomic_write(self.folder / _run.CHECKPOINT, lambda path: np.savez(path, history=history, **arrays))
        _run.write_history(self.folder, self.rows)

    def restore(self, model):
        """Bring back the state at the end of the last epoch, if one was completed.

        Raises:
            ValueError: the checkpoint is truncated, foreign or of another model; nothing is changed then.
        """
        path = self.folder / _run.CHECKPOINT
        if not path.exists():
            return
        variables = _state(model)
        try:
            shapes = {f"v{i}": tuple(variable.shape) for i, variable in enumerate(variables)}
            if array_shapes(path) != {"history": (), **shapes}:
                raise ValueError("it is of another model")
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as content:
                rows = json.loads(str(content["history"]))
                seconds = float(rows[-1]["seconds"])
                values = [content[name] for name in shapes]
        except Exception as error:  # numpy and zipfile raise whatever the part that they stumble over raises
            raise ValueError(f"{path} is no checkpoint of this run: {error}") from error
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.rows = rows
        self._started -= seconds


def _state(model):
    """Return every variable that outlives a training step; the non-trainable ones include the seed generators'."""
    return [*model.trainable_variables, *model.non_trainable_variables, *model.optimizer.variables]


class EpochLines(keras.callbacks.Callback):
    """Print one line for each epoch, where there is no terminal to draw a progress bar on."""

    def __init__(self, recorder, steps, unit):
        super().__init__()
        self.recorder, self.steps, self.unit = recorder, steps, unit

    def on_epoch_end(self, epoch, logs=None):
        row = self.recorder.rows[-1]
        print(
            f"step {row['step']:>{len(str(self.steps))}}/{self.steps}: loss {row['loss']:.4f}, "
            f"validation loss {row['val_loss']:.4f} {self.unit}, {row['seconds']:.0f} s",
            flush=True,
        )
