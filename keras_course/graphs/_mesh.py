"""Meshes on the sphere: refined icosahedra, the multi-mesh, and the edges between a mesh and a grid of a region.

Notation: points are unit vectors (N, 3). M_n is the icosahedron after n refinements, each of which cuts every triangle
into four. A grid of H rows from north to south and W columns from west to east has the points of row 0 first.
"""

import functools
from typing import NamedTuple

import numpy as np

from keras_course.checks import is_number, validate, whole, whole_numbers

REACH = 0.6  # of an edge from the grid to the mesh, in lengths of the longest edge of the mesh


class Mesh(NamedTuple):
    """A mesh on the sphere.

    Args:
        points: `(N, 3)` unit vectors, the nodes. The nodes of a coarser mesh come first.
        faces: `(F, 3)` nodes of the triangles, counterclockwise seen from outside.
        senders, receivers: `(E,)` nodes of the edges, in both directions.
    """

    points: np.ndarray
    faces: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray


@validate(level=whole(0, 8))
def icosahedral_mesh(level: int) -> Mesh:
    """Return the icosahedron after `level` refinements: 10 4^n + 2 nodes, 20 4^n triangles, 60 4^n directed edges.

    A refinement puts a node in the middle of each edge, moves it to the sphere, and cuts a triangle into four.

    Args:
        level: n, at most 8.

    Raises:
        ValueError: the level is out of its range.

    Example:
        >>> from keras_course.graphs import icosahedral_mesh
        >>> [len(icosahedral_mesh(n).points) for n in range(4)]
        [12, 42, 162, 642]
    """
    points, faces = _refined(level)
    return Mesh(points, faces, *_edges_of(faces))


@validate(level=whole(0, 8))
def multi_mesh(level: int) -> Mesh:
    """Return the nodes and triangles of M_n with the edges of all meshes M_0 to M_n.

    The edges of the coarse meshes are long, so that a message crosses the globe in a few steps. There are
    60 (1 + 4 + ... + 4^n) = 20 (4^(n + 1) - 1) directed edges.

    Args:
        level: n, at most 8.

    Raises:
        ValueError: the level is out of its range.

    References:
        Learning skillful medium-range global weather forecasting, Lam et al., 2023, https://arxiv.org/abs/2212.12794

    Example:
        >>> from keras_course.graphs import multi_mesh
        >>> len(multi_mesh(6).points), len(multi_mesh(6).senders)
        (40962, 327660)
    """
    points, faces = _refined(level)
    edges = [_edges_of(_refined(k)[1]) for k in range(level + 1)]
    return Mesh(points, faces, *(np.concatenate(ends) for ends in zip(*edges, strict=True)))


def _icosahedron():
    """Return the corners, with the poles among them, and the faces of an icosahedron."""
    ring = np.radians(36 * np.arange(10))
    height = 1 / np.sqrt(5)
    belt = np.stack([2 * height * np.cos(ring), 2 * height * np.sin(ring), np.where(np.arange(10) % 2, -1, 1) * height])
    points = np.concatenate([[[0.0, 0, 1]], belt.T, [[0.0, 0, -1]]])  # even corners of the belt are in the north
    k = np.arange(0, 10, 2)
    upper, lower, after = 1 + k, 2 + k, 1 + (k + 2) % 10
    faces = [
        (np.zeros(5, int), upper, after),
        (upper, lower, after),
        (lower, 1 + (k + 3) % 10, after),
        (lower, np.full(5, 11), 1 + (k + 3) % 10),
    ]
    return points, np.concatenate([np.stack(face, axis=1) for face in faces])


@functools.lru_cache(maxsize=9)
def _refined(level):
    """Return the points and the faces of a mesh; the children of face f are the faces 4 f to 4 f + 3."""
    if level == 0:
        return _icosahedron()
    points, faces = _refined(level - 1)
    sides = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    pairs, place = np.unique(sides, axis=0, return_inverse=True)
    middle = points[pairs].sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    (a, b, c), (ab, bc, ca) = faces.T, len(points) + place.reshape(-1, 3).T
    children = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.concatenate([points, middle]), np.stack([np.stack(x, -1) for x in children], 1).reshape(-1, 3)


def _edges_of(faces):
    """Return the edges of triangles: an edge and its reverse belong to the two triangles beside it."""
    return faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)


def containing_face(points, level) -> np.ndarray:
    """Return the triangle of M_n that contains each point `(N, 3)`, found from the coarsest mesh down."""
    found = np.zeros(len(points), int)
    for k in range(level + 1):
        corners, faces = _refined(k)
        options = np.arange(20)[None] if k == 0 else 4 * found[:, None] + np.arange(4)
        a, b, c = (corners[faces[options, i]] for i in range(3))
        inside = [np.einsum("nfx,nfx->nf", np.cross(p, q), points[:, None]) for p, q in ((a, b), (b, c), (c, a))]
        best = np.min(inside, axis=0).argmax(axis=1)  # the smallest of the three is negative outside
        found = np.broadcast_to(options, (len(points), options.shape[1]))[np.arange(len(points)), best]
    return found


class Region(NamedTuple):
    """A grid of latitudes and longitudes, in degrees."""

    latitudes: np.ndarray
    longitudes: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """The points `(H W, 3)` of the grid."""
        latitude, longitude = (x.ravel() for x in np.meshgrid(self.latitudes, self.longitudes, indexing="ij"))
        return to_vectors(latitude, longitude)

    @property
    def row_weights(self) -> np.ndarray:
        """The area of a cell in each row `(H,)`, with mean 1. A cell reaches half a step to the north and south."""
        step = np.abs(np.diff(self.latitudes).mean()) if len(self.latitudes) > 1 else 1.0
        south, north = (np.clip(self.latitudes + sign * step / 2, -90, 90) for sign in (-1, 1))
        area = np.sin(np.radians(north)) - np.sin(np.radians(south))
        return area / area.mean()


