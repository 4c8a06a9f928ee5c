"""The training loop of a run: its division into epochs, and `fit` from where a checkpoint stands.

Notation: a run makes S = `steps` steps in E epochs. An epoch is the interval between two validations, not a pass over
the data.
"""

import sys
import warnings

import keras


def plan(steps) -> tuple[int, int]:
    """Return (E, steps per epoch): ten epochs of equal length, or as near to ten as divides; cut to Keras's own caps.

    The caps are the environment variables KERAS_MAX_EPOCHS and KERAS_MAX_STEPS_PER_EPOCH.

    Raises:
        ValueError: more than 100 steps without a divisor from 5 to 20.
    """
    if steps == 0:
        return 0, 0
    counts = [count for count in (10, 9, 8, 7, 6, 5, *range(11, 21)) if steps % count == 0]
    if not counts and steps > 100:
        raise ValueError(
            f"steps={steps} has no divisor from 5 to 20, so it cannot be cut into equal epochs with a checkpoint "
            f"after each; {10 * round(steps / 10)} can."
        )
    epochs = counts[0] if counts else next(count for count in (4, 3, 2, 1) if steps % count == 0)
    cap_epochs, cap_steps = keras.config.max_epochs(), keras.config.max_steps_per_epoch()
    return min(epochs, cap_epochs or epochs), min(steps // epochs, cap_steps or steps)


def fit(model, data, recorder, recipe, facts, callbacks, verbose) -> None:
    """Train from where `recorder` stands to the last epoch, with a validation after each."""
    if recorder.epoch >= facts["epochs"]:  # nothing to train, or interrupted between the last epoch and the end
        return
    if verbose == "auto":
        verbose = 1 if sys.stdout.isatty() else 2
    lines = [EpochLines(recorder, facts["steps"], data.loss_unit)] if verbose == 2 else []
    batches = data.batches(recipe.batch_size, facts["steps_per_epoch"], facts["seed"], recorder.epoch)
    if verbose:
        print("Compiling the first step (up to a minute) ...", flush=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Limiting (epochs|steps_per_epoch) to")  # whoever set the cap knows it
        model.fit(
            batches if isinstance(batches, keras.utils.PyDataset) else (batch for batch in batches),
            steps_per_epoch=facts["steps_per_epoch"],
            initial_epoch=recorder.epoch,
            epochs=facts["epochs"],
            shuffle=False,
            validation_data=None if data.validation is None else Batches(data.validation),
            callbacks=[recorder, *callbacks, *lines],
            verbose=1 if verbose == 1 else 0,
        )


class Batches(keras.utils.PyDataset):
    """A sequence of batches, in the form that Keras validates on."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


class EpochLines(keras.callbacks.Callback):
    """Print one line for each epoch, where there is no terminal to show a progress bar on."""

    def __init__(self, recorder, steps, unit):
        super().__init__()
        self.recorder, self.steps, self.unit = recorder, steps, unit

    def on_epoch_end(self, epoch, logs=None) -> None:
        row = self.recorder.rows[-1]
        losses = {"loss": "loss", "validation loss": "val_loss"}
        shown = [f"{name} {row[column]:.4f}" for name, column in losses.items() if column in row]
        print(
            f"step {row['step']:>{len(str(self.steps))}}/{self.steps}: {', '.join(shown)} {self.unit}, "
            f"{row['seconds']:.0f} s",
            flush=True,
        )
