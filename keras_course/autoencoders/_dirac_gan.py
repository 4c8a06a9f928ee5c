"""The Dirac-GAN: the smallest adversarial game, whose training can be solved with pen and paper.

The data are one point, x = 0. The generator has one parameter theta, and its sample is x = theta. The discriminator is
linear, f(x) = psi x. At the equilibrium theta = psi = 0 the sample is the datum, and the discriminator is flat. All
functions here are plain NumPy.

Notation: h the function of f(theta) in the discriminator's loss: h(t) = softplus(t) with h'(0) = 1/2 for the two
logistic losses, and h(t) = t with h'(0) = 1 for the Wasserstein loss.
"""

import numpy as np

from keras_course.autoencoders._gan_losses import LOSSES
from keras_course.checks import as_floats, as_row, choice, finite, not_negative, positive, validate, whole

GAME = {"loss": choice(*LOSSES), "r1": not_negative}


@validate(**GAME)
def dirac_gan_field(theta, psi, *, loss="minimax", r1=0.0) -> np.ndarray:
    """Return the direction in which gradient descent on both losses moves (theta, psi): (..., 2).

        d theta/dt = psi h'(psi theta)          for the minimax and the Wasserstein loss
        d theta/dt = psi h'(-psi theta)         for the non-saturating loss
        d psi/dt   = -theta h'(psi theta) - r1 psi

    Args:
        theta: parameter of the generator, (...).
        psi: parameter of the discriminator, of the same shape.
        loss: "minimax", "non_saturating" or "wasserstein"; the last has no gradient penalty here.
        r1: factor of the R1 penalty r1/2 psi^2, as psi is the slope of f.

    Raises:
        ValueError: the shapes differ, a number is not finite, `r1` is negative, or the loss is unknown.

    References:
        Which Training Methods for GANs do actually Converge?, Mescheder, Geiger and Nowozin, 2018,
        https://arxiv.org/abs/1801.04406

    Example:
        >>> from keras_course.autoencoders import dirac_gan_field
        >>> dirac_gan_field(1.0, 0.0).tolist()  # the discriminator turns against the sample
        [0.0, -0.5]
    """
    theta, psi = as_floats("theta", theta), as_floats("psi", psi)
    finite(theta=theta, psi=psi)
    if theta.shape != psi.shape:
        raise ValueError(f"psi has shape {psi.shape}, and theta {theta.shape}; they must be the same")
    of_sample = psi * theta
    toward = -of_sample if loss == "non_saturating" else of_sample
    moves = psi * _slope(toward, loss), -theta * _slope(of_sample, loss) - r1 * psi
    return np.stack(moves, axis=-1)


def _slope(t, loss):
    """Return h'(t)."""
    return np.ones_like(t) if loss == "wasserstein" else 0.5 * (1 + np.tanh(t / 2))  # a sigmoid that cannot overflow


@validate(**GAME)
def dirac_gan_eigenvalues(*, loss="minimax", r1=0.0) -> np.ndarray:
    """Return the eigenvalues of the Jacobian of the field at the equilibrium, complex (2,).

        J = [[0, h'(0)], [-h'(0), -r1]],  eigenvalues -r1/2 +- sqrt(r1^2/4 - h'(0)^2)

    Without a penalty they are +-i h'(0), purely imaginary: training turns around the equilibrium. With R1 their real
    parts are negative, and training converges. r1 = 2 h'(0) converges fastest.

    Args:
        loss: "minimax", "non_saturating" or "wasserstein".
        r1: factor of the R1 penalty.

    Raises:
        ValueError: `r1` is negative, or the loss is unknown.

    References:
        Which Training Methods for GANs do actually Converge?, Mescheder, Geiger and Nowozin, 2018,
        https://arxiv.org/abs/1801.04406

    Example:
        >>> from keras_course.autoencoders import dirac_gan_eigenvalues
        >>> dirac_gan_eigenvalues().imag.tolist(), dirac_gan_eigenvalues(r1=1.0).real.tolist()
        ([0.5, -0.5], [-0.5, -0.5])
    """
    slope = _slope(np.zeros(()), loss)
    root = np.sqrt(complex(r1**2 / 4 - slope**2))
    return np.array([-r1 / 2 + root, -r1 / 2 - root])


def _point(**argument):
    ((name, value),) = argument.items()
    if len(as_row(name, value)) != 2:
        raise ValueError(f"{name}={value!r} must be two numbers, theta and psi")


@validate(start=_point, rate=positive, num_steps=whole(1), updates=choice("simultaneous", "alternating"), **GAME)
def dirac_gan_path(
    start=(1.0, 1.0), *, rate=0.2, num_steps=100, updates="simultaneous", loss="minimax", r1=0.0
) -> np.ndarray:
    """Return the path of gradient descent on both losses, (num_steps + 1, 2): theta and psi after each step.

    Near the equilibrium, without a penalty and with c = rate h'(0), a step multiplies (theta, psi) by a matrix:

        simultaneous   [[1, c], [-c, 1]],        determinant 1 + c^2: the distance grows by sqrt(1 + c^2) each step
        alternating    [[1, c], [-c, 1 - c^2]],  determinant 1: the distance neither grows nor shrinks for long

    Args:
        start: theta and psi at the start.
        rate: learning rate.
        num_steps: number of steps; both parameters change in each.
        updates: "simultaneous", or "alternating" for a discriminator that sees the new generator.
        loss: "minimax", "non_saturating" or "wasserstein".
        r1: factor of the R1 penalty.

    Raises:
        ValueError: `start` is not two finite numbers, or another argument is out of its range.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import dirac_gan_path
        >>> [float(np.linalg.norm(dirac_gan_path(r1=r1)[-1]).round(1)) for r1 in (0.0, 1.0)]
        [2.1, 0.0]
    """
    options = {"loss": loss, "r1": r1}
    path = [as_row("start", start)]
    for _ in range(num_steps):
        theta, psi = path[-1]
        new_theta = theta + rate * dirac_gan_field(theta, psi, **options)[0]
        seen = theta if updates == "simultaneous" else new_theta
        path.append(np.array([new_theta, psi + rate * dirac_gan_field(seen, psi, **options)[1]]))
    return np.stack(path)
