"""Looking inside a network: its kernels, its feature maps, and the pixels that a decision hangs on.

Notation: x images (B, H, W, C), s_c(x) the logit of class c, A (B, h, w, K) the K feature maps of a layer.
"""

import contextlib

import keras
import numpy as np
from keras import ops

from keras_course.checks import instance, validate
from keras_course.checks.examples import check_examples, to_real
from keras_course.checks.graphs import check_model, name_of
from keras_course.convnets._models import as_images, find_layer, image_input
from keras_course.ops import functional, grad


def kernels_as_images(layer) -> np.ndarray:
    """Return the kernels of a convolution as images: a weight of 0 is 0.5, gray, and the largest is 0 or 1.

    Takes a kernel `(k_h, k_w, C, K)` and gives `(K, k_h, k_w, C)`. For the first layer of a network C is the number of
    colors, and each kernel can be shown as it is. Each has a scale of its own:

        1/2 + w / (2 max |w|)

    Args:
        layer: a convolutional layer that is built, neither depthwise nor transposed, or its kernel.

    Returns:
        float32 in [0, 1]; all 0.5 for a kernel of zeros.

    Raises:
        ValueError: the layer has no kernel, it is not `(k_h, k_w, C, K)`, or it holds NaN or infinity.

    References:
        ImageNet Classification with Deep Convolutional Neural Networks (figure 3), Krizhevsky, Sutskever and Hinton,
        2012, https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import kernels_as_images
        >>> kernels_as_images(np.array([-2.0, 0.0, 1.0]).reshape(1, 3, 1, 1)).ravel().tolist()
        [0.0, 0.5, 0.75]
    """
    kernel = _kernel(layer)
    scale = np.abs(kernel).max(axis=(0, 1, 2))
    return np.moveaxis(0.5 + kernel / (2 * np.where(scale > 0, scale, 1)), -1, 0)


def _kernel(layer):
    """Return the kernel of a convolution as an array (k_h, k_w, C, K), or raise a ValueError."""
    kernel = getattr(layer, "kernel", None) if isinstance(layer, keras.layers.Layer) else layer
    if kernel is None:
        raise ValueError(f"layer={name_of(layer)!r} has no kernel: is it a convolution, and built?")
    if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2DTranspose):
        raise ValueError(f"layer={layer.name!r} ({type(layer).__name__}) has no kernel of axes (k_h, k_w, C, K)")
    kernel = to_real("layer", kernel).astype("float32")
    if kernel.ndim != 4 or 0 in kernel.shape:
        raise ValueError(f"layer has a kernel of shape {kernel.shape}; it must be (k_h, k_w, C, K)")
    if not np.isfinite(kernel).all():
        raise ValueError(f"layer={name_of(layer)!r} has a kernel with NaN or infinity")
    return kernel


@validate(layers=instance(list, tuple))
def activations(model, x, layers=None) -> dict[str, np.ndarray]:
    """Return what layers give for images, by name.

    Args:
        model: a built Functional or Sequential `keras.Model`.
        x: images `(B, H, W, C)`.
        layers: layers of it, or their names; None for all but the inputs. Those inside a nested model have no output
            of their own here: call this with the nested model.

    Returns:
        A dict of arrays `(B, ...)` by name, in the order of `layers`. A layer that is called several times shows its
        first call.

    Raises:
        ValueError: the model has no graph or no such layer, or x has a wrong shape.

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.convnets import activations
        >>> layers = [keras.layers.Conv2D(4, 3, name="conv"), keras.layers.GlobalMaxPooling2D(name="pool")]
        >>> model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
        >>> {name: array.shape for name, array in activations(model, np.zeros((2, 8, 8, 1))).items()}
        {'conv': (2, 6, 6, 4), 'pool': (2, 4)}
    """
    image = image_input(model)
    own = {layer.name: layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)}
    names = list(own) if layers is None else [name_of(layer) for layer in layers]
    _check_names(names, own, model)
    x, _ = check_examples(model, as_images(x))
    outputs = keras.Model(image, {name: own[name].output for name in names})(x, training=False)
    return {name: ops.convert_to_numpy(outputs[name]) for name in names}


@validate(model=check_model)
def saliency(model, x, class_id=None) -> np.ndarray:
    """Return how strongly each pixel moves a class's logit: a saliency map.

    Takes images `(B, H, W, C)` and gives `(B, H, W)`, the largest over the colors (channels) k of:

        |d s_c / d x[i, j, k]|

    Args:
        model: a `keras.Model` from images to logits `(B, K)`.
        x: the images.
        class_id: c, one for all images or one each; None takes the class with the largest logit, of each image.

    Returns:
        float32, not scaled.

    Raises:
        ValueError: x has a wrong shape, the model gives no `(B, K)`, or there is no such class.

    References:
        Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps, Simonyan, Vedaldi
        and Zisserman, 2014, https://arxiv.org/abs/1312.6034

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.convnets import saliency
        >>> layers = [keras.layers.Flatten(), keras.layers.Dense(2, kernel_initializer="ones")]
        >>> saliency(keras.Sequential([keras.Input((2, 2, 3)), *layers]), np.zeros((1, 2, 2, 3))).tolist()
        [[[1.0, 1.0], [1.0, 1.0]]]
    """
    x = as_images(x)
    chosen = _one_hot(model, x, class_id)
    gradient = functional(grad(lambda x: _score(model, x, chosen)), [])([], x)
    return np.abs(ops.convert_to_numpy(gradient)).max(axis=-1)


