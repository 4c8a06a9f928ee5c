"""Benchmarks run, measure what they say, and stay fair: the peers do the same work as ours."""

import functools
import importlib.util
import json
import os
import pathlib
import sys
import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.preprocessing import StandardScaler

from keras_course import backend, datasets
from keras_course.recipes import RECIPES, Classification, Regression
from keras_course.records import _machine, check_row, read_rows

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # not only here: a process that is started from here looks there, too

from benchmarks import bench_language, common  # noqa: E402
from benchmarks.peers import accuracy, turns  # noqa: E402
from benchmarks.peers import language as peers  # noqa: E402

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the peers need torch")
needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None,
    reason="the peer needs torch and transformers",
)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(bench_language, "STAGES", {"v1": (2, 2), "v4": (2, 2)})
    monkeypatch.setattr(bench_language, "SMALL_GPT", "v4")
    monkeypatch.setattr(common, "median_ratio", functools.partial(common.median_ratio, repeats=1, warmups=0))
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))


@pytest.fixture
def compiled(monkeypatch):
    """The list of models that benchmarks compile from now on."""
    models, original = [], common.compile_gpt
    monkeypatch.setattr(common, "compile_gpt", lambda model, **how: models.append(original(model, **how)) or model)
    return models


def run(suite, name, *parameters):
    """Do what asv does with one benchmark and one set of parameters."""
    suite.setup(*parameters)
    return getattr(suite, name)(*parameters)


@pytest.mark.parametrize("stage", ["v1", "v4"])
@pytest.mark.parametrize("name", ["track_forward", "track_training"])
def test_stages(tiny, name, stage):
    assert run(bench_language.Stages(), name, backend.current(), stage) > 0


@pytest.mark.parametrize("cache", [True, False])
def test_generation(tiny, cache):
    assert run(bench_language.Generation(), "track_generate", backend.current(), 2, cache) > 0


def test_steady_training(tiny):
    assert run(bench_language.Steady(), "track_training", backend.current()) > 0


def test_memory_trains_the_model(tiny, compiled, monkeypatch):
    monkeypatch.setattr(bench_language, "STAGES", {"v4": (2, 3)})
    run(bench_language.Memory(), "peakmem_training", backend.current())
    assert int(compiled[0].optimizer.iterations) == 3


def test_tokenizer(tiny, monkeypatch):
    suite = bench_language.Tokenizer()
    monkeypatch.setattr(common.backend, "available", lambda: (backend.current(),))
    suite.setup()
    assert suite.track_bpe_training(characters=500, vocab_size=260) > 0


def test_every_benchmark_takes_the_backends_as_parameter():
    for suite in (bench_language.Stages, bench_language.Generation, bench_language.Steady, bench_language.Memory):
        assert suite.params[0] == ("tensorflow", "jax", "torch")
        assert suite.param_names[0] == "backend"


def test_backend_that_is_not_installed_is_skipped(monkeypatch):
    monkeypatch.setattr(common.backend, "available", lambda: ())
    with pytest.raises(NotImplementedError, match="not installed"):
        bench_language.Stages().setup(backend.current(), "v1")


def test_median_leaves_the_first_calls_out():
    waits = iter([0.2, 0.01, 0.02, 0.12])  # a slow first call, and one that somebody disturbed
    assert 0.01 <= common.median_seconds(lambda: time.sleep(next(waits)), repeats=3, warmups=1) < 0.1


def test_ratio_pairs_the_two():
    waits = iter([0.01, 0.02, 0.04, 0.08, 0.02, 0.04])  # the same work, while the machine gets slower and recovers
    wait = lambda: time.sleep(next(waits))  # noqa: E731
    assert 0.4 < common.median_ratio(wait, wait, repeats=3, warmups=0) < 0.75


