"""The parts of GraphCast: encoder, processor and decoder on the mesh of a sphere.

Notation: B states of H x W grid points and C variables; N nodes of the grid or of the mesh. Inside the network nodes
are on the first axis and the batch on the second, `(N, B, C)`: all states share one graph.
"""

import keras
from keras import ops

from keras_course.checks import validate, whole
from keras_course.graphs._interaction import MLP, InteractionNetwork
from keras_course.graphs._mesh import WeatherGraph, check_grid, grid_of, node_features, weather_graph
from keras_course.layers._activations import get_activation
from keras_course.layers._initializers import get_initializer, sibling
from keras_course.ops._types import Tensor


class OnSphere(keras.layers.Layer):
    """What the three parts of GraphCast share: the grid, the mesh, and MLPs of one kind.

    Args:
        grid_shape, region, mesh_level: see `graphcast`.
        hidden_dim: features of a node.
        activation: activation of the hidden layers.
        kernel_initializer: initializer of the matrices.
    """

    @validate(mesh_level=whole(0, 8), hidden_dim=whole(1))
    def __init__(
        self,
        grid_shape,
        region,
        mesh_level,
        hidden_dim,
        *,
        activation="silu",
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        check_grid(grid_shape, region)
        super().__init__(**kwargs)
        self.grid_shape, self.region = tuple(grid_shape), None if region is None else tuple(region)
        self.mesh_level, self.hidden_dim = int(mesh_level), int(hidden_dim)
        self.activation = get_activation(activation)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.count = 0

    @property
    def graph(self) -> WeatherGraph:
        """The `WeatherGraph`, made when it is needed: counting the parameters does not need it."""
        return weather_graph(self.grid_shape, self.region, self.mesh_level)

    def options(self) -> dict:
        """Return arguments of the next part, with weights of its own."""
        self.count += 1
        initializer = sibling(self.kernel_initializer, self.count - 1)
        return {"activation": self.activation, "kernel_initializer": initializer, "dtype": self.dtype_policy}

    def mlp(self, name) -> MLP:
        """Return an MLP with weights of its own."""
        return MLP(self.hidden_dim, self.hidden_dim, name=name, **self.options())

    def interaction(self, name) -> InteractionNetwork:
        """Return an interaction network with weights of its own."""
        return InteractionNetwork(self.hidden_dim, name=name, **self.options())

    def constant(self, features) -> Tensor:
        """Return features of nodes or edges with an axis for the batch, `(N, 1, D)`."""
        return ops.convert_to_tensor(features[:, None], dtype=self.compute_dtype)

    def build_interaction(self, layer) -> None:
        """Build an interaction network, all of whose inputs have C features."""
        shape = (None, None, self.hidden_dim)
        layer.build(shape, shape)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "grid_shape": self.grid_shape,
            "region": self.region,
            "mesh_level": self.mesh_level,
            "hidden_dim": self.hidden_dim,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable("keras_course")
class GridToMesh(OnSphere):
    """The encoder: embeds grid points, mesh nodes and edges, and sends one message along each edge to the mesh.

    Takes `(H W, B, F)`; returns features of the grid `(H W, B, C)` and of the mesh `(N, B, C)`.

    Args:
        grid_shape, region, mesh_level: see `graphcast`.
        hidden_dim: C.
        activation, kernel_initializer: of the MLPs, as options.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import GridToMesh
        >>> grid, mesh = GridToMesh((7, 12), None, mesh_level=1, hidden_dim=8)(np.zeros((84, 1, 5)))
        >>> grid.shape == (84, 1, 8), mesh.shape == (42, 1, 8)
        (True, True)
    """

    def __init__(self, grid_shape, region, mesh_level, hidden_dim, **kwargs):
        super().__init__(grid_shape, region, mesh_level, hidden_dim, **kwargs)
        self.embed_grid, self.embed_mesh = self.mlp("embed_grid"), self.mlp("embed_mesh")
        self.embed_edges = self.mlp("embed_edges")
        self.interact, self.update_grid = self.interaction("interaction"), self.mlp("update_grid")

    def build(self, input_shape) -> None:
        for layer, width in ((self.embed_grid, input_shape[-1]), (self.embed_mesh, 3), (self.embed_edges, 4)):
            layer.build((None, width))
        self.build_interaction(self.interact)
        self.update_grid.build((None, self.hidden_dim))

    def call(self, x) -> tuple[Tensor, Tensor]:
        graph = self.graph
        edges = self.embed_edges(self.constant(graph.to_mesh.features))
        grid, mesh = self.embed_grid(x), self.embed_mesh(self.constant(graph.mesh))
        mesh, _ = self.interact(mesh, edges, graph.to_mesh.senders, graph.to_mesh.receivers, sources=grid)
        return ops.add(grid, self.update_grid(grid)), mesh

    def compute_output_spec(self, x) -> tuple:
        shapes = ((x.shape[0], x.shape[1], self.hidden_dim), (None, x.shape[1], self.hidden_dim))
        return tuple(keras.KerasTensor(shape, self.compute_dtype) for shape in shapes)


@keras.saving.register_keras_serializable("keras_course")
class MeshProcessor(OnSphere):
    """The processor: interaction networks on the multi-mesh, whose edges of all lengths exchange messages at once.

    Takes and returns features of the mesh `(N, B, C)`.

    Args:
        grid_shape, region, mesh_level, hidden_dim, activation, kernel_initializer: see `GridToMesh`.
        num_layers: number of interaction networks, each with its own weights.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import MeshProcessor
        >>> layer = MeshProcessor((7, 12), None, mesh_level=1, hidden_dim=8, num_layers=2)
        >>> layer(np.zeros((42, 1, 8))).shape == (42, 1, 8)
        True
    """

    @validate(num_layers=whole(0))
    def __init__(self, grid_shape, region, mesh_level, hidden_dim, *, num_layers, **kwargs):
        super().__init__(grid_shape, region, mesh_level, hidden_dim, **kwargs)
        self.num_layers = int(num_layers)
        self.embed_edges = self.mlp("embed_edges")
        self.steps = [self.interaction(f"interaction_{k}") for k in range(num_layers)]

    def build(self, input_shape) -> None:
        self.embed_edges.build((None, 4))
        for step in self.steps:
            self.build_interaction(step)

    def call(self, mesh) -> Tensor:
        graph = self.graph.on_mesh
        edges = self.embed_edges(self.constant(graph.features))
        for step in self.steps:
            mesh, edges = step(mesh, edges, graph.senders, graph.receivers)
        return mesh

    def compute_output_spec(self, mesh) -> keras.KerasTensor:
        return keras.KerasTensor(mesh.shape, self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_layers": self.num_layers}


@keras.saving.register_keras_serializable("keras_course")
class MeshToGrid(OnSphere):
    """The decoder: sends messages from the corners of the triangle around each grid point, and reads the point out.

    Takes features of the mesh `(N, B, C)` and of the grid `(H W, B, C)`; returns `(H W, B, num_outputs)`.

    Args:
        grid_shape, region, mesh_level, hidden_dim, activation, kernel_initializer: see `GridToMesh`.
        num_outputs: numbers for each grid point.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import MeshToGrid
        >>> layer = MeshToGrid((7, 12), None, mesh_level=1, hidden_dim=8, num_outputs=3)
        >>> layer(np.zeros((42, 1, 8)), np.zeros((84, 1, 8))).shape == (84, 1, 3)
        True
    """

    @validate(num_outputs=whole(1))
    def __init__(self, grid_shape, region, mesh_level, hidden_dim, *, num_outputs, **kwargs):
        super().__init__(grid_shape, region, mesh_level, hidden_dim, **kwargs)
        self.num_outputs = int(num_outputs)
        self.embed_edges, self.interact = self.mlp("embed_edges"), self.interaction("interaction")
        self.read_out = MLP(self.hidden_dim, num_outputs, norm=False, name="read_out", **self.options())

    def build(self, mesh_shape, grid_shape) -> None:
        self.embed_edges.build((None, 4))
        self.build_interaction(self.interact)
        self.read_out.build((None, self.hidden_dim))

    def call(self, mesh, grid) -> Tensor:
        graph = self.graph.to_grid
        edges = self.embed_edges(self.constant(graph.features))
        grid, _ = self.interact(grid, edges, graph.senders, graph.receivers, sources=mesh)
        return self.read_out(grid)

    def compute_output_spec(self, mesh, grid) -> keras.KerasTensor:
        return keras.KerasTensor((*grid.shape[:-1], self.num_outputs), self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_outputs": self.num_outputs}


@keras.saving.register_keras_serializable("keras_course")
class GridNodes(keras.layers.Layer):
    """The last states as features of the nodes of the grid, their locations, and the forcings, known in advance.

    Takes states `(B, T, H, W, C)` and, if there are any, forcings `(B, F)`; returns `(H W, B, T C + 3 + F)`.

    Args:
        region: see `graphcast`.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import GridNodes
        >>> GridNodes()(np.zeros((1, 2, 7, 12, 4))).shape == (84, 1, 11)
        True
    """

    def __init__(self, region=None, **kwargs):
        check_grid((2, 2), region)
        super().__init__(**kwargs)
        self.region = None if region is None else tuple(region)

    def call(self, states, forcings=None) -> Tensor:
        _, times, height, width, channels = states.shape
        batch, nodes = ops.shape(states)[0], height * width
        fields = ops.reshape(ops.transpose(states, (2, 3, 0, 1, 4)), (nodes, batch, times * channels))
        where = node_features(grid_of((height, width), self.region).points)[:, None]
        where = ops.broadcast_to(ops.convert_to_tensor(where, dtype=fields.dtype), (nodes, batch, 3))
        parts = [fields, where]
        if forcings is not None:
            parts.append(ops.broadcast_to(forcings[None], (nodes, batch, forcings.shape[-1])))
        return ops.concatenate(parts, axis=-1)

    def compute_output_spec(self, states, forcings=None) -> keras.KerasTensor:
        batch, times, height, width, channels = states.shape
        features = times * channels + 3 + (0 if forcings is None else forcings.shape[-1])
        return keras.KerasTensor((height * width, batch, features), self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "region": self.region}


@keras.saving.register_keras_serializable("keras_course")
class NodesToGrid(keras.layers.Layer):
    """Features of the nodes of a grid `(H W, B, C)` as fields `(B, H, W, C)`.

    Args:
        grid_shape: (H, W).

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import NodesToGrid
        >>> NodesToGrid((7, 12))(np.zeros((84, 1, 3))).shape == (1, 7, 12, 3)
        True
    """

    def __init__(self, grid_shape, **kwargs):
        check_grid(grid_shape, None)
        super().__init__(**kwargs)
        self.grid_shape = tuple(grid_shape)

    def call(self, x) -> Tensor:
        return ops.reshape(ops.transpose(x, (1, 0, 2)), (-1, *self.grid_shape, x.shape[-1]))

    def compute_output_spec(self, x) -> keras.KerasTensor:
        return keras.KerasTensor((x.shape[1], *self.grid_shape, x.shape[-1]), x.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "grid_shape": self.grid_shape}
