"""Run as a script on one backend, write what the others are compared with.

`python reference.py FOLDER NAME ...` saves, for each of `MODELS` that is named, the model of the preset "tiny"
(`<name>.keras`), and for samples of its inputs the outputs and the gradients of the parameters, with what a generative
model samples (`<name>.npz`); for each of `TRAININGS` that is named the losses of 50 steps and the predictions after
them (`<name> training.npz`); and the outputs of each of `SAMPLERS` (`<name>.npz`). Noise comes from NumPy.
"""

import functools
import pathlib
import sys

import keras
import numpy as np
import skewed
import toys
import variants
from conformance import Subject, inputs_of, outputs_of, owns_its_loss
from draws import noise_by_numpy, weights_by_numpy
from keras import ops, tree

from keras_course._registry import parameters_of
from keras_course.checks.files import atomic_write
from keras_course.language import gpt
from keras_course.portable import portable_init

SAMPLES = 3  # of the inputs


def measure(subject):
    """Return the outputs, and the gradients of the parameters at samples of the inputs, as a dict of arrays."""
    others = [inputs_of(subject.model, seed=seed, example=subject.build.example) for seed in range(1, SAMPLES)]
    rows = dict(enumerate([subject.gradients, *map(subject.gradients_at, others)]))
    with noise_by_numpy():
        arrays = {f"output_{i}": y for i, y in enumerate(outputs_of(subject.model, subject.x))}
    for row, gradients in rows.items():
        arrays |= {f"gradient_{row}_{i}": gradient for i, gradient in enumerate(gradients.values())}
    return arrays | samples_of(subject.model)


def samples_of(model):
    """Return what a generative model samples that needs nothing but a number and a seed, and no array otherwise."""
    if not hasattr(model, "sample") or list(parameters_of(model.sample)) != ["num_samples", "seed"]:
        return {}
    with noise_by_numpy():
        return {"output_sample": ops.convert_to_numpy(model.sample(3))}


def small_gpt():
    """Return a small GPT without dropout, compiled, and 50 batches of text."""
    model = portable_init(gpt(65, 32, hidden_dim=32, tie_embeddings=True, use_bias=False), seed=7)
    text = np.random.default_rng(0).integers(0, 65, (50, 8, 33)).astype("int32")
    text[:, :, 1::2] = text[:, :, 0:-1:2]  # every second letter repeats the one before: something to learn
    optimizer = keras.optimizers.AdamW(3e-3, beta_2=0.99, weight_decay=0.1, global_clipnorm=1.0)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, [(tokens[:, :-1], tokens[:, 1:]) for tokens in text]


def toy(build):
    """Return a toy, compiled, and 50 batches of its inputs, with ones for the target of the first kind."""
    model = portable_init(build.from_preset("tiny"), seed=7)
    model.compile(keras.optimizers.SGD(0.05), None if owns_its_loss(model) else "mse")
    batches = [inputs_of(model, seed=seed, example=build.example) for seed in range(50)]
    if owns_its_loss(model):
        return model, [(x,) for x in batches]
    return model, [(x, np.ones((len(tree.flatten(x)[0]), 1), "float32")) for x in batches]


TOYS = {**toys.BUILDERS, **skewed.BUILDERS}
MODELS = {**TOYS, **variants.builders()}
TRAININGS = {"small_gpt": small_gpt, **{name: functools.partial(toy, build) for name, build in TOYS.items()}}
SAMPLERS = {"toy_sampler": toys.ToySampler(), "skewed_sampler": skewed.SkewedSampler()}


def train(name):
    """Return the losses and the predictions at the end."""
    model, batches = TRAININGS[name]()
    with noise_by_numpy():
        losses = [model.train_on_batch(*batch) for batch in batches]
        predictions = outputs_of(model, batches[0][0])
    return {"losses": np.array(losses)} | {f"prediction_{i}": y for i, y in enumerate(predictions)}


def sample(name):
    """Return what a sampler makes of ones."""
    return {"output": ops.convert_to_numpy(SAMPLERS[name](np.ones((2, 3), "float32")))}


def compute(folder, names):
    """Yield (name of a file, its arrays), in the order in which the tests ask for them."""
    for name, build in MODELS.items():
        if name in names:
            subject = Subject(build)
            subject.model.save(folder / f"{name}.keras")
            yield name, measure(subject)
    for name in TRAININGS:
        if name in names:
            yield f"{name} training", train(name)
    for name in SAMPLERS:
        yield name, sample(name)


def main(folder, names):
    with weights_by_numpy():
        for name, arrays in compute(folder, names):
            # a reader sees whole files only
            atomic_write(folder / f"{name}.npz", functools.partial(np.savez, **arrays))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2:])