def test_turns_are_taken_by_processes_of_their_own():
    free = "lambda: None if 'keras' not in __import__('sys').modules else 1 / 0"  # to choose a backend
    sleeping = {name: (functools.partial, time.sleep, wait) for name, wait in (("short", 0.01), ("long", 0.1))}
    times = turns.take_turns({**sleeping, "free": (eval, free)}, 2)
    assert [len(seconds) for seconds in times.values()] == [2, 2, 2]
    assert min(times["short"]) >= 0.01
    assert min(times["long"]) >= 0.1
    assert min(times["short"]) < 0.1


def test_turns_name_the_implementation_that_fails():
    with pytest.raises(RuntimeError, match="broken: ValueError"):
        turns.take_turns({"broken": (functools.partial, int, "x")}, 1)
    with pytest.raises(RuntimeError, match="killed: its process ended"):
        turns.take_turns({"killed": (functools.partial, os._exit, 1)}, 1)


WORKS = [(peers.ON_CPU, 804_096), (peers.WITH_DROPOUT, 804_096), (peers.ON_GPU, 10_745_088)]


@needs_torch
@pytest.mark.parametrize(("work", "count"), WORKS)
def test_torch_peer_computes_the_same_function(work, count, drawn_by_numpy):
    import torch

    from keras_course.language import gpt

    ours, peer = gpt.from_preset(work.preset, dropout=0.0), peers.torch_gpt(**work.shape).eval()
    assert sum(w.numel() for w in peer.parameters()) == ours.count_params() == count
    with torch.no_grad():
        for weight, source in zip(peer.parameters(), weights_in_order(ours), strict=True):
            weight.copy_(torch.tensor(source))
        length = work.shape["context_length"]
        x = common.random_tokens(65, 2 * length).reshape(2, length)
        expected = peer(torch.from_numpy(x).long()).numpy()
        peer.train()
        noisy = not np.allclose(peer(torch.from_numpy(x).long()).numpy(), expected, atol=1e-4)
    assert noisy == ("dropout" in work.shape)
    np.testing.assert_allclose(np.asarray(ours.predict(x, verbose=0)), expected, atol=1e-4)


def weights_in_order(model):
    """Return the weights in PyTorch's order, matrices as (out, in)."""
    values = {weight.path: value for weight, value in zip(model.weights, model.get_weights(), strict=True)}
    return [v.T if path.endswith("/kernel") else v for path, v in values.items()]


@needs_transformers
def test_transformers_peer_has_the_same_size():
    from keras_course.language import gpt

    ours, peer = gpt.from_preset("nanogpt_shakespeare_cpu", use_bias=True), peers.transformers_gpt(**peers.SHAPE)
    assert sum(w.numel() for w in peer.parameters()) == ours.count_params()


@needs_transformers
def test_peers_do_the_work_that_they_are_timed_for(monkeypatch):
    import torch

    calls = []
    original = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, *rest: calls.append(self) or original(self, *rest))
    for library in ("torch", "transformers"):
        loss = peers.torch_training(peers.ON_CPU._replace(steps=2), library, fused=True)()
        assert abs(loss - np.log(65)) < 0.5  # no better than chance after two steps
    assert len(calls) == 4
    assert calls[0].param_groups[0]["weight_decay"] == 0.1
    peers.transformers_generation(2)()  # raises if a text ended early
    with pytest.raises(RuntimeError, match="ended before"):
        peers._check_length([np.zeros(10)])


def test_ours_does_the_work_that_it_is_timed_for(compiled):
    for work in (peers.ON_CPU, peers.WITH_DROPOUT):
        peers.our_training(work._replace(steps=2), backend.current())()
    assert [int(model.optimizer.iterations) for model in compiled] == [2, 2]
    assert ["dropout" in {layer.name for layer in model.layers} for model in compiled] == [False, True]
    peers.our_generation(backend.current(), 2)()


