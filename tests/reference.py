"""Run as a script on one backend, write what the others are compared with.

`python reference.py FOLDER` saves, for each of `MODELS`, the model of the preset "tiny" (`<name>.keras`) and, for two
draws of its inputs (`<name> 0.npz`, `<name> 1.npz`), these, the outputs and the parameter gradients; for each of
`TRAININGS` the losses of 50 steps and the predictions after them (`<name> training.npz`); and what each of `SAMPLERS`
gives (`<name>.npz`). Noise is drawn by NumPy.
"""

import functools
import sys

import keras
import numpy as np
import skewed
import toys
import variants
from conformance import inputs_of, loss_of, outputs_of, owns_its_loss
from draws import by_numpy, noise_by_numpy
from keras import ops

from keras_course import ops as course_ops
from keras_course.language import gpt
from keras_course.portable import portable_init


def measure(model, draws):
    """Return outputs and parameter gradients of a model, as a dict for each of several draws of its inputs."""
    gradients_of = course_ops.value_and_grad(loss_of(model), variables=model.trainable_variables)
    if keras.config.backend() == "jax":  # sooner done than to compile its operations one by one
        gradients_of = course_ops.jit(gradients_of, variables=model.variables)
    start, rows = model.get_weights(), []
    with noise_by_numpy():
        for x in draws:
            arrays = {f"output_{i}": y for i, y in enumerate(outputs_of(model, x))}
            _, gradients = gradients_of(x)
            rows.append(arrays | {f"gradient_{i}": ops.convert_to_numpy(g) for i, g in enumerate(gradients)})
            model.set_weights(start)  # with moving averages, which a compiled step keeps
    return rows


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
    draws = [inputs_of(model, seed=seed) for seed in range(50)]
    return model, [(x,) if owns_its_loss(model) else (x, np.ones((len(x), 1), "float32")) for x in draws]


TOYS = {**toys.BUILDERS, **skewed.BUILDERS}
MODELS = {**variants.builders(), **TOYS}
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


def main(folder):
    keras.initializers.VarianceScaling.__call__ = by_numpy()
    for name, build in MODELS.items():
        model = portable_init(build.from_preset("tiny"), seed=3)
        model.save(f"{folder}/{name}.keras")
        draws = [inputs_of(model, seed=seed) for seed in range(2)]
        for number, arrays in enumerate(measure(model, draws)):
            np.savez(f"{folder}/{name} {number}.npz", x=draws[number], **arrays)
    for name in TRAININGS:
        np.savez(f"{folder}/{name} training.npz", **train(name))
    for name in SAMPLERS:
        np.savez(f"{folder}/{name}.npz", **sample(name))


if __name__ == "__main__":
    main(sys.argv[1])
