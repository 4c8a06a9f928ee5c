"""The task of machine translation between English and German.

Both languages share one byte-pair encoding, which is learned from the training pairs, and three special tokens; see
`keras_course.attention.translate_sentences`. The metric is the BLEU score on the test pairs, as sacrebleu computes it.
The validation loss is the training loss, with smoothed labels, per token of the validation targets; the validation
cross-entropy, without smoothing, stands beside it.
"""

import dataclasses
import hashlib
from typing import ClassVar

from keras_course import datasets
from keras_course.checks import fraction, one_of, whole_number
from keras_course.recipes._task import Data, Metric, Task

_BATCH = 100  # pairs that are validated at once


@dataclasses.dataclass(frozen=True)
class Translation(Task):
    """Translate sentences; the metric is BLEU on the test set.

    Args:
        data: name of a set of sentences in `keras_course.datasets`.
        source: "en" or "de", the language to translate from.
        context_length: most tokens of a source or a target; training pairs that are longer are left out.
        vocab_size: number of tokens, with the 256 bytes and three special tokens.
        smoothing: of the labels in training.
        beams: number of beams in the translation of the test set.
    """

    data: str = "phrases"
    source: str = "en"
    context_length: int = 48
    vocab_size: int = 512
    smoothing: float = 0.1
    beams: int = 5
    metric: ClassVar[Metric] = Metric("BLEU", higher_is_better=True)

    def __post_init__(self):
        datasets.find(self.data, kinds=("sentences",))
        one_of(("en", "de"), source=self.source)
        whole_number(2, context_length=self.context_length)
        whole_number(259, vocab_size=self.vocab_size)
        fraction(smoothing=self.smoothing)
        whole_number(1, beams=self.beams)

    def load(self, part=0, start=None) -> "Pairs":
        return Pairs(self)

    def read(self, folder) -> dict:
        from keras_course.language import load_tokenizer

        return {"tokenizer": load_tokenizer(folder)}

    @staticmethod
    def write(model, tokenizer, prompt) -> str:
        """Return the translation of a sentence."""
        from keras_course.attention import translate_sentences

        return translate_sentences(model, tokenizer, [prompt])[0]

    def on(self, data) -> "Translation":
        return dataclasses.replace(self, data=datasets.find(data, kinds=("sentences",)))


class Pairs(Data):
    """Pairs of sentences as tokens."""

    loss_unit = "nats/token"

    def __init__(self, task):
        from keras_course.attention._sentences import SPECIAL
        from keras_course.datasets._pairs import in_pairs
        from keras_course.language import BPETokenizer

        self.task, self.bleu = task, _corpus_bleu()
        train, validation, self.test = datasets.get_dataset(task.data).load()
        both = "\n".join((*train.en, *train.de))
        self.tokenizer = BPETokenizer.train(both, task.vocab_size - SPECIAL)
        self.vocab_size = SPECIAL + self.tokenizer.vocab_size
        self.assets = {"tokenizer": self.tokenizer}
        self.size = f"{len(train.en):,} + {len(validation.en):,} + {len(self.test.en):,} pairs of sentences"
        self.sha256 = hashlib.sha256(both.encode("utf-8")).hexdigest()
        self.facts = {"source": task.source, "languages": ["en", "de"], "prompt": self._sides(self.test)[0][0]}
        self.sources, self.targets = self._encode(train)
        sources, targets = self._encode(validation)
        longest = max(map(len, (*sources, *targets)))  # TensorFlow wants batches of one length
        starts = range(0, len(sources), _BATCH)
        self.validation = [in_pairs(sources[i : i + _BATCH], targets[i : i + _BATCH], longest) for i in starts]

    def _encode(self, sentences):
        """Return sources and targets as tokens, without pairs that are longer than the context."""
        from keras_course.attention._sentences import START, STOP, encode_sentence

        pairs = []
        for source, target in zip(*self._sides(sentences), strict=True):
            source, target = (encode_sentence(self.tokenizer, sentence) for sentence in (source, target))
            if max(len(source), len(target) + 1) <= self.task.context_length:
                pairs.append((source, [START, *target, STOP]))
        return [list(side) for side in zip(*pairs, strict=True)]

    def _sides(self, sentences):
        return (sentences.en, sentences.de) if self.task.source == "en" else (sentences.de, sentences.en)

    def arguments(self, build) -> dict:
        return {"vocab_size": self.vocab_size, "context_length": self.task.context_length}

    def objective(self, model) -> dict:
        import keras

        from keras_course.attention import SmoothedCrossEntropy

        plain = keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="cross_entropy")
        return {"loss": SmoothedCrossEntropy(self.task.smoothing), "weighted_metrics": [plain]}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> "datasets.PairBatches":
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        return datasets.pair_batches(self.sources, self.targets, batch_size, **options)

    def measure(self, model, row, seed) -> dict[str, float]:
        sources, references = self._sides(self.test)
        score = self.bleu(self.translate(model, sources), [list(references)], force=True).score
        return {"BLEU": score, "validation cross-entropy": row["val_cross_entropy"]}

    def translate(self, model, sentences) -> list[str]:
        """Return the translations of sentences; a sentence that is too long is cut."""
        from keras_course.attention import translate_sentences

        return translate_sentences(model, self.tokenizer, sentences, beams=self.task.beams)

    def sample(self, model, seed) -> str:
        """Return the first test sentences with their translations and the references."""
        sources, references = (side[:5] for side in self._sides(self.test))
        rows = zip(sources, self.translate(model, sources), references, strict=True)
        return "\n\n".join(f"source:    {a}\noutput:    {b}\nreference: {c}" for a, b, c in rows)


def _corpus_bleu():
    try:
        from sacrebleu import corpus_bleu
    except ImportError:
        raise ImportError('the BLEU score needs sacrebleu: pip install "keras_course[translation]"') from None
    return corpus_bleu
