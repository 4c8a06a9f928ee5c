"""DETR: detection as the prediction of a set.

Notation: x (B, H, W, C_in) images, Q queries of width D, C classes and "no object" as the last one, K objects.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import fraction, instance, not_negative, positive, validate, whole, wholes
from keras_course.convnets._parts import conv_norm, images
from keras_course.layers import Dense, MultiHeadAttention, PositionEmbedding, TransformerBlock, sibling
from keras_course.layers._initializers import get_initializer
from keras_course.ops._types import Tensor
from keras_course.vision._average_precision import Objects
from keras_course.vision._boxes import convert_boxes, generalized_iou
from keras_course.vision._matching import hungarian_matching


@keras.saving.register_keras_serializable("keras_course")
class ObjectQueries(keras.layers.Layer):
    """Takes x (B, N, D) and returns Q learned tokens (B, Q, D), the same for each example.

    Args:
        num_queries: Q.
        initializer: of the tokens.

    Raises:
        ValueError: `num_queries` is not a whole number of at least 1.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import ObjectQueries
        >>> ObjectQueries(5)(np.ones((2, 3, 4), "float32")).shape == (2, 5, 4)
        True
    """

    @validate(num_queries=whole(1))
    def __init__(self, num_queries, *, initializer="random_normal", **kwargs):
        super().__init__(**kwargs)
        self.num_queries = int(num_queries)
        self.queries_initializer = get_initializer(initializer=initializer)

    def build(self, input_shape) -> None:
        shape = self.num_queries, input_shape[-1]
        self.queries = self.add_weight(shape=shape, initializer=self.queries_initializer, name="queries")

    def call(self, x) -> Tensor:
        queries = ops.cast(ops.convert_to_tensor(self.queries), x.dtype)
        return ops.broadcast_to(queries, (ops.shape(x)[0], *queries.shape))

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape[0], self.num_queries, input_shape[-1]

    def get_config(self) -> dict:
        initializer = keras.initializers.serialize(self.queries_initializer)
        return {**super().get_config(), "num_queries": self.num_queries, "initializer": initializer}


def query_block(h, memory, num_heads, mlp_dim, *, initializer, dropout, seed, name) -> keras.KerasTensor:
    """Return queries (B, Q, D) after self-attention, cross-attention to the image and an MLP, each with pre-norm."""

    def norm(h, part):
        return keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_{part}_norm")(h)

    def attend(part, k):
        options = {"kernel_initializer": sibling(initializer, k), "projection_initializer": sibling(initializer, k + 1)}
        return MultiHeadAttention(num_heads, dropout=dropout, seed=seed + k, name=f"{name}_{part}", **options)

    h = keras.layers.Add(name=f"{name}_self_add")([h, attend("self", 0)(norm(h, "self"))])
    h = keras.layers.Add(name=f"{name}_cross_add")([h, attend("cross", 2)(norm(h, "cross"), memory)])
    wide = Dense(mlp_dim, kernel_initializer=sibling(initializer, 4), name=f"{name}_mlp_in")(norm(h, "mlp"))
    wide = keras.layers.Activation("relu", name=f"{name}_mlp_act")(wide)
    narrow = Dense(h.shape[-1], kernel_initializer=sibling(initializer, 5), name=f"{name}_mlp_out")(wide)
    return keras.layers.Add(name=f"{name}_mlp_add")([h, narrow])


@keras.saving.register_keras_serializable("keras_course")
class DetrLoss(keras.losses.Loss):
    """The set loss of DETR: a bipartite matching, then a loss of the matched pairs.

    For object k and query q, with d_kq the sum of the absolute differences of their boxes:

        cost_kq = -p_q(class of k) + l1 d_kq + giou (1 - GIoU_kq)
        L = CE(classes) + sum over matched pairs of (l1 d_kq + giou (1 - GIoU_kq)) / number of objects

    A query without an object has the class "no object", with a small weight, because most queries have none. Boxes are
    centers and sizes as fractions of the image. Takes targets (B, K, 5) of `box_targets` with K at most Q, and raw
    outputs (B, Q, 4 + C + 1).

    Args:
        image_shape: (H, W) or (H, W, C).
        l1, giou: weights of the two losses of boxes.
        no_object: weight of the queries without an object in the cross-entropy.
        kwargs: of `keras.losses.Loss`.

    Raises:
        ValueError: an argument is out of its range.

    References:
        End-to-End Object Detection with Transformers, Carion et al., 2020, https://arxiv.org/abs/2005.12872

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import DetrLoss, box_targets
        >>> y = box_targets([[[0, 0, 8, 8], [0, 0, 0, 0]]], [[1, -1]])
        >>> bool(DetrLoss((16, 16))(y, np.zeros((1, 3, 7), "float32")) > 0)
        True
    """

    @validate(image_shape=wholes(1), l1=not_negative, giou=not_negative, no_object=positive)
    def __init__(self, image_shape, *, l1=5.0, giou=2.0, no_object=0.1, **kwargs):
        super().__init__(**{"name": "detr_loss", **kwargs})
        self.image_shape, self.l1, self.giou = tuple(image_shape[:2]), float(l1), float(giou)
        self.no_object = float(no_object)

    def call(self, y_true, y_pred) -> Tensor:
        y_pred, y_true = ops.cast(y_pred, "float32"), ops.cast(y_true, "float32")
        boxes, logits = ops.sigmoid(y_pred[..., :4]), y_pred[..., 4:]
        there = ops.cast(y_true[..., 0] >= 0, "float32")  # (B, K)
        kinds = ops.cast(ops.maximum(y_true[..., 0], 0.0), "int32")
        height, width = self.image_shape
        goals = y_true[..., 1:] / ops.convert_to_tensor([width, height, width, height], "float32")  # borders
        chosen = hungarian_matching(self.costs(kinds, goals, boxes, logits) * there[..., None])  # (B, K)
        pairs = ops.one_hot(chosen, logits.shape[1], dtype="float32") * there[..., None]  # (B, K, Q)
        free = 1.0 - ops.sum(pairs, axis=1)  # (B, Q)
        wanted = ops.einsum("bkq,bkc->bqc", pairs, ops.one_hot(kinds, logits.shape[-1], dtype="float32"))
        last = ops.one_hot(logits.shape[-1] - 1, logits.shape[-1], dtype="float32")
        wanted = wanted + free[..., None] * last
        weights = 1.0 - free + self.no_object * free
        nll = -ops.sum(wanted * ops.log_softmax(logits, axis=-1), axis=-1)
        of_classes = ops.sum(weights * nll, axis=1) / ops.mean(ops.sum(weights, axis=1))
        mine = ops.take_along_axis(boxes, chosen[..., None], axis=1)  # (B, K, 4)
        away = ops.sum(ops.abs(mine - convert_boxes(goals, "xyxy", "cxcywh")), axis=-1)
        overlap = generalized_iou(convert_boxes(mine, "cxcywh", "xyxy"), goals, pairwise=False)
        of_boxes = ops.sum(there * (self.l1 * away + self.giou * (1.0 - overlap)), axis=1)
        return of_classes + of_boxes / ops.maximum(ops.mean(ops.sum(there, axis=1)), 1e-3)

    def costs(self, kinds, goals, boxes, logits) -> Tensor:
        """Return the costs (B, K, Q) of giving objects to queries."""
        p = ops.softmax(logits, axis=-1)
        likely = ops.einsum("bqc,bkc->bkq", p, ops.one_hot(kinds, logits.shape[-1], dtype="float32"))
        centers = convert_boxes(goals, "xyxy", "cxcywh")
        away = ops.sum(ops.abs(centers[:, :, None] - boxes[:, None]), axis=-1)
        overlap = generalized_iou(goals, convert_boxes(boxes, "cxcywh", "xyxy"))
        return self.l1 * away + self.giou * (1.0 - overlap) - likely

    def get_config(self) -> dict:
        ours = ("image_shape", "l1", "giou", "no_object")
        return {**super().get_config(), **{name: getattr(self, name) for name in ours}}


@keras.saving.register_keras_serializable("keras_course")
class DetrDetector(keras.Model):
    """A network with raw outputs for each query, and what they mean: a set of objects, without suppression.

    Takes x (B, H, W, C_in), returns raw outputs (B, Q, 4 + C + 1): the box (c_x, c_y, w, h) as fractions of the image,
    before a sigmoid, and logits of the classes and of "no object". Train it with its `detection_loss`.

    Args:
        network: a `keras.Model` from images to raw outputs.
        name: name of the model.

    Raises:
        ValueError: the network has no queries.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import detr
        >>> model = detr((32, 32, 3), 2)
        >>> model.compile("adam", model.detection_loss)
        >>> len(model.detect(np.zeros((2, 32, 32, 3))))
        2
    """

    @validate(network=instance(keras.Model))
    def __init__(self, network, *, name="detr"):
        if len(network.output_shape) != 3 or network.output_shape[-1] < 6:
            raise ValueError(f"network returns {network.output_shape}; it must return (B, Q, 4 + C + 1)")
        x = keras.Input(network.input_shape[1:], name="image")
        super().__init__(x, network(x), name=name)
        self.network, self.num_classes = network, network.output_shape[-1] - 5

    @property
    def detection_loss(self) -> DetrLoss:
        """The loss to compile the model with."""
        return DetrLoss(self.network.input_shape[1:])

    def decode(self, outputs) -> tuple[Tensor, Tensor]:
        """Return the boxes (B, Q, 4) in pixels and the probabilities (B, Q, C) of raw outputs."""
        outputs = ops.cast(outputs, "float32")
        height, width = self.network.input_shape[1:3]
        boxes = convert_boxes(ops.sigmoid(outputs[..., :4]), "cxcywh", "xyxy")
        boxes = boxes * ops.convert_to_tensor([width, height, width, height], "float32")
        return boxes, ops.softmax(outputs[..., 4:], axis=-1)[..., :-1]

    def detect(self, images, *, score_threshold=0.05) -> list[Objects]:
        """Return the objects of images (N, H, W, C_in): the queries whose best class is likely enough."""
        outputs = self.predict(np.asarray(images), batch_size=32, verbose=0)
        boxes, p = map(ops.convert_to_numpy, self.decode(outputs))
        classes, scores = p.argmax(axis=-1), p.max(axis=-1)
        kept = [np.flatnonzero(row >= score_threshold) for row in scores]
        return [Objects(boxes[n, row], classes[n, row], scores[n, row]) for n, row in enumerate(kept)]

    def get_config(self) -> dict:
        return {"network": keras.saving.serialize_keras_object(self.network), "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "DetrDetector":
        return cls(keras.saving.deserialize_keras_object(config["network"], custom_objects), name=config["name"])


@builder(
    reference="Carion et al., 2020, https://arxiv.org/abs/2005.12872",
    presets={"tiny": {"input_shape": (32, 32, 3), "num_classes": 3}},
)
@validate(
    input_shape=images(8),
    num_classes=whole(1),
    num_queries=whole(1),
    widths=wholes(1),
    hidden_dim=whole(1),
    num_heads=whole(1),
    num_encoder_layers=whole(0),
    num_decoder_layers=whole(1),
    mlp_dim=whole(1),
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def detr(
    input_shape,
    num_classes,
    *,
    num_queries=10,
    widths=(16, 32, 64),
    hidden_dim=64,
    num_heads=4,
    num_encoder_layers=1,
    num_decoder_layers=2,
    mlp_dim=128,
    dropout=0.0,
    seed=0,
    name="detr",
) -> DetrDetector:
    """Build a detector with a transformer, which predicts a set of objects: DETR.

    Takes x `(B, H, W, C_in)`; returns raw outputs (B, Q, 4 + C + 1), which `DetrDetector` explains:

        m = encoder(W f(x) + positions),  q = decoder(queries, m),  outputs = W q

    with a convolutional backbone f, whose feature map is a sequence of tokens. Self-attention lets the queries agree on
    who takes which object, so no suppression is needed.

    Args:
        input_shape: (H, W, C_in).
        num_classes: C.
        num_queries: Q, more than an image has objects.
        widths: channels of the stages of the backbone, each of which halves the sides.
        hidden_dim: D.
        num_heads: attention heads; it must divide D.
        num_encoder_layers, num_decoder_layers: numbers of blocks.
        mlp_dim: width of the hidden layer of an MLP.
        dropout: rate in [0, 1) on attention weights.
        seed: whole number, at most 2 billion, seed of the initial weights of the transformer.
        name: name of the model.

    Returns:
        An uncompiled `DetrDetector`; compile it with its `detection_loss`.

    Raises:
        ValueError: a number is out of its range, or `num_heads` does not divide `hidden_dim`.

    Differences from the paper:
        Blocks have their normalization first. Positions and queries are learned and enter once; the paper adds them
        in each block, and trains every block of the decoder by a loss of its own.

    References:
        End-to-End Object Detection with Transformers, Carion et al., 2020, https://arxiv.org/abs/2005.12872

    Example:
        >>> from keras_course.vision import detr
        >>> detr((64, 64, 3), 5, num_queries=12).output_shape
        (None, 12, 10)
    """
    if hidden_dim % num_heads:
        raise ValueError(f"hidden_dim={hidden_dim} is not divisible by num_heads={num_heads}")
    glorot, small = keras.initializers.GlorotUniform(seed), keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    h = x = keras.Input(tuple(input_shape), name="image")
    for i, width in enumerate(widths):
        h = conv_norm(h, width, 3, strides=2, name=f"stage_{i}_down")
        h = conv_norm(h, width, 3, name=f"stage_{i}")
    tokens = h.shape[1] * h.shape[2]
    h = keras.layers.Reshape((tokens, h.shape[3]), name="tokens")(h)
    h = Dense(hidden_dim, kernel_initializer=sibling(glorot, 0), name="project")(h)
    h = PositionEmbedding(tokens, initializer=sibling(small, 0), name="positions")(h)
    for i in range(num_encoder_layers):
        initial = {
            "kernel_initializer": sibling(glorot, 10 * i + 1),
            "residual_initializer": sibling(glorot, 10 * i + 2),
        }
        options = {"causal": False, "dropout": dropout, "seed": seed + i, "name": f"encoder_{i}"}
        h = TransformerBlock(num_heads, mlp_dim, **options, **initial)(h)
    memory = keras.layers.LayerNormalization(epsilon=1e-5, name="memory_norm")(h)
    q = ObjectQueries(num_queries, initializer=sibling(glorot, 3), name="queries")(memory)
    for i in range(num_decoder_layers):
        options = {"initializer": sibling(glorot, 10 * i + 5), "dropout": dropout, "seed": seed + 100 * (i + 1)}
        q = query_block(q, memory, num_heads, mlp_dim, name=f"decoder_{i}", **options)
    q = keras.layers.LayerNormalization(epsilon=1e-5, name="final_norm")(q)
    q = Dense(4 + num_classes + 1, kernel_initializer=sibling(glorot, 4), name="head")(q)
    return DetrDetector(keras.Model(x, q, name="network"), name=name)
