"""The task of a masked language model: fill in tokens that are hidden.

Tokens are those of a byte-pair encoding. Token 0 is padding, 1 the mask, and byte-pair tokens follow. The validation
loss is the mean of -log p(token) over the chosen tokens of the validation sentences, whose masks are fixed.
"""

import dataclasses
import hashlib
import math
from typing import ClassVar

from keras_course import datasets
from keras_course.checks import fraction, one_of, whole_number
from keras_course.recipes._task import Data, Metric, Task, in_batches

MASK, SPECIAL = 1, 2


@dataclasses.dataclass(frozen=True)
class MaskedTokens(Task):
    """Restore masked tokens of sentences; the metric is the mean of -log p over the chosen ones.

    Args:
        data: name of a set of sentences in `keras_course.datasets`.
        language: "en" or "de".
        context_length: most tokens of a sentence; longer ones are left out.
        vocab_size: number of tokens, with the 256 bytes and two special tokens.
        rate: fraction of the tokens that are chosen.
    """

    data: str = "phrases"
    language: str = "en"
    context_length: int = 32
    vocab_size: int = 320
    rate: float = 0.15
    metric: ClassVar[Metric] = Metric("masked-token loss", "nats/token")

    def __post_init__(self):
        datasets.find(self.data, kinds=("sentences",))
        one_of(("en", "de"), language=self.language)
        whole_number(1, context_length=self.context_length)
        whole_number(256 + SPECIAL, vocab_size=self.vocab_size)
        fraction(rate=self.rate)

    def load(self, part=0, start=None) -> "MaskedSentences":
        return MaskedSentences(self)

    def read(self, folder) -> dict:
        from keras_course.language import load_tokenizer

        return {"tokenizer": load_tokenizer(folder)}

    def on(self, data) -> "MaskedTokens":
        return dataclasses.replace(self, data=datasets.find(data, kinds=("sentences",)))


class MaskedSentences(Data):
    """Sentences as tokens."""

    loss_unit = "nats/token"

    def __init__(self, task):
        from keras_course.datasets._pairs import padded
        from keras_course.language import BPETokenizer

        self.task = task
        row = next(row for row in datasets.list_datasets() if row.name == task.data)
        train, validation, test = (getattr(part, task.language) for part in row.load())
        self.tokenizer = BPETokenizer.train("\n".join(train), task.vocab_size - SPECIAL)
        self.assets = {"tokenizer": self.tokenizer}
        self.facts = {"language": task.language}
        self.size = f"{len(train):,} + {len(validation):,} sentences"
        self.sha256 = hashlib.sha256("\n".join(train).encode("utf-8")).hexdigest()
        self.sentences = [s for s in map(self.encode, train) if len(s) <= task.context_length]
        y = padded([s for s in map(self.encode, validation) if len(s) <= task.context_length], task.context_length)
        x, weights = datasets.mask_tokens(y, SPECIAL + self.tokenizer.vocab_size, MASK, rate=task.rate)
        self.validation = in_batches((x, y, weights), 100)
        self.test = test[:8]

    def encode(self, sentence) -> list[int]:
        """Return the tokens of a sentence."""
        return [SPECIAL + int(i) for i in self.tokenizer.encode(sentence)]

    def decode(self, tokens) -> str:
        """Return the sentence of tokens, with a blank for each mask."""
        pieces = [[]]
        for token in tokens:
            if token == MASK:
                pieces.append([])
            elif token >= SPECIAL:
                pieces[-1].append(int(token) - SPECIAL)
        return "___".join(self.tokenizer.decode(piece) for piece in pieces)

    def arguments(self, build) -> dict:
        return {"vocab_size": SPECIAL + self.tokenizer.vocab_size, "context_length": self.task.context_length}

    def objective(self, model) -> dict:
        import keras

        return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> "datasets.MaskedBatches":
        return datasets.masked_batches(
            self.sentences,
            batch_size,
            vocab_size=SPECIAL + self.tokenizer.vocab_size,
            mask_token=MASK,
            steps_per_epoch=steps_per_epoch,
            rate=self.task.rate,
            seed=seed,
            start_epoch=start_epoch,
        )

    def measure(self, model, row, seed) -> dict[str, float]:
        return {"masked-token loss": row["val_loss"], "perplexity": math.exp(row["val_loss"])}

    def sample(self, model, seed) -> str:
        """Return the first test sentences with every fourth token masked, and what the model fills in."""
        from keras_course.attention import fill_masks

        lines = []
        for sentence in self.test:
            tokens = self.encode(sentence)[: self.task.context_length]
            masked = [MASK if i % 4 == 2 else token for i, token in enumerate(tokens)]
            (filled,) = fill_masks(model, [masked], mask_token=MASK)
            parts = (self.decode(masked), self.decode(filled), sentence)
            lines.append("masked:   {}\nfilled:   {}\nsentence: {}".format(*parts))
        return "\n\n".join(lines)
