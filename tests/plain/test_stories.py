"""Stories are answered by an independent reader, and sounds have the frequencies that their classes say."""

import numpy as np
import pytest

from keras_course import datasets
from keras_course.recipes.tasks.stories import EXAMPLES, STORY


def read(sentences, question):
    """Answer a question about rooms: replay the story, with all paths of people and things."""
    rooms, holders, paths = {}, {}, {}
    for sentence in sentences:
        person, verb, *_, last = sentence.rstrip(".").split()
        if verb in ("went", "walked", "moved"):
            rooms[person] = last
            for thing in [thing for thing, holder in holders.items() if holder == person]:
                paths[thing].append(last)
            paths.setdefault(person, []).append(last)
        elif verb in ("took", "picked"):
            holders[last] = person
            assert paths.setdefault(last, [rooms.get(person)])[-1] == rooms.get(person), f"taken elsewhere: {sentences}"
        else:
            assert holders.pop(last, person) == person
            paths.setdefault(last, [rooms[person]])
    words = question.rstrip("?").split()
    if "before" not in words:
        return paths[words[-1]][-1]
    path = paths[words[words.index("the") + 1]]
    return path[len(path) - 1 - path[::-1].index(words[-1]) - 1]


def deduce(sentences, question):
    name = question.split()[2]
    kind = next(s.rstrip(".").split()[-1] for s in sentences if s.startswith(f"{name} is"))
    plural = {"mouse": "Mice", "cat": "Cats", "wolf": "Wolves", "sheep": "Sheep"}[kind]
    return next(s.rstrip(".").split()[-1] for s in sentences if s.startswith(f"{plural} are"))


@pytest.mark.parametrize("task", [1, 2, 3, 15])
def test_stories(task):
    train, test = datasets.stories(task, num_train=300, seed=4)
    assert [len(part.questions) for part in (train, test)] == [300, 1000]
    asked = [(*sentences, question) for part in (train, test) for sentences, question, *_ in zip(*part, strict=True)]
    assert len({*asked}) == 1300
    assert datasets.stories(task, num_train=300, seed=4) == (train, test) != datasets.stories(task, num_train=300)
    answer, needed = deduce if task == 15 else read, {1: 1, 2: 2, 3: 3, 15: 2}[task]
    for sentences, question, given, supporting in zip(*train, strict=True):
        assert answer(sentences, question) == given
        assert list(supporting) == sorted({*supporting})
        assert len(supporting) == needed
        assert answer([sentences[t] for t in supporting], question) == given
    words, (sentences, question) = datasets.story_words(train), EXAMPLES[task]
    assert answer(sentences, question) == {1: "garden", 2: "garden", 3: "garden", 15: "wolves"}[task]
    asked = datasets.Stories((sentences,), (question,), (words[0],), ((),))
    x, y = datasets.encode_stories(asked, words, num_sentences=7, num_words=7)  # refuses what the stories never say
    assert not x["story"][0, : 7 - len(sentences)].any()
    assert [words[k - 1] for k in x["story"][0, -1] if k] == sentences[-1].rstrip(".").lower().split()
    assert words[y[0] - 1] == words[0]


def test_stories_are_cut_and_unknown_words_refused():
    asked = datasets.Stories((STORY,), ("Where is the milk?",), ("garden",), ((2, 4),))
    words = datasets.story_words(asked)
    x, _ = datasets.encode_stories(asked, words, num_sentences=2, num_words=5)
    assert [words[k - 1] for k in x["story"][0, :, 0]] == ["daniel", "sandra"]
    for wrong in ({"words": words[1:]}, {"num_words": 4}):
        with pytest.raises(ValueError, match="stories has the sentence"):
            datasets.encode_stories(asked, **{"words": words, "num_sentences": 9, "num_words": 5} | wrong)


def test_empty_sentences_keep_the_order():
    story = np.zeros((200, 9, 2), "int32")
    for row, count in zip(story, np.arange(200) % 9 + 1, strict=True):
        row[9 - count :] = np.arange(1, count + 1)[:, None]
    x = {"story": story, "question": story[:, 0]}
    for rate in (0.0, 0.3):
        moved = datasets.insert_empty_sentences(x, np.random.default_rng(0), rate=rate)["story"]
        for before, after in zip(story, moved, strict=True):
            np.testing.assert_array_equal(after[after[:, 0] > 0], before[before[:, 0] > 0])
        assert (moved != story).any() == (rate > 0)
    with pytest.raises(ValueError, match="tokens of stories"):
        datasets.insert_empty_sentences({}, np.random.default_rng(0))


def test_sounds_have_the_frequencies_of_their_classes():
    x, y = datasets.sounds(150, noise=0.05, seed=2)
    assert sorted(set(y.tolist())) == list(range(7))
    frames = x.reshape(len(x), 16, 256)
    power = np.abs(np.fft.rfft(frames * np.hanning(256), axis=-1)) ** 2
    loud = (frames**2).mean(axis=-1) > 0.3
    hertz = np.arange(129) * datasets.SOUND_RATE / 256
    for sound, label, heard in zip(power, y, loud, strict=True):
        peaks = hertz[sound.argmax(axis=-1)][heard]
        name = datasets.SOUND_CLASSES[label]
        if name == "tone":
            assert np.ptp(peaks) <= 32  # a bin
        elif "chirp" in name:
            assert (np.diff(peaks) >= -32 if name == "rising chirp" else np.diff(peaks) <= 32).all()
            assert np.ptp(peaks) > 300
        elif name == "noise":
            assert np.ptp(peaks) > 500
        else:  # the loudest harmonic is near the first formant
            low, high = {"a": (550, 1350), "i": (80, 450), "u": (80, 500)}[name[-1]]
            assert low < np.median(peaks) < high
