"""A recipe that trains in a second, with dropout; run as a script it trains until it kills itself.

python tests/tiny_recipe.py TEXT FOLDER STEP
"""

import os
import signal
import sys

from keras_course.recipes import AdamW, NextToken, Recipe, train

TEXT = "a rose is a rose is a rose, said the rose; and so it is.\n" * 40


def recipe(data, **changes):
    """Return the tiny recipe on the text file `data`: 5 epochs of 3 steps when `steps` is 15."""
    standard = {
        "name": "tiny",
        "summary": "for tests",
        "task": NextToken(str(data), context_length=8, prompt="a"),
        "topic": "language",
        "builder": "gpt",
        "preset": "tiny",
        "overrides": {"hidden_dim": 16, "num_layers": 0, "dropout": 0.3},  # compiled in a third of the time of a block
        "batch_size": 4,
        "steps": 15,
        "optimizer": AdamW(peak_rate=1e-2, final_rate=1e-3, warmup=3),
    }
    return Recipe(**(standard | changes))


def killer(step):
    """Return a callback that ends the process as `kill -9` does, when `step` steps are complete."""
    import keras

    class Killer(keras.callbacks.Callback):
        count = 0

        def on_train_batch_end(self, batch, logs=None):
            self.count += 1
            if self.count == step:
                os.kill(os.getpid(), signal.SIGKILL)

    return Killer()


if __name__ == "__main__":
    text, folder, when = sys.argv[1:]
    train(recipe(text), seed=7, out=folder, callbacks=[killer(int(when))], verbose=0)
