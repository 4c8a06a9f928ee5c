"""Graphs of papers, and pickles that are read without being run."""

import pickle

import numpy as np
import pytest

from keras_course import datasets
from keras_course.datasets import _citations
from keras_course.datasets._pickles import read_arrays


def test_papers_of_the_block_model():
    graph = datasets.citations(3_000, homophily=0.7, links_per_paper=3.0, seed=1)
    same = graph.labels[graph.senders] == graph.labels[graph.receivers]
    assert same.mean() == pytest.approx(0.7, abs=0.02)
    assert len(graph.senders) == pytest.approx(2 * 3 * 3_000, rel=0.02)
    np.testing.assert_array_equal(graph.senders[::2], graph.receivers[1::2])
    np.testing.assert_array_equal(graph.receivers[::2], graph.senders[1::2])
    assert len(np.unique(np.stack([graph.senders, graph.receivers]), axis=1).T) == len(graph.senders)
    assert np.bincount(graph.labels[graph.train]).tolist() == [20] * 5
    assert (graph.train.astype(int) + graph.valid + graph.test == 1).all()
    np.testing.assert_allclose(graph.nodes.sum(axis=1), 1, rtol=1e-5)
    again = datasets.citations(3_000, homophily=0.7, links_per_paper=3.0, seed=1)
    assert all((a == b).all() for a, b in zip(graph, again, strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_papers": 150}, "num_papers=150 must be at least 200, 40 for each subject"),
        ({"homophily": 1.0}, "homophily=1.0 must lie between 0 and 1"),
        ({"num_words": 10, "num_subjects": 20}, "num_words=10 must be at least 20"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.citations(**arguments)


class Malicious:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_pickle_is_refused(protocol, tmp_path):
    import os

    trace = tmp_path / "trace"
    for function, *arguments in (
        (os.system, f"touch {trace}"),
        (eval, f"open({str(trace)!r}, 'w')"),
        (open, trace, "w"),
    ):
        content = pickle.dumps(Malicious(function, *arguments), protocol)
        with pytest.raises(ValueError, match="cannot be read: the pickle asks for"):
            read_arrays(content, "ind.cora.x")
    assert not trace.exists()
    for content in (b"", b"garbage", pickle.dumps(np.zeros(3), 2)[:-9]):
        with pytest.raises(ValueError, match="cannot be read"):
            read_arrays(content, "ind.cora.x")


def test_a_malicious_file_in_place_of_cora_is_refused(tmp_path):
    (tmp_path / "planetoid").mkdir()
    for suffix, *_ in _citations._FILES:
        (tmp_path / "planetoid" / f"ind.cora.{suffix}").write_bytes(pickle.dumps(Malicious(print, "run"), 2))
    with pytest.raises(ValueError, match="is not the data set 'cora': its SHA-256"):
        datasets.cora(tmp_path)


def test_files_of_planetoid_are_put_in_order(monkeypatch):
    """A graph of 1,008 papers as the files hold it, with test papers in another order."""
    monkeypatch.setattr(_citations, "read_arrays", lambda content, name: content)
    rng = np.random.default_rng(0)
    words, labels = rng.integers(0, 2, (1008, 6)).astype("float32"), np.eye(3, dtype="int32")[rng.integers(0, 3, 1008)]
    test = rng.permutation(np.arange(1000, 1008))

    parts = words[:1000], labels[:1000], words[test], labels[test], labels[:30], {0: [1, 1, 0], 1: [0], 1003: [7]}
    graph = _citations._parse_planetoid("tiny", *parts, "\n".join(map(str, test)).encode())
    expected = words / np.maximum(words.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(graph.nodes, expected, rtol=1e-6)
    np.testing.assert_array_equal(graph.labels, labels.argmax(axis=1))
    assert (graph.senders.tolist(), graph.receivers.tolist()) == ([0, 1, 7, 1003], [1, 0, 1003, 7])
    assert [np.flatnonzero(mask)[[0, -1]].tolist() for mask in graph[4:]] == [[0, 29], [30, 529], [1000, 1007]]


def test_cora():
    try:
        graph = datasets.cora()
    except FileNotFoundError:
        pytest.skip("Cora is not there")
    assert graph.nodes.shape == (2708, 1433)
    assert len(graph.senders) == 10_556
    assert [int(mask.sum()) for mask in graph[4:]] == [140, 500, 1000]
    assert np.bincount(graph.labels[graph.train]).tolist() == [20] * 7
