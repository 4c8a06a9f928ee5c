"""A tokenizer with one token per character.

Notation: V is the vocabulary size, an id is an integer in 0..V-1, and T is the number of ids of a text.
"""

import json
import os
from collections import Counter

import numpy as np

from keras_course.checks import path as check_path
from keras_course.checks import string, validate
from keras_course.checks.files import atomic_write, read_json

FILE = "tokenizer.json"
FORMAT = "keras_course.CharTokenizer"
_SHOWN = 5  # an error message names this many unknown characters, and this many positions of each


def check_ids(ids, vocab_size: int) -> np.ndarray:
    """Return `ids` as a 1-D int array, or raise ValueError where one is not an id of the vocabulary."""
    ids = np.asarray(ids)
    if ids.size == 0:
        ids = ids.astype(np.int32)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"ids must be a 1-D array of integers; got shape {ids.shape}, dtype {ids.dtype}.")
    wrong = np.flatnonzero((ids < 0) | (ids >= vocab_size))
    if len(wrong):
        raise ValueError(
            f"ids[{wrong[0]}]={ids[wrong[0]]} is not in the vocabulary; allowed are 0 to {vocab_size - 1}."
        )
    return ids


class CharTokenizer:
    """One token per character: the id of a character is its position in `characters`.

    A text of T characters becomes an int32 array of shape `(T,)`, and `decode(encode(text)) == text`.

    Args:
        characters: the vocabulary, each character once.

    Raises:
        ValueError: `characters` is empty, holds a character twice, or half of a surrogate pair.

    Example:
        >>> tokenizer = CharTokenizer.train("hello")
        >>> tokenizer.characters, tokenizer.vocab_size
        ('ehlo', 4)
        >>> tokenizer.encode("hole").tolist()
        [1, 3, 2, 0]
        >>> tokenizer.decode([1, 3, 2, 0])
        'hole'
    """

    def __init__(self, characters: str):
        if not isinstance(characters, str) or not characters:
            raise ValueError(f"characters={characters!r} must be a string of at least one character.")
        repeated = [character for character, count in Counter(characters).items() if count > 1]
        if repeated:
            raise ValueError(f"characters holds {repeated} more than once; each character is one token.")
        self.characters = characters
        self._codes = _code_points(characters, errors="strict")
        # From code point to id, -1 where unknown; the last entry stands for every code point beyond.
        self._ids = np.full(self._codes.max() + 2, -1, np.int32)
        self._ids[self._codes] = np.arange(len(characters), dtype=np.int32)

    @classmethod
    @validate(text=string)
    def train(cls, text: str) -> "CharTokenizer":
        """Return the tokenizer of all characters of `text`, in the order of their code points.

        Raises:
            ValueError: `text` is empty.
        """
        if not text:
            raise ValueError("text is empty: a vocabulary needs at least one character.")
        return cls("".join(sorted(set(text))))

    @property
    def vocab_size(self) -> int:
        """The number of tokens, V."""
        return len(self.characters)

    @validate(text=string)
    def encode(self, text: str) -> np.ndarray:
        """Return the ids of `text`, an int32 array of shape `(len(text),)`.

        Raises:
            ValueError: `text` has characters that are not in the vocabulary; the message names them and where
                they are.
        """
        codes = _code_points(text, errors="surrogatepass")
        ids = self._ids[np.minimum(codes, len(self._ids) - 1)]
        if (ids < 0).any():
            raise ValueError(self._unknown(text, np.flatnonzero(ids < 0)))
        return ids

    def decode(self, ids) -> str:
        """Return the text of `ids`, a 1-D sequence of integers.

        Raises:
            ValueError: an id is outside 0..V-1.
        """
        return self._codes[check_ids(ids, self.vocab_size)].tobytes().decode("utf-32-le")

    def get_config(self) -> dict:
        """Return the constructor's arguments, ready for JSON."""
        return {"characters": self.characters}

    @classmethod
    def from_config(cls, config: dict) -> "CharTokenizer":
        """Return the tokenizer that `get_config` described."""
        return cls(**config)

    def save(self, folder: str | os.PathLike) -> None:
        """Write `tokenizer.json` into `folder`, which is made where it is missing."""
        folder = check_path(folder=folder)
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / FILE, json.dumps({"format": FORMAT, **self.get_config()}) + "\n")

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "CharTokenizer":
        """Return the tokenizer that `save` wrote into `folder`.

        Raises:
            FileNotFoundError: `folder` has no `tokenizer.json`.
            ValueError: the file is not what `save` writes.
        """
        path = check_path(folder=folder) / FILE
        try:
            content = read_json(path)
            if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
                raise ValueError(f'it is not a JSON object with "format": "{FORMAT}"')
            if set(content) != {"characters"}:
                raise ValueError(f'beside "format" it must have "characters" and nothing else; got {sorted(content)}')
            return cls.from_config(content)
        except ValueError as error:
            raise ValueError(f"{path} does not describe a character tokenizer: {error}") from error

    def _unknown(self, text: str, positions: np.ndarray) -> str:
        where: dict[str, list[int]] = {}
        for position in positions.tolist():
            where.setdefault(text[position], []).append(position)
        parts = [
            f"{character!a} at {', '.join(map(str, at[:_SHOWN]))}" + (" and later" if len(at) > _SHOWN else "")
            for character, at in list(where.items())[:_SHOWN]
        ]
        more = f"; and {len(where) - _SHOWN} other characters" if len(where) > _SHOWN else ""
        allowed = self.characters if self.vocab_size <= 200 else self.characters[:200] + "..."
        return (
            f"text has characters that are not in the vocabulary: {'; '.join(parts)}{more}. "
            f"Allowed are these {self.vocab_size}: {allowed!r}"
        )

    def __repr__(self) -> str:
        return f"CharTokenizer(vocab_size={self.vocab_size})"


def _code_points(text: str, errors: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", errors), "<u4")
