"""How much a network computes for one input, from its layers and the shapes between them.

Notation: one multiply-add is a product and its addition to a sum, w x + s, and counts as two operations (FLOPs). Papers
on convolutional networks often write "FLOPs" for the number of multiply-adds.
"""

import math
from typing import NamedTuple

import keras
from keras import tree

from keras_course.checks import whole_number
from keras_course.checks.graphs import flat_graph

CONVOLUTIONS = tuple(
    getattr(keras.layers, name)
    for name in (
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "SeparableConv1D",
        "SeparableConv2D",
    )
)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
FREE = (keras.layers.Embedding, keras.layers.PReLU, keras.layers.LayerNormalization, keras.layers.Normalization)
RECURRENT = (keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU)


class Cost(NamedTuple):
    """What a network holds and computes.

    Args:
        parameters: number of its weights, as `model.count_params()` gives: moving averages of normalizations count too.
        multiply_adds: for one input.
        flops: 2 `multiply_adds`.
    """

    parameters: int
    multiply_adds: int
    flops: int


def count_flops(model, input_shape=None) -> Cost:
    """Count the multiply-adds with which a network maps one input to its output.

    A kernel's weights are used once at each position, of the output or, in a transposed convolution, of the input:

        convolution     h w k_h k_w (C_in / groups) C_out
        depthwise       h w k_h k_w C_in multiplier
        separable       h w (k_h k_w C_in multiplier + C_in multiplier C_out)
        dense           (positions) C_in C_out
        recurrent       T (C_in + units) gates units, with T positions and 1, 3 or 4 gates
        attention       T S (D + E), with T queries and S keys of D and S values of E numbers, and the four projections
                        of `MultiHeadAttention`

    Padding counts as if its zeros were multiplied too. Biases, activations, normalizations, pooling, additions and
    layers whose weights are all vectors, such as a scale for each channel, count as 0, as they are few beside
    the products. So do operations of `keras.ops` between layers.

    Args:
        model: a built Functional or Sequential `keras.Model`; models inside it are counted too.
        input_shape: shape of one input, without the batch; None takes the model's own. Needed where that is open, as
            (None, None, 3) is.

    Returns:
        A `Cost`.

    Raises:
        ValueError: the model has no graph, its input shape is open, the one that is given is not one of its, or a layer
            has weights for which no rule is known, such as one of your own.

    References:
        A guide to convolution arithmetic for deep learning, Dumoulin and Visin, 2016, https://arxiv.org/abs/1603.07285

    Example:
        >>> import keras
        >>> from keras_course.metrics import count_flops
        >>> layers = [keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(10)]
        >>> count_flops(keras.Sequential([keras.Input((6, 6, 1)), *layers]))      # 4 4 3 3 1 4 + 64 10
        Cost(parameters=690, multiply_adds=1216, flops=2432)
    """
    graph = flat_graph(model)
    shapes = [tuple(tensor.shape[1:]) for tensor in graph.inputs]
    if input_shape is not None:
        _check_fits(model, input_shape, shapes)
        shapes = [tuple(input_shape)]
    if any(None in shape for shape in shapes):
        raise ValueError(
            f"input_shape={input_shape} does not give model={model.name!r} a size: its inputs are {shapes}"
        )
    inputs = [keras.KerasTensor((1, *shape), tensor.dtype) for shape, tensor in zip(shapes, graph.inputs, strict=True)]
    counts = []
    _follow(graph, inputs, counts)
    return Cost(model.count_params(), sum(counts), 2 * sum(counts))


def _check_fits(model, input_shape, shapes):
    """Raise a ValueError if a model whose inputs have these shapes does not take one of this shape."""
    if not isinstance(input_shape, tuple | list):
        raise ValueError(f"input_shape={input_shape!r} must be a tuple, such as (224, 224, 3)")
    whole_number(1, **{f"input_shape[{axis}]": n for axis, n in enumerate(input_shape)})
    fits = len(shapes) == 1 and len(shapes[0]) == len(input_shape)
    if not fits or any(own not in (None, n) for own, n in zip(shapes[0], input_shape, strict=True)):
        raise ValueError(f"input_shape={tuple(input_shape)} does not fit model={model.name!r}: its inputs are {shapes}")


def _follow(graph, inputs, counts):
    """Carry the shapes of inputs through a graph; append the multiply-adds of each call to `counts`."""

    def counted(op):
        def call(*args, **kwargs):
            if isinstance(op, keras.Model):
                return _follow(flat_graph(op), tree.flatten(args), counts)
            output = op.compute_output_spec(*args, **kwargs)
            if isinstance(op, keras.layers.Layer):
                tensors = [each for each in tree.flatten((args, kwargs)) if isinstance(each, keras.KerasTensor)]
                before = [each.shape for each in tensors if each.dtype != "bool"]  # without masks
                counts.append(_multiply_adds(op, before, tree.flatten(output)[0].shape))
            return output

        return call

    return graph._run_through_graph(inputs, operation_fn=counted)


def _multiply_adds(layer, before, after):
    """Return the multiply-adds of one call of a layer, from the shapes of its inputs and of its output."""
    kernels = [weight.shape for weight in layer.weights if len(weight.shape) > 1]
    size = sum(math.prod(shape) for shape in kernels)
    if isinstance(layer, CONVOLUTIONS):
        return _positions(layer, after) * size
    if isinstance(layer, TRANSPOSED):
        return _positions(layer, before[0]) * size
    if isinstance(layer, keras.layers.Dense):
        return math.prod(before[0][1:-1]) * size
    if isinstance(layer, keras.layers.EinsumDense):
        taken, weights = layer.equation.replace(" ", "").split("->")[0].split(",")
        new = [n for letter, n in zip(weights, layer.kernel.shape, strict=True) if letter not in taken]
        return math.prod(before[0][1:]) * math.prod(new)
    if isinstance(layer, RECURRENT):
        return before[0][1] * (math.prod(layer.cell.kernel.shape) + math.prod(layer.cell.recurrent_kernel.shape))
    if isinstance(layer, keras.layers.Bidirectional):
        return sum(_multiply_adds(one_way, before, after) for one_way in (layer.forward_layer, layer.backward_layer))
    if isinstance(layer, keras.layers.MultiHeadAttention) and len(before[0]) == 3:
        queries, keys = before[0][1], before[1][1]
        q, k, v, out = (getattr(layer, f"{name}_dense").kernel.shape for name in ("query", "key", "value", "output"))
        projections = queries * (math.prod(q) + math.prod(out)) + keys * (math.prod(k) + math.prod(v))
        return projections + queries * keys * (math.prod(k[1:]) + math.prod(v[1:]))
    if isinstance(layer, keras.layers.Attention | keras.layers.AdditiveAttention):
        query, value, key = before if len(before) == 3 else (*before, before[1])
        return query[1] * value[1] * (key[2] + value[2])
    if isinstance(layer, keras.layers.Dot):
        axes = layer.axes if isinstance(layer.axes, tuple | list) else (layer.axes, layer.axes)
        return math.prod(before[0][1:]) * math.prod(before[1][1:]) // before[0][axes[0]]
    if kernels and not isinstance(layer, FREE):
        raise ValueError(f"layer {layer.name!r} ({type(layer).__name__}) is none whose multiply-adds are known")
    return 0


def _positions(layer, shape):
    return math.prod(shape[1:-1] if layer.data_format == "channels_last" else shape[2:])
