"""The state that outlives a crash: weights, state of the optimizer and of the random generators, and the history.

Keras's `BackupAndRestore` leaves out the states of the random generators and the history, so a run that it restores
differs from one that was never interrupted. Here everything stands in one file, which is replaced in one step at the
end of each epoch. The order of the data needs no state: it is a function of (seed, epoch, batch).
"""

import json
import math
import time

import keras
import numpy as np

from keras_course.checks.archives import array_shapes
from keras_course.checks.files import atomic_write
from keras_course.recipes import _folder


class Recorder(keras.callbacks.Callback):
    """Keep the history of a run and, where it has a folder, all state that a restart needs.

    Args:
        folder: folder of the run, or None.
        steps_per_epoch: steps from one validation to the next.
        keep: see `Recipe`.
    """

    def __init__(self, folder, steps_per_epoch, keep="last"):
        super().__init__()
        self.folder = folder
        self.steps_per_epoch = steps_per_epoch
        self.keep = keep
        self.rows = []  # one dict for each epoch
        self._best = []  # weights after the best epoch, if they are kept
        self._started = time.monotonic()

    @property
    def epoch(self) -> int:
        """The number of complete epochs."""
        return len(self.rows)

    @property
    def row(self) -> dict:
        """The row of the epoch whose weights are kept; empty before the first epoch."""
        if self.keep == "best" and self.rows:
            return min(self.rows, key=lambda row: np.nan_to_num(row["val_loss"], nan=np.inf))
        return self.rows[-1] if self.rows else {}

    @property
    def seconds(self) -> float:
        """Time spent, that of interrupted sessions included up to their last complete epoch."""
        return time.monotonic() - self._started

    def on_epoch_end(self, epoch, logs=None) -> None:
        step = (epoch + 1) * self.steps_per_epoch
        row = {"epoch": epoch + 1, "step": step, **{name: float(value) for name, value in logs.items()}}
        if not math.isfinite(row["loss"]):  # a validation may overflow for one epoch, and the run recovers
            raise FloatingPointError(
                f"loss is {row['loss']} after step {step}: training has diverged. A lower learning rate helps."
            )
        self.rows.append({**row, "seconds": round(self.seconds, 1)})
        if self.keep == "best" and self.row is self.rows[-1]:
            self._best = self.model.get_weights()
        if self.folder is not None:
            self._save()

    def _save(self):
        arrays = {f"v{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_state(self.model))}
        arrays |= {f"best{i}": array for i, array in enumerate(self._best)}
        history = np.array(json.dumps(self.rows))  # with NaN and Infinity, as Python reads them back
        atomic_write(self.folder / _folder.CHECKPOINT, lambda path: np.savez(path, history=history, **arrays))
        _folder.write_history(self.folder, self.rows)

    def restore(self, model) -> None:
        """Bring back the state at the end of the last epoch, if one was completed.

        Raises:
            ValueError: the checkpoint is truncated, foreign or of another model; nothing is changed then.
        """
        path = self.folder / _folder.CHECKPOINT
        if not path.exists():
            return
        variables = _state(model)
        kept = model.weights if self.keep == "best" else []
        try:
            shapes = {f"v{i}": tuple(variable.shape) for i, variable in enumerate(variables)}
            best_shapes = {f"best{i}": tuple(variable.shape) for i, variable in enumerate(kept)}
            if array_shapes(path) != {"history": (), **shapes, **best_shapes}:
                raise ValueError("it is of another model")
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as content:
                rows = json.loads(str(content["history"]))
                seconds = float(rows[-1]["seconds"])
                values, best = ([content[name] for name in names] for names in (shapes, best_shapes))
        except Exception as error:  # numpy and zipfile raise whatever the part that they stumble over raises
            raise ValueError(f"{path} is not a checkpoint of this run: {error}") from error
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.rows, self._best = rows, best
        self._started -= seconds

    def restore_best(self, model) -> None:
        """Give the model the weights after its best epoch, if they are kept."""
        if self._best:
            model.set_weights(self._best)


def _state(model):
    """Return every variable that outlives a training step; the non-trainable ones include the seed generators'."""
    return [*model.trainable_variables, *model.non_trainable_variables, *model.optimizer.variables]
