"""Gradients, compilation and loops: closed forms, models, and what changes a variable."""

import ctypes
import sys

import keras
import numpy as np
import pytest
from keras import ops as k

from keras_course import backend, ops
from keras_course.layers import GroupNormalization, attention
from keras_course.portable import portable_init

X = np.array([0.3, -1.2, 2.0], "float32")
V = np.array([1.0, 0.5, -2.0], "float32")


def array(x):
    return k.convert_to_numpy(x)


def cubic(x):
    return k.sum(x**3) / 3


def test_grad_of_a_function():
    np.testing.assert_allclose(array(ops.grad(cubic)(X)), X**2, rtol=1e-6)


def test_grad_of_nested_arguments_and_positions():
    def f(parameters, x):
        return k.sum(parameters["w"] * x) + parameters["b"][0]

    point = {"w": X, "b": [np.float32(4.0)]}
    gradient = ops.grad(f)(point, V)
    np.testing.assert_allclose(array(gradient["w"]), V)
    assert float(gradient["b"][0]) == 1.0
    both = ops.grad(f, argnums=(0, 1))(point, V)
    np.testing.assert_allclose(array(both[1]), X)


def test_value_and_grad_and_what_does_not_depend():
    value, gradient = ops.value_and_grad(lambda x, y: k.sum(x), argnums=1)(X, V)
    assert float(value) == pytest.approx(X.sum())
    assert not array(gradient).any()


def test_gradient_needs_a_scalar():
    with pytest.raises(ValueError, match=r"must return a scalar.*3"):
        ops.grad(lambda x: x**2)(X)


def test_constants_and_integers():
    assert float(ops.grad(lambda x: 3.0)(X[0])) == 0.0
    assert float(ops.grad(lambda x: x**2)(3)) == 6.0
    output, pullback = ops.vjp(lambda x: x**2, 3)
    assert (float(output), float(pullback(10)[0])) == (9.0, 60.0)
    assert float(ops.jvp(lambda x: x**2, (3,), (1,))[1]) == 6.0


def test_gradients_follow_the_order_of_their_positions():
    second, first = ops.grad(lambda x, y: k.sum(x * y**2), argnums=(1, -2))(X, V)
    np.testing.assert_allclose(array(first), V**2, rtol=1e-6)
    np.testing.assert_allclose(array(second), 2 * X * V, rtol=1e-6)


def test_bad_arguments():
    """The same message on every backend, where some would broadcast in silence."""
    for argnums in (2, (0, 2), "x"):
        with pytest.raises(ValueError, match=r"argnums=.*must be the position of an argument"):
            ops.grad(cubic, argnums=argnums)(X)
    for argnums in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match=r"argnums=.* must name each argument once; there are 2"):
            ops.grad(lambda x, y: cubic(x) + cubic(y), argnums=argnums)(X, V)
    with pytest.raises(ValueError, match=r"must return a scalar"):
        ops.grad(lambda x: [cubic(x)])(X)
    for verb, point in ((ops.jvp, X), (ops.hvp, X), (ops.jvp, 1.0), (ops.hvp, 1.0)):
        with pytest.raises(TypeError, match=r"primals must be a tuple.*\(x,\) for one: not"):
            verb(cubic, point, point)
    with pytest.raises(
        ValueError, match=r"tangents\[0\] has shape \(2,\), and must be shaped like primals\[0\], \(3,\)"
    ):
        ops.jvp(cubic, (X,), (V[:2],))
    with pytest.raises(ValueError, match="tangents has 2 entries, and must have 1 as primals has"):
        ops.jvp(cubic, (X,), (V, V))
    with pytest.raises(ValueError, match=r"cotangent has shape \(\), and must be shaped like the output, \(3,\)"):
        ops.vjp(k.sin, X)[1](1.0)
    with pytest.raises(ValueError, match="variables must be a list"):
        ops.grad(lambda: 1.0, variables=keras.Variable(1.0))()
    with pytest.raises(ValueError, match="mode='both' is none of 'reverse', 'forward'"):
        ops.jacobian(cubic, mode="both")
    with pytest.raises(ValueError, match=r"argnums=\(0,\) must be the position of a single argument"):
        ops.hessian(cubic, (0,))
    with pytest.raises(TypeError, match="fn returns a list"):
        ops.jacobian(lambda x: [x, x])(X)


