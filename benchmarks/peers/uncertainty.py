"""Our spline flow beside zuko, and our ensemble beside its members one after the other: the same work, timed in turn.

    python -m benchmarks.peers.uncertainty [WORK ...] [--rounds 5] [--compile] [--record]

A flow of 5 autoregressive splines of 8 bins, and an ensemble of 5 networks that predict a Gaussian; each network has
two hidden layers of 64, the data 8 features. The works:

- spline_training: a step of Adam on batches of 256 examples, `steps` times.
- spline_sampling: 1,000 samples, which take 8 passes through each network, `steps` times.
- ensemble_training: as many steps of Adam for each member; ours in one program, its peer `fit` of five networks.

zuko runs eagerly, and with --compile its networks and splines go through `torch.compile`, too.
"""

from typing import NamedTuple

import numpy as np

from benchmarks import common
from benchmarks.peers import command
from keras_course import backend


class Work(NamedTuple):
    """What one call does."""

    title: str
    rows: int
    steps: int
    num_features: int = 8
    num_layers: int = 5
    num_bins: int = 8
    num_members: int = 5
    hidden_dims: tuple[int, ...] = (64, 64)


WORKS = {
    "spline_training": Work("spline_training", rows=256, steps=20),
    "spline_sampling": Work("spline_sampling", rows=1_000, steps=5),
    "ensemble_training": Work("ensemble_training", rows=256, steps=20),
}


def data_of(work):
    return np.random.default_rng(0).normal(size=(work.steps * work.rows, work.num_features)).astype("float32")


def zuko_flow(work):
    """Return the flow of zuko."""
    import torch
    import zuko

    torch.manual_seed(0)
    sizes = {"bins": work.num_bins, "hidden_features": work.hidden_dims}
    return zuko.flows.NSF(work.num_features, transforms=work.num_layers, **sizes)


def zuko_call(work, compiled=False):
    """Return the call that does `work` with zuko."""
    import torch

    device = common.torch_device()
    flow = zuko_flow(work).to(device)
    x = torch.from_numpy(data_of(work)).to(device)
    wrap = torch.compile if compiled else lambda function: function
    if work.title == "spline_sampling":
        inverse = wrap(lambda z: flow().transform.inv(z))

        def sample():
            with torch.no_grad():
                for _ in range(work.steps):
                    samples = inverse(torch.randn(work.rows, work.num_features, device=device))
            return float(samples.std())

        return sample
    loss_of, optimizer = wrap(lambda x: -flow().log_prob(x).mean()), torch.optim.Adam(flow.parameters(), 1e-3)

    def train():
        for batch in x.split(work.rows):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(batch)
            loss.backward()
            optimizer.step()
        return loss.item()

    return train


def our_call(work, name):
    """Return the call that does `work` with our builder: `fit`, or `sample`."""
    common.select(name)
    import keras

    from keras_course.uncertainty import neural_spline_flow

    sizes = {"num_layers": work.num_layers, "num_bins": work.num_bins, "hidden_dims": work.hidden_dims}
    model = neural_spline_flow(work.num_features, conditioner="autoregressive", **sizes)
    if work.title == "spline_sampling":

        def sample():
            for seed in range(work.steps):
                samples = model.sample(work.rows, seed=seed)
            return float(keras.ops.convert_to_numpy(samples).std())

        return sample
    x = data_of(work)
    return _fit(model, None, x, x[:, 0], work.rows, name)


def ensemble_call(work, name):
    """Return the call that trains an ensemble in one program; its loss is the sum over the members."""
    common.select(name)
    from keras_course.uncertainty import deep_ensemble

    model = deep_ensemble((work.num_features,), 1, num_members=work.num_members, hidden_dims=work.hidden_dims)
    x = data_of(work)
    return _fit(model, model.head, x, x[:, :1], work.rows, name)


def members_call(work, name):
    """Return the call that trains networks like the members, one after the other; its result is the sum of losses."""
    common.select(name)
    from keras_course.uncertainty import gaussian_network

    x, options = data_of(work), {"hidden_dims": work.hidden_dims}
    models = [gaussian_network((work.num_features,), 1, **options, seed=seed) for seed in range(work.num_members)]
    calls = [_fit(model, model.head, x, x[:, :1], work.rows, name) for model in models]
    return lambda: sum(call() for call in calls)


def _fit(model, loss, x, y, rows, name):
    """Return the call that trains a model on all batches, as a recipe does, and returns the mean loss."""
    import keras

    from keras_course.ops import jit_training

    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile="auto" if name == "jax" else False)
    jit_training(model)
    fit = common.fit_examples(model, x, y, rows)

    def train():
        common.synchronize(fit())
        return float(model._loss_tracker.result())

    return train


def comparison(work, with_compile=False):
    """Return `({peer: maker}, {backend: maker})` for `turns.compare`."""
    if work.title == "ensemble_training":
        peers = {f"{each}, members in sequence": (members_call, work, each) for each in backend.available()}
        return peers, {each: (ensemble_call, work, each) for each in backend.available()}
    peers = {"torch, zuko": (zuko_call, work)}
    if with_compile:
        peers["torch, zuko, torch.compile"] = (zuko_call, work, True)
    return peers, {each: (our_call, work, each) for each in backend.available()}


def amount(work):
    """Return how much one call does, and its unit."""
    return work.steps * work.rows, "examples"


def main(arguments=None):
    command.run("uncertainty", __doc__, WORKS, comparison, amount, ("torch", "zuko"), arguments)


if __name__ == "__main__":
    main()
