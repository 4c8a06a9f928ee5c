"""Pairs of sentences, English and German.

Notation: a set of pairs is split into training, validation and test pairs; sentence i of one language translates
sentence i of the other.
"""

import gzip
import os
from typing import NamedTuple

import numpy as np

from keras_course.checks import numpy_seed, validate, whole
from keras_course.datasets._dataset import Dataset, File, Source
from keras_course.datasets._fetch import fetch


class Sentences(NamedTuple):
    """Sentences in two languages.

    Args:
        en: English sentences.
        de: their German translations.
    """

    en: tuple[str, ...]
    de: tuple[str, ...]


def multi30k(data_dir: str | os.PathLike | None = None) -> tuple[Sentences, Sentences, Sentences]:
    """Return descriptions of photos in English and German: 29,000 pairs to train on, 1,014 to validate, 1,000 to test.

    The test set is test_2016_flickr, of the shared task of 2016. Sentences are raw: with upper case, and with
    punctuation attached to words.

    Args:
        data_dir: a folder with `multi30k/train.en.gz` and the five other files; by default the one that the environment
            variable KERAS_COURSE_DATA names. Without it the files are downloaded (1.3 MB).

    Returns:
        (train, validation, test).

    Raises:
        FileNotFoundError: the files are nowhere, and cannot be downloaded.
        ValueError: a file is another one.

    References:
        Multi30K: Multilingual English-German Image Descriptions, Elliott, Frank, Sima'an, Specia, 2016,
        https://arxiv.org/abs/1605.00459
    """
    return fetch(_MULTI30K, data_dir)


@validate(num_train=whole(1, 100_000), seed=numpy_seed)
def phrases(num_train: int = 10_000, *, seed: int = 0) -> tuple[Sentences, Sentences, Sentences]:
    """Return English sentences of a small grammar and their German translations; no two are equal.

    A sentence has a subject, a verb and an object, and may begin with an adverb and have a modal verb:

        today the old man must carry a red chair .
        heute muss der alte Mann einen roten Stuhl tragen .

    A translation has to reorder words (the German verb stands second, an infinitive last), and articles and adjectives
    agree with the gender of a noun that follows them.

    Args:
        num_train: number of training pairs; 1,000 pairs more are for validation, and 1,000 for the test.
        seed: of the random numbers.

    Returns:
        (train, validation, test).

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> from keras_course import datasets
        >>> train, validation, test = datasets.phrases(100)
        >>> len(train.en), len(validation.de), len(test.en)
        (100, 1000, 1000)
    """
    rng, pairs = np.random.default_rng(seed), {}
    while len(pairs) < num_train + 2_000:
        english, german = _sentence(rng)
        pairs[english] = german
    parts, pairs = [], list(pairs.items())
    for part in (pairs[:num_train], pairs[num_train : num_train + 1_000], pairs[num_train + 1_000 :]):
        parts.append(Sentences(*(tuple(side) for side in zip(*part, strict=True))))
    return tuple(parts)


# English noun, German noun, gender
_SUBJECTS = (
    ("man", "Mann", "m"), ("woman", "Frau", "f"), ("child", "Kind", "n"), ("teacher", "Lehrer", "m"),
    ("doctor", "Ärztin", "f"), ("girl", "Mädchen", "n"), ("artist", "Künstler", "m"),
)  # fmt: skip
_OBJECTS = (
    ("chair", "Stuhl", "m"), ("lamp", "Lampe", "f"), ("book", "Buch", "n"), ("apple", "Apfel", "m"),
    ("flower", "Blume", "f"), ("picture", "Bild", "n"), ("ball", "Ball", "m"), ("bag", "Tasche", "f"),
    ("boat", "Boot", "n"),
)  # fmt: skip
_OF_SUBJECTS = (("old", "alt"), ("young", "jung"), ("small", "klein"), ("happy", "froh"), ("quiet", "ruhig"))
_OF_OBJECTS = (
    ("old", "alt"), ("small", "klein"), ("big", "groß"), ("red", "rot"), ("black", "schwarz"), ("new", "neu"),
    ("beautiful", "schön"),
)  # fmt: skip
_VERBS = (  # English third person and infinitive, German third person and infinitive
    ("sees", "see", "sieht", "sehen"), ("finds", "find", "findet", "finden"), ("buys", "buy", "kauft", "kaufen"),
    ("carries", "carry", "trägt", "tragen"), ("needs", "need", "braucht", "brauchen"),
    ("paints", "paint", "malt", "malen"), ("brings", "bring", "bringt", "bringen"),
)  # fmt: skip
_MODALS = (("can", "kann"), ("must", "muss"), ("wants to", "will"), ("may", "darf"))
_ADVERBS = (("today", "heute"), ("often", "oft"), ("now", "jetzt"), ("here", "hier"), ("perhaps", "vielleicht"))
_ARTICLES = {  # (definite, case): gender to article
    (True, "nominative"): {"m": "der", "f": "die", "n": "das"},
    (True, "accusative"): {"m": "den", "f": "die", "n": "das"},
    (False, "nominative"): {"m": "ein", "f": "eine", "n": "ein"},
    (False, "accusative"): {"m": "einen", "f": "eine", "n": "ein"},
}
_ENDINGS = {  # of an adjective after the article
    (True, "nominative"): {"m": "e", "f": "e", "n": "e"},
    (True, "accusative"): {"m": "en", "f": "e", "n": "e"},
    (False, "nominative"): {"m": "er", "f": "e", "n": "es"},
    (False, "accusative"): {"m": "en", "f": "e", "n": "es"},
}


