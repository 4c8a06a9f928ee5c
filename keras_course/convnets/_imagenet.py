"""Weights of `keras.applications` for the builders of this lecture: other people's training, in our networks.

The layers have other names there. Where a convolution there has a bias b that ours has not, the batch normalization
behind it takes it up, as (x + b - m) / s = (x - (m - b)) / s; and a larger epsilon goes into the variance.
"""

import functools
import re

import keras
import numpy as np

_NAMES = {  # what a layer is called here, and there: numbers count from 1 there
    "VGG": {
        r"block_(\d)_(\d)_conv": lambda i, j: f"block{i + 1}_conv{j + 1}",
        r"hidden_(\d)": lambda i: f"fc{i + 1}",
        "head": lambda: "predictions",
    },
    "ResNet": {
        r"stem_(conv|norm)": lambda kind: f"conv1_{kind}",
        r"stage_(\d)_block_(\d+)_shortcut_(conv|norm)": lambda i, j, kind: f"conv{i + 2}_block{j + 1}_0_{kind}",
        r"stage_(\d)_block_(\d+)_(\d)_(conv|norm)": lambda i, j, k, kind: f"conv{i + 2}_block{j + 1}_{k + 1}_{kind}",
        "head": lambda: "predictions",
    },
    "EfficientNet": {
        r"(stem|top)_(conv|norm)": lambda place, kind: f"{place}_{kind}",
        r"stage_(\d)_block_(\d+)_depthwise_conv": lambda i, j: f"block{i + 1}{_letter(j)}_dwconv",
        r"stage_(\d)_block_(\d+)_depthwise_norm": lambda i, j: f"block{i + 1}{_letter(j)}_norm",
        r"stage_(\d)_block_(\d+)_squeeze_in": lambda i, j: f"block{i + 1}{_letter(j)}_se_reduce",
        r"stage_(\d)_block_(\d+)_squeeze_out": lambda i, j: f"block{i + 1}{_letter(j)}_se_expand",
        r"stage_(\d)_block_(\d+)_(expand|project)_(conv|norm)": (
            lambda i, j, part, kind: f"block{i + 1}{_letter(j)}_{part}_{kind}"
        ),
        "head": lambda: "predictions",
    },
    "ConvNeXt": {
        "stem": lambda: "stem_conv",
        "stem_norm": lambda: "stem_layernorm",
        r"down_(\d)": lambda i: f"downsampling_conv_{i - 1}",
        r"down_(\d)_norm": lambda i: f"downsampling_layernorm_{i - 1}",
        r"stage_(\d)_block_(\d+)_depthwise": lambda i, j: f"stage_{i}_block_{j}_depthwise_conv",
        r"stage_(\d)_block_(\d+)_norm": lambda i, j: f"stage_{i}_block_{j}_layernorm",
        r"stage_(\d)_block_(\d+)_expand": lambda i, j: f"stage_{i}_block_{j}_pointwise_conv_1",
        r"stage_(\d)_block_(\d+)_project": lambda i, j: f"stage_{i}_block_{j}_pointwise_conv_2",
        r"stage_(\d)_block_(\d+)_scale": lambda i, j: f"stage_{i}_block_{j}_layer_scale",
        "head_norm": lambda: "head_layernorm",
        "head": lambda: "head_dense",
    },
}
_MAY_DIFFER = ("head", "hidden_0", "hidden_1")  # for another number of classes, or images of another size


def _check_application(application):
    if not hasattr(keras.applications, application):
        raise ValueError(
            f"weights='imagenet' do not exist for this model: keras.applications has no {application}. Those of the "
            "presets vgg_16, vgg_19, resnet_50, resnet_101, resnet_152, efficientnet_b0 to _b7 and convnext_tiny to "
            "_xlarge exist"
        )


