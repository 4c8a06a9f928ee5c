"""Our tape beside the PyPI package `autograd`: the same gradient, timed in turn; and what a gradient costs.

    python -m benchmarks.peers.autodiff [--rounds 15] [--record]

The network has 784 inputs, two layers of 100 rectifiers and 10 outputs (89,610 weights); a batch has B = 128 rows; the
loss is the cross-entropy. Both libraries run the same numpy program in float64 and give the same gradient.

The second table is of a scalar function of n numbers: the time of value and gradient in units of the function's own,
which in reverse mode does not grow with n. Every n gets the same two million products, so that it is arithmetic that
is timed: for a function of a few numbers Python's calls, which the tape has more of, would be all there is to see.
"""

import argparse
import importlib
import importlib.util
import itertools
import statistics
import sys
import time

import numpy as np

from benchmarks.peers import turns
from keras_course import records

WIDTHS, BATCH, GRADIENTS = (784, 100, 100, 10), 128, 100
INPUTS = (1, 100, 10_000)


# The work ----------------------------------------------------------------------------------------------------------


def weights_and_batch(seed=0):
    """Return the weights, a list of (kernel, bias), and a batch with one-hot labels."""
    rng = np.random.default_rng(seed)
    shapes = itertools.pairwise(WIDTHS)
    weights = [(rng.normal(size=(n, m)) * (2 / n) ** 0.5, np.zeros(m)) for n, m in shapes]
    return weights, rng.normal(size=(BATCH, WIDTHS[0])), np.eye(WIDTHS[-1])[rng.integers(WIDTHS[-1], size=BATCH)]


def mlp_loss(library):
    """Return the mean cross-entropy of the network, a function of its weights, written with numpy or a stand-in."""

    def loss(weights, x, y):
        *hidden, (kernel, bias) = weights
        for k, b in hidden:
            x = library.maximum(x @ k + b, 0.0)
        z = x @ kernel + bias
        z = z - library.max(z, axis=1, keepdims=True)
        log_p = z - library.log(library.sum(library.exp(z), axis=1, keepdims=True))
        return -library.mean(library.sum(y * log_p, axis=1))

    return loss


def our_gradient():
    """Return our function that computes loss and gradient."""
    from keras_course import autodiff

    return autodiff.value_and_grad(mlp_loss(np))


def their_gradient():
    """Return autograd's function that computes loss and gradient."""
    import autograd

    return autograd.value_and_grad(mlp_loss(autograd.numpy))


def gradients(make):
    """Return the call that computes `GRADIENTS` gradients of the network.

    Either process imports both libraries: what ours loads (Keras, a backend) changes how memory is allocated, and
    autograd alone in a process takes nearly twice as long.
    """
    for library in ("autograd", "keras_course.autodiff"):
        importlib.import_module(library)
    gradient, work = make(), weights_and_batch()

    def call():
        for _ in range(GRADIENTS):
            gradient(*work)

    return call


# What a gradient costs ---------------------------------------------------------------------------------------------


def scalar_function(n, products=2_000_000):
    """Return a scalar function of n numbers with that many products and tanh, and a point."""
    columns = np.random.default_rng(0).normal(size=(max(1, products // n), n))
    return lambda x: np.sum(np.tanh(np.sin(x) * columns)), np.linspace(-1.0, 1.0, n)


def gradient_cost(n, rounds, products=2_000_000):
    """Return seconds of a scalar function of n numbers, and the ratio of value and gradient to it, both medians.

    The two are timed one after the other, so what slows the machine down for a while cancels out of the ratio.
    """
    from keras_course import autodiff

    fn, x = scalar_function(n, products)
    both = autodiff.value_and_grad(fn)
    both(x)
    pairs = [(_seconds(lambda: fn(x)), _seconds(lambda: both(x))) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b / a for a, b in pairs)


def _seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


# The comparison ----------------------------------------------------------------------------------------------------


def compare(rounds):
    """Time autograd and ours in turn, print a line for each, and return the row of results.

    The ratio is the median over the rounds of (seconds of autograd) / (seconds of ours): above 1 ours is faster.
    """
    makers = {"autograd": (gradients, their_gradient), "keras_course": (gradients, our_gradient)}
    times = turns.take_turns(makers, rounds)
    speed = {name: GRADIENTS / statistics.median(seconds) for name, seconds in times.items()}
    ratio = statistics.median(a / b for a, b in zip(times["autograd"], times["keras_course"], strict=True))
    print(f"tape_mlp_gradient, {rounds} rounds of {GRADIENTS} gradients")
    print(f"  {'':14}{'gradients/s':>12}  {'range over rounds':>18}")
    for name, seconds in times.items():
        span = f"{GRADIENTS / max(seconds):,.0f} - {GRADIENTS / min(seconds):,.0f}"
        print(f"  {name:14}{speed[name]:>12,.0f}  {span:>18}")
    print(f"  ratio {ratio:.2f}", flush=True)
    return {
        "kind": "speed",
        "benchmark": "tape_mlp_gradient",
        "backend": "numpy",
        "value": round(speed["keras_course"]),
        "unit": "gradients/s",
        "peer": "autograd",
        "peer_value": round(speed["autograd"]),
        "ratio": round(ratio, 2),
        "rounds": rounds,
    }


def costs(rounds):
    """Print what value and gradient cost for each number of inputs, and return the rows of results.

    Their peer is the function alone, so `ratio` is the inverse of the cost: 5 times the function is a ratio of 0.2.
    """
    rows = []
    print(f"\nvalue and gradient of a scalar function of n numbers, {rounds} rounds")
    print(f"  {'n':>8}  {'function, ms':>12}  {'times the function':>18}")
    for n in INPUTS:
        seconds, ratio = gradient_cost(n, rounds)
        print(f"  {n:>8,}  {1e3 * seconds:>12.2f}  {ratio:>18.2f}", flush=True)
        rows.append(
            {
                "kind": "speed",
                "benchmark": f"tape_gradient_of_{n}_inputs",
                "backend": "numpy",
                "value": round(1 / (seconds * ratio), 1),
                "unit": "values and gradients/s",
                "peer": "the function alone",
                "peer_value": round(1 / seconds, 1),
                "ratio": round(1 / ratio, 2),
                "rounds": rounds,
            }
        )
    return rows


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.autodiff", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="timed calls of each implementation (default 15)")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} must be at least 1")
    if importlib.util.find_spec("autograd") is None:
        sys.exit("This comparison needs autograd. Install with: pip install 'keras_course[bench]'")
    docs = records.docs_of_checkout() if options.record else None  # before minutes are spent on it
    rows = [compare(options.rounds), *costs(options.rounds)]
    if docs is not None:
        records.record_speeds([{**row, **records.origin("autograd")} for row in rows], "autodiff", docs)


if __name__ == "__main__":
    main()
