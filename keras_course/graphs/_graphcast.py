"""GraphCast: a forecast on a grid by message passing on a mesh of the sphere.

Notation: B states of H x W grid points and C variables. The parts of the network are in `_sphere.py`.
"""

import keras

from keras_course._registry import builder
from keras_course.checks import flag, validate, whole
from keras_course.graphs._mesh import check_grid
from keras_course.graphs._sphere import GridNodes, GridToMesh, MeshProcessor, MeshToGrid, NodesToGrid
from keras_course.layers import sibling


@builder(
    reference="Lam et al., 2023, https://arxiv.org/abs/2212.12794",
    presets={
        "tiny": {"grid_shape": (7, 12), "num_channels": 2},
        "graphcast": {
            "grid_shape": (721, 1440),
            "num_channels": 227,
            "num_forcings": 17,
            "mesh_level": 6,
            "hidden_dim": 512,
            "num_layers": 16,
            "parameters": 35_580_643,
        },
    },
)
@validate(
    num_channels=whole(1),
    num_states=whole(1),
    num_forcings=whole(0),
    mesh_level=whole(0, 8),
    hidden_dim=whole(1),
    num_layers=whole(0),
    linear_skip=flag,
    seed=whole(0, 2_000_000_000),
)
def graphcast(
    grid_shape,
    num_channels,
    *,
    region=None,
    num_states=2,
    num_forcings=0,
    mesh_level=1,
    hidden_dim=16,
    num_layers=2,
    activation="silu",
    linear_skip=False,
    seed=0,
    name="graphcast",
) -> keras.Model:
    """Build a GraphCast: it predicts how the weather changes in a step from the last states.

    Takes states `(B, T, H, W, C)`, the oldest first, and with `num_forcings` also forcings `(B, F)`, as a dict with
    the keys "states" and "forcings". Returns the change to the next state `(B, H, W, C)`, in units s:

        grid, mesh = encoder(x_{t-T+1}, ..., x_t)   messages from the grid to the mesh
        mesh <- processor(mesh)                      L interaction networks on the multi-mesh
        (x_{t+1} - x_t) / s = decoder(mesh, grid)   messages from the mesh to the grid

    States are to be normalized: each variable with mean 0 and standard deviation 1. The unit s of a variable is the
    standard deviation of its change in a step. `roll_out` adds the change and repeats the step.

    Args:
        grid_shape: (H, W), rows from north to south and columns from west to east.
        num_channels: C, variables at a grid point.
        region: (north, west, south, east) in degrees, the borders of the grid, on which its outer points are. None is
            the globe, with a row at each pole.
        num_states: T, states that the network sees.
        num_forcings: F, inputs known in advance, such as the sine and cosine of the hour, with one value for all grid
            points.
        mesh_level: n of the finest mesh M_n, which has 10 4^n + 2 nodes on the globe. Of the mesh of a region only the
            triangles with grid points are kept, and of the multi-mesh the edges between their corners.
        hidden_dim: features of nodes and of edges.
        num_layers: L, interaction networks of the processor.
        activation: activation of the hidden layers.
        linear_skip: whether a linear function of the inputs at a grid point is added to the change there.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or the region is invalid.

    Differences from the paper:
        A forcing has one value for all grid points. Nodes have the sine of their latitude where the paper has the
        cosine. The loss `LatitudeError` weighs areas only, where the paper weighs pressure levels and variables, too,
        and there is no training on rollouts of several steps. `linear_skip` is not in the paper. The network that the
        paper describes has 35,580,643 parameters; the paper writes 36.7 million. The authors' code has 767,488 more
        that change no output: 526,336 update mesh nodes in the decoder, where nothing reads them, and 241,152 multiply
        zeros that are appended to the features of mesh nodes. We know no source of the other 0.35 million.

    References:
        Learning skillful medium-range global weather forecasting, Lam et al., 2023, https://arxiv.org/abs/2212.12794
        Code of the authors: https://github.com/google-deepmind/graphcast

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import graphcast
        >>> graphcast((7, 12), 2)(np.zeros((1, 2, 7, 12, 2))).shape == (1, 7, 12, 2)
        True
    """
    check_grid(grid_shape, region)
    glorot = keras.initializers.GlorotUniform(seed=seed)
    sphere = (tuple(grid_shape), region, mesh_level, hidden_dim)

    def options(k):
        return {"activation": activation, "kernel_initializer": sibling(glorot, k)}

    states = keras.Input((num_states, *grid_shape, num_channels), name="states")
    forcings = keras.Input((num_forcings,), name="forcings") if num_forcings else None
    x = GridNodes(region, name="grid_nodes")(states, forcings)
    grid, mesh = GridToMesh(*sphere, name="encoder", **options(0))(x)
    mesh = MeshProcessor(*sphere, num_layers=num_layers, name="processor", **options(1))(mesh)
    change = MeshToGrid(*sphere, num_outputs=num_channels, name="decoder", **options(2))(mesh, grid)
    if linear_skip:
        local = keras.layers.Dense(num_channels, kernel_initializer=sibling(glorot, 3), name="linear_skip")(x)
        change = keras.layers.Add(name="sum")([change, local])
    outputs = NodesToGrid(grid_shape, name="change")(change)
    return keras.Model([states, forcings] if num_forcings else states, outputs, name=name)