def test_gradients_of_look_ups():
    """Of the sum of squares of rows 0, 0 and 1 of a table: twice 2 t, once 2 t, and nothing."""
    table, tangent = np.arange(6.0, dtype="float32").reshape(3, 2), np.ones((3, 2), "float32")
    f = lambda t: k.sum(k.take(t, np.array([0, 0, 1]), axis=0) ** 2)  # noqa: E731
    curvature = np.array([[4.0], [2.0], [0.0]]) * tangent
    for gradient in (ops.grad(f), ops.jit(ops.grad(f)), lambda t: ops.vjp(f, t)[1](1.0)[0]):
        np.testing.assert_allclose(2 * array(gradient(table)), 2 * curvature * table)
    np.testing.assert_allclose(array(ops.hvp(f, (table,), (tangent,))[0]), curvature)
    np.testing.assert_allclose(array(ops.hessian(f)(table)).reshape(6, 6), np.diag(curvature.ravel()))
    variable = keras.Variable(table)
    np.testing.assert_allclose(array(ops.grad(lambda: f(variable.value), variables=[variable])()[0]), curvature * table)


def test_tangents_and_cotangents_take_the_types_of_what_they_belong_to():
    square = lambda x: x**2  # noqa: E731
    assert float(ops.jvp(square, (np.array(3.0),), (1.0,))[1]) == 6.0
    output, tangent = ops.jvp(square, (np.float16(3),), (np.array(1.0),))
    assert keras.backend.standardize_dtype(tangent.dtype) == keras.backend.standardize_dtype(output.dtype) == "float16"
    for cotangent in (np.array(1.0), np.float16(1), 1, [1.0][0]):
        assert float(ops.vjp(square, np.float32(1))[1](cotangent)[0]) == 2.0
    assert array(ops.vjp(square, X)[1]([1, 1, 1])[0]).tolist() == (2 * X).tolist()  # a list where an array is meant


def test_what_a_differentiated_function_assigns_is_kept():
    """As in a plain call, and on every backend: moving averages, noise, and what the gradient itself is taken by."""
    x = np.random.default_rng(0).normal(3, 1, size=(8, 3)).astype("float32")
    for differentiate in (
        lambda f, layer: ops.grad(f)(x),
        lambda f, layer: ops.jvp(f, (x,), (x,)),
        lambda f, layer: ops.hvp(f, (x,), (x,)),
        lambda f, layer: ops.grad(lambda: f(x), variables=layer.trainable_variables)(),
        lambda f, layer: ops.jacobian(f, mode="forward")(x),
        lambda f, layer: ops.jit(ops.grad(f), variables=layer.variables)(x),
    ):
        layer = keras.layers.BatchNormalization(momentum=0.5)
        layer.build(x.shape)
        differentiate(lambda x, layer=layer: k.sum(layer(x, training=True) ** 3), layer)
        np.testing.assert_allclose(layer.get_weights()[2], x.mean(axis=0) / 2, rtol=1e-5)
        differentiate(lambda x, layer=layer: k.sum(layer(x) ** 3), layer)  # the layer is as usable as before
    generator = keras.random.SeedGenerator(0)
    noisy = ops.grad(lambda x: x * keras.random.normal((), seed=generator))
    assert float(noisy(1.0)) != float(noisy(1.0))
    v = keras.Variable(1.0)

    def doubled(x):
        v.assign(v * x)
        return v * 3.0

    assert [float(array(a)) for a in ops.value_and_grad(doubled)(2.0)] == [6.0, 3.0]
    assert float(array(ops.grad(ops.grad(lambda x: doubled(x) * x))(2.0))) == 2 * 3.0 * 2.0  # v = 2 before
    assert float(array(ops.grad(lambda: doubled(5.0), variables=[v])()[0])) == 15.0
    assert float(array(v)) == 2.0 * 2.0 * 5.0
    inside = ops.functional(lambda x: (doubled(x), ops.grad(doubled)(x)), [])
    assert [float(array(a)) for a in inside([], 1.0)] == [60.0, 3 * 20.0]  # the second sees what the first assigned
    assert float(array(v)) == 20.0


