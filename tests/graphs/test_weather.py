"""Meshes by their counts, edges by brute force, the forecast loop beside a plain loop, and errors by area."""

import keras
import numpy as np
import pytest

from keras_course.graphs import (
    LatitudeError,
    LinearForecast,
    LocalForecast,
    forecast_errors,
    graphcast,
    icosahedral_mesh,
    multi_mesh,
    roll_out,
)
from keras_course.graphs._mesh import REACH, containing_face, grid_of, local_frames, to_vectors, weather_graph

array, rng = keras.ops.convert_to_numpy, np.random.default_rng(0)
UK = (58.0, -10.0, 50.0, 2.0)


@pytest.mark.parametrize("level", range(7))
def test_counts_of_the_meshes(level):
    mesh, multi = icosahedral_mesh(level), multi_mesh(level)
    assert len(mesh.points) == len(multi.points) == 10 * 4**level + 2
    assert len(mesh.faces) == 20 * 4**level
    assert len(mesh.senders) == 60 * 4**level
    assert len(multi.senders) == 20 * (4 ** (level + 1) - 1)
    np.testing.assert_allclose(np.linalg.norm(mesh.points, axis=1), 1)
    edges = set(zip(mesh.senders.tolist(), mesh.receivers.tolist(), strict=True))
    assert len(edges) == len(mesh.senders)
    assert all((b, a) in edges for a, b in edges)
    degrees = np.bincount(mesh.receivers)
    assert (degrees[:12] == 5).all()
    assert (degrees[12:] == 6).all()
    assert (np.linalg.det(mesh.points[mesh.faces]) > 0).all()  # counterclockwise


def test_a_coarser_mesh_is_the_beginning_of_a_finer_one():
    coarse, fine = icosahedral_mesh(1).points, icosahedral_mesh(3).points
    np.testing.assert_array_equal(coarse, fine[: len(coarse)])


