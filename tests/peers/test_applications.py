"""The networks of papers compute what `keras.applications` and transformers compute with the same weights."""

import os

import keras
import numpy as np
import pytest
from keras import ops

from keras_course.convnets import convnext, copy_weights, efficientnet, resnet, vgg
from keras_course.portable import portable_init

pytestmark = pytest.mark.usefixtures("drawn_by_numpy")  # the networks have many shapes

SMALL = (64, 64, 3)
NORMS = keras.layers.BatchNormalization, keras.layers.LayerNormalization


def pictures(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(2, *shape)).astype("float32")


def assert_equal(model, expected, x):
    found = model.predict(x, verbose=0)  # compiled: one program, not a hundred, on JAX
    np.testing.assert_allclose(found, expected, atol=1e-4 * max(1.0, np.abs(expected).max()))


def lively(model):
    """Draw all weights, gains and moving averages of a model, so that nothing is zero or one by chance."""
    rng = np.random.default_rng(1)
    portable_init(model)
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            lively(layer)
        elif isinstance(layer, NORMS) or "scale" in layer.name:
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
        elif len(layer.weights) == 2:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.normal(0, 0.1, bias.shape)])
    return model


def weights_of(model):
    """Return the weights of a model in an order that does not depend on its names."""
    return sorted(model.get_weights(), key=lambda w: (w.shape, w.tobytes()))


PAIRS = {
    "VGG16": (vgg, {"depth": 16, "width": 64, "mlp_dim": 4096}),
    "VGG19": (vgg, {"depth": 19, "width": 64, "mlp_dim": 4096}),
    "ResNet50": (resnet, {"depth": 50, "width": 64}),
    "ResNet101": (resnet, {"depth": 101, "width": 64}),
    "ResNet152": (resnet, {"depth": 152, "width": 64}),
    "EfficientNetB0": (efficientnet, {"width_factor": 1.0, "depth_factor": 1.0}),
    "ConvNeXtTiny": (convnext, {"depths": (3, 3, 9, 3), "width": 96}),
}
LARGE = {"VGG19", "ResNet101", "ResNet152"}  # the same code as a smaller one of their family: only with --full


@pytest.mark.parametrize("name", [name for name in PAIRS if name not in LARGE or "KERAS_COURSE_FULL" in os.environ])
def test_equals_keras_applications(name):
    build, arguments = PAIRS[name]
    shape = (32, 32, 3) if name.startswith("VGG") else SMALL
    options = {"include_preprocessing": False} if name.startswith("ConvNeXt") else {}
    theirs = getattr(keras.applications, name)(
        weights=None, input_shape=shape, classes=7, classifier_activation=None, **options
    )
    lively(theirs)
    model = copy_weights(theirs, build(shape, 7, **arguments))
    x = pictures(shape)
    seen = 255 * x if name.startswith("EfficientNet") else x  # it divides by 255 itself
    expected = theirs.predict(seen, verbose=0)
    assert np.ptp(expected) > 1e-3
    assert_equal(model, expected, x)
    if not name.startswith("ResNet"):
        return
    with_bias = copy_weights(theirs, build(shape, 7, conv_bias=True, epsilon=1.001e-5, **arguments))
    assert with_bias.count_params() == theirs.count_params()
    for one, other in zip(weights_of(with_bias), weights_of(theirs), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("depth", "downsample_at"), [(18, "3x3"), (50, "3x3"), (50, "1x1")])
def test_resnet_equals_transformers(depth, downsample_at):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    bottleneck = depth == 50
    theirs = transformers.ResNetForImageClassification(
        transformers.ResNetConfig(
            embedding_size=8,
            hidden_sizes=[w * (4 if bottleneck else 1) for w in (8, 16, 32, 64)],
            depths=[3, 4, 6, 3] if bottleneck else [2, 2, 2, 2],
            layer_type="bottleneck" if bottleneck else "basic",
            downsample_in_bottleneck=downsample_at == "1x1",
            num_labels=7,
        )
    ).eval()
    with torch.no_grad():
        for name, buffer in [*theirs.named_parameters(), *theirs.named_buffers()]:
            if buffer.ndim == 1 and "num_batches" not in name:
                buffer.uniform_(0.5, 1.5)
    model = resnet(SMALL, 7, depth=depth, width=8, downsample_at=downsample_at)
    state = {name: tensor.detach().numpy() for name, tensor in theirs.state_dict().items()}
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(transformers_weights(state, layer.name))
    x = pictures(SMALL)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x).permute(0, 3, 1, 2)).logits.numpy()
    assert_equal(model, expected, x)


def transformers_weights(state, name):
    """Return the weights of one of our layers out of a ResNet of transformers."""
    if name == "head":
        return [state["classifier.1.weight"].T, state["classifier.1.bias"]]
    part, kind = name.rsplit("_", 1)
    if part == "stem":
        there = "resnet.embedder.embedder"
    else:
        _, stage, _, block, place = part.split("_")
        place = "shortcut" if place == "shortcut" else f"layer.{place}"
        there = f"resnet.encoder.stages.{stage}.layers.{block}.{place}"
    if kind == "conv":
        return [state[f"{there}.convolution.weight"].transpose(2, 3, 1, 0)]
    parts = ("weight", "bias", "running_mean", "running_var")
    return [state[f"{there}.normalization.{part}"] for part in parts]