def test_higher_derivatives_of_tanh():
    third = ops.grad(ops.grad(ops.grad(k.tanh)))
    assert float(third(k.convert_to_tensor(0.0))) == pytest.approx(-2.0, abs=1e-5)


def test_vjp_jvp_are_transposes():
    matrix = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")

    def f(x):
        return k.sin(k.matmul(k.convert_to_tensor(matrix), x))

    u = np.array([0.7, -0.1], "float32")
    output, tangent = ops.jvp(f, (X,), (V,))
    same, pullback = ops.vjp(f, X)
    np.testing.assert_allclose(array(output), array(same), rtol=1e-6)
    jacobian = np.cos(matrix @ X)[:, None] * matrix
    np.testing.assert_allclose(array(tangent), jacobian @ V, rtol=1e-5)
    np.testing.assert_allclose(array(pullback(u)[0]), u @ jacobian, rtol=1e-4)


def test_hvp_of_a_function():
    np.testing.assert_allclose(array(ops.hvp(cubic, (X,), (V,))[0]), 2 * X * V, rtol=1e-5)
    product = lambda x, y: k.sum(x * y**2)  # noqa: E731
    for found, expected in zip(ops.hvp(product, (X, V), (V, X)), (2 * V * X, 2 * V * V + 2 * X * X), strict=True):
        np.testing.assert_allclose(array(found), expected, rtol=1e-5)


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_jacobian_and_hessian(mode):
    def f(x, y):
        return k.stack([x * y, k.sin(x)])

    found = array(ops.jacobian(f, 0, mode)(X, V))
    np.testing.assert_allclose(found, np.stack([np.diag(V), np.diag(np.cos(X))]), rtol=1e-6)
    assert array(ops.jacobian(lambda x: k.sum(x**2), mode=mode)(2.0)).tolist() == 4.0
    np.testing.assert_allclose(array(ops.hessian(cubic)(X)), np.diag(2 * X), rtol=1e-6)


@pytest.fixture
def model():
    layers = [keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)]
    return portable_init(keras.Sequential(layers), seed=1)


def test_verbs_on_the_weights_of_a_model(model):
    """Against finite differences along one direction in weight space, and against each other."""
    weights = model.trainable_variables
    rng = np.random.default_rng(0)
    direction = [rng.normal(size=w.shape).astype("float32") for w in weights]

    def loss():
        return k.mean(k.square(model(X[None])))

    gradient = ops.grad(loss, variables=weights)()
    slope = sum(float((array(g) * d).sum()) for g, d in zip(gradient, direction, strict=True))
    value, tangent = ops.jvp(loss, (), direction, variables=weights)
    assert float(array(tangent)) == pytest.approx(slope, rel=1e-4)
    _, pullback = ops.vjp(loss, variables=weights)
    for a, b in zip(pullback(np.float32(1.0)), gradient, strict=True):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-5)

    start, losses, slopes = model.get_weights(), [], []
    for step in (-1e-2, 1e-2):
        model.set_weights([w + step * d for w, d in zip(start, direction, strict=True)])
        losses.append(float(array(loss())))
        slopes.append([array(g) for g in ops.grad(loss, variables=weights)()])
    model.set_weights(start)
    assert (losses[1] - losses[0]) / 2e-2 == pytest.approx(slope, rel=2e-2)
    for product, low, high in zip(ops.hvp(loss, (), direction, variables=weights), *slopes, strict=True):
        np.testing.assert_allclose(array(product), (high - low) / 2e-2, atol=0.02 * np.abs(array(product)).max() + 1e-3)
    assert float(array(value)) == pytest.approx(float(array(loss())))


def test_gradient_with_respect_to_a_models_input(model):
    gradient = array(ops.grad(lambda x: k.sum(model(x)))(X[None]))[0]
    for i in range(3):
        step = 1e-2 * np.eye(3, dtype="float32")[i]
        difference = array(model((X + step)[None]) - model((X - step)[None])).sum() / 2e-2
        assert gradient[i] == pytest.approx(difference, abs=1e-3)


