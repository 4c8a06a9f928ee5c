"""Saliency, class activation maps and the best input of linear models against closed forms; kernels, activations."""

import keras
import numpy as np
import pytest
from keras import layers as L

from keras_course.convnets import activations, grad_cam, kernels_as_images, maximize_feature, saliency

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 6, 2)).astype("float32")


def chain(*layers, shape=(6, 6, 2)):
    return keras.Sequential([keras.Input(shape), *layers])


def linear():
    """A linear classifier of images, and its weights (6, 6, 2, 4)."""
    model = chain(L.Flatten(), L.Dense(4))
    return model, model.layers[-1].get_weights()[0].reshape(6, 6, 2, 4)


def pooled():
    """A convolution, its mean over the positions, and a linear classifier of it."""
    return chain(L.Conv2D(5, 3, name="conv"), L.Dropout(0.5), L.GlobalAveragePooling2D(), L.Dense(4, name="head"))


# Kernels and activations ---------------------------------------------------------------------------------------------


def test_kernels_have_a_scale_of_their_own():
    kernel = RNG.normal(size=(3, 2, 2, 5)).astype("float32")
    kernel[..., 4] = 0
    images = kernels_as_images(kernel)
    assert images.shape == (5, 3, 2, 2)
    assert (images[4] == 0.5).all()
    for image, weights in zip(images[:4], np.moveaxis(kernel, -1, 0), strict=False):
        assert 0 <= image.min() <= image.max() <= 1
        np.testing.assert_allclose((image - 0.5) * 2 * abs(weights).max(), weights, atol=1e-6)
    layer = chain(L.Conv2D(5, (3, 2))).layers[0]
    layer.kernel.assign(kernel)
    np.testing.assert_array_equal(kernels_as_images(layer), images)


def test_activations_are_those_of_the_layers():
    model = pooled()
    found = activations(model, X)
    assert [array.shape for array in found.values()] == [(3, 4, 4, 5), (3, 4, 4, 5), (3, 5), (3, 4)]
    np.testing.assert_allclose(found["head"], keras.ops.convert_to_numpy(model(X)), atol=1e-6)
    np.testing.assert_array_equal(found["conv"], list(found.values())[1])  # no dropout
    assert list(activations(model, X, ["head", model.layers[0]])) == ["head", "conv"]


# Saliency and class activation maps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("class_id", [None, 2, [0, 3, 1]])
def test_saliency_of_a_linear_model_is_its_weights(class_id):
    model, weights = linear()
    ids = keras.ops.convert_to_numpy(model(X)).argmax(axis=1) if class_id is None else np.broadcast_to(class_id, 3)
    expected = np.abs(weights).max(axis=2)[..., ids].transpose(2, 0, 1)
    np.testing.assert_allclose(saliency(model, X, class_id), expected, rtol=1e-5)


@pytest.mark.parametrize("class_id", [None, 2, np.array([0, 3, 1])])
def test_grad_cam_of_a_linear_head_is_its_class_activation_map(class_id):
    """With a mean over the positions before the classifier W, the map is relu(sum_k W[k, c] A[:, :, k]) (CAM)."""
    model = pooled()
    maps, logits = (activations(model, X)[name] for name in ("conv", "head"))
    ids = logits.argmax(axis=1) if class_id is None else np.broadcast_to(class_id, 3)
    heat = np.maximum(np.einsum("bhwk,kb->bhw", maps, model.layers[-1].get_weights()[0][:, ids]), 0)
    expected = heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-12)
    np.testing.assert_allclose(grad_cam(model, X, "conv", class_id), expected, atol=1e-5)


def test_grad_cam_beside_a_skip_and_in_a_nested_model():
    image = keras.Input((6, 6, 2))
    inner = L.Conv2D(2, 3, padding="same", name="inner")
    part = keras.Model(image, L.Add()([image, inner(image)]))
    model = chain(part, L.GlobalAveragePooling2D(), L.Dense(4))
    for layer in (inner, "inner"):
        heat = grad_cam(model, X, layer)
        assert heat.shape == (3, 6, 6)
        assert 0 <= heat.min() <= heat.max() <= 1
    assert "call" not in vars(inner)


