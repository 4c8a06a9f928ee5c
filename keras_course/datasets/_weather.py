"""Fields on a grid of the sphere, hour after hour: an exact solution of the weather's simplest equation, and ERA5.

Notation: N series of T states; a state has C variables at H x W grid points, rows from north to south. Longitude
lambda, latitude phi; a radius and Omega angular velocity of the Earth.
"""

import io
import math
import os
from typing import NamedTuple

import numpy as np

from keras_course.checks import numpy_seed, validate, whole, wholes
from keras_course.datasets._dataset import Dataset, File, Source
from keras_course.datasets._fetch import fetch

RADIUS, ROTATION = 6.371e6, 7.292e-5  # of the Earth: meters, radians per second
STEP = 6  # hours from a state to the next one
TRAINING_HOURS = 25 * 24  # of ERA5


class Weather(NamedTuple):
    """Series of states of the atmosphere.

    Args:
        fields: (N, T, H, W, C) float32.
        hours: (T,) int64, the time of each state, in hours since 1970 if it has a date.
        variables: names of the C variables, with their units.
        region: (north, west, south, east), the borders of the grid in degrees; None is the globe, with rows at both
            poles and the first column at longitude 0.
    """

    fields: np.ndarray
    hours: np.ndarray
    variables: tuple[str, ...]
    region: tuple[float, float, float, float] | None


@validate(
    num_train=whole(1, 100_000),
    num_test=whole(1, 10_000),
    num_steps=whole(2, 1_000),
    grid_shape=wholes(3, 2),
    seed=numpy_seed,
)
def rossby_haurwitz(
    num_train: int = 500,
    *,
    num_test: int = 50,
    num_steps: int = 21,
    grid_shape: tuple[int, int] = (13, 24),
    seed: int = 0,
) -> tuple[Weather, Weather]:
    """Return Rossby-Haurwitz waves, exact solutions of the barotropic vorticity equation on the rotating sphere.

    The equation says that air keeps its absolute vorticity zeta + 2 Omega sin phi. With the stream function psi of the
    wind, zeta = Laplace psi, a solution is a zonal flow and a wave of one degree n:

        psi = -a^2 omega sin phi + sum_m P_n^m(sin phi) (A_m cos m(lambda - nu t) + B_m sin m(lambda - nu t))
        nu = omega - 2 (Omega + omega) / (n (n + 1)) = (R (3 + R) omega - 2 Omega) / ((1 + R) (2 + R)),  R = n - 1

    The wave keeps its shape and turns with the angular velocity nu. Each series has another flow omega, degree n of 3
    to 5, and amplitudes A_m, B_m. How fast a wave moves depends on the flow, so no linear model can be right for all.

    Args:
        num_train: number of series to train on, of 4 states each.
        num_test: number of series to test on.
        num_steps: steps of 6 hours of a test series, which has one state more.
        grid_shape: (H, W).
        seed: of the random numbers.

    Returns:
        (train, test). The variables are vorticity and the eastward and northward wind.

    Raises:
        ValueError: an argument is out of its range.

    References:
        The motion of atmospheric disturbances on the spherical earth, Haurwitz, 1940, Journal of Marine Research 3.
        A standard test set for numerical approximations to the shallow water equations in spherical geometry,
        Williamson et al., 1992, https://doi.org/10.1016/S0021-9991(05)80016-6

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.rossby_haurwitz(10, num_test=2)
        >>> train.fields.shape, test.fields.shape
        ((10, 4, 13, 24, 3), (2, 22, 13, 24, 3))
    """
    rng = np.random.default_rng(seed)
    names = "vorticity in 1/s", "eastward wind in m/s", "northward wind in m/s"
    return tuple(
        Weather(_waves(rng, count, STEP * np.arange(states), grid_shape), STEP * np.arange(states), names, None)
        for count, states in ((num_train, 4), (num_test, num_steps + 1))
    )


def _waves(rng, num_waves, hours, grid_shape):
    """Return random waves (N, T, H, W, 3)."""
    fields = np.empty((num_waves, len(hours), *grid_shape, 3), "float32")
    for k in range(num_waves):
        degree, flow = int(rng.integers(3, 6)), rng.uniform(0.0, 1.6e-5)  # at 8e-6 the flow is 50 m/s at the equator
        amplitudes = rng.normal(size=(degree + 1, 2))
        amplitudes *= rng.uniform(10, 30) / math.sqrt((amplitudes**2).sum())  # about the wind in m/s
        fields[k] = wave(degree, flow, amplitudes, hours, grid_shape)
    return fields


def angular_velocity(degree, flow) -> float:
    """Return nu in radians per second, the angular velocity of a wave of degree n in the zonal flow omega."""
    return flow - 2 * (ROTATION + flow) / (degree * (degree + 1))


