"""A small Evoformer: an alignment of sequences becomes a map of distances between residues, and a structure.

Notation: alignment (B, S, L) int32 of S sequences with L residues; its representation m (B, S, L, C) with
C = `hidden_dim`; pairs z (B, L, L, E) with E = `pair_dim`; N blocks; K bins of distances; M structure layers.
"""

import itertools

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.attention._invariant_points import BackboneUpdate, InvariantPointAttention
from keras_course.attention._pairs import (
    EPSILON,
    AxialAttention,
    OuterProductMean,
    PairEmbedding,
    TriangleMultiplication,
)
from keras_course.checks import flag, validate, whole
from keras_course.layers import Dense, PositionEmbedding, sibling
from keras_course.layers._activations import get_activation


class _Parts:
    """Makes the layers of one network, each with a name and initial weights of its own."""

    def __init__(self, seed, activation, expansion):
        self.kernels, self.counts = keras.initializers.GlorotUniform(seed=seed), itertools.count()
        self.activation, self.expansion = get_activation(activation), expansion

    def initializer(self):
        return sibling(self.kernels, next(self.counts))

    def layer(self, kind, *args, **options):
        return kind(*args, initializer=self.initializer(), **options)

    def dense(self, units, name):
        return Dense(units, kernel_initializer=self.initializer(), name=name)

    def embedding(self, size, width, name):
        return keras.layers.Embedding(size, width, embeddings_initializer=self.initializer(), name=name)

    def norm(self, name):
        return keras.layers.LayerNormalization(epsilon=EPSILON, name=name)

    def transition(self, width, name):
        """Return a function x -> x + W_2 act(W_1 norm(x)), whose layers every call shares."""
        norm, wide = self.norm(f"{name}_norm"), self.dense(self.expansion * width, f"{name}_in")
        narrow = self.dense(width, f"{name}_out")
        return lambda x: x + narrow(self.activation(wide(norm(x))))


def _block(parts, m, z, name, *, num_heads, column_attention, triangle_updates, triangle_attention):
    """Return alignment and pairs after a block."""
    m = m + parts.layer(AxialAttention, num_heads, name=f"{name}_rows")(m, z)
    if column_attention:
        m = m + parts.layer(AxialAttention, num_heads, along="columns", name=f"{name}_columns")(m)
    m = parts.transition(m.shape[-1], f"{name}_transition")(m)
    z = z + parts.layer(OuterProductMean, z.shape[-1], name=f"{name}_outer_product_mean")(m)
    if triangle_updates:
        z = z + parts.layer(TriangleMultiplication, name=f"{name}_outgoing")(z)
        z = z + parts.layer(TriangleMultiplication, outgoing=False, name=f"{name}_incoming")(z)
    if triangle_attention:
        z = z + parts.layer(AxialAttention, num_heads, name=f"{name}_starting")(z, z)
        z = z + parts.layer(AxialAttention, num_heads, along="columns", name=f"{name}_ending")(z, z)
    return m, parts.transition(z.shape[-1], f"{name}_pair_transition")(z)