def test_nothing_speaks_for_the_class():
    model = chain(L.Conv2D(3, 3, name="conv"), L.GlobalAveragePooling2D(), L.Dense(4, kernel_initializer="zeros"))
    assert (grad_cam(model, X, "conv", 1) == 0).all()


# The input that excites most -----------------------------------------------------------------------------------------


def cosine(a, b):
    return abs(np.sum(a * b)) / np.linalg.norm(a) / np.linalg.norm(b)


def test_the_best_input_of_a_linear_filter_is_the_filter():
    model = chain(L.Conv2D(4, 6, use_bias=False, name="conv"))
    weights = model.layers[0].get_weights()[0]
    plain = maximize_feature(model, "conv", [1, 3], num_steps=200)
    for image, channel in zip(plain.images, (1, 3), strict=True):
        assert cosine(image, weights[..., channel]) > 0.995
    assert plain.objectives.shape == (201, 2)
    assert (np.diff(plain.objectives, axis=0) > 0).all()
    penalised = maximize_feature(model, model.layers[0], 1, num_steps=200, learning_rate=0.02, l2=5.0)
    assert cosine(penalised.images, weights[..., 1]) > 0.98
    length = np.linalg.norm(weights[..., 1]) * 72 / (2 * 5.0)  # where |w| = 2 l2 |x| / 72, in the direction of w
    assert abs(np.linalg.norm(penalised.images) / length - 1) < 0.1


def test_the_first_objective_is_the_norm_of_a_map_and_seeds_count():
    model = pooled()
    first = np.random.default_rng(7).uniform(size=(1, 6, 6, 2)).astype("float32")
    expected = np.linalg.norm(activations(model, first)["conv"][..., 2])
    found = maximize_feature(model, "conv", 2, num_steps=1, seed=7)
    assert abs(found.objectives[0] / expected - 1) < 1e-4
    assert found.images.shape == (6, 6, 2)
    assert abs(np.sqrt(np.mean((found.images - first[0]) ** 2)) / 0.05 - 1) < 1e-4  # a step has a fixed size
    first = np.random.default_rng(7).uniform(size=(2, 6, 6, 2))
    both = maximize_feature(model, "conv", [0, 2], num_steps=1, seed=7).images
    np.testing.assert_allclose(np.sqrt(np.mean((both - first) ** 2, axis=(1, 2, 3))), 0.05, rtol=1e-4)  # each image's
    again, other = (maximize_feature(model, "conv", 2, num_steps=1, seed=seed).images for seed in (7, 8))
    np.testing.assert_array_equal(again, found.images)
    assert not np.allclose(other, found.images)


def test_total_variation_makes_smoother_images():
    model = chain(L.Conv2D(2, 3, padding="same", name="conv"), shape=(12, 12, 1))

    def roughness(image):
        return np.array([abs(np.diff(image, axis=axis)).mean() for axis in (0, 1)]) / abs(image).mean()

    plain, smooth, moved = (
        maximize_feature(model, "conv", 0, num_steps=60, **arguments)
        for arguments in ({}, {"total_variation": 50.0}, {"jitter": 2})
    )
    assert (roughness(smooth.images) < 0.8 * roughness(plain.images)).all()
    assert np.isfinite(moved.images).all()
    assert not np.allclose(moved.images, plain.images)
    start = np.random.default_rng(0).uniform(size=(12, 12))
    variation = sum(abs(np.diff(start, axis=axis)).sum() for axis in (0, 1)) / start.size
    assert plain.objectives[0] - smooth.objectives[0] == pytest.approx(50 * variation, rel=1e-4)


