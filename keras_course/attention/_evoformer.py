"""A small Evoformer: an alignment of sequences becomes a map of distances between residues.

Notation: alignment (B, S, L) int32 of S sequences with L residues; its representation m (B, S, L, C) with
C = `hidden_dim`; pairs z (B, L, L, E) with E = `pair_dim`; N blocks; a distogram of K bins of distances.
"""

import keras

from keras_course._registry import builder
from keras_course.attention._pairs import (
    EPSILON,
    AxialAttention,
    OuterProductMean,
    PairEmbedding,
    TriangleMultiplication,
)
from keras_course.checks import flag, positive, validate, whole
from keras_course.layers import Dense, sibling
from keras_course.layers._activations import get_activation


@builder(
    reference="Jumper et al., 2021, https://doi.org/10.1038/s41586-021-03819-2",
    presets={"tiny": {"num_positions": 24, "num_letters": 4}},
)
@validate(
    num_positions=whole(3),
    num_letters=whole(1),
    num_sequences=whole(1),
    num_blocks=whole(0),
    hidden_dim=whole(1),
    pair_dim=whole(1),
    num_heads=whole(1),
    expansion=whole(1),
    column_attention=flag,
    triangle_updates=flag,
    triangle_attention=flag,
    num_bins=whole(2),
    seed=whole(0, 2_000_000_000),
)
def evoformer(
    num_positions,
    num_letters,
    *,
    num_sequences=32,
    num_blocks=2,
    hidden_dim=32,
    pair_dim=32,
    num_heads=4,
    expansion=2,
    activation="relu",
    column_attention=True,
    triangle_updates=True,
    triangle_attention=False,
    num_bins=40,
    seed=0,
    name="evoformer",
) -> keras.Model:
    counts = iter(range(10_000))

    def initializer():
        return sibling(keras.initializers.GlorotUniform(seed=seed), next(counts))

    def dense(units, label):
        return Dense(units, kernel_initializer=initializer(), name=label)

    def norm(label):
        return keras.layers.LayerNormalization(epsilon=EPSILON, name=label)

    def embedding(label):
        return keras.layers.Embedding(num_letters, hidden_dim, embeddings_initializer=initializer(), name=label)

    def transition(x, label):
        width = x.shape[-1]
        h = get_activation(activation)(dense(expansion * width, f"{label}_in")(norm(f"{label}_norm")(x)))
        return x + dense(width, f"{label}_out")(h)

    alignment = keras.Input((num_sequences, num_positions), dtype="int32", name="alignment")
    first = alignment[:, 0]  # the sequence whose structure is asked
    m = embedding("letters")(alignment) + embedding("first_letters")(first)[:, None]
    z = PairEmbedding(num_letters, pair_dim, initializer=initializer(), name="pairs")(first)
    for n in range(num_blocks):
        row, columns = (AxialAttention(num_heads, along=along, initializer=initializer(), name=f"block_{n}_{along}") for along in ("rows", "columns"))
        m = m + row(m, z)
        if column_attention:
            m = m + columns(m)
        m = transition(m, f"block_{n}_transition")
        z = z + OuterProductMean(pair_dim, initializer=initializer(), name=f"block_{n}_outer_product_mean")(m)
        if triangle_updates:
            for way in ("outgoing", "incoming"):
                z = z + TriangleMultiplication(outgoing=way == "outgoing", initializer=initializer(), name=f"block_{n}_{way}")(z)
        if triangle_attention:
            for along in ("rows", "columns"):
                z = z + AxialAttention(num_heads, along=along, initializer=initializer(), name=f"block_{n}_triangle_{along}")(z, z)
        z = transition(z, f"block_{n}_pair_transition")
    logits = dense(num_bins, "distogram")(norm("pair_norm")(z))
    logits = logits + keras.ops.swapaxes(logits, 1, 2)
    return keras.Model(alignment, logits, name=name)
