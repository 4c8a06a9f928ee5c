"""Transfer: what is frozen stays, and probes do what scikit-learn does."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from keras_course.convnets import cifar_resnet
from keras_course.vision import features_of, linear_probe, neighbor_probe, transfer_model

RNG = np.random.default_rng(0)


def test_frozen_weights_stay_and_others_move():
    backbone = cifar_resnet((8, 8, 3), 4, depth=8, width=4)
    x, y = RNG.normal(size=(8, 8, 8, 3)).astype("float32"), np.arange(8) % 3
    frozen = transfer_model(backbone, 3)
    before = [np.array(weight) for weight in backbone.get_weights()]
    frozen.compile("sgd", "sparse_categorical_crossentropy")
    frozen.fit(x, y, epochs=2, verbose=0)
    for a, b in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(frozen.trainable_weights) == 2
    assert features_of(frozen, x).shape == (8, backbone.layers[-1].kernel.shape[0])
    tuned = transfer_model(backbone, 3, freeze=False, layer="pool", dropout=0.1)
    assert len(tuned.trainable_weights) == len(backbone.trainable_weights) > 2
    tuned.compile("sgd", "sparse_categorical_crossentropy")
    tuned.fit(x, y, verbose=0)
    assert any((a != b).any() for a, b in zip(before, backbone.get_weights(), strict=True))


def test_probes():
    centers = RNG.normal(size=(3, 5))
    labels, queries = RNG.integers(3, size=60), RNG.integers(3, size=40)
    x, q = (centers[part] + 0.5 * RNG.normal(size=(len(part), 5)) for part in (labels, queries))
    found = neighbor_probe(x, labels, q, num_neighbors=3)
    theirs = KNeighborsClassifier(3, metric="cosine").fit(x, labels).predict(q)
    assert np.mean(found == theirs) > 0.95  # ties are broken in another way
    assert np.mean(linear_probe(x, labels, q) == queries) > 0.8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transfer_model(cifar_resnet((8, 8, 3), 4, depth=8), 3, layer="no"), "layer='no' is none of"),
        (lambda: features_of(cifar_resnet((8, 8, 3), 4, depth=8), np.zeros((1, 8, 8, 3))), "must be built by"),
        (lambda: linear_probe(np.eye(2), [0, 0], np.eye(2)), "labels has one class only"),
        (lambda: neighbor_probe(np.eye(2), [0, 1], np.eye(2), num_neighbors=3), "num_neighbors=3"),
        (lambda: neighbor_probe(np.eye(2), [0.5, 1], np.eye(2)), "labels must be 2 whole numbers"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