def test_hvp_through_attention():
    """The fused kernels have no second derivative; ours must find another way."""
    q = np.random.default_rng(0).normal(size=(1, 3, 1, 2)).astype("float32")
    product = ops.hvp(lambda q: k.sum(attention(q, q, q, causal=True) ** 2), (q,), (q,))[0]
    grad = ops.grad(lambda q: k.sum(attention(q, q, q, causal=True) ** 2))
    difference = (array(grad(q * 1.01)) - array(grad(q * 0.99))) / 0.02
    np.testing.assert_allclose(array(product), difference, atol=0.02 * np.abs(difference).max())


# Compilation ---------------------------------------------------------------------------------------------------------


def test_jit_gives_the_same_and_is_traced_once_per_shape():
    traces = []

    def f(x, extra):
        traces.append(x.shape)
        return {"y": k.sin(x) + extra["a"]}

    compiled = ops.jit(f)
    for _ in range(3):
        y = compiled(X, {"a": V})["y"]
        np.testing.assert_allclose(array(y), np.sin(X) + V, rtol=1e-6)
    assert len(traces) <= 2
    assert compiled(X[:2], {"a": V[:2]})["y"].shape == (2,)


def test_jit_freezes_no_number_that_went_through_numpy():
    with pytest.raises((RuntimeError, TypeError, NotImplementedError)):  # each backend in words of its own
        ops.jit(lambda x: x * float(np.sum(keras.ops.convert_to_numpy(x))))(keras.ops.ones(2))


def test_jit_sees_later_training(model):
    compiled = ops.jit(lambda x: model(x), variables=model.variables)
    before = array(compiled(X[None]))
    model.set_weights([2 * w for w in model.get_weights()])
    after = array(compiled(X[None]))
    np.testing.assert_allclose(after, array(model(X[None])), rtol=1e-6)
    assert not np.allclose(before, after)


def test_jit_keeps_what_a_function_assigns():
    generator = keras.random.SeedGenerator(0)
    if backend.current() != "tensorflow":  # there a compiled function assigns variables as any other does
        with pytest.raises(ValueError, match="not in `variables`"):
            ops.jit(lambda x: x + keras.random.normal((3,), seed=generator))(np.zeros(3, "float32"))
    before, now = keras.Variable(1.0), keras.Variable(2.0)

    def advance(x):
        before.assign(now)
        now.assign(now + x)
        return 2.0 * before

    compiled = ops.jit(advance, variables=[now, before])
    assert [float(array(compiled(np.float32(1.0)))) for _ in range(3)] == [4.0, 6.0, 8.0]
    assert (float(before.numpy()), float(now.numpy())) == (4.0, 5.0)


def test_jit_of_a_gradient(model):
    gradient = ops.jit(ops.grad(lambda x: k.sum(model(x) ** 2)), variables=model.variables)
    expected = ops.grad(lambda x: k.sum(model(x) ** 2))(X[None])
    np.testing.assert_allclose(array(gradient(X[None])), array(expected), rtol=1e-4)


def test_jit_of_the_gradient_of_a_convolution():
    layers = [keras.layers.Conv2D(3, 3), keras.layers.MaxPooling2D(2), keras.layers.DepthwiseConv2D(2)]
    model = keras.Sequential([keras.Input((8, 8, 2)), *layers])
    gradient = ops.grad(lambda x: k.sum(model(x) ** 2))
    compiled = ops.jit(gradient, variables=model.variables)
    for scale in (1.0, 2.0):
        x = scale * np.random.default_rng(0).normal(size=(2, 8, 8, 2)).astype("float32")
        expected, found = (k.convert_to_numpy(f(x)) for f in (gradient, compiled))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [keras.layers.LayerNormalization, keras.layers.RMSNormalization, GroupNormalization])