def load_imagenet(model, application) -> keras.Model:
    """Give a model the weights of the network of that name in `keras.applications`, trained on ImageNet; return it.

    Raises:
        ValueError: there is no such network, or its weights do not fit the model.
        FileNotFoundError: the weights can be neither found nor downloaded.
    """
    _check_application(application)
    options = {"include_preprocessing": False} if application.startswith("ConvNeXt") else {}
    build = functools.partial(getattr(keras.applications, application), **options)
    copy_weights(build(weights=None), model)  # what does not fit is found before the download
    try:
        source = build(weights="imagenet")
    except Exception as error:  # what Keras raises where a download fails
        raise FileNotFoundError(
            f"weights='imagenet' of {application} are neither in Keras's cache nor can they be downloaded: {error}"
        ) from error
    return copy_weights(source, model)


def copy_weights(source, model) -> keras.Model:
    """Give a model of this lecture the weights of its twin in `keras.applications`; return the model.

    Layers of the classifier whose shapes differ keep their own.

    Args:
        source: a model of `keras.applications`: a VGG, ResNet, EfficientNet or ConvNeXt.
        model: the same network, built here.

    Returns:
        The model.

    Raises:
        ValueError: the source is not such a model, a layer exists in one network only, or weights
            have other shapes.
    """
    theirs, biases, used = _layers_of(source), {}, set()
    for layer in model.layers:
        if not layer.weights:
            continue
        twin = theirs.get(_name_there(source, layer.name))
        if twin is None:
            raise ValueError(f"weights of {source.name} do not fit: it has no layer like {layer.name}")
        used.add(twin.name)
        values = twin.get_weights()
        if layer.name.endswith("_conv") and len(values) > len(layer.weights):
            biases[layer.name.removesuffix("_conv")] = values.pop()
        if isinstance(layer, keras.layers.BatchNormalization):
            gain, offset, mean, variance = values
            mean = mean - biases.get(layer.name.removesuffix("_norm"), 0.0)
            values = [gain, offset, mean, variance + (twin.epsilon - layer.epsilon)]
        _assign(layer, values, source.name)
    if spare := [twin.name for twin in theirs.values() if twin.name not in used]:
        raise ValueError(f"weights of {source.name} do not fit: {model.name} has no layer like {', '.join(spare)}")
    return model


def _assign(layer, values, name):
    shapes = [tuple(weight.shape) for weight in layer.weights]
    if [_without_ones(value.shape) for value in values] == [_without_ones(shape) for shape in shapes]:
        layer.set_weights([np.reshape(v, shape) for v, shape in zip(values, shapes, strict=True)])
    elif layer.name not in _MAY_DIFFER:
        found = [value.shape for value in values]
        raise ValueError(f"weights of {name} do not fit: {layer.name} has shapes {shapes}, and they have {found}")


def _without_ones(shape):
    """Return the axes that hold more than one number: a dense layer there may be a convolution of 1 x 1 here."""
    return [n for n in shape if n != 1]


def _layers_of(source):
    """Return the layers of a model by the names of `_NAMES`: without the model's own name, and "norm" for "bn".

    The layer that standardizes pixels is left out: our networks take pixels that are standardized.
    """
    found = {}
    for layer in source.layers:
        if isinstance(layer, keras.Model):
            found |= _layers_of(layer)
        elif layer.weights and not isinstance(layer, keras.layers.Normalization):
            name = re.sub(r"^convnext_[a-z]+_", "", layer.name)
            found[re.sub("bn$", "norm", name)] = layer
    return found


def _name_there(source, name):
    families = [family for family in _NAMES if source.name.lower().startswith(family.lower())]
    if not families:
        raise ValueError(f"source={source.name!r} must be a {', '.join(_NAMES)} of keras.applications")
    for pattern, there in _NAMES[families[0]].items():
        if match := re.fullmatch(pattern, name):
            return there(*(int(part) if part.isdigit() else part for part in match.groups()))
    return None


def _letter(i):
    return "abcdefghijklmnopqrstuvwxyz"[i]
