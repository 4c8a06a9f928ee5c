"""What a recipe is about: its data, in the form in which a model takes them, and what that form decides.

A task has these attributes and methods, and `_training` knows no more of it:

    name, sha256, size            of the data: its name or path, a checksum, and how much there is, in words
    arguments(build)              what the data say about the model: a dict of the first arguments of its builder
    objective(model)              a dict of loss and metrics, for `compile`
    loss_unit                     of the loss, for the figure
    batches(recipe, facts, e)     the training batches from epoch e on
    validation                    (x, y) or (x, y, weights), measured after each epoch
    value(row)                    the recipe's metric, out of the last epoch's row of the history
    tokenizer                     of a text, else None
    save(folder)                  write what a user of the saved model needs besides it
    sample(model, recipe, seed)   something that the trained model made, or None
    facts                         what else belongs in `run.json`
"""

import dataclasses
import functools
import hashlib

import keras
import numpy as np

from keras_course import datasets
from keras_course._recipe import builder_of
from keras_course._registry import data_arguments
from keras_course.convnets import permute_pixels
from keras_course.datasets._text import TEXTS, read_own
from keras_course.language import BPETokenizer, CharTokenizer, generate
from keras_course.perceptron._heads import classifier_head


class LanguageTask:
    """Predict the next token of a text.

    Raises:
        ValueError: the text is too short for the model's context.
    """

    def __init__(self, recipe, data):
        self.loss_unit = recipe.unit
        self.facts = {}
        self.name = data
        self.text = datasets.text(data) if data in {row.name for row in TEXTS} else read_own(data=data)
        self.sha256 = hashlib.sha256(self.text.encode("utf-8")).hexdigest()
        self.size = f"{len(self.text):,} characters"
        self.tokenizer = self._train_tokenizer(recipe)
        self.context_length = {**builder_of(recipe).presets[recipe.preset], **recipe.overrides}["context_length"]
        self.tokens, held_out = (self.tokenizer.encode(part) for part in datasets.split_text(self.text, recipe.split))
        for part, tokens in (("training", self.tokens), ("validation", held_out)):
            if len(tokens) <= self.context_length:
                raise ValueError(
                    f"data={data!r} is too short: its {part} part has {len(tokens)} tokens, and the model needs at "
                    f"least {self.context_length + 1}, one more than its context_length={self.context_length}."
                )
        self.validation = datasets.validation_windows(held_out, self.context_length)

    def arguments(self, build):
        return {"vocab_size": self.tokenizer.vocab_size}

    def objective(self, model):
        return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}

    def _train_tokenizer(self, recipe):
        if recipe.tokenizer == "characters":
            return CharTokenizer.train(self.text)
        return BPETokenizer.train(datasets.split_text(self.text, recipe.split)[0], recipe.overrides["vocab_size"])

    def batches(self, recipe, facts, start_epoch):
        return datasets.token_windows(
            self.tokens,
            self.context_length,
            recipe.batch_size,
            steps_per_epoch=facts["steps_per_epoch"],
            seed=facts["seed"],
            start_epoch=start_epoch,
        )

    def value(self, row):
        return row["val_loss"]

    def save(self, folder):
        self.tokenizer.save(folder)

    def sample(self, model, recipe, seed, length=300):
        """Return a text that the model writes; it begins with the recipe's prompt, or the text's first character."""
        prompt = recipe.prompt if set(recipe.prompt) <= set(self.text) else self.text[0]
        tokens = generate(model, self.tokenizer.encode(prompt), length, temperature=0.8, seed=seed)
        return self.tokenizer.decode(tokens)


class _ExamplesTask:
    """Predict the target of an example. Inputs are standardized by mean and deviation over the training examples:
    those of each feature of a table, one pair for all pixels of a picture.
    """

    tokenizer = None

    def __init__(self, recipe, data):
        self.name = data
        train, test = _examples(recipe, data)
        if recipe.permute:
            train, test = (part._replace(x=permute_pixels(part.x)) for part in (train, test))
        axes = 0 if train.x.ndim == 2 else None
        mean = np.mean(train.x, axis=axes, dtype="float64")
        deviation = np.std(train.x, axis=axes, dtype="float64")
        deviation = np.where(deviation > 0, deviation, 1.0)  # a pixel that is black in every picture stays 0
        self.x, test_x = (((part.x - mean) / deviation).astype("float32") for part in (train, test))
        self.y, test_y = (self._targets(part, train) for part in (train, test))
        self.validation = test_x, test_y
        self.size = f"{len(train.x):,} + {len(test.x):,} examples"
        self.sha256 = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in (*train[:2], *test[:2])))
        self.sha256 = self.sha256.hexdigest()
        self.facts = {"inputs": {"mean": mean.tolist(), "deviation": deviation.tolist()}}

    def arguments(self, build):
        return data_arguments(build, self.x.shape[1:], self.num_outputs)

    def batches(self, recipe, facts, start_epoch):
        change = recipe.augment and functools.partial(datasets.crop_and_flip, **dataclasses.asdict(recipe.augment))
        return datasets.example_batches(
            self.x,
            self.y,
            recipe.batch_size,
            steps_per_epoch=facts["steps_per_epoch"],
            seed=facts["seed"],
            start_epoch=start_epoch,
            augment=change,
        )

    def save(self, folder):
        pass  # `run.json` has the mean and the deviation

    def sample(self, model, recipe, seed):
        return None


class ClassificationTask(_ExamplesTask):
    """Predict the class of an example; the metric is the share of test examples with a wrong one, in percent."""

    loss_unit = "nats/example"

    def __init__(self, recipe, data):
        super().__init__(recipe, data)
        self.num_outputs = int(max(self.y.max(), self.validation[1].max())) + 1

    def objective(self, model):
        head = classifier_head(model)
        return {"loss": head.loss, "metrics": [head.metric]}

    def _targets(self, part, train):
        return part.y

    def value(self, row):
        return 100 * (1 - row["val_accuracy"])


class RegressionTask(_ExamplesTask):
    """Predict one number, standardized for training; the metric is the root mean square error in its own unit."""

    loss_unit = "squared deviations"
    num_outputs = 1

    def objective(self, model):
        return {"loss": keras.losses.MeanSquaredError()}

    def _targets(self, part, train):
        self.deviation = float(train.y.std(dtype="float64"))
        return ((part.y - train.y.mean(dtype="float64")) / self.deviation).astype("float32")[:, None]

    def value(self, row):
        return self.deviation * row["val_loss"] ** 0.5


TASKS = {"language": LanguageTask, "classification": ClassificationTask, "regression": RegressionTask}


def _examples(recipe, data):
    """Return (train, test) of a set of examples."""
    row = next(row for row in datasets.list_datasets() if row.name == data)
    return row.load() if row.kind == "images" else row.load().split(recipe.split, seed=0)
