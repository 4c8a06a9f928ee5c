"""Morning traffic on three roads, and how long a trip takes that starts now, in a quarter or in half an hour.

Notation: D days, R roads of S segments, M requests. A supersegment is a row of N = 10 consecutive segments of a road; a
request asks for its travel time at H = 3 horizons, the minutes until the trip starts.
"""

from typing import NamedTuple

import numpy as np

from keras_course.checks import numpy_seed, validate, whole
from keras_course.datasets._dataset import Dataset

HORIZONS = (0, 15, 30)  # minutes from the request to the start of the trip
PAST = (0, 5, 10, 15)  # minutes before the request whose speeds are known
ROADS, SEGMENTS, ROW = 3, 20, 10  # a road has two supersegments, one after the other
STEP, MINUTES = 10, 330  # seconds of a step of the simulator; minutes that it simulates, from half past five on
REQUESTS = np.arange(60, 241, 15)  # minutes after half past five
CAPACITY, JAM = 0.5, 0.14  # vehicles a second, and vehicles a meter in a queue that stands; both for each lane


class Traffic(NamedTuple):
    """Requests for travel times.

    Args:
        minutes: (M,) int32, the time of the request in minutes after midnight.
        segments: (M, N, 3) float32, length in m, speed limit in m/s and number of lanes of each segment.
        speeds: (M, N, 4) float32, mean speeds in m/s in the last minute, and in those 5, 10 and 15 minutes before.
        usual: (M, N, H) float32, mean seconds in a segment, over the training days, of a trip that starts at that time.
            For a training day it is the mean over the other ones, so that no input contains its own target.
        times: (M, N, H) float32, seconds that the trip takes in each segment: what is to be predicted.
    """

    minutes: np.ndarray
    segments: np.ndarray
    speeds: np.ndarray
    usual: np.ndarray
    times: np.ndarray


@validate(num_train=whole(2, 1_000), num_test=whole(1, 1_000), seed=numpy_seed)
def road_traffic(num_train: int = 60, *, num_test: int = 20, seed: int = 0) -> tuple[Traffic, Traffic]:
    """Return requests for travel times on simulated days with rush hours, ramps, bottlenecks and accidents.

    The simulator is the cell transmission model: in a segment of n lanes with the density k (vehicles/m), free speed v
    and the length L, the flow to the next segment is the minimum of what the segment can send and what the next one
    can receive,

        q = min(v k, 0.5 n, 0.5 n', w' (0.14 n' - k')),   L dk/dt = flow in - flow out

    A queue grows against the traffic, with the speed w of about 4 m/s. Vehicles enter and leave at ramps, too. Each day
    has more or less demand than usual, and accidents, which close some lanes of a segment for up to 45 minutes. The
    true travel time is the time of a vehicle that moves with the speed q / k of the segment where it is.

    Args:
        num_train: number of days to train on, at least 2, with 78 requests each: 13 times for 6 supersegments.
        num_test: number of days to test on.
        seed: of the roads and the days.

    Returns:
        (train, test).

    Raises:
        ValueError: an argument is out of its range.

    References:
        The cell transmission model: A dynamic representation of highway traffic, Daganzo, 1994,
        https://doi.org/10.1016/0191-2615(94)90002-7

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.road_traffic(2, num_test=1)
        >>> train.times.shape
        (156, 10, 3)
    """
    rng = np.random.default_rng(seed)
    roads = _roads(rng)
    speeds = _simulate(roads, *_days(rng, num_train + num_test))  # (MINUTES, D, R, S)
    times = _trips(speeds, roads["length"])  # (D, R, 2, MINUTES, N)
    total = times[:num_train].sum(axis=0, keepdims=True)
    usual = total.repeat(num_train + num_test, axis=0) / num_train
    usual[:num_train] = (total - times[:num_train]) / (num_train - 1)
    days = speeds.transpose(1, 2, 3, 0).reshape(-1, ROADS, 2, ROW, MINUTES)
    found = [[], [], [], [], []]
    for minute in REQUESTS:
        starts, before = minute + np.array(HORIZONS), minute - 1 - np.array(PAST)
        one = np.stack([roads[name] for name in ("length", "limit", "lanes")], axis=-1).reshape(1, ROADS, 2, ROW, 3)
        columns = (
            np.full((*days.shape[:3], 1), minute + 330),
            one.repeat(len(days), axis=0),
            days[..., before],
            *(x[..., starts, :].swapaxes(-1, -2) for x in (usual, times)),
        )
        for column, part in zip(found, columns, strict=True):
            column.append(part)
    found = [np.stack(column, axis=1) for column in found]  # (D, times, R, 2, ...)
    parts = []
    for days in (slice(num_train), slice(num_train, None)):
        columns = [x[days].reshape(-1, *x.shape[4:]).astype("float32") for x in found]
        parts.append(Traffic(columns[0][:, 0].astype("int32"), *columns[1:]))
    return tuple(parts)


