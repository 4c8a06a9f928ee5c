"""Multiply-adds of networks equal formulas by hand and published numbers."""

import keras
import pytest
from keras import layers as L

from keras_course.metrics import Cost, count_flops


def chain(*layers, shape=(8, 10, 6)):
    return keras.Sequential([keras.Input(shape), *layers])


LAYERS = {
    "convolution": (lambda: L.Conv2D(5, 3), 6 * 8 * 3 * 3 * 6 * 5),
    "channels first": (lambda: L.Conv2D(5, 3, data_format="channels_first"), 8 * 4 * 3 * 3 * 8 * 5),
    "stride and padding": (lambda: L.Conv2D(5, (3, 1), strides=2, padding="same"), 4 * 5 * 3 * 6 * 5),
    "dilation": (lambda: L.Conv2D(5, 3, dilation_rate=2), 4 * 6 * 9 * 6 * 5),
    "groups": (lambda: L.Conv2D(6, 3, groups=3, padding="same"), 8 * 10 * 9 * 2 * 6),
    "depthwise": (lambda: L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), 8 * 10 * 9 * 6 * 2),
    "separable": (lambda: L.SeparableConv2D(5, 3), 6 * 8 * (9 * 6 + 6 * 5)),
    "transposed": (lambda: L.Conv2DTranspose(5, 3, strides=2), 8 * 10 * 9 * 6 * 5),
    "dense": (lambda: L.Dense(7), 8 * 10 * 6 * 7),
    "einsum": (lambda: L.EinsumDense("...c,cd->...d", output_shape=7), 8 * 10 * 6 * 7),
    "einsum over positions": (lambda: L.EinsumDense("bhwc,wcd->bhd", output_shape=(8, 7)), 8 * 10 * 6 * 7),
    "batch normalization": (lambda: L.BatchNormalization(), 0),
    "layer normalization": (lambda: L.LayerNormalization(axis=(1, 2, 3)), 0),
    "activation with weights": (lambda: L.PReLU(), 0),
    "pooling": (lambda: L.AveragePooling2D(2), 0),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_costs_what_its_formula_says(name):
    make, expected = LAYERS[name]
    model = chain(make())
    assert count_flops(model) == Cost(model.count_params(), expected, 2 * expected)


def test_a_layer_that_is_called_twice_counts_twice_and_nested_models_count():
    image, shared = keras.Input((8, 8, 4)), L.Conv2D(4, 3, padding="same")
    block = keras.Model(image, L.Add()([image, shared(shared(image))]))
    assert count_flops(block).multiply_adds == 2 * 64 * 9 * 16
    model = chain(L.Conv2D(4, 1), block, L.ReLU(), L.Flatten(), L.Dense(10), shape=(8, 8, 3))
    assert count_flops(model).multiply_adds == 64 * 3 * 4 + 2 * 64 * 9 * 16 + 256 * 10


def test_operations_and_lists_of_inputs():
    image, other = keras.Input((8, 8, 3)), keras.Input((8, 8, 2))
    joined = L.Concatenate()([image, other]) * 2
    assert count_flops(keras.Model([image, other], L.Conv2D(4, 1)(joined))).multiply_adds == 64 * 5 * 4


def test_an_open_size_is_given():
    inner = keras.Sequential([keras.Input((None, None, 3)), L.Conv2D(4, 3)])
    model = keras.Sequential([keras.Input((None, None, 3)), inner, L.GlobalAveragePooling2D(), L.Dense(2)])
    assert count_flops(model, (10, 8, 3)).multiply_adds == 8 * 6 * 27 * 4 + 8
    assert count_flops(chain(inner, shape=(5, 5, 3))).multiply_adds == 9 * 27 * 4
    assert count_flops(chain(inner, shape=(5, 5, 3)), (5, 5, 3)).flops == 2 * 9 * 27 * 4


