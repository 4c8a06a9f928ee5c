"""Stories of a few sentences, each with a question, in the style of the bAbI tasks.

Notation: a story has up to S sentences of up to W words. As tokens, stories are (N, S, W) and questions (N, W), int32;
token 0 is padding.
"""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_course.checks import choice, fraction, generator, instance, numpy_seed, string, strings, validate, whole
from keras_course.datasets._dataset import Dataset

PEOPLE, THINGS = ("Daniel", "Jane", "Mary", "Sandra"), ("milk", "apple", "ball")
ROOMS = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
KINDS = {"mouse": "mice", "cat": "cats", "wolf": "wolves", "sheep": "sheep"}
NAMES = ("Bella", "Felix", "Lily", "Oscar")
LENGTHS = {1: range(2, 11), 2: range(3, 16), 3: range(5, 21)}  # of a story, in sentences


class Stories(NamedTuple):
    """N stories with a question each.

    Args:
        sentences: of each story.
        questions: about it.
        answers: one word each.
        supporting: numbers of the sentences from which the answer follows, counted from 0.
    """

    sentences: tuple[tuple[str, ...], ...]
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    supporting: tuple[tuple[int, ...], ...]


@validate(task=choice(1, 2, 3, 15), num_train=whole(1, 100_000), seed=numpy_seed)
def stories(task: int = 1, num_train: int = 10_000, *, seed: int = 0) -> tuple[Stories, Stories]:
    """Return stories with a question each, to train and to test on; no two are equal.

    People move between rooms, take things and drop them. In tasks 1 to 3 that many sentences support the answer:

        1   Where is Mary?                          the room that she went to last
        2   Where is the milk?                      who has or had it, and where that person was
        3   Where was the milk before the garden?   who carried it there (for the last time), and from where
        15  What is Lily afraid of?                 "Lily is a cat." and "Cats are afraid of wolves." are there

    Args:
        task: 1, 2, 3 or 15, the numbers of bAbI.
        num_train: number of training stories; 1,000 stories more are for the test.
        seed: of the random numbers.

    Returns:
        (train, test).

    Raises:
        ValueError: an argument is out of its range.

    Differences from the paper: the texts are our own, each story has one question, and the stories of tasks 2 and 3 are
    shorter (up to 15 and 20 sentences).

    References:
        Towards AI-Complete Question Answering: A Set of Prerequisite Toy Tasks, Weston et al., 2015,
        https://arxiv.org/abs/1502.05698

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.stories(2, num_train=100)
        >>> train.sentences[0][2], train.sentences[0][11], train.questions[0], train.answers[0]
        ('Jane walked to the garden.', 'Jane dropped the ball.', 'Where is the ball?', 'garden')
    """
    rng, found = random.Random(int(seed)), {}
    tell = _deduction if task == 15 else _in_rooms

    def pick(entries):
        return entries[int(rng.random() * len(entries))]

    while len(found) < num_train + 1_000:
        entry = tell(pick, task)
        if entry is not None:
            found[entry[:2]] = entry
    entries = list(found.values())
    return tuple(Stories(*zip(*part, strict=True)) for part in (entries[:num_train], entries[num_train:]))


def _in_rooms(pick, task):
    """Return (sentences, question, answer, supporting) of a story in rooms, or None where it allows no question."""
    sentences, rooms = [], {}  # person to (room, the sentence that says so)
    takes, where, arrivals = {}, {}, {}  # thing to (holder, sentence), to (room, support), to {room: (from, support)}
    for t in range(pick(LENGTHS[task])):
        person = pick(PEOPLE)
        here, moved = rooms.get(person, (None, None))
        held = [x for x in takes if takes[x][0] == person]
        near = [x for x in THINGS if x not in takes and where.get(x, (here,))[0] == here]  # untouched: anywhere
        if task == 1 or here is None or not held + near or pick((True, False)):
            room = pick([room for room in ROOMS if room != here])
            sentences.append(f"{person} {pick(('went', 'walked', 'moved'))} to the {room}.")
            rooms[person] = room, t
            for x in held:
                where[x] = room, (takes[x][1], t)
                arrivals.setdefault(x, {})[room] = here, tuple(sorted((takes[x][1], moved, t)))
            continue
        thing = pick(held + near)
        where[thing] = here, (moved, t)
        if thing in takes:
            sentences.append(f"{person} {pick(('dropped', 'put down'))} the {thing}.")
            del takes[thing]
        else:
            sentences.append(f"{person} {pick(('took', 'picked up'))} the {thing}.")
            takes[thing] = person, t
    if task == 1:
        person = pick(list(rooms))
        room, moved = rooms[person]
        return tuple(sentences), f"Where is {person}?", room, (moved,)
    if task == 2 and where:
        thing = pick(list(where))
        return tuple(sentences), f"Where is the {thing}?", *where[thing]
    if task == 3 and arrivals:
        thing = pick(list(arrivals))
        room = pick(list(arrivals[thing]))
        return tuple(sentences), f"Where was the {thing} before the {room}?", *arrivals[thing][room]
    return None


