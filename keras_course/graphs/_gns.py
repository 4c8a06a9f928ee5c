"""Graph network simulator: particles that are near each other exchange messages, and so learn how they move.

Notation: B systems of P particles in D dimensions; positions `(B, T, P, D)` of the last T frames. A particle has K
neighbors at most.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import as_floats, finite, generator, is_number, not_negative, positive, validate, whole, wholes
from keras_course.graphs._graph import PADDING
from keras_course.graphs._inputs import SplitGraphs
from keras_course.graphs._interaction import MLP, InteractionNetwork
from keras_course.layers import sibling
from keras_course.ops._types import Tensor


def check_box(**argument) -> None:
    """Raise a ValueError unless an argument is a pair (low, high) for each dimension."""
    ((name, box),) = argument.items()
    sides = box if isinstance(box, tuple | list) else ()
    if not sides or not all(
        isinstance(side, tuple | list) and len(side) == 2 and all(map(is_number, side)) and side[0] < side[1]
        for side in sides
    ):
        raise ValueError(f"{name}={box!r} must have a pair (low, high) with low < high for each dimension")


@keras.saving.register_keras_serializable("keras_course")
class ParticleGraph(keras.layers.Layer):
    """The graph of particles: features of nodes and of edges from positions `(B, T, P, D)`.

    An edge leads to a particle from each of the K others that are nearest to it, if they are within the radius; the
    numbers of nodes and of edges are the same for all positions, so that one program fits all. A node has the last
    T - 1 velocities, in units of `velocity_scale`, and its distances to the walls, in radii and 1 at most. An edge has
    the sender's position relative to the receiver, and the distance, in radii.

    Farther than the radius from all walls, nothing depends on the absolute position, and nothing ever depends on the
    numbers of the particles. All is computed in float32, because velocities are small differences of positions.

    Returns nodes `(B P, (T + 1) D)`, edges `(B P K, D + 1)`, senders and receivers `(B P K,)`, -1 for padding.

    Args:
        radius: of the neighborhood.
        box: pairs (low, high), the walls in each dimension.
        max_neighbors: K; of more than K neighbors the nearest ones are kept.
        velocity_scale: typical change of a coordinate in a frame.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import ParticleGraph
        >>> x = np.tile(np.array([[0.1, 0.5], [0.2, 0.5], [0.9, 0.5]], "float32"), (1, 2, 1, 1))
        >>> graph = ParticleGraph(0.2, ((0.0, 1.0), (0.0, 1.0)), max_neighbors=1)
        >>> nodes, edges, senders, receivers = graph(x)
        >>> [int(k) for k in senders], [int(k) for k in receivers]
        ([1, 0, 1], [0, 1, -1])
    """

    @validate(radius=positive, box=check_box, max_neighbors=whole(1), velocity_scale=positive)
    def __init__(self, radius, box, *, max_neighbors=8, velocity_scale=1.0, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.radius, self.velocity_scale = float(radius), float(velocity_scale)
        self.box, self.max_neighbors = tuple(tuple(side) for side in box), int(max_neighbors)

    def call(self, positions) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        positions = ops.cast(positions, "float32")
        batch, (times, particles, dims) = ops.shape(positions)[0], positions.shape[1:]
        last = positions[:, -1]
        velocities = (positions[:, 1:] - positions[:, :-1]) / self.velocity_scale
        velocities = ops.reshape(ops.transpose(velocities, (0, 2, 1, 3)), (-1, (times - 1) * dims))
        low, high = (ops.convert_to_tensor(side) for side in np.array(self.box, "float32").T)
        walls = ops.concatenate([last - low, high - last], axis=-1) / self.radius
        walls = ops.reshape(ops.clip(walls, -1.0, 1.0), (-1, 2 * dims))
        senders, distances = self._neighbors(last)  # (B, P, K)
        first = ops.arange(batch, dtype="int32")[:, None, None] * particles
        receivers = ops.where(
            distances < self.radius, first + ops.arange(particles, dtype="int32")[None, :, None], PADDING
        )
        senders, receivers = ops.reshape(first + senders, (-1,)), ops.reshape(receivers, (-1,))
        flat = ops.reshape(last, (-1, dims))
        inside = ops.reshape(receivers, (-1, self.neighbors_of(particles)))
        apart = ops.reshape(ops.take(flat, senders, axis=0), (-1, inside.shape[1], dims)) - flat[:, None]
        edges = ops.concatenate([apart, ops.reshape(distances, (-1, inside.shape[1], 1))], axis=-1) / self.radius
        edges = ops.where(inside[..., None] >= 0, edges, ops.zeros_like(edges))
        nodes = ops.concatenate([velocities, walls], axis=-1)
        edges = ops.reshape(edges, (-1, dims + 1))
        return ops.cast(nodes, self.compute_dtype), ops.cast(edges, self.compute_dtype), senders, receivers

    def neighbors_of(self, particles) -> int:
        """Return K, or the number of other particles if that is less."""
        return min(self.max_neighbors, particles - 1)

    def _neighbors(self, last):
        """Return the nearest other particles of each one `(B, P, K)`, and their distances."""
        particles = last.shape[1]
        gaps = last[:, :, None] - last[:, None]
        squares = ops.sum(gaps * gaps, axis=-1)
        squares = squares + 1e9 * ops.eye(particles, dtype="float32")[None]
        nearest, senders = ops.top_k(-squares, self.neighbors_of(particles), sorted=True)
        return ops.cast(senders, "int32"), ops.sqrt(ops.maximum(-nearest, 0.0))

    def compute_output_spec(self, positions) -> tuple:
        _, times, _, dims = positions.shape
        nodes = keras.KerasTensor((None, (times + 1) * dims), self.compute_dtype)
        edges = keras.KerasTensor((None, dims + 1), self.compute_dtype)
        return nodes, edges, keras.KerasTensor((None,), "int32"), keras.KerasTensor((None,), "int32")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "radius": self.radius,
            "box": self.box,
            "max_neighbors": self.max_neighbors,
            "velocity_scale": self.velocity_scale,
        }


@validate(shape=wholes(1, 4), scale=not_negative, rng=generator)
def random_walk_noise(shape, scale, rng) -> np.ndarray:
    """Return noise of positions `(B, T, P, D)` that a model is trained with, so that it withstands its own errors.

    Each velocity gets a random step more than the one before: noise accumulates, as errors do in a rollout. The last
    velocity has the standard deviation `scale`, and the first position has no noise.

    Args:
        shape: (B, T, P, D).
        scale: standard deviation of the noise of the last velocity.
        rng: a generator of NumPy.

    Returns:
        An array of float32.

    Raises:
        ValueError: T is less than 2, or `scale` is negative.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import random_walk_noise
        >>> noise = random_walk_noise((1000, 6, 3, 2), 0.5, np.random.default_rng(0))
        >>> round(float((noise[:, -1] - noise[:, -2]).std()), 1), float(abs(noise[:, 0]).max())
        (0.5, 0.0)
    """
    if shape[1] < 2:
        raise ValueError(f"shape={shape!r} must be (B, T, P, D) with T of at least 2")
    steps = rng.normal(scale=scale / np.sqrt(shape[1] - 1), size=(shape[0], shape[1] - 1, *shape[2:]))
    positions = np.cumsum(np.cumsum(steps, axis=1), axis=1)
    return np.pad(positions, [(0, 0), (1, 0), (0, 0), (0, 0)]).astype("float32")


def accelerations(positions) -> np.ndarray:
    """Return x_{t+1} - 2 x_t + x_{t-1} of positions `(B, T, ...)`, as an array `(B, T - 2, ...)`.

    Raises:
        ValueError: T is less than 3, or a position is not finite.

    Example:
        >>> from keras_course.graphs import accelerations
        >>> accelerations([[0.0, 1.0, 4.0, 9.0]]).tolist()
        [[2.0, 2.0]]
    """
    positions = as_floats("positions", positions)
    if positions.ndim < 2 or positions.shape[1] < 3:
        raise ValueError(f"positions has shape {positions.shape}; it must be (B, T, ...) with T of at least 3")
    finite(positions=positions)
    return np.diff(positions, 2, axis=1)


def example_particles(model, batch_size, rng) -> np.ndarray:
    """Return random positions of particles that move slowly, most of them near each other."""
    _, times, particles, dims = model.inputs[0].shape
    start = rng.random((batch_size, 1, particles, dims)) * 0.2
    steps = rng.normal(scale=0.01, size=(batch_size, times, particles, dims))
    return (start + np.cumsum(steps, axis=1)).astype("float32")


@builder(
    reference="Sanchez-Gonzalez et al., 2020, https://arxiv.org/abs/2002.09405",
    presets={
        "tiny": {"num_particles": 6},
        "gns": {
            "num_particles": 1000,
            "radius": 0.015,
            "max_neighbors": 24,
            "hidden_dim": 128,
            "num_layers": 10,
            "parameters": 1_589_634,
        },
    },
    example=example_particles,
)
@validate(
    num_particles=whole(2),
    num_dims=whole(1),
    num_states=whole(2),
    radius=positive,
    box=check_box,
    max_neighbors=whole(1),
    velocity_scale=positive,
    hidden_dim=whole(1),
    num_layers=whole(0),
    num_hidden=whole(1),
    seed=whole(0, 2_000_000_000),
)
def gns(
    num_particles,
    num_dims=2,
    *,
    num_states=6,
    radius=0.15,
    box=((0.0, 1.0), (0.0, 1.0)),
    max_neighbors=8,
    velocity_scale=0.01,
    hidden_dim=32,
    num_layers=3,
    num_hidden=2,
    activation="relu",
    seed=0,
    name="gns",
) -> keras.Model:
    """Build a graph network simulator: it predicts the accelerations of particles from their last positions.

    Takes positions `(B, T, P, D)`, the oldest first; returns accelerations `(B, P, D)`, divided by their
    standard deviation s:

        graph = particles with edges to those within the radius, see `ParticleGraph`
        x, e <- encoders(nodes, edges)                       an MLP each
        x, e <- interaction network(x, e)                    L times, each with its own weights
        (x_{t+1} - 2 x_t + x_{t-1}) / s = decoder(x)         an MLP

    `roll_out(model, positions, steps, scale=s, order=2)` simulates. Add `random_walk_noise` to the positions of
    training windows.

    Args:
        num_particles: P, at least 2.
        num_dims: D.
        num_states: T, frames that the network sees: T - 1 velocities.
        radius: largest distance of neighbors.
        box: pairs (low, high), the walls in each dimension.
        max_neighbors: K, the most neighbors of a particle.
        velocity_scale: typical change of a coordinate in a frame.
        hidden_dim: features of nodes and of edges.
        num_layers: L, the number of interaction networks.
        num_hidden: hidden layers of each MLP.
        activation: activation of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or `box` does not fit the dimensions.

    Differences from the paper:
        All particles are of one material, which the paper tells by an embedding. The paper keeps all neighbors within
        the radius.

    References:
        Learning to Simulate Complex Physics with Graph Networks, Sanchez-Gonzalez et al., 2020,
        https://arxiv.org/abs/2002.09405

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import gns
        >>> gns(5)(np.random.default_rng(0).random((1, 6, 5, 2))).shape == (1, 5, 2)
        True
    """
    if len(box) != num_dims:
        raise ValueError(f"box={box!r} must have num_dims={num_dims} pairs")
    glorot = keras.initializers.GlorotUniform(seed=seed)
    options = {"num_hidden": num_hidden, "activation": activation}

    def mlp(k, units, norm, name):
        return MLP(hidden_dim, units, norm=norm, kernel_initializer=sibling(glorot, k), name=name, **options)

    positions = keras.Input((num_states, num_particles, num_dims), name="positions")
    graph = ParticleGraph(radius, box, max_neighbors=max_neighbors, velocity_scale=velocity_scale, name="graph")
    x, e, senders, receivers = graph(positions)
    x, e = mlp(0, hidden_dim, True, "embed_nodes")(x), mlp(1, hidden_dim, True, "embed_edges")(e)
    for k in range(num_layers):
        step = InteractionNetwork(
            hidden_dim, kernel_initializer=sibling(glorot, 3 + k), name=f"interaction_{k}", **options
        )
        x, e = step(x, e, senders, receivers)
    x = mlp(2, num_dims, False, "read_out")(x)
    outputs = SplitGraphs(num_particles, name="accelerations")(x)  # (B, P, D)
    return keras.Model(positions, outputs, name=name)
