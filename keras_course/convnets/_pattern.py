"""The classic convolutional network, written as a pattern.

Notation: `->` joins layers; `[...]*N` repeats what stands between brackets; the layers are

    conv C@KxK      C kernels of K x K pixels            conv 6@5x5, and conv 6@5x5/2 moves by two pixels
    pool, pool K    the largest value in K x K (2 x 2)   pool
    fc U            a dense layer of U units             fc 50
    relu, tanh, ..  a non-linearity that Keras names     relu
    fc              the last layer: a logit a class      fc
"""

import re

import keras

from keras_course._registry import builder
from keras_course.checks import choice, validate, whole
from keras_course.convnets._parts import images
from keras_course.layers import Conv2D, MaxPooling2D

_LIMIT = 10_000  # characters of a pattern, and layers: repeats within repeats would fill the memory
_TOKEN = re.compile(
    r"(?P<conv>conv\s+(\d+)@(\d+)x(\d+)(?:/(\d+))?)|(?P<pool>pool(?:\s+(\d+))?)|(?P<fc>fc(?:\s+(\d+))?)"
    r"|(?P<open>\[)|(?P<close>\](?:\s*\*\s*(\d+))?)|(?P<then>->)|(?P<word>[a-z_][a-z_0-9]*)"
)


def parse_pattern(pattern) -> list[tuple]:
    """Return the layers of a pattern in order, as tuples such as ("conv", 6, 5, 1), ("relu",), ("pool", 2), ("fc", 50).

    Args:
        pattern: a text in the notation at the top of this file.

    Returns:
        A list of tuples: what it is, then its numbers (channels, kernel size and stride; window; units).

    Raises:
        ValueError: the pattern does not parse; the message shows where.

    Example:
        >>> from keras_course.convnets import parse_pattern
        >>> parse_pattern("[conv 6@5x5 -> pool]*2 -> fc")
        [('conv', 6, 5, 1), ('pool', 2), ('conv', 6, 5, 1), ('pool', 2), ('fc',)]
    """
    if not isinstance(pattern, str) or len(pattern) > _LIMIT:
        raise ValueError(
            f"pattern={pattern!r:.200} must be a text of at most {_LIMIT:,} characters, such as "
            "'[conv 6@5x5 -> pool]*2 -> fc'"
        )
    stack, place, expects_layer = [[]], 0, True
    while place < len(pattern):
        if pattern[place].isspace():
            place += 1
            continue
        token = _TOKEN.match(pattern, place)
        kind = token.lastgroup if token else None
        if kind is None or expects_layer == (kind in ("close", "then")):
            _complain(pattern, place, "a layer or [" if expects_layer else "-> or ]")
        if kind == "open":
            stack.append([])
        elif kind == "close":
            if len(stack) == 1:
                _complain(pattern, place, "no ] here: nothing is open")
            (times,) = _numbers(pattern, place, token.group()) or (1,)
            if times * len(stack[-1]) + len(stack[-2]) > _LIMIT:
                _complain(pattern, place, f"at most {_LIMIT:,} layers")
            stack[-2].extend(stack.pop() * times)
        elif kind != "then":
            stack[-1].append(_layer(pattern, place, kind, token.group()))
        expects_layer = kind in ("open", "then")
        place = token.end()
    if len(stack) > 1 or expects_layer:
        _complain(pattern, place, "]" if len(stack) > 1 and not expects_layer else "a layer")
    return stack[0]


def _layer(pattern, place, kind, text):
    if kind == "word":
        public = not text.startswith("_") and text not in ("get", "serialize", "deserialize")
        if not public or not callable(getattr(keras.activations, text, None)):
            _complain(pattern, place, "conv, pool, fc or a non-linearity of Keras")
        return (text,)
    numbers = _numbers(pattern, place, text)
    if kind == "conv":
        if numbers[1] != numbers[2]:
            _complain(pattern, place, "a square window")
        return ("conv", numbers[0], numbers[1], numbers[3] if len(numbers) == 4 else 1)
    return (kind, *(numbers or ((2,) if kind == "pool" else ())))


