"""Five recipes that differ in kind, each with its task and its builder in a few lines, outside the package.

As a script it trains one until it kills itself: python tests/toy_recipes.py RECIPE FOLDER STEP [START]
"""

import dataclasses
import itertools
import sys
from typing import ClassVar

import keras
import numpy as np
from sklearn.metrics import balanced_accuracy_score
from tiny_recipe import killer

from keras_course import _registry, datasets
from keras_course.recipes import SGD, AdamW, Classification, Data, Metric, Recipe, Task, in_batches, train

BUDGET = {"preset": "tiny", "steps": 10, "batch_size": 16, "optimizer": AdamW(1e-2, 1e-3, 1)}


def toy(function):
    """Make a builder without leaving it in the register of real ones."""
    built = _registry.builder(reference="a toy of the tests", presets={"tiny": {}})(function)
    del _registry._BUILDERS[function.__name__]
    return built


# A model that owns its loss, and makes an image


@keras.saving.register_keras_serializable("toys")
class Autoencoder(keras.Model):
    def __init__(self, code=4, **options):
        image = keras.Input((8, 8, 1))
        h = keras.layers.Dense(code, name="code")(keras.layers.Flatten()(image))
        output = keras.layers.Reshape((8, 8, 1))(keras.layers.Dense(64, name="decoder")(h))
        super().__init__(image, output, **options)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean((x - y_pred) ** 2)

    def get_config(self):
        return {"name": self.name}


@toy
def toy_autoencoder(*, code=4, name="toy_autoencoder"):
    return Autoencoder(code, name=name)


class Images(Data):
    def __init__(self):
        train, test = datasets.digit_images()
        self.x, self.test_x = (part.x.astype("float32") / 16 for part in (train, test))
        self.validation = in_batches((self.test_x[:200],), batch_size=100)
        self.size = f"{len(self.x)} images"

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch):
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        stream = datasets.example_batches(self.x, self.x, batch_size, **options)
        return ((stream[k][0],) for k in itertools.count())

    def sample(self, model, seed):
        image = keras.ops.convert_to_numpy(model(self.test_x[:1]))[0, :, :, 0]
        return np.uint8(255 * image.clip(0, 1))


@dataclasses.dataclass(frozen=True)
class Reconstruct(Task):
    metric: ClassVar[Metric] = Metric("validation loss", "squared gray levels")
    data: ClassVar[str] = "digit_images"

    def load(self, part=0, start=None):
        return Images()


RECONSTRUCT = Recipe(name="toy_reconstruct", summary="an image", task=Reconstruct(), builder=toy_autoencoder, **BUDGET)


# One graph, of which a mask says which nodes train; several inputs


@toy
def graph_network(num_features, num_classes, *, name="graph_network"):
    x, edges = keras.Input((None, num_features), name="x"), keras.Input((None, None), name="edges")
    h = keras.layers.Dense(8, "relu", name="hidden")(keras.ops.matmul(edges, x))
    return keras.Model({"x": x, "edges": edges}, keras.layers.Dense(num_classes, name="logits")(h), name=name)


class Graph(Data):
    def __init__(self, num_nodes):
        random = np.random.default_rng(0)
        labels = random.integers(2, size=(1, num_nodes))
        same = labels[:, :, None] == labels[:, None, :]
        edges = (random.random(same.shape) < np.where(same, 0.4, 0.05)).astype("float32")
        x = random.normal(labels[..., None], 2, (1, num_nodes, 3)).astype("float32")
        train = np.arange(num_nodes)[None] % 2 == 0
        self.inputs, self.labels, self.train = {"x": x, "edges": edges}, labels, train.astype("float32")
        self.validation = [(self.inputs, labels, 1 - self.train)]

    def arguments(self, build):
        return {"num_features": 3, "num_classes": 2}

    def objective(self, model):
        return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch):
        return itertools.repeat((self.inputs, self.labels, self.train))

    def measure(self, model, row, seed):
        wrong = keras.ops.convert_to_numpy(model(self.inputs)).argmax(-1) != self.labels
        return {"test error": 100 * wrong[self.train == 0].mean()}


@dataclasses.dataclass(frozen=True)
class NodeClasses(Task):
    num_nodes: int = 30
    metric: ClassVar[Metric] = Metric("test error", "%")
    data: ClassVar[str] = "two_groups"

    def load(self, part=0, start=None):
        return Graph(self.num_nodes)


RISING = {**BUDGET, "optimizer": AdamW(1.0, 1.0, 9, weight_decay=0.0), "keep": "best"}  # the loss soon rises, too
GRAPH = Recipe(name="toy_graph", summary="a graph", task=NodeClasses(), builder=graph_network, **RISING)


# Twenty fixed splits, each a part


@dataclasses.dataclass(frozen=True)
class Splits(Task):
    parts: int = 20
    metric: ClassVar[Metric] = Metric("test error", "%")
    data: ClassVar[str] = "breast_cancer"

    def load(self, part=0, start=None):
        return Classification(self.data, split_seed=part).load()


SPLITS = Recipe(
    name="toy_splits",
    summary="twenty splits",
    task=Splits(),
    topic="perceptron",
    builder="logistic_regression",
    **{**BUDGET, "steps": 2},
)


# A metric that is better when it is higher, beside a second one


class Balanced(Data):
    def __init__(self, classes):
        self.of, self.classes = Classification("digits").load(), classes
        self.num_outputs, self.validation = self.of.num_outputs, self.of.validation
        self.arguments, self.objective, self.batches = self.of.arguments, self.of.objective, self.of.batches

    def measure(self, model, row, seed):
        predicted = model.predict(self.of.test_x, verbose=0).argmax(-1)
        value = balanced_accuracy_score(self.of.test_y, predicted)
        return {"balanced accuracy": value, "number of classes": len(np.unique(predicted))}


@dataclasses.dataclass(frozen=True)
class BalancedAccuracy(Task):
    classes: int = 10
    metric: ClassVar[Metric] = Metric("balanced accuracy", higher_is_better=True)
    data: ClassVar[str] = "digits"

    def load(self, part=0, start=None):
        return Balanced(self.classes)


MLP = {**BUDGET, "topic": "perceptron", "builder": "mlp"}
HIGHER = Recipe(name="toy_higher", summary="accuracy", task=BalancedAccuracy(), expected=0.1, **MLP)

# Weights of another run

CONTINUED = dataclasses.replace(HIGHER, name="toy_continued", start=HIGHER, optimizer=SGD(1e-3, 1e-4, 0))

TOYS = {recipe.name: recipe for recipe in (RECONSTRUCT, GRAPH, SPLITS, HIGHER, CONTINUED)}

if __name__ == "__main__":
    name, folder, step, *start = sys.argv[1:]
    train(TOYS[name], out=folder, callbacks=[killer(int(step))], verbose=0, start=start[0] if start else None)