def test_jitter_moves_the_image_back():
    """The gradient of the size of a linear answer w x is w or -w, seen from where the image had been moved to."""
    model = chain(L.Conv2D(1, 6, use_bias=False, name="conv"))
    w = model.layers[0].get_weights()[0][..., 0]
    rng = np.random.default_rng(3)
    x = rng.uniform(size=(1, 6, 6, 2)).astype("float32")[0]
    for _ in range(4):
        move = rng.integers(-2, 3, size=2)
        sign = np.sign(np.sum(w * np.roll(x, move, axis=(0, 1))))
        x = x + 0.05 * sign * np.roll(w, -move, axis=(0, 1)) / np.sqrt(np.mean(w**2))
    found = maximize_feature(model, "conv", 0, num_steps=4, jitter=2, seed=3)
    np.testing.assert_allclose(found.images, x, atol=1e-5)


def test_later_training_is_seen():
    model = pooled()
    before = maximize_feature(model, "head", 0, num_steps=1).objectives[0]
    model.layers[-1].kernel.assign(2 * model.layers[-1].kernel)
    assert abs(maximize_feature(model, "head", 0, num_steps=1).objectives[0] / before - 2) < 1e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernels_as_images(L.ReLU(name="relu")), "layer='relu' has no kernel"),
        (lambda: kernels_as_images(np.ones((3, 3))), r"a kernel of shape \(3, 3\); it must be"),
        (lambda: kernels_as_images(np.full((3, 3, 1, 2), np.nan)), "a kernel with NaN or infinity"),
        (
            lambda: kernels_as_images(chain(L.DepthwiseConv2D(3)).layers[0]),
            r"\(DepthwiseConv2D\) has no kernel of",
        ),
        (lambda: kernels_as_images(chain(L.Conv2DTranspose(1, 3)).layers[0]), r"\(Conv2DTranspose\) has no kernel of"),
        (lambda: activations(pooled(), X[0]), r"x has shape \(6, 6, 2\)"),
        (lambda: activations(pooled(), X, ["pool"]), r"layers=\['pool'\] are none of .* it has conv"),
        (lambda: activations(pooled(), X, []), r"layers=\[\]"),
        (lambda: activations(chain(L.Dense(2), shape=(6,)), X), r"takes \[\(None, 6\)\]; it must take images"),
        (lambda: saliency(linear()[0], X, 4), "class_id=4 must be a class, 0 to 3, or one for each of 3 images"),
        (lambda: saliency(linear()[0], X, -1), "class_id=-1"),
        (lambda: saliency(linear()[0], X, [0, 1]), r"class_id=\[0, 1\]"),
        (lambda: saliency(linear()[0], X, 1.0), r"class_id=1\.0"),
        (lambda: saliency(chain(L.ReLU()), X), r"gives shape \(3, 6, 6, 2\); it must give logits \(B, K\)"),
        (lambda: saliency(linear()[0], X * np.inf), "entries that are not finite"),
        (lambda: grad_cam(pooled(), X, "pool"), "layer='pool' is none of"),
        (lambda: grad_cam(pooled(), X, "head"), "layer='head' must be called once and give feature maps"),
        (lambda: maximize_feature(pooled(), "conv", 5), "channel=5 must be one of 0 to 4"),
        (lambda: maximize_feature(pooled(), "conv", [0, 1.5]), "channel=.* must be one of"),
        (lambda: maximize_feature(pooled(), "conv", []), r"channel=\[\] must be one of"),
        (lambda: maximize_feature(pooled(), "pool", 0), "layer='pool' is none of"),
        (lambda: maximize_feature(pooled(), "conv", 0, num_steps=0), "num_steps=0"),
        (lambda: maximize_feature(pooled(), "conv", 0, learning_rate=0.0), r"learning_rate=0\.0"),
        (lambda: maximize_feature(pooled(), "conv", 0, l2=-1.0), r"l2=-1\.0"),
        (lambda: maximize_feature(pooled(), "conv", 0, total_variation=-1.0), r"total_variation=-1\.0"),
        (lambda: maximize_feature(pooled(), "conv", 0, jitter=-1), "jitter=-1"),
        (lambda: maximize_feature(pooled(), "conv", 0, seed=0.5), r"seed=0\.5"),
        (lambda: maximize_feature(chain(L.ReLU(name="r"), shape=(None, 6, 2)), "r", 0), "must have a fixed size"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