def _numbers(pattern, place, text):
    numbers = re.findall(r"\d+", text)
    if not all(len(digits) < 8 and int(digits) for digits in numbers):
        _complain(pattern, place, "numbers of at least 1, of at most 7 digits")
    return tuple(map(int, numbers))


def _complain(pattern, place, wanted):
    here = pattern[place : place + 12]
    raise ValueError(f"pattern={pattern!r:.200} does not parse at position {place}, before {here!r}: wanted {wanted}")


@builder(
    reference="LeCun, Bottou, Bengio and Haffner, 1998, https://doi.org/10.1109/5.726791",
    presets={
        "tiny": {"input_shape": (28, 28, 1), "num_classes": 10},
        "mnist": {"input_shape": (28, 28, 1), "num_classes": 10, "parameters": 6_422},
    },
)
@validate(input_shape=images(), num_classes=whole(1), padding=choice("valid", "same"))
def convnet(
    input_shape,
    num_classes,
    *,
    pattern="[conv 6@5x5 -> relu -> pool]*2 -> fc 50 -> relu -> fc",
    padding="valid",
    name="convnet",
) -> keras.Model:
    """Build a convolutional network from a pattern, such as the classic one:

        [[conv -> relu]*N -> pool]*M -> [fc -> relu]*K -> fc

    Takes `(B, H, W, C)`, returns logits `(B, num_classes)`.

    Args:
        input_shape: (H, W, C).
        num_classes: number of classes.
        pattern: layers joined by `->`: `conv C@KxK` (or `conv C@KxK/S` with stride S), `pool` (or `pool K`), `fc U`, a
            non-linearity such as `relu`; `[...]*N` repeats. It ends with `fc`, which has a unit for each class.
        padding: of the convolutions: "valid" or "same".
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a pattern that does not parse (the message has the position), that does not end with `fc`, or has a
            `conv` or `pool` behind an `fc`; images that are too small for it or have their channels first; no class.

    References:
        Gradient-Based Learning Applied to Document Recognition, LeCun, Bottou, Bengio and Haffner, 1998,
        https://doi.org/10.1109/5.726791

    Example:
        >>> from keras_course.convnets import convnet
        >>> convnet((28, 28, 1), 10, pattern="[conv 8@3x3 -> relu -> pool]*2 -> fc").count_params()
        2674
    """
    layers = parse_pattern(pattern)
    _check_layers(layers, pattern)

    x = inputs = keras.Input(input_shape, name="x")
    for i, (kind, *numbers) in enumerate(layers):
        if kind in ("conv", "pool"):
            window, stride = (numbers[1], numbers[2]) if kind == "conv" else (numbers[0], numbers[0])
            if kind == "pool" or padding == "valid":
                _check_window(window, x, input_shape, f"layer {i}, {kind}")
        if kind == "conv":
            x = Conv2D(numbers[0], window, strides=stride, padding=padding, name=f"conv_{i}")(x)
        elif kind == "pool":
            x = MaxPooling2D(window, name=f"pool_{i}")(x)
        elif kind == "fc":
            if len(x.shape) > 2:
                x = keras.layers.Flatten(data_format="channels_last", name=f"flatten_{i}")(x)
            x = keras.layers.Dense(*numbers or (num_classes,), name="head" if not numbers else f"fc_{i}")(x)
        else:
            x = keras.layers.Activation(kind, name=f"{kind}_{i}")(x)
    return keras.Model(inputs, x, name=name)


def _check_layers(layers, pattern):
    kinds = [kind for kind, *_ in layers]
    if layers[-1] != ("fc",) or layers.count(("fc",)) > 1:
        raise ValueError(f"pattern={pattern!r} must end with 'fc', and every other fc needs its number of units")
    if any(kind in ("conv", "pool") for kind in kinds[kinds.index("fc") :]):
        raise ValueError(f"pattern={pattern!r} has a conv or pool behind an fc, where there are no pixels any more")


def _check_window(window, x, input_shape, layer):
    if min(x.shape[1:3]) < window:
        raise ValueError(
            f"input_shape={tuple(input_shape)} is too small for the pattern: its {layer} of {window} x {window}, meets "
            f"{x.shape[1]} x {x.shape[2]} pixels"
        )