def test_containing_face_is_found_by_barycentric_coordinates():
    points = rng.normal(size=(200, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    mesh = icosahedral_mesh(3)
    corners = mesh.points[mesh.faces[containing_face(points, 3)]]
    weights = np.linalg.solve(corners.swapaxes(1, 2), points[..., None])[..., 0]
    assert (weights > -1e-9).all()


@pytest.mark.parametrize(("shape", "region", "level"), [((13, 24), None, 2), ((9, 11), UK, 6)])
def test_edges_from_the_grid_are_all_within_the_radius(shape, region, level):
    graph, mesh = weather_graph(shape, region, level), icosahedral_mesh(level)
    grid = grid_of(shape, region).points
    longest = np.linalg.norm(mesh.points[mesh.senders] - mesh.points[mesh.receivers], axis=1).max()
    near = np.linalg.norm(grid[:, None] - mesh.points[None], axis=-1) <= REACH * longest
    assert len(graph.to_mesh.senders) == near.sum()
    assert set(graph.to_mesh.senders) == set(range(len(grid)))  # every grid point is heard
    assert len(graph.to_grid.senders) == 3 * len(grid)
    assert graph.on_mesh.senders.max() < len(graph.mesh)


def test_features_of_an_edge_are_the_sender_seen_from_the_receiver():
    points = to_vectors(np.array([10.0, -40, 80]), np.array([0.0, 100, 250]))
    frames = local_frames(points)
    np.testing.assert_allclose(frames @ frames.swapaxes(1, 2), np.tile(np.eye(3), (3, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(frames[:, 0], points)
    north = to_vectors(np.array([11.0, -39, 81]), np.array([0.0, 100, 250])) - points
    local = np.einsum("nxy,ny->nx", frames, north)
    assert (np.abs(local[:, 1]) < 1e-12).all()
    assert (local[:, 2] > 0.01).all()
    edges = weather_graph((13, 24), None, 1).on_mesh
    np.testing.assert_allclose(np.linalg.norm(edges.features[:, 1:], axis=1), edges.features[:, 0], rtol=1e-5)


@pytest.fixture(scope="module")
def forecaster():
    return graphcast((5, 8), 1, num_forcings=2, hidden_dim=8, mesh_level=0)


@pytest.mark.parametrize("order", [1, 2])
def test_compiled_rollout_is_a_plain_loop(forecaster, order):
    states = rng.normal(size=(2, 2, 5, 8, 1)).astype("float32")
    forcings = rng.normal(size=(2, 3, 2)).astype("float32")
    path = array(roll_out(forecaster, states, 3, scale=[0.1], order=order, forcings=forcings))
    window = states
    for k in range(3):
        change = 0.1 * array(forecaster({"states": window, "forcings": forcings[:, k]}))
        new = window[:, -1] + change + (window[:, -1] - window[:, -2] if order == 2 else 0)
        np.testing.assert_allclose(path[:, k], new, atol=1e-4)
        window = np.stack([window[:, -1], new], axis=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"states": np.zeros((1, 3, 5, 8, 1))}, "states"),
        ({"forcings": None}, "forcings"),
        ({"forcings": np.zeros((1, 1, 2))}, "steps=2"),
        ({"steps": 0}, "steps"),
        ({"scale": 0.0}, "scale"),
        ({"order": 3}, "order"),
    ],
)
def test_rollouts_that_do_not_fit_are_refused(forecaster, change, message):
    good = {"states": np.zeros((1, 2, 5, 8, 1)), "steps": 2, "forcings": np.zeros((1, 2, 2))}
    with pytest.raises(ValueError, match=message):
        roll_out(forecaster, **{**good, **change})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 8), 1), "grid_shape"),
        (((5, 8), 0), "num_channels"),
        (((5, 8), 1, {"region": (50, 0, 58, 2)}), "region"),
        (((5, 8), 1, {"mesh_level": 9}), "mesh_level"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    *data, options = arguments if isinstance(arguments[-1], dict) else (*arguments, {})
    with pytest.raises(ValueError, match=message):
        graphcast(*data, **options)


def test_rows_count_by_their_area():
    globe = grid_of((181, 4)).row_weights
    np.testing.assert_allclose(globe.mean(), 1)
    np.testing.assert_allclose(globe[90] / globe[30], 1 / np.cos(np.radians(60)), rtol=1e-4)
    assert 0 < globe[0] < globe[1] / 3  # half a cell at the pole
    true = np.zeros((1, 1, 181, 4, 1))
    wrong_at_pole, wrong_at_equator = true.copy(), true.copy()
    wrong_at_pole[:, :, 0], wrong_at_equator[:, :, 90] = 1, 1
    pole, equator = (forecast_errors(true, x, (181, 4)).item() for x in (wrong_at_pole, wrong_at_equator))
    np.testing.assert_allclose((pole / equator) ** 2, globe[0] / globe[90])
    loss = LatitudeError((181, 4))(true[:, 0], wrong_at_equator[:, 0])
    np.testing.assert_allclose(float(loss), equator**2, rtol=1e-5)


def test_linear_forecast_is_exact_for_a_wave_that_moves():
    steps = np.arange(40)[:, None]
    waves = np.cos(np.arange(16) * np.pi / 8 - 0.3 * steps) + 0.5 * np.sin(np.arange(16) * np.pi / 4 - 0.7 * steps)
    states = np.stack([waves[:-2], waves[1:-1]], axis=1)
    model = LinearForecast(20).fit(states[:20], waves[2:22])
    np.testing.assert_allclose(model.roll_out(waves[None, :2], 38)[0], waves[2:], atol=1e-6)
    with pytest.raises(ValueError, match="targets"):
        LinearForecast(2).fit(states, waves)


def test_local_forecast_finds_the_weights_of_the_neighbors():
    forcings, path = rng.normal(size=(30, 1)), [rng.normal(size=(5, 6, 1)), rng.normal(size=(5, 6, 1))]
    for forcing in forcings:
        east = np.pad(path[-1], ((0, 0), (0, 1), (0, 0)), mode="edge")[:, 1:]
        path.append(0.5 * path[-1] - 0.3 * path[-2] + 0.2 * east + forcing)
    path = np.stack(path)
    states = np.stack([path[:-2], path[1:-1]], axis=1)
    model = LocalForecast(1).fit(states[:20], path[2:22], forcings[:20])
    forecast = model.roll_out(states[20:21], 10, forcings[None, 20:])
    np.testing.assert_allclose(forecast[0], path[22:], atol=1e-6)
    with pytest.raises(ValueError, match="targets"):
        LocalForecast(1).fit(states, path)