def wave(degree, flow, amplitudes, hours, grid_shape) -> np.ndarray:
    """Return vorticity and wind of a Rossby-Haurwitz wave `(T, H, W, 3)`.

    Args:
        degree: n.
        flow: omega, in radians per second.
        amplitudes: `(n + 1, 2)`, A_m and B_m of normalized Legendre functions, in m/s: divided by sqrt(n (n + 1)) / a.
        hours: `(T,)` times.
        grid_shape: (H, W).
    """
    phi = np.radians(np.linspace(90, -90, grid_shape[0]))[:, None]
    turned = 2 * np.pi * np.arange(grid_shape[1]) / grid_shape[1]
    turned = turned - angular_velocity(degree, flow) * 3600.0 * np.asarray(hours)[:, None, None]  # (T, 1, W)
    vorticity = 2 * flow * np.sin(phi) + 0 * turned
    east, north = RADIUS * flow * np.cos(phi) + 0 * turned, 0 * phi + 0 * turned
    unit = RADIUS / math.sqrt(degree * (degree + 1))
    for m, (a, b) in enumerate(amplitudes * unit):
        value, slope, ratio = _legendre(degree, m, phi)
        shape = a * np.cos(m * turned) + b * np.sin(m * turned)
        vorticity -= degree * (degree + 1) / RADIUS**2 * value * shape
        east -= slope * shape / RADIUS
        north += ratio * (b * np.cos(m * turned) - a * np.sin(m * turned)) / RADIUS
    return np.stack([vorticity, east, north], axis=-1)


def _legendre(degree, m, phi):
    """Return the normalized P = P_n^m(sin phi), its derivative dP / dphi, and m P / cos phi, finite at the poles.

    With the m-th derivative Q of the Legendre polynomial, P = cos^m phi Q(sin phi). The mean of (P cos m lambda)^2 over
    the sphere is 1.
    """
    polynomial = np.polynomial.legendre.Legendre.basis(degree).deriv(m)
    sine, cosine = np.sin(phi), np.cos(phi)
    norm = (2 - (m == 0)) * (2 * degree + 1) * math.factorial(degree - m) / math.factorial(degree + m)
    value, power = polynomial(sine), cosine ** max(m - 1, 0)
    lower = m * power * value
    slope = cosine ** (m + 1) * polynomial.deriv()(sine) - lower * sine
    return tuple(math.sqrt(norm) * x for x in (cosine**m * value, slope, lower))


def era5_uk(data_dir: str | os.PathLike | None = None) -> tuple[Weather, Weather]:
    """Return the hourly temperature over the British Isles in March 2019, from the reanalysis ERA5.

    A reanalysis is the best estimate of past weather from observations and a forecast model. The variable is the
    temperature 2 m above the ground, in kelvin, on a grid of 0.25 degrees, 58 to 50 N and 10 W to 2 E.

    Args:
        data_dir: a folder with `era5_uk/t2m_2019_03.npz`; by default the one that the environment variable
            KERAS_COURSE_DATA names. No address has this file.

    Returns:
        (train, test): one series each, of the first 25 days and of the last 6.

    Raises:
        FileNotFoundError: the file is nowhere.
        ValueError: the file is another one.

    References:
        The ERA5 global reanalysis, Hersbach et al., 2020, https://doi.org/10.1002/qj.3803
    """
    return fetch(_ERA5, data_dir)


def _parse(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        fields, hours = arrays["t2m"][None, ..., None], arrays["time"]
        north, south = arrays["latitude"][[0, -1]].tolist()
        west, east = arrays["longitude"][[0, -1]].tolist()
    parts = slice(None, TRAINING_HOURS), slice(TRAINING_HOURS, None)
    names = ("temperature in K",)
    return tuple(Weather(fields[:, part], hours[part], names, (north, west, south, east)) for part in parts)


_ERA5 = Dataset(
    name="era5_uk",
    kind="weather",
    size="744 hourly fields of the temperature, 33 x 49 grid points",
    license="Copernicus",
    origin="ERA5, Hersbach et al. 2020, by pydata/xarray-data",
    load=era5_uk,
    offline="rossby_haurwitz",
    sources=(
        Source(
            files=(
                File(
                    path="era5_uk/t2m_2019_03.npz",
                    num_bytes=2_669_523,
                    sha256="bd74173205341e430a776d00fc05c572c02fee755f16cef692219705149e1fd9",
                ),
            ),
            parse=_parse,
        ),
    ),
)

WEATHER = (
    _ERA5,
    Dataset(
        name="rossby_haurwitz",
        kind="weather",
        size="500 series of 4 states and 50 of 22, on a grid of 13 x 24 points",
        license="MIT",
        origin="computed here",
        load=rossby_haurwitz,
        offline="rossby_haurwitz",
    ),
)
