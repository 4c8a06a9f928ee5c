"""Papers that cite each other: a graph whose nodes are papers, with the words of each paper and its subject.

Notation: N papers, F words, E directed edges, C subjects. A link is two edges, one after the other.
"""

import functools
import os
from typing import NamedTuple

import numpy as np

from keras_course.checks import between_0_and_1, numpy_seed, positive, validate, whole
from keras_course.datasets._dataset import Dataset, File, Source
from keras_course.datasets._fetch import fetch
from keras_course.datasets._pickles import read_arrays


class Citations(NamedTuple):
    """A graph of papers; most of their subjects are hidden while a network is trained.

    Args:
        nodes: (N, F) float32, the words of each paper; a row sums to 1, or is 0 for a paper without words.
        senders: (E,) int32, where each edge starts.
        receivers: (E,) int32, where each edge ends; edge 2k + 1 is the reverse of edge 2k.
        labels: (N,) int32, the subject of each paper, 0..C-1.
        train: (N,) bool, papers whose subject is known in training.
        valid: (N,) bool, papers for validation.
        test: (N,) bool, papers for the test.
    """

    nodes: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def cora(data_dir: str | os.PathLike | None = None) -> Citations:
    """Return Cora: 2,708 papers on machine learning with 1,433 words and 5,278 links; 7 subjects.

    The split is that of Planetoid: 140 papers to train on (20 of each subject), 500 to validate and 1,000 to test.
    Links that are there twice and links of a paper to itself are left out.

    Args:
        data_dir: a folder with `planetoid/ind.cora.allx` and six other files; by default the one that the environment
            variable KERAS_COURSE_DATA names. Without it the files are downloaded (0.6 MB).

    Returns:
        A `Citations`.

    Raises:
        FileNotFoundError: the files are nowhere, and cannot be downloaded.
        ValueError: a file is another one.

    References:
        Revisiting Semi-Supervised Learning with Graph Embeddings, Yang, Cohen and Salakhutdinov, 2016,
        https://arxiv.org/abs/1603.08861
    """
    return fetch(_CORA, data_dir)


