"""Transfer learning: the features of a trained network for another task.

Notation: f(x) (B, D) features of images x by a backbone, C classes of the new task.
"""

import keras
import numpy as np
from keras import ops

from keras_course.checks import (
    as_floats,
    as_points,
    as_real,
    finite,
    flag,
    fraction,
    instance,
    string,
    validate,
    whole,
    within,
)
from keras_course.checks.graphs import flat_graph


@validate(
    backbone=instance(keras.Model),
    num_classes=whole(1),
    freeze=flag,
    layer=string,
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def transfer_model(
    backbone, num_classes, *, freeze=True, layer=None, dropout=0.0, seed=0, name="transfer_model"
) -> keras.Model:
    """Return a classifier that begins with the features of a trained network.

    Takes what the backbone takes; returns logits `(B, C)`:

        logits = f(x) W + b

    The features are the input of the backbone's last layer, or the output of `layer`; feature maps are averaged over
    their positions. The layers are shared with the backbone, not copied. If they are frozen, only W and b learn, and
    batch normalization uses its moving averages.

    Args:
        backbone: a Functional `keras.Model` whose last layer is its classifier, such as one that `resnet` or `vit`
            built, or one of `keras.applications`.
        num_classes: C.
        freeze: whether the weights of the backbone stay as they are. For fine-tuning, call it again with False after a
            training with True, and train with a smaller learning rate.
        layer: name of the layer whose output are the features; None for the input of the last layer.
        dropout: rate in [0, 1) on the features.
        seed: whole number, seed of W and of dropout.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: `backbone` is not a Functional model or lacks the layer, or an argument is out of its range.

    References:
        How transferable are features in deep neural networks?, Yosinski et al., 2014, https://arxiv.org/abs/1411.1792

    Example:
        >>> from keras_course.convnets import lenet5
        >>> from keras_course.vision import transfer_model
        >>> model = transfer_model(lenet5.from_preset("tiny"), 3)
        >>> model.output_shape, [tuple(weight.shape) for weight in model.trainable_weights]
        ((None, 3), [(84, 3), (3,)])
    """
    flat_graph(backbone)
    names = [part.name for part in backbone.layers]
    if layer is not None and layer not in names:
        raise ValueError(f"layer={layer!r} is none of {', '.join(names)}")
    features = backbone.layers[-1].input if layer is None else backbone.get_layer(layer).output
    extractor = keras.Model(backbone.inputs, features, name="backbone")
    for part in extractor.layers:  # the setter of a model does not reach them where its own value stays
        part.trainable = not freeze
    x = keras.Input(backbone.input_shape[1:], name="image")
    h = extractor(x, training=False) if freeze else extractor(x)
    if len(h.shape) == 4:
        h = keras.layers.GlobalAveragePooling2D(data_format="channels_last", name="pool")(h)
    if dropout:
        h = keras.layers.Dropout(dropout, seed=int(seed), name="dropout")(h)
    initializer = keras.initializers.GlorotUniform(int(seed))
    return keras.Model(
        x, keras.layers.Dense(int(num_classes), kernel_initializer=initializer, name="head")(h), name=name
    )


def _labeled(features, labels, queries):
    features, queries = as_points(features, name="features"), as_points(queries, name="queries")
    labels = as_real("labels", labels)
    if labels.shape != (len(features),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(f"labels must be {len(features)} whole numbers from 0, one for each row of features")
    if queries.shape[1] != features.shape[1]:
        raise ValueError(f"queries has {queries.shape[1]} columns; features has {features.shape[1]}")
    return features, labels, queries


@validate(penalty=within(above=0))
def linear_probe(features, labels, queries, *, penalty=1.0) -> np.ndarray:
    """Return the classes (M,) of queries by a logistic regression on standardized features.

    It measures what features are worth: nothing but a linear map is learned.

    Args:
        features: (N, D).
        labels: (N,), whole numbers from 0, at least two different ones.
        queries: (M, D).
        penalty: of the squared weights, above 0.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or there is only one class.

    Example:
        >>> from keras_course.vision import linear_probe
        >>> linear_probe([[0.0], [1.0], [4.0], [5.0]], [0, 0, 1, 1], [[0.5], [6.0]]).tolist()
        [0, 1]
    """
    from sklearn.linear_model import LogisticRegression

    features, labels, queries = _labeled(features, labels, queries)
    if len(np.unique(labels)) < 2:
        raise ValueError("labels has one class only; a classifier needs two")
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-8
    model = LogisticRegression(C=1 / penalty, max_iter=2_000).fit((features - mean) / deviation, labels)
    return model.predict((queries - mean) / deviation)


@validate(num_neighbors=whole(1))
def neighbor_probe(features, labels, queries, *, num_neighbors=5) -> np.ndarray:
    """Return the classes (M,) of queries by the vote of the features with the most similar directions: k-NN.

    It learns nothing, so it measures the features alone. The similarity is the cosine; of classes with equally many
    votes, the one with the larger sum of similarities wins.

    Args:
        features: (N, D).
        labels: (N,), whole numbers from 0.
        queries: (M, D).
        num_neighbors: at most N.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or there are more neighbors than features.

    Example:
        >>> from keras_course.vision import neighbor_probe
        >>> neighbor_probe([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]], [0, 0, 1], [[0.2, 3.0]], num_neighbors=1).tolist()
        [1]
    """
    features, labels, queries = _labeled(features, labels, queries)
    if num_neighbors > len(features):
        raise ValueError(f"num_neighbors={num_neighbors} must be at most {len(features)}, the number of features")
    units = [part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in (queries, features)]
    similar = units[0] @ units[1].T
    nearest = np.argsort(-similar, axis=1, kind="stable")[:, :num_neighbors]
    votes = np.zeros((len(queries), labels.max() + 1))
    weights = 1 + 1e-3 * np.take_along_axis(similar, nearest, axis=1)
    for column in range(num_neighbors):
        np.add.at(votes, (np.arange(len(queries)), labels[nearest[:, column]]), weights[:, column])
    return votes.argmax(axis=1)


@validate(model=instance(keras.Model), batch_size=whole(1))
def features_of(model, images, *, batch_size=64) -> np.ndarray:
    """Return the features (N, D) of images by a model that `transfer_model` built: what its last layer takes.

    Raises:
        ValueError: the model is another one, or images do not fit it.

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import lenet5
        >>> from keras_course.vision import features_of, transfer_model
        >>> model = transfer_model(lenet5.from_preset("tiny"), 3)
        >>> features_of(model, np.zeros((2, *model.input_shape[1:]))).shape
        (2, 84)
    """
    if not model.layers or model.layers[-1].name != "head" or "backbone" not in [part.name for part in model.layers]:
        raise ValueError(f"model={model.name!r} must be built by transfer_model")
    part = keras.Model(model.inputs, model.layers[-1].input)
    images = as_floats("images", images).astype("float32")
    if images.shape[1:] != tuple(model.input_shape[1:]) or not len(images):
        raise ValueError(f"images has shape {images.shape}; it must be (N, ...) with {model.input_shape[1:]}")
    finite(images=images)
    return ops.convert_to_numpy(part.predict(images, batch_size=int(batch_size), verbose=0))