def _structure(parts, m, z, num_layers, num_heads):
    """Return the frames (B, M, L, 3, 4) after each layer of the structure module; all layers share their weights."""
    width = m.shape[-1]
    s, found = parts.dense(width, "residues")(parts.norm("residue_norm")(m[:, 0])), []
    s = parts.layer(PositionEmbedding, m.shape[2], name="residue_positions")(s)
    attend = parts.layer(InvariantPointAttention, num_heads, name="invariant_points")
    transition, norm = parts.transition(width, "structure_transition"), parts.norm("structure_norm")
    update = parts.layer(BackboneUpdate, name="backbone")
    frames = update(s)
    for _ in range(num_layers):
        s = transition(s + attend(norm(s), z, frames))
        frames = update(s, frames)
        found.append(frames)
    return ops.cast(ops.stack(found, axis=1), z.dtype)


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
    num_bins=whole(2),
    structure_layers=whole(0),
    column_attention=flag,
    triangle_updates=flag,
    triangle_attention=flag,
    seed=whole(0, 2_000_000_000),
)
def evoformer(
    num_positions,
    num_letters,
    *,
    num_sequences=16,
    num_blocks=1,
    hidden_dim=32,
    pair_dim=32,
    num_heads=4,
    expansion=2,
    activation="relu",
    num_bins=40,
    structure_layers=0,
    column_attention=True,
    triangle_updates=True,
    triangle_attention=False,
    seed=0,
    name="evoformer",
) -> keras.Model:
    """Build a small Evoformer, which predicts distances between the residues of a chain from an alignment.

    Takes letters x `(B, S, L)` int32, whose first sequence is the one in question; returns logits `(B, L, L, K)` of a
    distogram. With a structure module it returns a dict: these logits as "distogram", and as "frames" the frames
    `(B, M, L, 3, 4)` of the residues after each of M layers, in Angstrom; their last column is the position.

        m_si = E[x_si] + F[x_1i],  z_ij = U[x_1i] + V[x_1j] + R[i - j]
        m <- m + attention along each sequence, with a bias from z;  m <- m + attention along each column
        m <- m + MLP(m);  z <- z + outer product mean(m)
        z <- z + triangle multiplication(z), outgoing, then incoming;  z <- z + MLP(z)

    for each of N blocks; then z <- norm(z), and the logits are W z_ij + W z_ji + 2 c. The structure module begins with
    the residues s_i = W' norm(m_1i) + P_i and the frames T = backbone update(s). It repeats M times, with the same
    weights:

        s <- s + invariant point attention(norm(s), z, T);  s <- s + MLP(s);  T <- T backbone update(s)

    Args:
        num_positions: L, residues of a chain.
        num_letters: number of letters.
        num_sequences: S, sequences of an alignment.
        num_blocks: number N of blocks.
        hidden_dim: width C of the alignment.
        pair_dim: width E of the pairs.
        num_heads: number of attention heads; it must divide `hidden_dim`, and `pair_dim` with triangle attention.
        expansion: width of the hidden layer of an MLP, in multiples of its input.
        activation: activation of the MLPs, as in `keras_course.language.gpt`.
        num_bins: K, bins of a distogram.
        structure_layers: M, layers of the structure module; 0 for none.
        column_attention: whether a block has attention along columns.
        triangle_updates: whether it has triangle multiplications.
        triangle_attention: whether it has triangle attention, around the starting and around the ending node.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`. Train it with `DistogramLoss` and `StructureLoss`.

    Raises:
        ValueError: a number is out of its range, `num_heads` does not divide a width, or an unknown `activation`.

    Differences from the paper: widths are at least 4 times smaller; attention is not gated; triangle attention is an
    option; kernels do not begin at zero; the structure module predicts C-alpha atoms only, its residues have learned
    positions P, its first frames depend on s, and gradients go through all its rotations. Dropout, templates,
    recycling, the prediction of masked letters and the estimate of confidence are left out.

    References:
        Highly accurate protein structure prediction with AlphaFold, Jumper et al., 2021,
        https://doi.org/10.1038/s41586-021-03819-2

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import evoformer
        >>> model = evoformer(10, 4, num_sequences=5, num_blocks=1, hidden_dim=8, pair_dim=8)
        >>> model(np.zeros((2, 5, 10), "int32")).shape == (2, 10, 10, 40)
        True
    """
    if hidden_dim % num_heads or (triangle_attention and pair_dim % num_heads):
        raise ValueError(f"hidden_dim={hidden_dim} or pair_dim={pair_dim} is not divisible by num_heads={num_heads}")
    parts = _Parts(seed, activation, expansion)
    alignment = keras.Input((num_sequences, num_positions), dtype="int32", name="alignment")
    first = alignment[:, 0]
    m = parts.embedding(num_letters, hidden_dim, "letters")(alignment)  # no part of the model without blocks
    m = m + parts.embedding(num_letters, hidden_dim, "first_letters")(first)[:, None]
    z = parts.layer(PairEmbedding, num_letters, pair_dim, name="pairs")(first)
    options = {"column_attention": column_attention, "triangle_updates": triangle_updates}
    options |= {"triangle_attention": triangle_attention, "num_heads": num_heads}
    for n in range(num_blocks):
        m, z = _block(parts, m, z, f"block_{n}", **options)
    z = parts.norm("pair_norm")(z)
    logits = parts.dense(num_bins, "distogram")(z)
    logits = logits + ops.swapaxes(logits, 1, 2)
    if not structure_layers:
        return keras.Model(alignment, logits, name=name)
    frames = _structure(parts, m, z, structure_layers, num_heads)
    return keras.Model(alignment, {"distogram": logits, "frames": frames}, name=name)
