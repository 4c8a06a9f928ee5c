"""The task of simulating particles."""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import not_negative, whole_number
from keras_course.recipes._task import Data, Metric, Task, image_of, in_batches


@dataclasses.dataclass(frozen=True)
class Particles(Task):
    """Simulate particles from their first frames on; the metric is the distance from where the simulator has them.

    It is the mean distance over test trajectories, particles and the frames of a rollout, in sides of the box. Beside
    it stand two extrapolations that stop at the walls: with constant velocity, and with constant acceleration.

    Args:
        num_train, num_test: numbers of trajectories; `num_test` others are for validation.
        num_particles: particles of a trajectory.
        num_frames: frames of a trajectory.
        num_states: frames that a model sees.
        noise: standard deviation of the noise of the last velocity in training windows.
    """

    num_train: int = 100
    num_test: int = 20
    num_particles: int = 10
    num_frames: int = 60
    num_states: int = 6
    noise: float = 3e-4
    metric: ClassVar[Metric] = Metric("rollout error", "sides of the box")
    data: ClassVar[str] = "spring_particles"

    def __post_init__(self):
        whole_number(1, num_train=self.num_train, num_test=self.num_test)
        whole_number(2, num_particles=self.num_particles, num_states=self.num_states)
        whole_number(self.num_states + 1, num_frames=self.num_frames)
        not_negative(noise=self.noise)

    def load(self, part=0, start=None) -> "ParticleData":
        return ParticleData(self)


class ParticleData(Data):
    """Windows of positions, and the accelerations that follow."""

    loss_unit = "mean square of the acceleration"

    def __init__(self, task):
        self.task, self._rollouts = task, None
        options = {"num_test": task.num_test, "num_particles": task.num_particles, "num_frames": task.num_frames}
        train, test = datasets.spring_particles(task.num_train, **options)
        _, valid = datasets.spring_particles(1, **options, seed=1)
        self.train, self.test = train.positions, test.positions
        self.num_outputs = self.train.shape[-1]
        self.velocity_scale = float(np.diff(self.train, axis=1).std())
        self.scale = float(np.diff(self.train, 2, axis=1).std())
        self.facts = {"acceleration_scale": self.scale}
        self.size = f"{task.num_train} + {task.num_test} trajectories of {task.num_frames} frames"
        self.x, self.y = self._windows(self.train)
        self.validation = in_batches(self._windows(valid.positions), 64)

    def _windows(self, positions):
        """Return windows of positions (N, T, P, 2) and accelerations (N, P, 2) at their ends, in units of `scale`."""
        seen = self.task.num_states
        times = np.arange(positions.shape[1] - seen)[:, None] + np.arange(seen + 1)
        windows = positions[:, times].reshape(-1, seen + 1, *positions.shape[2:])
        accelerations = np.diff(windows[:, -3:].astype("float64"), 2, axis=1)[:, 0] / self.scale
        return windows[:, :-1], accelerations.astype("float32")

    def arguments(self, build) -> dict:
        _, seen, particles, dims = self.x.shape
        sizes = {"num_particles": particles, "num_dims": dims, "num_states": seen}
        return sizes | {"velocity_scale": self.velocity_scale}

    def objective(self, model) -> dict:
        import keras

        return {"loss": keras.losses.MeanSquaredError()}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        batches = datasets.example_batches(self.x, self.y, batch_size, **options)
        first = start_epoch * steps_per_epoch
        return (self._add_noise(*batches[k], np.random.default_rng((seed, 1, first + k))) for k in itertools.count())

    def _add_noise(self, x, y, rng):
        """Return positions with noise, and accelerations that undo the noise of the last velocity."""
        from keras_course.graphs import random_walk_noise

        noise = random_walk_noise(x.shape, self.task.noise, rng)
        return x + noise, (y - (noise[:, -1] - noise[:, -2]) / self.scale).astype("float32")

    def rollouts(self, model) -> dict[str, np.ndarray]:
        """Return positions `(N, S, P, 2)` after the first frames of the test trajectories, by method."""
        from keras import ops

        from keras_course.graphs import roll_out

        if self._rollouts is None or self._rollouts[0] is not model:
            seen = self.task.num_states
            first, true = self.test[:, :seen], self.test[:, seen:]
            steps = np.arange(1, true.shape[1] + 1)[:, None, None]
            last, velocity = first[:, -1:], first[:, -1:] - first[:, -2:-1]
            acceleration = velocity - (first[:, -2:-1] - first[:, -3:-2]) if seen > 2 else 0 * velocity
            path = roll_out(model, first, true.shape[1], scale=self.scale, order=2)
            straight = last + steps * velocity
            curved = straight + steps * (steps + 1) / 2 * acceleration
            found = {
                "simulator": true,
                "model": ops.convert_to_numpy(path),
                "constant velocity": np.clip(straight, 0, 1),
                "constant acceleration": np.clip(curved, 0, 1),
            }
            self._rollouts = model, found
        return self._rollouts[1]

    def distances(self, model) -> dict[str, np.ndarray]:
        """Return the mean distance from the simulator in each frame of a rollout, by method."""
        paths = self.rollouts(model)
        true = paths["simulator"]
        return {name: np.linalg.norm(x - true, axis=-1).mean(axis=(0, 2)) for name, x in paths.items() if x is not true}

    def measure(self, model, row, seed) -> dict[str, float]:
        found = {}
        for name, values in self.distances(model).items():
            of = "" if name == "model" else f" of {name}"
            found[f"rollout error{of}"] = float(values.mean())
            found[f"error in the last frame{of}"] = float(values[-1])
        return found | {"error of an acceleration": row.get("val_loss", np.nan) ** 0.5}

    def sample(self, model, seed) -> list:
        """Return an image of the first test trajectory, by the simulator and by the model, and a table of errors."""

        from keras_course.graphs import plot_trajectories

        paths = self.rollouts(model)
        image = image_of(plot_trajectories({name: paths[name][0] for name in ("simulator", "model")}))
        errors = {name: x.tolist() for name, x in self.distances(model).items()}
        frames = list(range(1, paths["simulator"].shape[1] + 1))
        return [image, {"frame": frames} | errors]
