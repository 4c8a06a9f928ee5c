"""The task of a masked language model: fill in tokens that are hidden.

Token 0 is padding, token 1 the mask, and the tokens of a byte-pair encoding follow. The validation loss
is the mean of -log p(token) over the chosen tokens of the validation sentences, whose masks are fixed.
"""

import dataclasses
import hashlib
import math
from typing import ClassVar

from keras_course import datasets
from keras_course.checks import fraction, one_of, whole_number
from keras_course.recipes._task import Data, Metric, Task, in_batches

MASK, SPECIAL, BLANK = 1, 2, "___"


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

    @staticmethod
    def write(model, tokenizer, prompt) -> str:
        """Return a sentence whose blanks, each of which is written ___ and stands for one token, are filled in."""
        from keras_course.attention import fill_masks

        tokens = encode(tokenizer, prompt)
        if MASK not in tokens:
            raise ValueError(f"prompt={prompt!r} must have a blank, {BLANK}, for each token to fill in")
        return decode(tokenizer, fill_masks(model, [tokens], mask_token=MASK)[0])

    def on(self, data) -> "MaskedTokens":
        return dataclasses.replace(self, data=datasets.find(data, kinds=("sentences",)))


def encode(tokenizer, sentence) -> list[int]:
    """Return the tokens of a sentence, with a mask for each blank."""
    first, *others = ([SPECIAL + int(i) for i in tokenizer.encode(part)] for part in sentence.split(BLANK))
    return first + [token for part in others for token in (MASK, *part)]


def decode(tokenizer, tokens) -> str:
    """Return the sentence of tokens, with a blank for each mask."""
    parts = [[]]
    for token in tokens:
        if token == MASK:
            parts.append([])
        elif token >= SPECIAL:
            parts[-1].append(int(token) - SPECIAL)
    return BLANK.join(tokenizer.decode(part) for part in parts)


class MaskedSentences(Data):
    """Sentences as tokens."""

    loss_unit = "nats/token"

    def __init__(self, task):
        from keras_course.datasets._pairs import padded
        from keras_course.language import BPETokenizer

        self.task = task
        train, validation, test = (getattr(part, task.language) for part in datasets.get_dataset(task.data).load())
        self.tokenizer = BPETokenizer.train("\n".join(train), task.vocab_size - SPECIAL)
        self.assets = {"tokenizer": self.tokenizer}
        self.size = f"{len(train):,} + {len(validation):,} sentences"
        self.sha256 = hashlib.sha256("\n".join(train).encode("utf-8")).hexdigest()
        self.sentences = self._encode(train)
        y = padded(self._encode(validation), task.context_length)
        x, weights = datasets.mask_tokens(y, SPECIAL + self.tokenizer.vocab_size, MASK, rate=task.rate)
        self.validation = in_batches((x, y, weights), 100)
        self.test = test[:8]
        self.facts = {"language": task.language, "prompt": self._with_blanks(self.test[0])}

    def _encode(self, sentences):
        """Return sentences as tokens, without those that are longer than the context."""
        rows = (encode(self.tokenizer, sentence) for sentence in sentences)
        return [row for row in rows if len(row) <= self.task.context_length]

    def _with_blanks(self, sentence):
        """Return a sentence with every fourth token left blank, cut to the context."""
        tokens = encode(self.tokenizer, sentence)[: self.task.context_length]
        return decode(self.tokenizer, [MASK if i % 4 == 2 else token for i, token in enumerate(tokens)])

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
        """Return the first test sentences with every fourth token left blank, and what the model fills in."""
        prompts = [self._with_blanks(sentence) for sentence in self.test]
        filled = [self.task.write(model, self.tokenizer, prompt) for prompt in prompts]
        rows = zip(prompts, filled, self.test, strict=True)
        return "\n\n".join(f"masked:   {a}\nfilled:   {b}\nsentence: {c}" for a, b, c in rows)
