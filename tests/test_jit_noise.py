"""Noise in compiled functions and steps: fresh at each call, the same for one seed, and on PyTorch that of Keras."""

import keras
import numpy as np
import pytest
from keras import ops as k

from keras_course import backend, ops
from keras_course.portable import portable_init


def array(x):
    return k.convert_to_numpy(x)


DRAWS = {
    "normal": lambda x, seed: keras.random.normal(x.shape, 1.0, 2.0, seed=seed),
    "uniform": lambda x, seed: keras.random.uniform(x.shape, -1.0, 2.0, seed=seed),
    "one number": lambda x, seed: keras.random.uniform((), seed=seed),
    "truncated_normal": lambda x, seed: keras.random.truncated_normal(x.shape, seed=seed),
    "randint": lambda x, seed: keras.random.randint(x.shape, 2, 900, seed=seed),
    "categorical": lambda x, seed: keras.random.categorical(x, 20, seed=seed),
    "shuffle": lambda x, seed: keras.random.shuffle(x, axis=1, seed=seed),
    "dropout": lambda x, seed: keras.random.dropout(x, 0.5, seed=seed),
    "dropout of rows": lambda x, seed: keras.random.dropout(x, 0.5, noise_shape=(None, 1), seed=seed),
    "two": lambda x, seed: keras.random.normal(x.shape, seed=seed) * keras.random.uniform(x.shape, seed=seed),
    "gamma": lambda x, seed: keras.random.gamma(x.shape, 2.0, seed=seed),
    "beta": lambda x, seed: keras.random.beta(x.shape, 2.0, 3.0, seed=seed),
    "normal, scaled by a tensor": lambda x, seed: keras.random.normal(x.shape, stddev=k.std(x), seed=seed),
    "randint up to a tensor": lambda x, seed: keras.random.randint(x.shape, 2, k.size(x) + k.argmax(x), seed=seed),
    "binomial": lambda x, seed: keras.random.binomial(x.shape, 100.0, 0.5, seed=seed),
}


@pytest.mark.parametrize("name", DRAWS if backend.current() == "torch" else ["dropout"])
def test_jit_draws_fresh_noise_from_a_seed(name):
    """Three calls differ, and on PyTorch they return what three plain calls return, bit for bit."""
    x = k.convert_to_tensor(np.random.default_rng(0).normal(size=(16, 16)).astype("float32"))

    def thrice(compile):
        generator = keras.random.SeedGenerator(2**31 - 2)  # the counter leaves 32 bits with a sign
        draw = compile(lambda x: DRAWS[name](x, generator), variables=[generator.state])
        return [array(draw(x)) for _ in range(3)], array(generator.state)

    drawn, state = thrice(ops.jit)
    plain, expected = thrice(lambda fn, variables: fn)
    assert not any(np.array_equal(drawn[i], drawn[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert state.tolist() == expected.tolist()
    if backend.current() == "torch":  # a compiler may choose another generator
        np.testing.assert_array_equal(drawn, plain)


def test_jit_of_a_gradient_with_noise():
    generator = keras.random.SeedGenerator(0)

    def f(x):
        return k.sum(keras.random.dropout(x, 0.5, seed=generator) ** 2)

    gradient = ops.jit(ops.grad(f), variables=[generator.state])
    first, second = array(gradient(np.ones(64, "float32"))), array(gradient(np.ones(64, "float32")))
    assert {*first.tolist(), *second.tolist()} == {0.0, 8.0}  # 2 x / 0.5^2 where x was kept
    assert first.tolist() != second.tolist()


def test_steps_draw_fresh_noise_and_one_seed_gives_it_twice():
    def losses(seed):  # at a learning rate of 0 they differ by noise alone
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5, seed=seed), keras.layers.Dense(64)])
        portable_init(model, 0).compile(keras.optimizers.SGD(0.0), "mse")
        ops.jit_training(model)
        x = np.random.default_rng(0).normal(size=(8, 64)).astype("float32")
        return [float(model.train_on_batch(x, x)) for _ in range(3)]

    first, again, another = losses(0), losses(0), losses(9)
    assert len({*first, *another}) == 6
    assert first == again
