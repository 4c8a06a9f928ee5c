"""Implementations of the same work, each in a process of its own, timed in turn.

Nothing here imports Keras: each process chooses its backend first.
"""

import multiprocessing
import os
import statistics
import time

from keras_course.backend import keep_working_memory

PAUSE = 0.3  # seconds between two turns, in which the threads of the last one stop spinning


def take_turns(makers, rounds):
    """Time several implementations of the same work, one call each in turn, and return the seconds of each round.

    Each has a process of its own that lives from the first round to the last, so that no two frameworks meet in a
    process and none is measured while another computes. Whatever slows the machine down for a while hits all of them
    alike; odd rounds go backwards, so that none is always the one after the slowest.

    Args:
        makers: `{name: (function, *arguments)}`; the function, which must be one of a module, runs in the process of
            its own, so that it may choose a backend. It returns a function without arguments whose work is over when
            it returns.
        rounds: number of timed calls of each, after two to warm up.

    Returns:
        `{name: [seconds of round 0, seconds of round 1, ...]}`.

    Raises:
        RuntimeError: an implementation failed; the message says which one, and with what.
    """
    workers, times = {}, {name: [] for name in makers}
    try:
        for name, (function, *arguments) in makers.items():
            workers[name] = _start(function, arguments)
            _answer(name, workers[name])
        for number in range(rounds):
            for name in sorted(makers, key=list(makers).index, reverse=number % 2 == 1):
                time.sleep(PAUSE)
                times[name].append(_answer(name, workers[name], "go"))
    finally:
        for process, connection in workers.values():
            connection.close()
            process.join(timeout=10)
            process.terminate()
    return times


def compare(benchmark, work, unit, peers, ours, rounds):
    """Time peers and ours in turn; return rows for each backend of ours, and print a line for each of all.

    One call does `work`, a number of `unit` ("tokens", "examples"); `peers` and `ours` (by backend) are makers as
    `take_turns` wants them. The name of a peer begins with the name of a backend if it is written in that framework
    itself: the backend has a second row beside the fastest of these peers.

    The ratio of a backend is the median over the rounds of (seconds of the fastest peer) / (seconds of ours), the two
    taken in the same round: above 1 ours is faster. The fastest peer is the one of the smallest median.
    """
    times = take_turns({**peers, **{f"keras_course, {name}": maker for name, maker in ours.items()}}, rounds)
    speed = {name: work / statistics.median(seconds) for name, seconds in times.items()}

    def ratio(name, peer):
        return statistics.median(p / s for p, s in zip(times[peer], times[name], strict=True))

    fastest = max(peers, key=speed.get)
    print(f"\n{benchmark}, {rounds} rounds of {work} {unit}")
    print(f"  {'':34}{unit + '/s':>12}  {'range over rounds':>19}  {'ratio':>6}")
    for name, seconds in times.items():
        span = f"{_rounded(work / max(seconds)):,} - {_rounded(work / min(seconds)):,}"
        print(f"  {name:34}{_rounded(speed[name]):>12,}  {span:>19}  {ratio(name, fastest):>6.2f}", flush=True)
    rows = []
    for each in ours:
        name = f"keras_course, {each}"
        own = max([peer for peer in peers if peer.startswith(each)] or [fastest], key=speed.get)
        if own != fastest:
            print(f"  {name} beside {own}: {ratio(name, own):.2f}", flush=True)
        for peer in dict.fromkeys((fastest, own)):
            rows.append(
                {
                    "kind": "speed",
                    "benchmark": benchmark,
                    "backend": each,
                    "value": _rounded(speed[name]),
                    "unit": f"{unit}/s",
                    "peer": peer,
                    "peer_value": _rounded(speed[peer]),
                    "ratio": round(ratio(name, peer), 2),
                    "rounds": rounds,
                }
            )
    return rows


def _rounded(speed):
    return round(speed) if speed >= 100 else round(speed, 2)


def _start(function, arguments):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, function, arguments), daemon=True)
    process.start()
    there.close()
    return process, here


def _answer(name, worker, question=None):
    try:
        if question is not None:
            worker[1].send(question)
        answer = worker[1].recv()
    except (EOFError, ConnectionError):
        raise RuntimeError(f"{name}: its process ended; is there enough memory for all of them?") from None
    if isinstance(answer, str):
        raise RuntimeError(f"{name}: {answer}")
    return answer


def _serve(connection, function, arguments):
    """Be a worker: make the call, warm it up, then time it whenever the parent asks, until the parent is gone."""
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # several processes share a GPU
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    keep_working_memory()  # all alike, or each would have page faults by luck
    try:
        call = function(*arguments)
        for _ in range(2):
            call()
        connection.send(0.0)
        while connection.recv():
            start = time.perf_counter()
            call()
            connection.send(time.perf_counter() - start)
    except EOFError:
        return
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
