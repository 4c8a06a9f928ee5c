"""The task of questions about stories, each of which has an answer of one word."""

import dataclasses
import functools
import math
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import fraction, one_of, whole_number
from keras_course.recipes._task import Metric, Task, in_batches
from keras_course.recipes.tasks._arrays import ClassData

STORY = (
    "Jane went to the hallway.",
    "Mary walked to the bathroom.",
    "Sandra went to the garden.",
    "Daniel moved to the garden.",
    "Sandra took the milk.",
)
MOVES, DEDUCTION = STORY[:-1], ("Cats are afraid of wolves.", "Wolves are afraid of mice.", "Lily is a cat.")
EXAMPLES = {  # what the trained model is asked
    1: (MOVES, "Where is Sandra?"),
    2: (STORY, "Where is the milk?"),
    3: ((*STORY, "Sandra moved to the office."), "Where was the milk before the office?"),
    15: (DEDUCTION, "What is Lily afraid of?"),
}


@dataclasses.dataclass(frozen=True)
class Questions(Task):
    """Answer a question about a story; the metric is the percentage of right answers to the test stories.

    Args:
        number: 1, 2, 3 or 15, the kind of stories; see `keras_course.datasets.stories`.
        num_train: number of training stories.
        empty: rate of the empty sentences that are inserted into the stories of a training batch; see
            `keras_course.datasets.insert_empty_sentences`.
    """

    number: int = 1
    num_train: int = 10_000
    empty: float = 0.0
    metric: ClassVar[Metric] = Metric("test accuracy", "%", higher_is_better=True)
    data: ClassVar[str] = "stories"

    def __post_init__(self):
        one_of((1, 2, 3, 15), number=self.number)
        whole_number(1, num_train=self.num_train)
        fraction(empty=self.empty)

    def load(self, part=0, start=None) -> "StoryData":
        return StoryData(self)


class StoryData(ClassData):
    """Stories and questions as tokens."""

    loss_unit = "nats/question"

    def __init__(self, task):
        train, test = datasets.stories(task.number, task.num_train)
        self.task, self.words = task, datasets.story_words(train)
        self.num_sentences = math.ceil((1 + 2 * task.empty) * max(map(len, train.sentences)))
        sentences = {*train.questions, *(sentence for story in train.sentences for sentence in story)}
        self.num_words = max(len(datasets.split_words(sentence)) for sentence in sentences)
        self.x, self.y = self._encode(train)
        self.test = self._encode(test)
        self.validation = in_batches(self.test, 500)
        self.size = f"{len(self.y):,} + {len(self.test[1]):,} stories"
        self.facts = {"words": list(self.words)}
        if task.empty:
            self.augment = functools.partial(datasets.insert_empty_sentences, rate=task.empty)

    def _encode(self, stories):
        sizes = {"num_sentences": self.num_sentences, "num_words": self.num_words}
        return datasets.encode_stories(stories, self.words, **sizes)

    def arguments(self, build) -> dict:
        sizes = {"num_sentences": self.num_sentences, "num_words": self.num_words}
        return {**sizes, "vocab_size": 1 + len(self.words)}

    def measure(self, model, row, seed) -> dict[str, float]:
        return {"test accuracy": 100 * row["val_accuracy"]}

    def sample(self, model, seed) -> str:
        """Return a short story with a question, the answer of the model, and where a memory network looks."""
        sentences, question = EXAMPLES[self.task.number]
        x, _ = self._encode(datasets.Stories((sentences,), (question,), (self.words[0],), ((),)))
        best = int(model.predict(x, verbose=0)[0, 1:].argmax())  # token 0 is padding
        lines = [f"question: {question}", f"answer: {self.words[best]}"]
        return "\n".join([*self._looks(model, x, sentences), *lines])

    def _looks(self, model, x, sentences):
        """Return the sentences, in front of each the weights of the hops in percent where the model has hops."""
        from keras_course.attention import MemoryHop, hop_attention

        if not any(isinstance(layer, MemoryHop) for layer in model.layers):
            return list(sentences)
        weights = 100 * hop_attention(model, **x)[:, 0, -len(sentences) :]
        rows = (" ".join(f"{w:3.0f}" for w in np.round(column)) for column in weights.T)
        return [f"{row}  {sentence}" for row, sentence in zip(rows, sentences, strict=True)]