def test_networks_of_papers():
    """VGG-16 as its layers say; ResNet-50 has 3.8 billion in its paper (3.86 with all there is to count)."""
    widths, expected, size, channels = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6, 0, 224, 3
    for i, width in enumerate(widths):
        expected += size**2 * 9 * channels * width
        channels, size = width, size // 2 if i in (1, 3, 6, 9, 12) else size
    dense = 7 * 7 * 512 * 4096 + 4096 * 4096 + 4096 * 1000
    assert expected + dense == 15_470_264_320
    vgg = keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
    assert count_flops(vgg).multiply_adds == expected
    resnet = count_flops(keras.applications.ResNet50(weights=None))
    assert abs(resnet.multiply_adds / 3.86e9 - 1) < 0.01
    assert resnet.parameters == 25_636_712


class Unknown(L.Layer):
    def build(self, shape):
        self.matrix = self.add_weight(shape=(shape[-1], 2))

    def call(self, x):
        return keras.ops.matmul(x, self.matrix)


def called(layer, *shapes, **named):
    inputs = [keras.Input(shape) for shape in shapes]
    named = {name: keras.Input(shape) for name, shape in named.items()}
    output = layer(inputs) if not isinstance(layer, L.MultiHeadAttention) else layer(*inputs, **named)
    return keras.Model([*inputs, *named.values()], output)


SEQUENCES = {  # T = 5 queries, S = 7 keys
    "recurrent": (lambda: chain(L.SimpleRNN(4), shape=(5, 8)), 5 * (8 + 4) * 4),
    "three gates": (lambda: chain(L.GRU(4), shape=(5, 8)), 5 * (8 + 4) * 3 * 4),
    "both ways": (lambda: chain(L.Bidirectional(L.LSTM(4)), shape=(5, 8)), 2 * 5 * (8 + 4) * 4 * 4),
    "attention": (lambda: called(L.Attention(), (5, 8), (7, 6), (7, 8)), 5 * 7 * (8 + 6)),
    "keys are values": (lambda: called(L.AdditiveAttention(), (5, 8), (7, 8)), 5 * 7 * (8 + 8)),
    "heads": (
        lambda: called(L.MultiHeadAttention(2, 4, value_dim=3), (5, 8), value=(7, 6), key=(7, 6)),
        5 * (8 * 2 * 4 + 2 * 3 * 8) + 7 * 6 * 2 * (4 + 3) + 5 * 7 * 2 * (4 + 3),
    ),
    "dot": (lambda: called(L.Dot(axes=(2, 1)), (5, 8), (8, 3)), 5 * 8 * 3),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_cost_what_their_formulas_say(name):
    make, expected = SEQUENCES[name]
    assert count_flops(make()).multiply_adds == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: count_flops(chain(Unknown(name="odd"))), r"layer 'odd' \(Unknown\) is none whose multiply-adds"),
        (lambda: count_flops(chain(L.RNN(L.LSTMCell(4), name="cell"), shape=(5, 8))), "layer 'cell'"),
        (
            lambda: count_flops(chain(L.ReLU(), shape=(None, 8, 3))),
            r"input_shape=None does not give .* \[\(None, 8, 3\)\]",
        ),
        (lambda: count_flops(chain(L.ReLU()), 5), "input_shape=5 must be a tuple"),
        (lambda: count_flops(chain(L.ReLU()), (8, 10)), r"input_shape=\(8, 10\) does not fit .* \[\(8, 10, 6\)\]"),
        (lambda: count_flops(chain(L.ReLU(), shape=(None, 8, 3)), (5, 8, 4)), r"input_shape=\(5, 8, 4\) does not fit"),
        (lambda: count_flops(chain(L.ReLU(), shape=(None, 8, 3)), (None, 8, 3)), r"input_shape\[0\]=None"),
        (lambda: count_flops(keras.Sequential([L.Dense(3)])), "must be a Functional or Sequential"),
        (lambda: count_flops(3), "model=3 must be"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