def test_jit_of_the_gradient_of_a_normalization(make):
    model = keras.Sequential([keras.Input((32,)), make(), keras.layers.Dense(1)])
    gradient = ops.grad(lambda x: k.sum(model(x) ** 3))
    compiled = ops.jit(gradient, variables=model.variables)
    x = np.random.default_rng(0).normal(size=(2, 32)).astype("float32")
    np.testing.assert_allclose(array(compiled(x)), array(gradient(x)), rtol=1e-3, atol=1e-4)


def test_jit_while_with_a_model(model):
    def body(c):
        return {"i": c["i"] + 1, "x": c["x"] + 0.1 * model(c["x"])}

    loop = ops.jit_while(lambda c: c["i"] < 4, body, variables=model.variables)
    end = loop({"i": np.int32(0), "x": X[None]})
    x = X[None]
    for _ in range(4):
        x = x + 0.1 * array(model(x))
    np.testing.assert_allclose(array(end["x"]), x, rtol=1e-5)
    assert int(end["i"]) == 4


def test_write_at():
    table = np.zeros((1, 5, 2), "float32")
    written = array(
        ops.jit(lambda t, i, v: ops.write_at(t, i, v, axis=1))(table, np.int32(2), np.ones((1, 2, 2), "float32"))
    )
    assert written[0, :, 0].tolist() == [0, 0, 1, 1, 0]
    for index, steps in ((4, 2), (-1, 1), (0, 6)):
        with pytest.raises(ValueError, match=f"{steps} values do not fit at index={index}: the target has 5 positions"):
            ops.write_at(table, index, np.ones((1, steps, 2), "float32"), axis=1)


# Portable weights ----------------------------------------------------------------------------------------------------


LARGEST = {  # initializer of a kernel (200, 300), and the largest entry of its distribution
    "glorot_uniform": (6 / 500) ** 0.5,
    "he_normal": 2 * 0.1 / 0.8796,
    "lecun_normal": 2 * 200**-0.5 / 0.8796,
    "orthogonal": 1.0,
    "random_normal": np.inf,
    "random_uniform": 0.05,
    "truncated_normal": 0.1,
}


@pytest.mark.parametrize("initializer", LARGEST)
def test_portable_init_draws_from_the_initializers_distribution(initializer):
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(300, kernel_initializer=initializer)])
    theirs = model.get_weights()[0]
    ours = portable_init(model, seed=0).get_weights()[0]
    assert (ours != theirs).any()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert np.abs(ours).max() <= LARGEST[initializer] * 1.001
    assert abs(ours.mean()) < 4 * theirs.std() / ours.size**0.5


def test_portable_init_depends_on_seed_and_path_only():
    def build():
        layers = [keras.Input((4,)), keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dense(4)]
        return keras.Sequential(layers)

    one, two, other = (portable_init(build(), seed).get_weights() for seed in (0, 0, 2**32))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert (one[0] != other[0]).any()
    assert (one[0] != one[6]).any()  # two layers of one shape do not start equal
    assert one[2].tolist() == [1.0] * 4  # gamma


def test_portable_init_refuses_what_it_does_not_know():
    layer = keras.layers.Dense(3, kernel_initializer=lambda shape, dtype=None: k.reshape(k.arange(12.0), shape))
    model = keras.Sequential([keras.Input((4,)), layer])
    before = model.get_weights()
    with pytest.raises(ValueError, match="kernel"):
        portable_init(model)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    with pytest.raises(ValueError, match="seed=-1"):
        portable_init(model, -1)


class MemoryCounts(ctypes.Structure):
    """What `mallinfo2` of the GNU C library returns: bytes of the heap first, of blocks outside of it fifth."""

    _fields_ = [("numbers", ctypes.c_size_t * 10)]


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
def test_working_memory_is_kept():
    ops.keep_working_memory()
    count = ctypes.CDLL(None).mallinfo2
    count.restype = MemoryCounts

    def from_the_system():
        numbers = count().numbers
        return numbers[0] + numbers[4]

    blocks = [np.ones(2**23) for _ in range(3)]  # 64 MiB each
    held = from_the_system()
    assert held > 3 * 2**26
    del blocks
    assert from_the_system() > held - 2**26  # none of the three went back
