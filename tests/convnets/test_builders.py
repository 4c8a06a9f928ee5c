"""The other networks compute what plain PyTorch computes with the same weights; bad input is refused."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_course import convnets
from keras_course import ops as course_ops
from keras_course.convnets import (
    LocalResponseNormalization,
    SubsampleAndPad,
    alexnet,
    cifar_resnet,
    convnet,
    convnext,
    efficientnet,
    lenet5,
    parse_pattern,
    resnet,
    resnet_to_convnext,
    vgg,
)
from keras_course.portable import portable_init

BUILDERS = [alexnet, cifar_resnet, convnet, convnext, efficientnet, lenet5, resnet, resnet_to_convnext, vgg]


def torch_of():
    """Return PyTorch and its functions; the independent implementations below are written in it."""
    torch = pytest.importorskip("torch")
    return torch, torch.nn.functional


def lively(model):
    """Draw the weights of a model, and such moving averages and biases that nothing is zero or one by chance."""
    portable_init(model)
    rng = np.random.default_rng(1)
    model.set_weights([w if w.ndim > 1 else rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    return model


class Weights:
    """Weights of a model by layer, as PyTorch wants them."""

    def __init__(self, model):
        self.torch, self.f = torch_of()
        self.model = model

    def of(self, name):
        return [self.torch.from_numpy(w) for w in self.model.get_layer(name).get_weights()]

    def conv(self, x, name, **options):
        kernel, *bias = self.of(name)
        return self.f.conv2d(x, kernel.permute(3, 2, 0, 1), *bias, **options)

    def depthwise(self, x, name, **options):
        kernel, *bias = self.of(name)
        return self.f.conv2d(x, kernel.permute(2, 3, 0, 1), *bias, groups=x.shape[1], **options)

    def norm(self, x, name):
        gain, offset, mean, variance = self.of(name)
        return self.f.batch_norm(x, mean, variance, gain, offset, eps=1e-5)

    def layer_norm(self, x, name):
        return self.f.layer_norm(x.movedim(1, -1), x.shape[1:2], *self.of(name), eps=1e-6).movedim(-1, 1)

    def dense(self, x, name):
        kernel, bias = self.of(name)
        return x @ kernel + bias

    def flat(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def assert_equal(model, network, seed=0):
    """Compare a model with a function of its weights and pictures with channels first."""
    torch, _ = torch_of()
    x = np.random.default_rng(seed).normal(size=(3, *model.input_shape[1:])).astype("float32")
    expected = network(Weights(model), torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    found = model.predict(x, verbose=0)  # compiled: one program, not a hundred, on JAX
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize(("side", "padding"), [(28, "same"), (32, "valid")])
@pytest.mark.parametrize("pool", ["average", "max"])
def test_lenet5(side, padding, pool):
    def network(w, x):
        pooled = w.f.avg_pool2d if pool == "average" else w.f.max_pool2d
        x = pooled(w.torch.tanh(w.conv(x, "c1", padding=padding)), 2)
        x = w.flat(pooled(w.torch.tanh(w.conv(x, "c3")), 2))
        for name in ("c5", "f6"):
            x = w.torch.tanh(w.dense(x, name))
        return w.dense(x, "head")

    assert_equal(lively(lenet5((side, side, 1), 10, padding=padding, pool=pool)), network)


@pytest.mark.parametrize("groups", [(1, 1, 1, 1, 1), (1, 2, 1, 2, 2)])
@pytest.mark.parametrize("response_norm", [True, False])
def test_alexnet(groups, response_norm):
    def network(w, x):
        for i, (stride, padding) in enumerate(((4, 0), (1, 2), (1, 1), (1, 1), (1, 1))):
            x = w.f.relu(w.conv(x, f"conv_{i}", stride=stride, padding=padding, groups=groups[i]))
            if i < 2 and response_norm:
                x = w.f.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)  # PyTorch takes the mean, not the sum
            if i in (0, 1, 4):
                x = w.f.max_pool2d(x, 3, 2)
        x = w.flat(x)
        for name in ("hidden_0", "hidden_1"):
            x = w.f.relu(w.dense(x, name))
        return w.dense(x, "head")

    assert_equal(lively(alexnet((75, 67, 3), 4, groups=groups, response_norm=response_norm)), network)


def test_local_response_norm_needs_neighbours():
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 7)).astype("float32")
    torch, f = torch_of()
    expected = f.local_response_norm(torch.from_numpy(x).permute(0, 3, 1, 2), 3, alpha=3.0, beta=0.5, k=1.0)
    layer = LocalResponseNormalization(size=3, bias=1.0, alpha=1.0, beta=0.5)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected.permute(0, 2, 3, 1).numpy(), atol=1e-6)


def test_local_response_norm_squares_in_full_precision():
    x = np.linspace(200, 900, 6, dtype="float32").reshape(1, 1, 1, 6)  # 900 squared is infinite in float16
    half, full = (LocalResponseNormalization(dtype=dtype)(x) for dtype in ("float16", "float32"))
    assert keras.backend.standardize_dtype(half.dtype) == "float16"
    np.testing.assert_allclose(ops.convert_to_numpy(half), ops.convert_to_numpy(full), rtol=2e-3)


@pytest.mark.parametrize("residual", [True, False])
def test_cifar_resnet(residual):
    def network(w, x):
        x = w.f.relu(w.norm(w.conv(x, "stem_conv", padding=1), "stem_norm"))
        for stage in range(3):
            for i in range(2):
                block, stride = f"stage_{stage}_block_{i}", 2 if stage and not i else 1
                f = w.f.relu(w.norm(w.conv(x, f"{block}_0_conv", padding=1, stride=stride), f"{block}_0_norm"))
                f = w.norm(w.conv(f, f"{block}_1_conv", padding=1), f"{block}_1_norm")
                if residual:
                    spare = (f.shape[1] - x.shape[1]) // 2
                    f = f + w.f.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, spare, spare))
                x = w.f.relu(f)
        return w.dense(x.mean((2, 3)), "head")

    assert_equal(lively(cifar_resnet((18, 15, 3), 5, depth=14, width=4, residual=residual)), network)


@pytest.mark.parametrize("step", ["resnet", "inverted_bottleneck", "large_kernel", "convnext"])
def test_resnet_to_convnext(step):
    def branch(w, x, b):
        if step == "resnet":
            f = w.f.relu(w.norm(w.conv(x, f"{b}_0_conv", padding=1), f"{b}_0_norm"))
            return w.norm(w.conv(f, f"{b}_1_conv", padding=1), f"{b}_1_norm")
        if step == "inverted_bottleneck":
            f = w.f.relu(w.norm(w.conv(x, f"{b}_expand_conv"), f"{b}_expand_norm"))
            f = w.f.relu(w.norm(w.depthwise(f, f"{b}_depthwise_conv", padding=1), f"{b}_depthwise_norm"))
        elif step == "large_kernel":
            f = w.f.relu(w.norm(w.depthwise(x, f"{b}_depthwise_conv", padding=3), f"{b}_depthwise_norm"))
            f = w.f.relu(w.norm(w.conv(f, f"{b}_expand_conv"), f"{b}_expand_norm"))
        else:
            f = w.layer_norm(w.depthwise(x, f"{b}_depthwise", padding=3), f"{b}_norm").movedim(1, -1)
            return w.dense(w.f.gelu(w.dense(f, f"{b}_expand")), f"{b}_project").movedim(-1, 1)
        return w.norm(w.conv(f, f"{b}_project_conv"), f"{b}_project_norm")

    def network(w, x):
        if step == "convnext":
            x = w.layer_norm(w.conv(w.f.pad(x, (1, 2, 1, 2)), "stem_conv"), "stem_norm")
        else:
            x = w.f.relu(w.norm(w.conv(x, "stem_conv", padding=1), "stem_norm"))
        for stage in range(3):
            down = f"down_{stage}"
            if stage and step == "convnext":
                x = w.conv(w.layer_norm(x, f"{down}_norm"), down, stride=2)
            elif stage:
                x = w.norm(w.conv(x, f"{down}_conv", padding=1, stride=2), f"{down}_norm")
            for i in range(2):
                x = x + branch(w, x, f"stage_{stage}_block_{i}")
                x = w.f.relu(x) if step == "resnet" else x
        if step == "convnext":
            x = w.layer_norm(x, "head_norm")
        return w.dense(x.mean((2, 3)), "head")

    assert_equal(lively(resnet_to_convnext((16, 16, 3), 5, step=step, width=4)), network)


def test_convnet():
    def network(w, x):
        for i in (0, 3):
            x = w.f.max_pool2d(w.f.relu(w.conv(x, f"conv_{i}")), 2)
        return w.dense(w.f.relu(w.dense(w.flat(x), "fc_6")), "head")

    assert_equal(lively(convnet((28, 28, 1), 10)), network)


def test_convnet_with_strides_and_padding():
    def network(w, x):
        x = w.f.max_pool2d(w.torch.tanh(w.conv(x, "conv_0", padding=1)), 3)
        return w.dense(w.flat(w.conv(w.f.pad(x, (0, 1, 0, 1)), "conv_3", stride=2)), "head")

    pattern = "conv 4@3x3 -> tanh -> pool 3 -> conv 2@3x3/2 -> fc"
    assert_equal(lively(convnet((12, 12, 3), 3, pattern=pattern, padding="same")), network)


def test_pattern_repeats_inside_repeats():
    layers = parse_pattern("[[conv 2@3x3->relu]*2->pool]*2 -> [fc 5 -> relu] -> fc")
    block = [("conv", 2, 3, 1), ("relu",)] * 2 + [("pool", 2)]
    assert layers == [*block, *block, ("fc", 5), ("relu",), ("fc",)]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("conv 6@5x5 => fc", "position 11, before '=> fc': wanted -> or ]"),
        ("conv 6@5x5 -> -> fc", "position 14, before '-> fc': wanted a layer"),
        ("conv six -> fc", "position 0, before 'conv six -> ': wanted conv, pool, fc or a non-linearity"),
        ("[conv 6@5x5 -> pool*2 -> fc", "position 19, before '\\*2 -> fc'"),
        ("[conv 6@5x5 -> pool]*0 -> fc", "position 19, .* numbers of at least 1"),
        ("[[[fc 5]*9999]*9999]*9999 -> fc", "position 13, .* at most 10,000 layers"),
        ("[fc 5 -> ]*99999999 -> fc".replace(" -> ]", "]"), "position 5, .* at most 7 digits"),
        ("[fc 5 -> " * 2000, "at most 10,000 characters"),
        ("pool] -> fc", "position 4, .* nothing is open"),
        ("[pool -> fc", "position 11, before '': wanted ]"),
        ("pool ->", "position 7, before '': wanted a layer"),
        ("", "position 0, before '': wanted a layer"),
        ("conv 6@5x3 -> fc", "position 0, .* a square window"),
        ("conv 0@5x5 -> fc", "position 0, .* numbers of at least 1"),
        ("pool -> swoosh -> fc", "position 8, before 'swoosh -> fc'"),
        ("get -> fc", "position 0"),
        ("relu6 -> __dir__ -> fc", "position 9, before '__dir__"),
        (["fc"], "must be a text"),
        ("conv 6@5x5 -> fc 10", "must end with 'fc'"),
        ("fc -> fc", "every other fc needs its number of units"),
        ("fc 5 -> conv 6@5x5 -> fc", "conv or pool behind an fc"),
        (
            "[conv 6@5x5 -> pool]*4 -> fc",
            "is too small .* layer 4, conv of 5 x 5, meets 4 x 4",
        ),
    ],
)
def test_bad_pattern(pattern, message):
    with pytest.raises(ValueError, match=message):
        convnet((28, 28, 1), 10, pattern=pattern)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_bad_pictures(build):
    shape = build.presets["tiny"]["input_shape"]
    for num_classes in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match=f"num_classes={num_classes!r}"):
            build(shape, num_classes)
    for bad in ((28, 28), 28, (28, 28, 0), (-1, 28, 3), (28.0, 28, 3)):
        with pytest.raises(ValueError, match="input_shape"):
            build(bad, 10)
    for bad in ((3, 224, 256), (1, 224, 224), (3, None, None)):
        with pytest.raises(ValueError, match=rf"channels first.*\({bad[1]}, {bad[2]}, {bad[0]}\)"):
            build(bad, 10)


@pytest.mark.parametrize(
    ("build", "smallest"),
    [(alexnet, 67), (cifar_resnet, 4), (convnext, 32), (efficientnet, 32), (lenet5, 12), (resnet, 32), (vgg, 32)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_smallest_pictures(build, smallest):
    model = build((smallest, smallest, 3), 2)
    assert np.isfinite(model.predict(np.ones((1, smallest, smallest, 3), "float32"), verbose=0)).all()
    with pytest.raises(ValueError, match=f"at least {smallest} x {smallest}"):
        build((smallest, smallest - 1, 3), 2)


@pytest.mark.parametrize("build", [cifar_resnet, convnext, efficientnet, resnet, resnet_to_convnext])
def test_any_size(build):
    model = build((None, None, 3), 2)
    assert model.predict(np.ones((1, 40, 33, 3), "float32"), verbose=0).shape == (1, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resnet((32, 32, 3), 2, depth=20), "depth=20 is none of 18, 34, 50, 101, 152"),
        (lambda: vgg((32, 32, 3), 2, depth=12), "depth=12 is none of 11, 13, 16, 19"),
        (lambda: cifar_resnet((32, 32, 3), 2, depth=18), "depth=18 must be 6n \\+ 2"),
        (lambda: cifar_resnet((32, 32, 3), 2, depth=2), "depth=2 must be 6n \\+ 2"),
        (lambda: resnet((32, 32, 3), 2, groups=4), "groups=4 needs bottlenecks"),
        (lambda: resnet((32, 32, 3), 2, depth=50, groups=3), "groups=3 does not divide the 8 channels"),
        (lambda: resnet((32, 32, 3), 2, downsample_at="5x5"), "downsample_at='5x5' is none of '1x1', '3x3'"),
        (lambda: resnet((32, 32, 3), 2, squeeze=0), "squeeze=0"),
        (lambda: resnet((32, 32, 3), 2, base_width=4), "base_width=4 needs bottlenecks"),
        (lambda: resnet((32, 32, 3), 2, epsilon=-1.0), "epsilon=-1.0 must be a finite number above 0"),
        (
            lambda: resnet((32, 32, 3), 2, depth=50, downsample_at="3x3", weights="imagenet"),
            "downsample_at='3x3' must be '1x1' with weights='imagenet'",
        ),
        (lambda: convnext((32, 32, 3), 2, layer_scale=None), "layer_scale=None"),
        (lambda: LocalResponseNormalization(size=4), "size=4 must be odd"),
        (lambda: LocalResponseNormalization(size=0), "size=0"),
        (lambda: LocalResponseNormalization(bias=0.0), "bias=0.0"),
        (lambda: SubsampleAndPad(4, 0), "strides=0"),
        (lambda: SubsampleAndPad(2, 1)(ops.ones((1, 4, 4, 3))), "channels=2 must be at least 3"),
        (lambda: alexnet((67, 67, 3), 2, groups=(2, 1, 1, 1, 1)), "groups\\[0\\]=2 must divide .* 3 and 8"),
        (lambda: alexnet((67, 67, 3), 2, channels=(8, 16)), "channels=\\(8, 16\\) must have five"),
        (lambda: lenet5((28, 28, 1), 2, pool="mean"), "pool='mean' is none of 'average', 'max'"),
        (lambda: lenet5((28, 28, 1), 2, activation="no"), "activation='no'"),
        (lambda: convnext((32, 32, 3), 2, depths=(1, 1)), "depths=\\(1, 1\\) must have 4 entries"),
        (lambda: convnext((32, 32, 3), 2, drop_path=1.0), "drop_path=1.0"),
        (lambda: efficientnet((32, 32, 3), 2, width_factor=0), "width_factor=0"),
        (lambda: resnet_to_convnext((32, 32, 3), 2, step="vit"), "step='vit' is none of 'resnet'"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_resnext_moves_in_its_3x3():
    """As its authors programmed it: https://github.com/facebookresearch/ResNeXt."""
    small = {"input_shape": (32, 32, 3), "num_classes": 2, "width": 4, "groups": 2, "base_width": 2}
    for preset, strides in (("resnext_50", [(1, 1), (2, 2)]), ("resnet_50", [(2, 2), (1, 1)])):
        model = resnet.from_preset(preset, **small)
        assert [model.get_layer(f"stage_1_block_0_{i}_conv").strides for i in range(2)] == strides


