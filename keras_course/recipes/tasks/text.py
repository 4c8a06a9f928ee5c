"""The task of a language model: predict the next token of a text.

The validation loss is the mean of -log p(next token), in nats, over every token of the last part of the text but the
first. That part is cut into windows that do not overlap, of which the last one may be shorter.
"""

import dataclasses
import hashlib

from keras_course import datasets
from keras_course.checks import fraction, one_of, string, whole_number
from keras_course.recipes._task import Data, Metric, Task, in_batches


@dataclasses.dataclass(frozen=True)
class NextToken(Task):
    """Predict the next token of a text; the metric is the validation loss in nats per token.

    Args:
        data: name of a text in `keras_course.datasets`, or the path of a text file.
        context_length: number of tokens in a window, and of the model's context.
        tokenizer: "characters" or "bpe".
        vocab_size: number of tokens of "bpe"; None for characters, whose number the text decides.
        split: fraction of the text to train on; the rest is for validation.
        prompt: beginning of the text that the trained model writes.
    """

    data: str
    context_length: int
    tokenizer: str = "characters"
    vocab_size: int | None = None
    split: float = 0.9
    prompt: str = "\n"

    def __post_init__(self):
        string(data=self.data, prompt=self.prompt)
        one_of(("characters", "bpe"), tokenizer=self.tokenizer)
        whole_number(1, context_length=self.context_length)
        if self.tokenizer == "bpe":
            whole_number(256, vocab_size=self.vocab_size)
        elif self.vocab_size is not None:
            raise ValueError(f"vocab_size={self.vocab_size!r} must be None for characters: the text decides it")
        fraction(split=self.split)

    @property
    def metric(self) -> Metric:
        return Metric("validation loss", "nats/character" if self.tokenizer == "characters" else "nats/token")

    def load(self, part=0, start=None) -> "Text":
        return Text(self)

    def read(self, folder) -> dict:
        from keras_course.language import load_tokenizer

        return {"tokenizer": load_tokenizer(folder)}

    @staticmethod
    def write(
        model, tokenizer, prompt, *, length=300, temperature=1.0, top_k=None, top_p=None, seed=0, stop=None
    ) -> str:
        """Return a text that continues the prompt.

        Args:
            model, tokenizer, prompt: see `Task.write`.
            length: number of tokens to write.
            temperature, top_k, top_p, seed: see `keras_course.language.generate`.
            stop: text to end after, which must be one token.
        """
        from keras_course.language import generate

        if stop is not None:
            tokens = tokenizer.encode(stop)
            if len(tokens) != 1:
                raise ValueError(f"stop={stop!r} is {len(tokens)} tokens to this model; it must be one.")
            stop = int(tokens[0])
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed, "stop": stop}
        return tokenizer.decode(generate(model, tokenizer.encode(prompt), length, **options))

    def on(self, data) -> "NextToken":
        """Return the same task on another text: the path of a file in full, as it must last until a run is resumed."""
        return dataclasses.replace(self, data=datasets.find(data))


class Text(Data):
    """A text as tokens.

    Raises:
        ValueError: the text is too short for the model's context.
    """

    def __init__(self, task):
        from keras_course.language import BPETokenizer, CharTokenizer

        self.task, self.loss_unit = task, task.metric.unit
        text = datasets.text(task.data)
        self.prompt = task.prompt if set(task.prompt) <= set(text) else text[0]
        self.facts = {"prompt": self.prompt}
        self.size = f"{len(text):,} characters"
        self.sha256 = hashlib.sha256(text.encode("utf-8")).hexdigest()
        parts = datasets.split_text(text, task.split)
        if task.tokenizer == "characters":
            self.tokenizer = CharTokenizer.train(text)
        else:
            self.tokenizer = BPETokenizer.train(parts[0], task.vocab_size)
        self.assets = {"tokenizer": self.tokenizer}
        self.tokens, held_out = map(self.tokenizer.encode, parts)
        for name, tokens in (("training", self.tokens), ("validation", held_out)):
            if len(tokens) <= task.context_length:
                raise ValueError(
                    f"data={task.data!r} is too short: its {name} part has {len(tokens)} tokens, and the model needs "
                    f"at least {task.context_length + 1}, one more than its context_length={task.context_length}."
                )
        self.validation = in_batches(datasets.validation_windows(held_out, task.context_length))

    def arguments(self, build) -> dict:
        return {"vocab_size": self.tokenizer.vocab_size, "context_length": self.task.context_length}

    def objective(self, model) -> dict:
        import keras

        return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> "datasets.TokenWindows":
        return datasets.token_windows(
            self.tokens,
            self.task.context_length,
            batch_size,
            steps_per_epoch=steps_per_epoch,
            seed=seed,
            start_epoch=start_epoch,
        )

    def sample(self, model, seed, length=300) -> str:
        """Return a text that the model writes; it begins with the prompt, or with the first character of its text."""
        from keras_course.language import generate

        prompt = self.tokenizer.encode(self.prompt)
        return self.tokenizer.decode(generate(model, prompt, length, temperature=0.8, seed=seed))
