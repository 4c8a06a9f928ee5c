"""The task of forecasts on a grid of the sphere."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import flag, not_negative, string, whole_number
from keras_course.recipes._task import Data, Metric, Task, in_batches

COMPONENTS, REACHES = (5, 10, 20, 40, 80, 160), (0, 1, 2)  # of linear models; the validation set chooses


@dataclasses.dataclass(frozen=True)
class Forecast(Task):
    """Predict the weather one step ahead, and roll the model out; the metric is the error of the last step.

    The error is the root mean square over grid points, by area, variables and test forecasts, in standard deviations of
    a variable. Beside it stand the errors of persistence, which predicts that nothing changes, and of the linear model
    with the lowest error on the validation set: a `LinearForecast` of all grid points, or a `LocalForecast` (both in
    `keras_course.graphs`). It sees the states and forcings that the model sees. A tenth of many series, or the last
    fifth of the time before the test set, is for validation; all else that is fitted sees the rest.

    Args:
        data: name of a set of weather fields in `keras_course.datasets`.
        step: hours from a state to the next one.
        steps: steps of a forecast.
        num_states: states that a model sees.
        noise: standard deviation of the noise in the states of training windows, in units of the change in a step. The
            model learns to correct it, as it must correct its own errors in a rollout.
        time_of_day: whether the model is told the hour for which it predicts. Its fields are then deviations from the
            mean of the training set at that hour and grid point, instead of the mean of all.
    """

    data: str = "rossby_haurwitz"
    step: int = 6
    steps: int = 20
    num_states: int = 2
    noise: float = 0.0
    time_of_day: bool = False
    metric: ClassVar[Metric] = Metric("forecast error", "standard deviations")

    def __post_init__(self):
        string(data=self.data)
        whole_number(1, step=self.step, steps=self.steps, num_states=self.num_states)
        not_negative(noise=self.noise)
        flag(time_of_day=self.time_of_day)

    def load(self, part=0, start=None) -> "WeatherData":
        return WeatherData(self)

    def read(self, folder) -> dict:
        with np.load(folder / "normalization.npz", allow_pickle=False) as arrays:
            return {"normalization": Normalization(**arrays)}

    def on(self, data) -> Task:
        """Return the same task on another set of weather fields, by its name."""
        return dataclasses.replace(self, data=datasets.find(data, kinds=("weather",)))


@dataclasses.dataclass(frozen=True)
class Normalization:
    """Fields in standard deviations from their mean: calling it with fields and their hours returns them normalized.

    Args:
        mean: `(C,)`, or `(24, H, W, C)` where each hour of the day has its own.
        deviation: `(C,)`.
        change: `(C,)`, the standard deviation of the change in a step; nan before it is known.
    """

    mean: np.ndarray
    deviation: np.ndarray
    change: np.ndarray | float = np.nan

    @classmethod
    def of(cls, weather, by_hour) -> "Normalization":
        """Return the normalization by the mean and the standard deviation of fields."""
        fields = weather.fields
        deviation = fields.std(axis=(0, 1, 2, 3), dtype="float64")
        if not by_hour:
            return cls(fields.mean(axis=(0, 1, 2, 3), dtype="float64"), deviation)
        hours = weather.hours % 24
        return cls(np.stack([fields[:, hours == k].mean(axis=(0, 1), dtype="float64") for k in range(24)]), deviation)

    def _means(self, hours):
        return self.mean if self.mean.ndim == 1 else self.mean[hours % 24]

    def __call__(self, fields, hours) -> np.ndarray:
        return ((fields - self._means(hours)) / self.deviation).astype("float32")

    def undo(self, fields, hours) -> np.ndarray:
        """Return normalized fields in the units of their variables."""
        return fields * self.deviation + self._means(hours)

    def save(self, folder) -> None:
        """Write the arrays to normalization.npz."""
        np.savez(pathlib.Path(folder) / "normalization.npz", **dataclasses.asdict(self))


class WeatherData(Data):
    """Windows of states and the next ones, normalized by mean and standard deviation over the training set."""

    loss_unit = "mean square of the change in a step"

    def __init__(self, task):
        self.task, self._forecasts = task, None
        train, test = datasets.get_dataset(task.data).load()
        self.variables, self.region, self.grid_shape = train.variables, train.region, train.fields.shape[2:4]
        self.num_outputs = len(train.variables)
        fit, valid = _split(train)
        self.norm = Normalization.of(fit, task.time_of_day)
        fit, valid, test = (part._replace(fields=self.norm(part.fields, part.hours)) for part in (fit, valid, test))
        self.train, self.valid = self._windows(fit, 1), self._windows(valid, 1)
        self.valid_forecasts = self._windows(valid, min(task.steps, self._longest(valid)))
        self.test = self._windows(test, task.steps)
        changes = self.train["targets"][:, 0] - self.train["states"][:, -1]
        self.change_scale = changes.std(axis=(0, 1, 2), dtype="float64")
        self.assets = {"normalization": dataclasses.replace(self.norm, change=self.change_scale * self.norm.deviation)}
        self.size = f"{len(self.train['states']):,} training windows, {len(self.test['states'])} test forecasts"
        self.validation = in_batches((self._inputs(self.valid), self._changes(self.valid)), 32)

    def _stride(self, weather):
        return self.task.step // int(weather.hours[1] - weather.hours[0])

    def _longest(self, weather):
        return (len(weather.hours) - 1) // self._stride(weather) + 1 - self.task.num_states

    def _windows(self, weather, steps):
        """Return states (B, T, H, W, C), targets (B, steps, H, W, C) and forcings (B, steps, F), from every hour on."""
        stride = self._stride(weather)
        seen, length = self.task.num_states, self.task.num_states + steps
        starts = np.arange(len(weather.hours) - (length - 1) * stride)
        if not len(starts):
            raise ValueError(f"steps={steps} of {self.task.step} hours are too many for {self.task.data!r}")
        times = starts[:, None] + stride * np.arange(length)
        fields = weather.fields[:, times].reshape(-1, length, *weather.fields.shape[2:])
        hours = np.tile(weather.hours[times], (len(weather.fields), 1))
        angle = 2 * np.pi * hours[:, seen:] / 24
        forcings = np.stack([np.sin(angle), np.cos(angle)], axis=-1).astype("float32")
        return {"states": fields[:, :seen], "targets": fields[:, seen:], "forcings": forcings, "hours": hours}

    def _inputs(self, windows):
        """Return the inputs of a model that predicts the first target."""
        if not self.task.time_of_day:
            return windows["states"]
        return {"states": windows["states"], "forcings": windows["forcings"][:, 0]}

    def _changes(self, windows):
        """Return the changes to the first targets, in units of their standard deviation over the training set."""
        return ((windows["targets"][:, 0] - windows["states"][:, -1]) / self.change_scale).astype("float32")

    def arguments(self, build) -> dict:
        found = {"grid_shape": self.grid_shape, "num_channels": len(self.variables), "region": self.region}
        found["num_states"] = self.task.num_states
        return found | {"num_forcings": 2 * self.task.time_of_day}

    def objective(self, model) -> dict:
        from keras_course.graphs import LatitudeError

        return {"loss": LatitudeError(self.grid_shape, self.region)}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        batches = datasets.example_batches(self._inputs(self.train), self._changes(self.train), batch_size, **options)
        first = start_epoch * steps_per_epoch
        return (self._add_noise(*batches[k], np.random.default_rng((seed, 1, first + k))) for k in itertools.count())

    def _add_noise(self, x, changes, rng):
        """Return inputs with noise, and the changes from the noisy last states to the targets."""
        states = x["states"] if isinstance(x, dict) else x
        noise = self.task.noise * rng.normal(size=states.shape)
        states = (states + noise * self.change_scale).astype("float32")
        changes = (changes - noise[:, -1]).astype("float32")
        return {**x, "states": states} if isinstance(x, dict) else states, changes

    def _roll_out(self, model):
        """Return the forecasts of a model for the test set; they are kept, as a compiled loop takes a while."""
        from keras import ops

        from keras_course.graphs import roll_out

        if self._forecasts is None or self._forecasts[0] is not model:
            forcings = self.test["forcings"] if self.task.time_of_day else None
            path = roll_out(model, self.test["states"], self.task.steps, scale=self.change_scale, forcings=forcings)
            self._forecasts = model, ops.convert_to_numpy(path)
        return self._forecasts[1]

    def _linear(self, windows):
        """Return the forecasts of the linear model that is best on the validation set."""
        from keras_course.graphs import LinearForecast, LocalForecast

        timed = self.task.time_of_day
        first = self.train["forcings"][:, 0] if timed else None

        def forecast(model, windows):
            steps, forcings = windows["targets"].shape[1], windows["forcings"] if timed else None
            return model.roll_out(windows["states"], steps, forcings)

        def error(model):
            gaps = forecast(model, self.valid_forecasts) - self.valid_forecasts["targets"]
            return float(np.mean(gaps[:, -1] ** 2))

        models = [*map(LinearForecast, COMPONENTS), *map(LocalForecast, REACHES)]
        models = [model.fit(self.train["states"], self.train["targets"][:, 0], first) for model in models]
        return forecast(min(models, key=error), windows)

    def _persistence(self, windows):
        """Return forecasts whose fields, as they are before they are normalized, are equal to the last state."""
        seen, hours = self.task.num_states, windows["hours"]
        last = self.norm.undo(windows["states"][:, -1:], hours[:, seen - 1 : seen])
        return self.norm(np.broadcast_to(last, windows["targets"].shape), hours[:, seen:])

    def errors(self, model) -> dict[str, np.ndarray]:
        """Return the errors `(S, C)` of the test forecasts in standard deviations, of the model and of both others."""
        from keras_course.graphs import forecast_errors

        true = self.test["targets"]
        forecasts = {
            "": self._roll_out(model),
            "persistence": self._persistence(self.test),
            "linear model": self._linear(self.test),
        }
        return {name: forecast_errors(true, x, self.grid_shape, self.region) for name, x in forecasts.items()}

    def measure(self, model, row, seed) -> dict[str, float]:
        errors, found = self.errors(model), {}
        for name, values in errors.items():
            of = f" of {name}" * bool(name)
            found[f"forecast error{of}"] = float(np.sqrt((values[-1] ** 2).mean()))
            for step in sorted({1, self.task.steps}):
                for variable, value, unit in zip(self.variables, values[step - 1], self.norm.deviation, strict=True):
                    found[f"error of {variable}, +{step * self.task.step} h{of}"] = float(value * unit)
        return found

    def sample(self, model, seed) -> list:
        """Return an image of the last step of the first test forecast, and a table of errors at each step.

        The image has a row for each variable: the true field, the forecast, and the error.
        """
        from matplotlib import colormaps

        true, predicted = (x[0, -1] for x in (self.test["targets"], self._roll_out(model)))
        size = max(1, 240 // self.grid_shape[1])
        rows = []
        for c in range(len(self.variables)):
            largest = np.abs(true[..., c]).max()
            fields = [true[..., c], predicted[..., c], predicted[..., c] - true[..., c]]
            rows.append(np.concatenate([np.kron(x, np.ones((size, size))) / largest for x in fields], axis=1))
        image = colormaps["RdBu_r"](np.clip(np.concatenate(rows), -1, 1) / 2 + 0.5)[..., :3]
        errors = {name or "model": np.sqrt((x**2).mean(axis=1)).tolist() for name, x in self.errors(model).items()}
        hours = [self.task.step * (k + 1) for k in range(self.task.steps)]
        return [np.round(255 * image).astype("uint8"), {"hours": hours} | errors]


def _split(weather):
    """Return the part to fit and the part to validate: the last tenth of the series, or the last fifth of the time."""
    count, length = weather.fields.shape[:2]
    if count > 1:
        first = count - max(1, count // 10)
        return tuple(weather._replace(fields=weather.fields[part]) for part in (slice(first), slice(first, None)))
    parts = slice(length * 4 // 5), slice(length * 4 // 5, None)
    return tuple(weather._replace(fields=weather.fields[:, part], hours=weather.hours[part]) for part in parts)
