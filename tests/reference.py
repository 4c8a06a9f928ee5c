"""Run as a script on one backend, write what the others are compared with.

`python reference.py FOLDER` saves, for each of `variants.builders()`, the model of the preset "tiny" (`<name>.keras`)
and, for two draws of its inputs (`<name> 0.npz`, `<name> 1.npz`), these, the outputs and the parameter gradients; and,
in `training.npz`, the losses of 50 steps of a small GPT.
"""

import sys

import keras
import numpy as np
import variants
from conformance import inputs_of, loss_of, outputs_of
from draws import by_numpy as draws_by_numpy
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
    for x in draws:
        arrays = {f"output_{i}": y for i, y in enumerate(outputs_of(model, x))}
        _, gradients = gradients_of(x)
        rows.append(arrays | {f"gradient_{i}": ops.convert_to_numpy(g) for i, g in enumerate(gradients)})
        model.set_weights(start)  # with moving averages, which a compiled step keeps
    return rows


def train():
    """Train a small GPT for 50 steps of AdamW without dropout; return the losses and the predictions at the end."""
    model = portable_init(gpt(65, 32, hidden_dim=32, tie_embeddings=True, use_bias=False), seed=7)
    text = np.random.default_rng(0).integers(0, 65, (50, 8, 33)).astype("int32")
    text[:, :, 1::2] = text[:, :, 0:-1:2]  # every second letter repeats the one before: something to learn
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.AdamW(3e-3, beta_2=0.99, weight_decay=0.1, global_clipnorm=1.0)
    model.compile(optimizer, loss)
    losses = [model.train_on_batch(batch[:, :-1], batch[:, 1:]) for batch in text]
    return {"losses": np.array(losses), "predictions": ops.convert_to_numpy(model(text[0, :, :-1]))}


def main(folder):
    keras.initializers.VarianceScaling.__call__ = draws_by_numpy()
    for name, build in variants.builders().items():
        model = portable_init(build.from_preset("tiny"), seed=3)
        model.save(f"{folder}/{name}.keras")
        draws = [inputs_of(model, seed=seed) for seed in range(2)]
        for number, arrays in enumerate(measure(model, draws)):
            np.savez(f"{folder}/{name} {number}.npz", x=draws[number], **arrays)
    np.savez(f"{folder}/training.npz", **train())


if __name__ == "__main__":
    main(sys.argv[1])
