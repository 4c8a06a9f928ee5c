"""The command line of a comparison: choose works, time peers and ours in turn, and record the rows."""

import argparse
import importlib.util
import sys

from benchmarks.peers import turns
from keras_course import backend, records


def run(topic, text, works, comparison, size_of, packages, arguments=None):
    """Carry out `python -m benchmarks.peers.TOPIC [WORK ...] [--rounds N] [--compile] [--record]`.

    Args:
        topic: topic of the lecture.
        text: docstring of the comparison; its first line is the description of the command.
        works: `{name: work}`; a work has a `title`.
        comparison: function of a work and of whether to compile that returns peers and ours for `turns.compare`.
        size_of: function of a work that returns how much one call does, and its unit.
        packages: names of the packages that the peers need.
        arguments: of the command line, for tests.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.peers.{topic}", description=text.split("\n")[0])
    parser.add_argument("work", nargs="*", help=f"some of {', '.join(works)} (default all)")
    parser.add_argument("--rounds", type=int, default=5, help="timed calls of each implementation (default 5)")
    parser.add_argument("--compile", action="store_true", help="peers by torch.compile, too")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} must be at least 1")
    if unknown := set(options.work) - set(works):
        parser.error(f"work {', '.join(sorted(unknown))} is none of {', '.join(works)}")
    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        sys.exit(f"This comparison needs {' and '.join(missing)}. Install with: pip install 'keras_course[torch,test]'")
    docs = records.docs_of_checkout() if options.record else None  # before minutes are spent on it
    for name in options.work or works:
        work = works[name]
        peers, ours = comparison(work, options.compile)
        rows = turns.compare(work.title, *size_of(work), peers, ours, options.rounds)
        if docs is not None:
            origin = {each: records.origin(*dict.fromkeys((each, *packages))) for each in ours}
            records.record_speeds([{**row, **origin[row["backend"]]} for row in rows], topic, docs)


def beside_torch(torch_call, our_call, work, with_compile=False):
    """Return `({peer: maker}, {backend: maker})` for `turns.compare`, where PyTorch is the only peer.

    Args:
        torch_call: function of a work, and of whether to compile.
        our_call: function of a work and of the name of a backend.
        work: a work.
        with_compile: whether PyTorch's compiler is a second peer.
    """
    peers = {"torch": (torch_call, work)}
    if with_compile:
        peers["torch, torch.compile"] = (torch_call, work, True)
    return peers, {each: (our_call, work, each) for each in backend.available()}
