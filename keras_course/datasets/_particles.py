"""Particles in a box, which fall, bounce and push each other like springs.

Notation: N trajectories of T frames of P particles; positions x (N, T, P, 2) in a box of side 1. The mass of a particle
is 1.
"""

from typing import NamedTuple

import numpy as np

from keras_course.checks import not_negative, numpy_seed, positive, validate, whole
from keras_course.datasets._dataset import Dataset

DIAMETER = 0.15  # of a particle: nearer ones push each other, and the walls push within half of it
FRAME = 0.025  # time from a frame to the next one; a fall from the top takes 57 frames
SUBSTEPS = 25  # of the simulator in a frame


class Particles(NamedTuple):
    """Trajectories of particles.

    Args:
        positions: (N, T, P, 2) float32; the second coordinate is the height.
        energies: (N, T) float64, the total energy.
    """

    positions: np.ndarray
    energies: np.ndarray


@validate(
    num_train=whole(1, 100_000),
    num_test=whole(1, 10_000),
    num_particles=whole(1, 30),
    num_frames=whole(2, 10_000),
    gravity=not_negative,
    stiffness=positive,
    damping=not_negative,
    seed=numpy_seed,
)
def spring_particles(
    num_train: int = 100,
    *,
    num_test: int = 20,
    num_particles: int = 10,
    num_frames: int = 100,
    gravity: float = 1.0,
    stiffness: float = 500.0,
    damping: float = 0.5,
    seed: int = 0,
) -> tuple[Particles, Particles]:
    """Return trajectories of particles under gravity, with a spring between any two that touch, and at the walls.

    Two particles at a distance r less than the diameter d push each other with the force k (d - r), a wall pushes with
    k (d / 2 - r), and damping takes energy away:

        dv/dt = -g + sum_j k max(0, d - |x - x_j|) (x - x_j) / |x - x_j| + walls - c v

    The simulator makes 25 steps of the leapfrog method from a frame to the next one. The method is symplectic: without
    damping the energy stays within 0.1 % of its value.

    Args:
        num_train: number of trajectories to train on.
        num_test: number of trajectories to test on.
        num_particles: P.
        num_frames: T, at intervals of 0.025.
        gravity: g.
        stiffness: k.
        damping: c.
        seed: of the initial positions and velocities.

    Returns:
        (train, test).

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.spring_particles(4, num_test=2, num_frames=10)
        >>> train.positions.shape
        (4, 10, 10, 2)
    """
    rng = np.random.default_rng(seed)
    start = np.stack([_scattered(rng, num_particles) for _ in range(num_train + num_test)])
    speed = rng.normal(scale=0.5, size=start.shape)
    found = _simulate(start, speed, num_frames, gravity, stiffness, damping)
    return Particles(*(x[:num_train] for x in found)), Particles(*(x[num_train:] for x in found))


def _scattered(rng, num_particles):
    """Return positions in the box that do not touch: random places of a grid of 6 x 6, each moved a little."""
    places = rng.permutation(36)[:num_particles]
    return 0.08 + (np.stack([places % 6, places // 6], axis=1) + rng.random((num_particles, 2)) * 0.1) * 0.16


def _simulate(x, v, num_frames, gravity, stiffness, damping):
    """Return positions (N, T, P, 2) and energies (N, T)."""
    step = FRAME / SUBSTEPS
    positions, energies = [], []
    for _ in range(num_frames):
        force, potential = _forces(x, gravity, stiffness)
        positions.append(x.astype("float32"))
        energies.append(potential + (v**2).sum(axis=(1, 2)) / 2)
        for _ in range(SUBSTEPS):
            v = v * np.exp(-damping * step / 2) + force * step / 2
            x = x + v * step
            force, _ = _forces(x, gravity, stiffness)
            v = (v + force * step / 2) * np.exp(-damping * step / 2)
    return np.stack(positions, axis=1), np.stack(energies, axis=1)


def _forces(x, gravity, stiffness):
    """Return the forces without damping (N, P, 2), and the potential energy (N,)."""
    apart = x[:, :, None] - x[:, None]  # (N, P, P, 2)
    distance = np.sqrt((apart**2).sum(axis=-1)) + 1e-12
    overlap = np.maximum(DIAMETER - distance, 0) * (1 - np.eye(x.shape[1]))
    force = stiffness * ((overlap / distance)[..., None] * apart).sum(axis=2)
    low, high = (np.maximum(DIAMETER / 2 - side, 0) for side in (x, 1 - x))
    force += stiffness * (low - high)
    force[..., 1] -= gravity
    springs = (overlap**2).sum(axis=(1, 2)) / 2 + (low**2 + high**2).sum(axis=(1, 2))
    return force, stiffness * springs / 2 + gravity * x[..., 1].sum(axis=1)


PARTICLES = (
    Dataset(
        name="spring_particles",
        kind="particles",
        size="100 + 20 trajectories of 10 particles, 100 frames",
        license="MIT",
        origin="simulated here",
        load=spring_particles,
        offline="spring_particles",
    ),
)