def test_weights_that_do_not_fit():
    theirs = keras.applications.VGG16(weights=None, input_shape=(32, 32, 3), classes=3)
    with pytest.raises(ValueError, match="block_0_0_conv has shapes"):
        copy_weights(theirs, vgg((32, 32, 3), 3, depth=16, width=8, mlp_dim=4096))
    with pytest.raises(ValueError, match="no layer like block_2_3_conv"):
        copy_weights(theirs, vgg((32, 32, 3), 3, depth=19, width=64, mlp_dim=4096))


def toy(name, *, bias=True, epsilon=0.1, extra=()):
    """A network with the names of the ResNets of `keras.applications`, and weights that nothing hides."""
    names = ("conv1_conv", "conv1_bn", "predictions") if bias else ("stem_conv", "stem_norm", "head")
    convolution = keras.layers.Conv2D(4, 3, use_bias=bias, bias_initializer="ones", name=names[0])
    norm = keras.layers.BatchNormalization(epsilon=epsilon, moving_variance_initializer="ones", name=names[1])
    layers = [convolution, norm, *extra, keras.layers.Flatten(), keras.layers.Dense(2, name=names[2])]
    image = y = keras.Input((5, 5, 2))
    for layer in layers:
        y = layer(y)
    return keras.Model(image, y, name=name)


def test_the_norm_takes_up_bias_and_epsilon():
    theirs, ours = toy("resnet_toy"), toy("ours", bias=False, epsilon=1e-3)
    copy_weights(theirs, ours)
    x = pictures((5, 5, 2))
    np.testing.assert_allclose(*(ops.convert_to_numpy(model(x)) for model in (theirs, ours)), atol=1e-5)


def test_no_layer_of_the_source_is_left_over():
    more = toy("resnet_toy", extra=[keras.layers.Conv2D(4, 1, name="conv2_block1_1_conv")])
    with pytest.raises(ValueError, match="ours has no layer like conv2_block1_1_conv"):
        copy_weights(more, toy("ours", bias=False))


def test_shapes_of_as_many_numbers_do_not_fit():
    ours = toy("ours", bias=False)
    image = keras.Input((5, 5, 2))
    y = keras.layers.Conv2D(2, (3, 6), padding="same", use_bias=False, name="stem_conv")(image)  # 72 weights, too
    with pytest.raises(ValueError, match="stem_conv has shapes"):
        copy_weights(toy("resnet_toy", bias=True), keras.Model(image, y))
    with pytest.raises(ValueError, match="source='ours' must be a VGG, ResNet, EfficientNet, ConvNeXt of"):
        copy_weights(ours, ours)


def test_another_number_of_classes_keeps_the_head():
    theirs = keras.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=3)
    model = portable_init(efficientnet((32, 32, 3), 5, width_factor=1.0, depth_factor=1.0))
    head = model.get_layer("head").get_weights()
    copy_weights(theirs, model)
    np.testing.assert_array_equal(model.get_layer("head").get_weights()[0], head[0])
    there = theirs.get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(model.get_layer("stem_conv").get_weights()[0], there)


def test_imagenet_weights_that_do_not_exist():
    with pytest.raises(ValueError, match="no ResNet18"):
        resnet(SMALL, 7, depth=18, width=64, weights="imagenet")
    with pytest.raises(ValueError, match="weights='mine' is none of None, 'imagenet'"):
        resnet(SMALL, 7, weights="mine")


def test_imagenet_weights_that_cannot_be_downloaded(monkeypatch):
    source = keras.applications.EfficientNetB0(weights=None)

    def no_network(weights):
        if weights is None:
            return source
        raise Exception("URL fetch failure")  # what Keras raises

    monkeypatch.setattr(keras.applications, "EfficientNetB0", no_network)
    options = {"input_shape": SMALL, "num_classes": 7, "weights": "imagenet"}
    with pytest.raises(FileNotFoundError, match=r"weights='imagenet' of EfficientNetB0 .* URL fetch failure"):
        efficientnet.from_preset("efficientnet_b0", **options)
    with pytest.raises(ValueError, match="do not fit: stem_conv has shapes"):  # before any download
        efficientnet.from_preset("efficientnet_b0", **{**options, "input_shape": (32, 32, 1)})


def test_imagenet_weights_are_asked_for_and_used(monkeypatch):
    theirs = keras.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=3)
    asked = []
    monkeypatch.setattr(keras.applications, "EfficientNetB0", lambda **options: asked.append(options) or theirs)
    model = efficientnet.from_preset("efficientnet_b0", input_shape=(32, 32, 3), num_classes=3, weights="imagenet")
    assert asked == [{"weights": None}, {"weights": "imagenet"}]
    x = pictures((32, 32, 3))
    expected = theirs.predict(255 * x, verbose=0)
    found = ops.convert_to_numpy(ops.softmax(model.predict(x, verbose=0)))
    np.testing.assert_allclose(found, expected, atol=1e-5)