def test_ratio_is_ours_over_the_fastest_peer_and_is_recorded(monkeypatch, tmp_path, capsys):
    seconds = {"slow": [4.0, 4.0, 8.0], "fast": [2.0, 2.0, 4.0], "keras_course, jax": [1.0, 1.0, 2.0]}
    monkeypatch.setattr(turns, "take_turns", lambda makers, rounds: seconds)
    monkeypatch.setattr(
        peers, "comparisons", lambda with_compile, works: {"toy": (100, {"slow": (), "fast": ()}, {"jax": ()})}
    )
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(peers.records, "docs_of_checkout", lambda: tmp_path)
    monkeypatch.setattr(_machine, "commit", lambda: "0" * 40)
    peers.main(["--rounds", "3", "--record"])
    (row,) = read_rows(tmp_path)["language"]
    assert (row["value"], row["peer"], row["ratio"]) == (100, "fast", 2.0)
    assert "2.00" in capsys.readouterr().out


def test_every_implementation_of_a_comparison_trains_the_same_work(monkeypatch):
    monkeypatch.setattr(peers.backend, "available", lambda: ("jax", "torch"))
    seen = []
    monkeypatch.setattr(turns, "compare", lambda benchmark, *rest: seen.append((benchmark, *rest)) or [])
    on_cpu, on_gpu = (peers.ON_CPU, peers.WITH_DROPOUT), (peers.ON_GPU,)
    for arguments, works, tokens in (([], on_cpu, 50 * 12 * 64), (["--gpu"], on_gpu, 20 * 64 * 256)):
        seen.clear()
        peers.main([*arguments, "--compile"])
        for work, (benchmark, counted, unit, theirs, ours, rounds) in zip(works, seen, strict=False):
            assert (benchmark, counted, unit, rounds) == (f"{work.title}_compiled", tokens, "tokens", 5)
            assert all(maker[1] == work for maker in (*theirs.values(), *ours.values()))
            assert len(theirs) == 4


def test_missing_peers_are_said_in_one_sentence(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"needs torch and transformers\. Install"):
        peers.main([])


def test_rounds_must_be_positive(capsys):
    with pytest.raises(SystemExit):
        peers.main(["--rounds", "0"])
    assert "--rounds 0 must be at least 1" in capsys.readouterr().err


def test_asv_finds_its_parts():
    lines = (ROOT / "benchmarks" / "asv.conf.json").read_text().splitlines()
    config = json.loads("\n".join(line for line in lines if not line.strip().startswith("//")))
    assert (ROOT / "benchmarks" / config["repo"]).resolve() == ROOT
    assert all(config[key].startswith(".asv/") for key in ("env_dir", "results_dir", "html_dir"))


# Accuracy beside scikit-learn ----------------------------------------------------------------------------------------


def test_peers_of_accuracy_are_recipes_on_data_of_their_own_kind():
    assert set(accuracy.PEERS) <= {
        name for name, row in RECIPES.items() if isinstance(row.task, (Classification, Regression))
    }


@pytest.mark.parametrize(
    ("name", "estimator"), [("breast_cancer_logistic", "LogisticRegression"), ("diabetes_mlp", "RidgeCV")]
)
def test_a_peer_of_accuracy_sees_the_data_of_the_recipe(name, estimator):
    row = accuracy.row(name, seed=0)
    check_row({**row, "commit": "0123456789"})
    assert (row["recipe"], row["backend"]) == (name, f"scikit-learn's {estimator}")
    table = RECIPES[name].task.data
    train, test = getattr(datasets, table)().split(0.8, seed=0)
    scaler = StandardScaler().fit(train.x)
    if estimator == "RidgeCV":
        fit = RidgeCV(np.logspace(-2, 3, 20)).fit(scaler.transform(train.x), train.y)
        expected = np.mean((fit.predict(scaler.transform(test.x)) - test.y) ** 2) ** 0.5
    else:
        fit = LogisticRegression().fit(scaler.transform(train.x), train.y)
        expected = 100 * np.mean(fit.predict(scaler.transform(test.x)) != test.y)
    assert row["value"] == pytest.approx(expected, rel=1e-3)
    assert row["parameters"] == train.x.shape[1] + 1
