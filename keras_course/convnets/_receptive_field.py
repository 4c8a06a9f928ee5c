"""Which part of the input an output sees: the receptive field, from the graph of a model.

Notation: r the size of the field, in positions of the input; j the jump, the distance in the input between the fields
of neighboring outputs; k, s, d are kernel size, stride and dilation of a layer. r and j have one entry an axis,
(height, width) for images.
"""

from typing import NamedTuple

import keras

from keras_course.checks.graphs import flat_graph, name_of


class ReceptiveField(NamedTuple):
    """What one layer sees.

    Args:
        layer: name of the layer; one inside a nested model has that model's name before it, "backbone/conv1".
        size: r, one integer an axis, or None where it is the whole input.
        stride: j, one integer an axis, or None with `size`.
    """

    layer: str
    size: tuple[int, ...] | None
    stride: tuple[int, ...] | None


WHOLE = None, None
SEES_ALL = (
    keras.layers.Flatten,
    keras.layers.GroupNormalization,
    keras.layers.Attention,
    keras.layers.AdditiveAttention,
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
    keras.layers.RNN,
    keras.layers.Bidirectional,
)
RESIZES = tuple(
    getattr(keras.layers, name.format(rank)) for name in ("Conv{}DTranspose", "UpSampling{}D") for rank in (1, 2, 3)
)
MOVES = (
    *(getattr(keras.layers, f"{kind}{rank}D") for kind in ("ZeroPadding", "Cropping") for rank in (1, 2, 3)),
    keras.layers.InputLayer,
)


def receptive_field(model, layer=None) -> ReceptiveField:
    """Return how much of the input one output of a layer depends on.

    Walks from the input, where r = 1 and j = 1, to the layer. Through a convolution or a pooling

        r <- r + (k - 1) d j,  j <- j s

    so r grows linearly with depth as long as s = 1, and exponentially where strides multiply up. Where branches meet
    (`Add`, `Concatenate`) the largest r and j go on: so their fields must lie within each other, as those around one
    center do; branches that are cropped or padded on different sides see more together. With zero padding r may
    exceed the input. Layers that act at each position by itself leave r as it is, and so, by assumption, does any layer
    or operation not known here that keeps height and width. What takes in all positions sees the whole input, and so
    does all that follows: global pooling (in squeeze and excitation, too), `Flatten`, attention, and group
    normalization or a layer normalization over positions.

    Args:
        model: a built Functional or Sequential `keras.Model`, images (or sequences) in, channels last.
        layer: a layer of it or the name of one, for a nested one as "backbone/conv1"; None for the output of the
            model (the last of several).

    Returns:
        A `ReceptiveField`.

    Raises:
        ValueError: the model has no graph or no such layer, or on the way there is a layer that changes height and
            width otherwise than by a stride, such as an upsampling or a reshaping, or one made of convolutions that is
            no model itself.

    References:
        Computing Receptive Fields of Convolutional Neural Networks, Araujo, Norris and Sim, 2019,
        https://distill.pub/2019/computing-receptive-fields/

    Example:
        >>> import keras
        >>> from keras_course.convnets import receptive_field
        >>> convolutions = [keras.layers.Conv2D(1, 3, strides=s, name=f"conv{i}") for i, s in enumerate([1, 2, 1])]
        >>> model = keras.Sequential([keras.Input((32, 32, 1)), *convolutions])
        >>> receptive_field(model), receptive_field(model, "conv0").size
        (ReceptiveField(layer='conv2', size=(9, 9), stride=(2, 2)), (3, 3))
    """
    rows, operations = _walk(model)
    if layer is None and rows:
        return rows[-1]
    name = layer if isinstance(layer, str) else None
    found = [row for row, op in zip(rows, operations, strict=True) if op is layer or row.layer == name]
    if not found:
        names = ", ".join(row.layer for row in rows)
        raise ValueError(f"layer={name_of(layer)!r} is none of model={model.name!r}; it has {names}")
    return found[-1]


def receptive_fields(model) -> tuple[ReceptiveField, ...]:
    """Return the receptive fields of all layers of a model, in the order in which they are called.

    Args:
        model: as for `receptive_field`.

    Returns:
        A tuple with a `ReceptiveField` for each call of a layer.

    Raises:
        ValueError: as `receptive_field`.

    Example:
        >>> import keras
        >>> from keras_course.convnets import receptive_fields
        >>> layers = [keras.layers.Conv2D(1, 3), keras.layers.MaxPooling2D(2), keras.layers.Conv2D(1, 3)]
        >>> [row.size[0] for row in receptive_fields(keras.Sequential([keras.Input((16, 16, 1)), *layers]))]
        [3, 4, 8]
    """
    return tuple(_walk(model)[0])