def _deduction(pick, task):
    """Return a story of task 15: who is what, and what fears what."""
    fears = {kind: pick([other for other in KINDS if other != kind]) for kind in KINDS}
    kinds = {name: pick(list(KINDS)) for name in NAMES}
    facts = [f"{KINDS[kind].capitalize()} are afraid of {KINDS[other]}." for kind, other in fears.items()]
    facts += [f"{name} is a {kind}." for name, kind in kinds.items()]
    sentences, name = [facts.pop(facts.index(pick(facts))) for _ in range(len(facts))], pick(NAMES)
    support = f"{KINDS[kinds[name]].capitalize()} are", f"{name} is"
    supporting = tuple(t for t, sentence in enumerate(sentences) if sentence.startswith(support))
    return tuple(sentences), f"What is {name} afraid of?", KINDS[fears[kinds[name]]], supporting


def split_words(sentence: str) -> list[str]:
    """Return the words of a sentence in lower case, without punctuation.

    Example:
        >>> from keras_course import datasets
        >>> datasets.split_words("Where is the milk?")
        ['where', 'is', 'the', 'milk']
    """
    string(sentence=sentence)
    return re.findall(r"\w+", sentence.lower())


@validate(stories=instance(Stories))
def story_words(stories) -> tuple[str, ...]:
    """Return all words of stories, questions and answers in alphabetical order; the token of the first word is 1.

    Example:
        >>> from keras_course import datasets
        >>> datasets.story_words(datasets.stories(1, num_train=100)[0])[:3]
        ('bathroom', 'bedroom', 'daniel')
    """
    texts = {*stories.questions, *stories.answers, *(x for story in stories.sentences for x in story)}
    return tuple(sorted({word for text in texts for word in split_words(text)}))


@validate(stories=instance(Stories), words=strings, num_sentences=whole(1), num_words=whole(1))
def encode_stories(
    stories, words: Sequence[str], *, num_sentences: int, num_words: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return stories as tokens. The last sentence of each story has the last row; padding comes before the first one.

    Args:
        stories: N `Stories`.
        words: the vocabulary, as from `story_words`.
        num_sentences: S, rows of a story; of a longer story the last S sentences remain.
        num_words: W, words of a sentence.

    Returns:
        {"story": (N, S, W), "question": (N, W)} and the tokens of the answers (N,), all int32.

    Raises:
        ValueError: a sentence has more than W words or a word that is not in `words`.

    Example:
        >>> from keras_course import datasets
        >>> train, _ = datasets.stories(1, num_train=100)
        >>> x, y = datasets.encode_stories(train, datasets.story_words(train), num_sentences=10, num_words=5)
        >>> x["story"].shape, x["question"].shape, y.shape
        ((100, 10, 5), (100, 5), (100,))
    """
    numbers = {word: i + 1 for i, word in enumerate(words)}
    rows = {"": 0}  # sentence to its row in the table of all sentences
    table = [[0] * num_words]

    def row(sentence):
        if sentence not in rows:
            tokens = split_words(sentence)
            if len(tokens) > num_words or not numbers.keys() >= {*tokens}:
                raise ValueError(
                    f"stories has the sentence {sentence!r}; it must have at most num_words={num_words} words, all of "
                    "them in `words`"
                )
            rows[sentence] = len(table)
            table.append([*(numbers[word] for word in tokens), *[0] * (num_words - len(tokens))])
        return rows[sentence]

    last = [story[-num_sentences:] for story in stories.sentences]
    story = [[0] * (num_sentences - len(sentences)) + [row(sentence) for sentence in sentences] for sentences in last]
    question, answer = [row(text) for text in stories.questions], [row(word) for word in stories.answers]
    tokens = np.array(table, "int32")
    return {"story": tokens[np.array(story)], "question": tokens[question]}, tokens[answer][:, 0]


@validate(rng=generator, rate=fraction)
def insert_empty_sentences(x, rng: np.random.Generator, *, rate: float = 0.1) -> dict[str, np.ndarray]:
    """Return stories with empty sentences at random positions, as far as there is room before the first sentence.

    A network that is trained on them cannot rely on the exact position of a sentence, and generalizes better.

    Args:
        x: {"story": (B, S, W), "question": (B, W)}, as from `encode_stories`.
        rng: generator of NumPy.
        rate: probability in [0, 1) of an empty sentence after each sentence.

    Returns:
        A dict like x.

    Raises:
        ValueError: `rate` is out of its range, or `x` lacks stories.

    References:
        End-To-End Memory Networks (random noise), Sukhbaatar et al., 2015, section 4.1,
        https://arxiv.org/abs/1503.08895

    Example:
        >>> import numpy as np
        >>> from keras_course import datasets
        >>> x = {"story": np.array([[[0], [0], [3], [4]]])}
        >>> datasets.insert_empty_sentences(x, np.random.default_rng(0), rate=0.9)["story"].tolist()
        [[[3], [0], [4], [0]]]
    """
    if not isinstance(x, dict) or np.ndim(x.get("story")) != 3:
        raise ValueError(f"x={x!r} must be a dict with tokens of stories (B, S, W) under 'story'")
    story = np.asarray(x["story"])
    used = story[..., 0] != 0
    empty = used & (rng.random(used.shape) < rate)
    room = used.argmax(axis=1)[:, None]  # rows before the first sentence
    shift = np.minimum(empty[:, ::-1].cumsum(axis=1)[:, ::-1], room)
    i, j = np.nonzero(used)
    moved = np.zeros_like(story)
    moved[i, j - shift[i, j]] = story[i, j]
    return {**x, "story": moved}


STORIES = (
    Dataset(
        name="stories",
        kind="stories",
        size="10,000 + 1,000 stories with a question each",
        license="MIT",
        origin="sampled here, after the bAbI tasks of Weston et al. 2015",
        load=stories,
        offline="stories",
    ),
)