def test_resnext_looks_at_groups_apart():
    """Half of the channels of a grouped convolution do not see the other half."""
    model = resnet((32, 32, 3), 2, depth=50, groups=2)
    assert model.get_layer("stage_0_block_0_1_conv").kernel.shape == (3, 3, 4, 8)


def test_drop_path_skips_blocks_in_training_only():
    model = lively(convnext((32, 32, 3), 2, depths=(1, 1, 2, 1), drop_path=0.9, layer_scale=1.0))
    x = np.random.default_rng(0).normal(size=(8, 32, 32, 3)).astype("float32")
    for training in (True, False):
        run = course_ops.jit(lambda x, training=training: model(x, training=training), variables=model.variables)
        once, again = (ops.convert_to_numpy(run(x)) for _ in range(2))
        assert (np.abs(once - again).max() > 1e-3) == training


def sources(model, layer):
    """Return the names of the layers whose outputs a layer takes."""
    return {node.operation.name for node in model.get_layer(layer)._inbound_nodes[0].parent_nodes}


@pytest.mark.parametrize(
    ("build", "side", "expected"),
    [
        (
            alexnet,
            67,
            {"dropout_0": "flatten", "hidden_0": "dropout_0", "dropout_1": "hidden_0", "hidden_1": "dropout_1"},
        ),
        (vgg, 32, {"dropout_0": "hidden_0", "hidden_1": "dropout_0", "dropout_1": "hidden_1", "head": "dropout_1"}),
        (lenet5, 28, {"c5_dropout": "c5", "f6": "c5_dropout", "f6_dropout": "f6", "head": "f6_dropout"}),
        (efficientnet, 32, {"dropout": "pool", "head": "dropout"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_dropout_stands_where_it_should(build, side, expected):
    model = build((side, side, 3), 2, dropout=0.3)
    assert {layer: sources(model, layer) for layer in expected} == {a: {b} for a, b in expected.items()}
    assert {layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)} == {0.3}


@pytest.mark.parametrize(
    ("build", "options", "expected"),
    [
        (convnext, {"depths": (1, 1, 2, 1)}, [0.1, 0.2, 0.3, 0.4]),  # after the first of five blocks
        (efficientnet, {"depth_factor": 0.5}, [0.16, 0.24, 0.32]),  # blocks 4, 6 and 8 of ten have a shortcut
    ],
    ids=["convnext", "efficientnet"],
)
def test_rates_of_skipped_blocks_rise(build, options, expected):
    skips = [layer for layer in build((32, 32, 3), 2, drop_path=0.4, **options).layers if "drop_path" in layer.name]
    np.testing.assert_allclose([layer.rate for layer in skips], expected)
    assert {layer.noise_shape for layer in skips} == {(None, 1, 1, 1)}  # whole pictures


def test_options_reach_their_layers():
    model = vgg((32, 32, 3), 2, width=1, batch_norm=True)
    for i in range(5):
        block = f"block_{i}_0"
        assert sources(model, f"{block}_norm") == {f"{block}_conv"}
        assert sources(model, f"{block}_act") == {f"{block}_norm"}
        assert model.get_layer(f"{block}_act").activation is keras.activations.relu
    model = lenet5((28, 28, 1), 2, activation="relu")
    for layer in ("c1", "c3", "c5", "f6"):
        assert model.get_layer(layer).activation is keras.activations.relu
    model = resnet((32, 32, 3), 2, width=4, squeeze=2, epsilon=0.1)
    assert sources(model, "stage_1_block_0_add") == {"stage_1_block_0_squeeze", "stage_1_block_0_shortcut_norm"}
    assert model.get_layer("stage_1_block_0_squeeze_in").units == 4
    norms = [layer.epsilon for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert set(norms) == {0.1}
    assert len(norms) == 20


@pytest.mark.parametrize("build", [alexnet, cifar_resnet, convnet, convnext, lenet5, resnet, vgg])
def test_channels_are_last_whatever_keras_is_told(build):
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        model = build.from_preset("tiny", **({"squeeze": 2} if build is resnet else {}))
    finally:
        keras.config.set_image_data_format(before)
    assert {layer.data_format for layer in model.layers if hasattr(layer, "data_format")} == {"channels_last"}


def test_everything_public_is_documented():
    for name in convnets.__all__:
        assert getattr(convnets, name).__doc__