def _walk(model):
    """Return the rows of all calls and their operations."""
    graph = flat_graph(model)
    fields = [((1,) * (len(tensor.shape) - 2), (1,) * (len(tensor.shape) - 2)) for tensor in graph.inputs]
    rows, operations = [], []
    _follow(graph, fields, "", rows, operations)
    return rows, operations


def _follow(graph, fields, prefix, rows, operations):
    """Carry the fields of the inputs of a graph through it, note each call, and return the fields of its outputs."""
    known = {id(tensor): field for tensor, field in zip(graph.inputs, fields, strict=True)}
    for _, nodes in sorted(graph._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if node.is_input:
                continue
            op, incoming = node.operation, [known[id(tensor)] for tensor in node.input_tensors]
            if isinstance(op, keras.Model):
                outgoing = _follow(flat_graph(op), incoming, f"{prefix}{op.name}/", rows, operations)
            else:
                size, stride = _after(op, node, _largest(incoming))
                outgoing = [(size, stride)] * len(node.outputs)
                rows.append(ReceptiveField(prefix + op.name, size, stride))
                operations.append(op)
            known.update((id(tensor), field) for tensor, field in zip(node.outputs, outgoing, strict=True))
    return [known[id(tensor)] for tensor in graph.outputs]


def _largest(fields):
    if WHOLE in fields:
        return WHOLE
    return tuple(tuple(max(axis) for axis in zip(*values, strict=True)) for values in zip(*fields, strict=True))


def _after(op, node, field):
    """Return the field after an operation, from the one before it."""
    size, stride = field
    if size is None or isinstance(op, SEES_ALL) or _normalizes_positions(op, node) or _leaves_no_position(op, node):
        return WHOLE
    if isinstance(op, RESIZES):
        raise ValueError(f"layer {op.name!r} ({type(op).__name__}) enlarges: what it sees differs between its outputs")
    if _spreads(op):
        kernel = op.pool_size if hasattr(op, "pool_size") else op.kernel_size
        dilation = _per_axis(getattr(op, "dilation_rate", 1), size)
        spread = [(k - 1) * d for k, d in zip(_per_axis(kernel, size), dilation, strict=True)]
        grown = tuple(r + extra * j for r, extra, j in zip(size, spread, stride, strict=True))
        return grown, tuple(j * s for j, s in zip(stride, _per_axis(getattr(op, "strides", 1), size), strict=True))
    if _spreads_inside(op):
        raise ValueError(f"layer {op.name!r} ({type(op).__name__}) has a convolution, pooling or attention inside it")
    if isinstance(op, MOVES) or _positions(node.outputs[0]) in [_positions(tensor) for tensor in node.input_tensors]:
        return field
    raise ValueError(
        f"layer {op.name!r} ({type(op).__name__}) turns {node.input_tensors[0].shape} into {node.outputs[0].shape}: "
        "a receptive field is known only behind convolutions, pooling, padding and layers that keep height and width"
    )


def _spreads(op):
    return hasattr(op, "kernel_size") or hasattr(op, "pool_size")


def _spreads_inside(op):
    inner = op._flatten_layers(include_self=False) if isinstance(op, keras.layers.Layer) else []
    return any(_spreads(layer) or isinstance(layer, SEES_ALL) for layer in inner)


def _positions(tensor):
    return tuple(tensor.shape[1:-1])


def _leaves_no_position(op, node):
    """Return whether all positions become one, as in a global pooling."""
    before, after = _positions(node.input_tensors[0]), _positions(node.outputs[0])
    return len(after) < len(before) or (not _spreads(op) and set(after) == {1} != set(before))


def _normalizes_positions(op, node):
    one_by_one = (keras.layers.LayerNormalization, keras.layers.RMSNormalization)
    axes = getattr(op, "axis", -1) if isinstance(op, one_by_one) else -1
    last = len(node.input_tensors[0].shape) - 1
    return any(axis not in (-1, last) for axis in (axes if isinstance(axes, list | tuple) else [axes]))


def _per_axis(value, axes):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * len(axes)