def _roads(rng):
    """Return what does not change from day to day: arrays (R, S) by name."""
    shape = ROADS, SEGMENTS
    lanes = np.full(shape, 3.0)
    on, off = np.zeros(shape), np.zeros(shape)
    for road in range(ROADS):
        narrow, *ramps = rng.permutation(np.arange(3, SEGMENTS - 1))[:7]
        lanes[road, narrow] = 2.0
        on[road, ramps[:3]] = rng.uniform(0.08, 0.16, 3)  # fraction of the capacity of three lanes
        off[road, ramps[3:]] = rng.uniform(0.08, 0.16, 3)  # fraction of the vehicles
    length, limit = rng.uniform(350, 900, shape), rng.choice([19.4, 22.2, 25.0], shape)
    return {"length": length, "limit": limit, "lanes": lanes, "on": on, "off": off}


def _days(rng, count):
    """Return the demand (MINUTES, D, R), and the fraction of the lanes that are open (MINUTES, D, R, S)."""
    clock = np.arange(MINUTES)[:, None, None]
    peak, width = rng.normal(150, 12, (1, count, ROADS)), rng.uniform(45, 65, (1, count, ROADS))
    size = rng.uniform(0.7, 1.1, (1, count, 1)) * rng.uniform(0.9, 1.1, (1, count, ROADS))
    demand = size * (0.35 + 0.5 * np.exp(-(((clock - peak) / width) ** 2)))
    open_lanes = np.ones((MINUTES, count, ROADS, SEGMENTS))
    for day, road in np.ndindex(count, ROADS):
        for _ in range(rng.poisson(0.7)):
            first = rng.integers(30, 270)
            last, segment = first + rng.integers(10, 46), rng.integers(2, SEGMENTS)
            open_lanes[first:last, day, road, segment] = rng.uniform(0.3, 0.6)
    return demand, open_lanes


def _simulate(roads, demand, open_lanes):
    """Return the mean speed in each minute (MINUTES, D, R, S)."""
    length, limit, lanes, on, off = (roads[name][None] for name in ("length", "limit", "lanes", "on", "off"))
    wave = CAPACITY / (JAM - CAPACITY / limit)  # speed of a queue that grows
    density = np.zeros(open_lanes.shape[1:])
    waiting = np.zeros_like(density)  # vehicles before each ramp; the first segment of a road has the main one
    on = on + (np.arange(SEGMENTS) == 0)
    speeds = []
    for minute in range(MINUTES):
        most = CAPACITY * lanes * open_lanes[minute]
        arriving = 3 * CAPACITY * on * demand[minute][..., None]
        speed = 0
        for _ in range(60 // STEP):
            send = np.minimum(limit * density, most)
            room = np.minimum(most, wave * (JAM * lanes - density))
            ramp = np.minimum(waiting / STEP + arriving, np.where(np.arange(SEGMENTS) == 0, 1.0, 0.4) * room)
            stay = 1 - off[..., :-1]
            passed = np.minimum(stay * send[..., :-1], room[..., 1:] - ramp[..., 1:])
            leave = np.concatenate([passed / stay, send[..., -1:]], axis=-1)
            speed = speed + np.where(density > 1e-6, leave / np.maximum(density, 1e-6), limit) * STEP / 60
            enter = ramp.copy()
            enter[..., 1:] += passed
            density = density + STEP / length * (enter - leave)
            waiting = np.maximum(waiting + STEP * (arriving - ramp), 0)
        speeds.append(np.clip(speed, 0.5, limit))
    return np.array(speeds)


def _trips(speeds, length):
    """Return the seconds in each segment of each supersegment, (D, R, 2, MINUTES, N), for a start in each minute."""
    clock = 60.0 * np.arange(MINUTES + 1)
    way = np.cumsum(60 * speeds, axis=0)  # of a vehicle that never leaves the segment
    way = np.concatenate([np.zeros_like(way[:1]), way]).transpose(1, 2, 3, 0)
    times = np.empty((*way.shape[:2], 2, MINUTES, ROW))
    for day, road, part in np.ndindex(times.shape[:3]):
        now = clock[:-1]
        for k in range(ROW):
            x, end = way[day, road, part * ROW + k], length[road, part * ROW + k]
            after = np.interp(np.interp(now, clock, x) + end, x, clock)
            times[day, road, part, :, k], now = after - now, after
    return times


TRAFFIC = (
    Dataset(
        name="road_traffic",
        kind="traffic",
        size="60 + 20 days on 3 roads, 78 requests each",
        license="MIT",
        origin="simulated here",
        load=road_traffic,
        offline="road_traffic",
    ),
)