def _sentence(rng):
    """Return a random sentence in English and in German."""

    def pick(entries):
        return entries[rng.integers(len(entries))]

    subject = _noun_phrase(rng, pick(_SUBJECTS), _OF_SUBJECTS, "nominative")
    object_ = _noun_phrase(rng, pick(_OBJECTS), _OF_OBJECTS, "accusative")
    (third, infinitive, german_third, german_infinitive), adverb = pick(_VERBS), pick((None, *_ADVERBS))
    english_verb, finite, last = third, german_third, ""
    if rng.random() < 0.5:
        modal, finite = pick(_MODALS)
        english_verb, last = f"{modal} {infinitive}", german_infinitive
    english = [adverb[0] if adverb else "", subject[0], english_verb, object_[0], "."]
    order = [adverb[1], finite, subject[1]] if adverb else [subject[1], finite]
    german = [*order, object_[1], last, "."]
    return tuple(" ".join(word for word in words if word) for words in (english, german))


def _noun_phrase(rng, noun, adjectives, case):
    """Return article, adjective (or none) and noun in both languages."""
    (english, german, gender), definite = noun, bool(rng.random() < 0.5)
    article, ending = _ARTICLES[definite, case][gender], _ENDINGS[definite, case][gender]
    adjective = adjectives[rng.integers(len(adjectives))] if rng.random() < 0.5 else ("", "")
    words = "the" if definite else "an" if (adjective[0] or english)[0] in "aeiou" else "a", adjective[0], english
    german_words = article, adjective[1] and adjective[1] + ending, german
    return tuple(" ".join(word for word in side if word) for side in (words, german_words))


def _parse(*contents):
    sides = [gzip.decompress(content).decode("utf-8").splitlines() for content in contents]
    pairs = [Sentences(tuple(en), tuple(de)) for en, de in zip(sides[::2], sides[1::2], strict=True)]
    if any(len(part.en) != len(part.de) for part in pairs):
        raise ValueError("the files of multi30k have different numbers of lines in the two languages")
    return tuple(pairs)


_URL = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"
_FILES = (
    ("train.en", 568_929, "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
    ("train.de", 637_044, "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
    ("val.en", 21_650, "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
    ("val.de", 24_681, "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
    ("test_2016_flickr.en", 21_077, "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"),
    ("test_2016_flickr.de", 22_890, "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"),
)

_MULTI30K = Dataset(
    name="multi30k",
    kind="sentences",
    size="29,000 + 1,014 + 1,000 pairs of sentences, English and German",
    license="as the captions of Flickr30k: for research",
    origin="multi30k/dataset, Elliott et al. 2016",
    load=multi30k,
    offline="phrases",
    sources=(
        Source(
            files=tuple(
                File(path=f"multi30k/{name}.gz", num_bytes=size, sha256=digest, url=f"{_URL}/{name}.gz")
                for name, size, digest in _FILES
            ),
            parse=_parse,
        ),
    ),
)

TRANSLATIONS = (
    _MULTI30K,
    Dataset(
        name="phrases",
        kind="sentences",
        size="10,000 + 1,000 + 1,000 pairs of sentences, English and German",
        license="MIT",
        origin="sampled here from a small grammar",
        load=phrases,
        offline="phrases",
    ),
)