def grad_cam(model, x, layer, class_id=None) -> np.ndarray:
    """Return where the feature maps of a layer speak for a class: a gradient-weighted class activation map.

    Takes images `(B, H, W, C)` and gives `(B, h, w)`, the size of the layer's maps A; scale it up to lay it over the
    images. Each map counts by the mean of its gradient, and only what speaks for the class is kept:

        a_k = 1/(h w) sum_{i, j} d s_c / d A[i, j, k],  relu(sum_k a_k A[:, :, k])

    Args:
        model: a `keras.Model` from images to logits `(B, K)`.
        x: the images.
        layer: a layer with outputs `(B, h, w, K)`, or its name; most use the last convolutional one. A layer inside a
            nested model will do as well.
        class_id: c, one for all images or one each; None takes the class with the largest logit, of each image.

    Returns:
        float32 in [0, 1], 1 at the largest entry of each image; zeros where nothing speaks for the class.

    Raises:
        ValueError: x has a wrong shape, the model gives no `(B, K)`, there is no such class or layer, or the layer
            does not give feature maps.

    References:
        Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, Selvaraju et al., 2017,
        https://arxiv.org/abs/1610.02391

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.convnets import grad_cam
        >>> layers = [keras.layers.Conv2D(4, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(2)]
        >>> model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
        >>> grad_cam(model, np.ones((2, 8, 8, 1)), "conv").shape
        (2, 6, 6)
    """
    x, layer = as_images(x), find_layer(model, layer)
    chosen = _one_hot(model, x, class_id)
    seen = []
    with _hooked(layer, seen.append):
        functional(lambda: _score(model, x, chosen), [])([])
    if len(seen) != 1 or len(getattr(seen[0], "shape", ())) != 4:
        raise ValueError(f"layer={layer.name!r} must be called once and give feature maps (B, h, w, K)")

    def score(shift):
        with _hooked(layer, lambda output: output + ops.cast(shift, output.dtype)):
            return _score(model, x, chosen)

    maps = np.asarray(ops.convert_to_numpy(ops.cast(seen[0], "float32")))
    gradient = functional(grad(score), [])([], np.zeros_like(maps))
    weights = ops.convert_to_numpy(gradient).mean(axis=(1, 2), keepdims=True)
    heat = np.maximum((weights * maps).sum(axis=-1), 0)
    largest = heat.max(axis=(1, 2), keepdims=True)
    return heat / np.where(largest > 0, largest, 1)


def _score(model, x, chosen):
    """Return the sum of the chosen logits; each image has a part of its own in it, so one gradient serves all."""
    return ops.sum(chosen * ops.cast(model(x, training=False), "float32"))


def _one_hot(model, x, class_id):
    """Return the chosen classes as float32 (B, K), 1 at the class of each image."""
    check_examples(model, x)
    logits = ops.convert_to_numpy(model(x, training=False))
    if logits.ndim != 2:
        raise ValueError(f"model={model.name!r} gives shape {logits.shape}; it must give logits (B, K)")
    ids, count = logits.argmax(axis=1) if class_id is None else np.asarray(class_id), logits.shape[1]
    _check_classes(ids, class_id, count, len(x))
    return ops.convert_to_tensor(np.eye(count, dtype="float32")[np.broadcast_to(ids, len(x))])


@contextlib.contextmanager
def _hooked(layer, hook):
    """Pass what a layer gives through `hook`; where that returns None, as it is."""
    call = layer.call

    def hooked(*args, **kwargs):
        output = call(*args, **kwargs)
        replaced = hook(output)
        return output if replaced is None else replaced

    layer.call = hooked
    try:
        yield
    finally:
        del layer.call  # the method of the class is found again


def _check_names(names, own, model):
    unknown = [name for name in names if not isinstance(name, str) or name not in own]
    if unknown or not names:
        raise ValueError(f"layers={unknown} are none of model={model.name!r}; it has {', '.join(own)}")


def _check_classes(ids, class_id, count, num_images):
    known = np.issubdtype(ids.dtype, np.integer) and ids.shape in ((), (num_images,)) and ids.min() >= 0
    if not known or ids.max() >= count:
        raise ValueError(
            f"class_id={class_id!r} must be a class, 0 to {count - 1}, or one for each of {num_images} images"
        )