@validate(
    num_papers=whole(100, 1_000_000),
    num_subjects=whole(2, 100),
    num_words=whole(10, 100_000),
    links_per_paper=positive,
    homophily=between_0_and_1,
    words_per_paper=positive,
    focus=between_0_and_1,
    seed=numpy_seed,
)
def citations(
    num_papers: int = 2_000,
    *,
    num_subjects: int = 5,
    num_words: int = 500,
    links_per_paper: float = 2.0,
    homophily: float = 0.8,
    words_per_paper: float = 15.0,
    focus: float = 0.25,
    seed: int = 0,
) -> Citations:
    """Return a graph of papers that a stochastic block model sampled, with the words of a topic model.

    The subject of a paper is uniformly distributed. A link joins two papers of one subject with probability
    `homophily`, and two papers of different subjects otherwise. Each of the words of a paper is one of the words of its
    subject with probability `focus`, and any word otherwise. So a paper's own words tell little, and the words of its
    neighborhood tell more. 20 papers of each subject are to train on, and of the others a third is for validation.

    Args:
        num_papers: N.
        num_subjects: C.
        num_words: F, of which each subject has an equal fraction.
        links_per_paper: number of links per paper, half the mean number of neighbors.
        homophily: probability that a link joins papers of one subject.
        words_per_paper: mean number of words of a paper.
        focus: probability that a word is one of its subject.
        seed: of the random numbers.

    Returns:
        A `Citations`.

    Raises:
        ValueError: an argument is out of its range, or there are fewer than 40 papers of each subject.

    References:
        Stochastic blockmodels: First steps, Holland, Laskey and Leinhardt, 1983,
        https://doi.org/10.1016/0378-8733(83)90021-7

    Example:
        >>> from keras_course import datasets
        >>> graph = datasets.citations(500)
        >>> graph.nodes.shape, int(graph.train.sum()), len(graph.senders) == len(graph.receivers)
        ((500, 500), 100, True)
    """
    if num_papers < 40 * num_subjects:
        raise ValueError(f"num_papers={num_papers} must be at least {40 * num_subjects}, 40 for each subject")
    if num_words < num_subjects:
        raise ValueError(f"num_words={num_words} must be at least {num_subjects}, the number of subjects")
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(num_papers) % num_subjects).astype("int32")
    words = _words(rng, labels, num_words, num_subjects, words_per_paper, focus)
    links = _links(rng, labels, num_subjects, round(num_papers * links_per_paper), homophily)
    order = rng.permutation(num_papers)
    train = np.concatenate([order[labels[order] == c][:20] for c in range(num_subjects)])
    rest = order[~np.isin(order, train)]
    return _graph(words, links, labels, (train, rest[: len(rest) // 3], rest[len(rest) // 3 :]))


def _words(rng, labels, num_words, num_subjects, words_per_paper, focus):
    """Return how often each paper has each word, `(N, F)`."""
    counts = 1 + rng.poisson(words_per_paper, len(labels))
    paper = np.repeat(np.arange(len(labels)), counts)
    of_subject = labels[paper] + num_subjects * rng.integers(0, num_words // num_subjects, len(paper))
    word = np.where(rng.random(len(paper)) < focus, of_subject, rng.integers(0, num_words, len(paper)))
    words = np.zeros((len(labels), num_words), "float32")
    words[paper, word] = 1
    return words


def _links(rng, labels, num_subjects, num_links, homophily):
    """Return about `num_links` random pairs of papers, `(K, 2)`."""
    papers = [np.flatnonzero(labels == c) for c in range(num_subjects)]
    first = rng.integers(0, len(labels), num_links)
    subject = labels[first]
    other = (subject + rng.integers(1, num_subjects, num_links)) % num_subjects
    subject = np.where(rng.random(num_links) < homophily, subject, other)
    sizes = np.array([len(part) for part in papers])[subject]
    place = (rng.random(num_links) * sizes).astype(int)
    second = np.concatenate(papers)[np.cumsum([0, *map(len, papers)])[subject] + place]
    return np.stack([first, second], axis=1)


def _graph(words, links, labels, parts):
    """Return `Citations` from word counts, pairs of papers in any order, subjects and the papers of each part."""
    links = np.unique(np.sort(links, axis=1), axis=0)
    links = links[links[:, 0] != links[:, 1]]
    masks = [np.isin(np.arange(len(labels)), part) for part in parts]
    return Citations(
        nodes=(words / np.maximum(words.sum(axis=1, keepdims=True), 1)).astype("float32"),
        senders=links.ravel().astype("int32"),
        receivers=links[:, ::-1].ravel().astype("int32"),
        labels=labels.astype("int32"),
        train=masks[0],
        valid=masks[1],
        test=masks[2],
    )


def _parse_planetoid(name, *contents):
    """Return the graph in the files of Planetoid, in the order of `_FILES`.

    The rows of `tx` and `ty` belong to the papers that `test.index` lists, in that order.
    """
    *pickles, listed = contents
    allx, ally, tx, ty, y, graph = (
        read_arrays(content, f"ind.{name}.{suffix}") for content, (suffix, *_) in zip(pickles, _FILES, strict=False)
    )
    test = np.array(listed.split(), int)
    words, labels = np.concatenate([allx, tx]), np.concatenate([ally, ty])
    words[test], labels[test] = tx, ty
    links = np.array([(paper, cited) for paper, others in graph.items() for cited in others])
    parts = np.arange(len(y)), np.arange(len(y), len(y) + 500), test
    return _graph(words, links, labels.argmax(axis=1), parts)


_URL = "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data"
_FILES = (
    ("allx", 257_305, "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543"),
    ("ally", 47_959, "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71"),
    ("tx", 148_025, "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a"),
    ("ty", 28_135, "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad"),
    ("y", 4_054, "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1"),
    ("graph", 59_847, "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d"),
    ("test.index", 5_000, "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875"),
)

_CORA = Dataset(
    name="cora",
    kind="citations",
    size="2,708 papers with 1,433 words, 5,278 links, 7 subjects",
    license="not stated; made for research",
    origin="kimiyoung/planetoid, Yang et al. 2016; papers of McCallum et al. 2000",
    load=cora,
    offline="citations",
    sources=(
        Source(
            files=tuple(
                File(
                    path=f"planetoid/ind.cora.{suffix}", num_bytes=size, sha256=digest, url=f"{_URL}/ind.cora.{suffix}"
                )
                for suffix, size, digest in _FILES
            ),
            parse=functools.partial(_parse_planetoid, "cora"),
        ),
    ),
)

CITATIONS = (
    _CORA,
    Dataset(
        name="citations",
        kind="citations",
        size="2,000 papers with 500 words, about 4,000 links, 5 subjects",
        license="MIT",
        origin="sampled here",
        load=citations,
        offline="citations",
    ),
)