def grid_of(grid_shape, region=None) -> Region:
    """Return the grid of `grid_shape` (H, W) in a region (north, west, south, east); None is the globe.

    A region has points on all four borders. On the globe the first and the last row are the poles, and the columns
    begin at longitude 0.
    """
    height, width = grid_shape
    if region is None:
        return Region(np.linspace(90, -90, height), 360 * np.arange(width) / width)
    north, west, south, east = region
    return Region(np.linspace(north, south, height), np.linspace(west, east, width))


def check_grid(grid_shape, region) -> None:
    """Raise a ValueError unless a grid has rows and columns, and a region is one."""
    whole_numbers(2, length=2, grid_shape=grid_shape)
    if region is None:
        return
    if not isinstance(region, tuple | list) or len(region) != 4 or not all(map(is_number, region)):
        raise ValueError(f"region={region!r} must be four numbers in degrees: north, west, south, east")
    north, west, south, east = region
    if not (-90 <= south < north <= 90 and west < east < west + 360):
        raise ValueError(f"region={region!r} must have -90 <= south < north <= 90 and west < east < west + 360")


def to_vectors(latitude, longitude) -> np.ndarray:
    """Return the unit vectors `(N, 3)` of points, given in degrees."""
    phi, theta = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], axis=-1)


def local_frames(points) -> np.ndarray:
    """Return the axes of the local frame of each point `(N, 3, 3)`: up, east and north, one in each row."""
    up = points
    theta = np.arctan2(points[:, 1], points[:, 0])
    east = np.stack([-np.sin(theta), np.cos(theta), np.zeros_like(theta)], axis=-1)
    return np.stack([up, east, np.cross(up, east)], axis=1)


def node_features(points) -> np.ndarray:
    """Return features of positions: the sine of the latitude, the cosine and the sine of the longitude."""
    theta = np.arctan2(points[:, 1], points[:, 0])
    return np.stack([points[:, 2], np.cos(theta), np.sin(theta)], axis=-1).astype("float32")


class Edges(NamedTuple):
    """Edges from some points to others, with the length of each and the sender's position seen from the receiver.

    Args:
        senders, receivers: `(E,)` int32.
        features: `(E, 4)` float32: length, and position in the receiver's frame (up, east, north), in lengths of the
            longest edge of the mesh.
    """

    senders: np.ndarray
    receivers: np.ndarray
    features: np.ndarray


def edges_between(sources, targets, senders, receivers, unit) -> Edges:
    """Return edges with their features.

    Args:
        sources, targets: points that send and that receive.
        senders, receivers: numbers of the points of each edge.
        unit: length that counts as 1.
    """
    difference = (sources[senders] - targets[receivers]) / unit
    local = np.einsum("exy,ey->ex", local_frames(targets)[receivers], difference)
    features = np.concatenate([np.linalg.norm(difference, axis=1, keepdims=True), local], axis=1)
    return Edges(senders.astype("int32"), receivers.astype("int32"), features.astype("float32"))


class WeatherGraph(NamedTuple):
    """All that a forecast on a grid needs to know of the sphere.

    Args:
        grid, mesh: `(N, 3)` features of the nodes of the grid and of the mesh.
        to_mesh: edges from the grid to the mesh.
        on_mesh: edges of the multi-mesh.
        to_grid: edges from the mesh to the grid.
    """

    grid: np.ndarray
    mesh: np.ndarray
    to_mesh: Edges
    on_mesh: Edges
    to_grid: Edges


@functools.lru_cache(maxsize=8)
def weather_graph(grid_shape: tuple, region: tuple | None, level: int) -> WeatherGraph:
    """Return the graph of a grid and of the part of the multi-mesh that covers it.

    A grid point receives from the three corners of the triangle that contains it. It sends to those corners that are
    at most 0.6 times the longest edge of the mesh away; no other node is so near. Of the mesh of a region only these
    triangles are kept, and of the multi-mesh the edges between their corners.

    Args:
        grid_shape: (H, W).
        region: (north, west, south, east) in degrees, or None for the globe.
        level: n of the finest mesh M_n.
    """
    points, mesh = grid_of(grid_shape, region).points, multi_mesh(level)
    corners = mesh.faces[containing_face(points, level)]  # (H W, 3)
    fine = _edges_of(mesh.faces)
    longest = np.linalg.norm(mesh.points[fine[0]] - mesh.points[fine[1]], axis=1).max()
    kept = np.ones(len(mesh.points), bool)
    if region is not None:
        kept[:] = False
        kept[corners] = True
    number = np.cumsum(kept) - 1
    inside = kept[mesh.senders] & kept[mesh.receivers]
    senders, receivers, corners = number[mesh.senders[inside]], number[mesh.receivers[inside]], number[corners]
    nodes = mesh.points[kept]
    near = np.linalg.norm(nodes[corners] - points[:, None], axis=-1) <= REACH * longest
    grid = np.broadcast_to(np.arange(len(points))[:, None], corners.shape)
    return WeatherGraph(
        grid=node_features(points),
        mesh=node_features(nodes),
        to_mesh=edges_between(points, nodes, grid[near], corners[near], longest),
        on_mesh=edges_between(nodes, nodes, senders, receivers, longest),
        to_grid=edges_between(nodes, points, corners.ravel(), grid.ravel(), longest),
    )
