"""Receptive fields by the rule equal the support of a gradient; how they grow with depth and with strides."""

import keras
import numpy as np
import pytest
from keras import layers as L

from keras_course import ops
from keras_course.convnets import cifar_resnet, receptive_field, receptive_fields


class Halved(L.Layer):
    """A layer that nobody knows, which acts at each position."""

    def call(self, x):
        return x / 2


class Block(L.Layer):
    """A layer with a convolution inside it."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.convolution = L.Conv2D(1, 3, padding="same")

    def build(self, shape):
        self.convolution.build(shape)

    def call(self, x):
        return self.convolution(x)


class SubclassedConvolution(L.Conv2D):
    pass


def chain(*layers, size=33):
    return keras.Sequential([keras.Input((size, size, 1)), *layers])


def ones(kind=L.Conv2D, **arguments):
    kernels = ["depthwise_initializer"] if kind is L.DepthwiseConv2D else ["kernel_initializer"]
    kernels = ["depthwise_initializer", "pointwise_initializer"] if kind is L.SeparableConv2D else kernels
    filters = {} if kind is L.DepthwiseConv2D else {"filters": 1}
    return kind(**filters, **arguments, **dict.fromkeys(kernels, "ones"))


def support(model, x):
    """Return height and width of the part of x to which the output in the middle has a gradient."""
    _, h, w, _ = model.output_shape
    gradient = ops.functional(ops.grad(lambda x: keras.ops.sum(model(x)[:, h // 2, w // 2])), [])([], x)
    reached = np.argwhere(keras.ops.convert_to_numpy(gradient)[0, :, :, 0])
    return tuple((np.ptp(reached, axis=0) + 1).tolist())


@pytest.mark.parametrize("n", [1, 2, 5])
def test_it_grows_linearly_with_depth_and_exponentially_with_strides(n):
    plain = receptive_field(chain(*(L.Conv2D(1, 3, padding="same") for _ in range(n))))
    assert (plain.size, plain.stride) == ((2 * n + 1,) * 2, (1, 1))
    strided = receptive_field(chain(*(L.Conv2D(1, 3, strides=2, padding="same") for _ in range(n))))
    assert (strided.size, strided.stride) == ((2 ** (n + 1) - 1,) * 2, (2**n, 2**n))


def branches():
    image = keras.Input((33, 33, 1))
    x = ones(kernel_size=3, padding="same")(image)
    long = ones(kernel_size=5, padding="same")(ones(kernel_size=3, padding="same", activation="relu")(x))
    return keras.Model(image, ones(kernel_size=3)(L.Concatenate()([L.Add()([x, long]), long + x])))


def nested():
    part = chain(ones(kernel_size=3, strides=2), L.ReLU(), Halved(), ones(kernel_size=(1, 3)))
    return chain(ones(kernel_size=3), part, ones(kernel_size=2), size=35)


MODELS = {
    "stack": lambda: chain(ones(kernel_size=3), ones(kernel_size=5, padding="same")),
    "strides": lambda: chain(ones(kernel_size=3, strides=2), L.BatchNormalization(), ones(kernel_size=3)),
    "rectangle": lambda: chain(ones(kernel_size=(3, 5), strides=(2, 1)), ones(kernel_size=(2, 1))),
    "dilation": lambda: chain(ones(kernel_size=3, dilation_rate=2), ones(kernel_size=3, dilation_rate=(4, 1))),
    "pooling": lambda: chain(ones(kernel_size=3), L.AveragePooling2D(2), ones(kernel_size=3), L.AveragePooling2D(3, 1)),
    "depthwise": lambda: chain(ones(L.DepthwiseConv2D, kernel_size=7), ones(L.SeparableConv2D, kernel_size=3)),
    "padding": lambda: chain(L.ZeroPadding2D(2), ones(kernel_size=5, strides=2), L.Cropping2D(1), ones(kernel_size=3)),
    "pointwise": lambda: chain(L.Dense(5), L.LayerNormalization(), Halved(), SubclassedConvolution(1, 3)),
    "branches": branches,
    "nested": nested,
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_support_of_a_gradient(name):
    model = MODELS[name]()
    x = np.random.default_rng(0).uniform(1, 2, size=(1, *model.input_shape[1:])).astype("float32")
    assert receptive_field(model).size == support(model, x)


def test_vgg_16_sees_212_pixels():
    """As Araujo et al. list it; no weight of a network of this shape has to be as wide."""
    blocks = [[L.Conv2D(1, 3, padding="same") for _ in range(n)] + [L.MaxPooling2D(2)] for n in (2, 2, 3, 3, 3)]
    row = receptive_field(chain(*(layer for block in blocks for layer in block), size=64))
    assert (row.size, row.stride) == ((212, 212), (32, 32))


def test_a_residual_network_with_shortcuts_of_every_second_pixel():
    """3, two layers of 3 at a jump of 1, then for each further stage one at its old jump and one at its new."""
    fields = receptive_fields(cifar_resnet((16, 16, 3), 2, depth=8, width=1))
    assert max(row.size for row in fields if row.size) == (3 + 2 * (2 + 1 + 2 + 2 + 4),) * 2
    assert [row.size[0] for row in fields if row.layer.endswith("shortcut")] == [7, 13]


def test_a_model_of_open_size_and_sequences():
    image = keras.Input((None, None, 3))
    assert receptive_field(keras.Model(image, L.MaxPooling2D()(L.Conv2D(4, 3)(image)))).size == (4, 4)
    sequence = keras.Input((20, 2))
    assert receptive_field(keras.Model(sequence, L.Conv1D(4, 3, dilation_rate=3)(sequence)))[1:] == ((7,), (1,))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.GlobalAveragePooling2D(),
        lambda: L.GlobalMaxPooling2D(keepdims=True),
        lambda: L.Flatten(),
        lambda: L.GroupNormalization(1),
        lambda: L.LayerNormalization(axis=[1, 2, 3]),
        lambda: L.RMSNormalization(axis=(1, 2, 3)),
        lambda: L.ConvLSTM1D(2, 3, padding="same", return_sequences=True),
        lambda: keras.Sequential([L.GlobalMaxPooling2D(keepdims=True), L.UpSampling2D(4)]),
    ],
)
def test_what_takes_in_all_positions_sees_the_whole_input(layer):
    row = receptive_field(chain(L.Conv2D(4, 3), layer(), L.Dense(2)))
    assert (row.size, row.stride) == (None, None)


def test_squeeze_and_excitation_sees_the_whole_input():
    image = keras.Input((8, 8, 2))
    gate = L.Reshape((1, 1, 2))(L.Dense(2)(L.GlobalAveragePooling2D()(image)))
    assert receptive_field(keras.Model(image, L.Multiply()([image, gate]))).size is None


def test_the_table_has_a_row_for_each_call():
    shared, pool = L.Conv2D(1, 3, name="shared"), L.MaxPooling2D(2, name="pool")
    block = keras.Sequential([keras.Input((15, 15, 1)), L.Conv2D(1, 3, name="inner")], name="block")
    model = chain(shared, pool, block)
    expected = [("shared", 3, 1), ("pool", 4, 2), ("block/inner", 8, 2)]
    assert [(row.layer, row.size[0], row.stride[0]) for row in receptive_fields(model)] == expected
    assert receptive_field(model, "block/inner") == receptive_field(model, block.layers[0]) == receptive_field(model)
    image = keras.Input((9, 9, 1))
    twice = keras.Model(image, shared(shared(image)))
    assert [row.size[0] for row in receptive_fields(twice)] == [3, 5]
    assert receptive_field(twice, "shared").size == receptive_field(twice, shared).size == (5, 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: receptive_field(chain(L.Conv2D(1, 3, name="conv")), "pool"), "layer='pool' is none of .* it has conv"),
        (lambda: receptive_field(chain(L.UpSampling2D(name="up"))), r"layer 'up' \(UpSampling2D\) enlarges"),
        (lambda: receptive_field(chain(L.Conv2DTranspose(1, 3, name="up"))), "layer 'up' .* enlarges"),
        (lambda: receptive_field(chain(L.UpSampling2D(name="up"), size=None)), "layer 'up' .* enlarges"),
        (lambda: receptive_field(chain(L.Reshape((9, 121, 1), name="r"))), "layer 'r'"),
        (lambda: receptive_field(chain(Block(name="block"))), r"layer 'block' \(Block\) has a convolution"),
        (lambda: receptive_field(keras.Model(*[keras.Input((9, 9, 1))] * 2)), "layer=None is none of"),
        (lambda: receptive_fields(keras.Sequential([L.Conv2D(1, 3)])), "must be a Functional or Sequential"),
        (lambda: receptive_fields("vgg"), "model='vgg' must be"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
