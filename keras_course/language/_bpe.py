"""Byte-level byte-pair encoding, the tokenizer of GPT-2, trained here.

Notation: V is the vocabulary size, an id is an integer in 0..V-1. In `vocab.json` and `merges.txt` every byte
is written as one printable character (`BYTE_TO_CHAR`: "A" stays "A", a space becomes "Ġ"), and a token is the
string of its bytes' characters. A *merge* (a, b) makes the token ab out of the neighbors a and b; its *rank*
is its line.
"""

import json
import os
import pathlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from keras_course.checks import path as check_path
from keras_course.checks import string, validate, whole_number
from keras_course.checks.files import atomic_write_all, read_json
from keras_course.language._bpe_merges import apply_merges, learn_merges
from keras_course.language._bpe_pieces import split
from keras_course.language._characters import check_ids

VOCAB_FILE, MERGES_FILE, HEADER = "vocab.json", "merges.txt", "#version: 0.2"
_CACHE_SIZE = 2**16  # pieces whose ids are remembered


def _byte_alphabet() -> dict[int, str]:
    """Return GPT-2's character for each byte: itself where that is printable, else one from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


BYTE_TO_CHAR = _byte_alphabet()
CHAR_TO_BYTE = {character: byte for byte, character in BYTE_TO_CHAR.items()}


class BPETokenizer:
    """Byte-level byte-pair encoding: any text, and any bytes, as ids of frequent byte strings.

    `encode` cuts the text into pieces (GPT-2's pattern: words with the space before them, numbers,
    punctuation, white space) and applies in each piece the merge of lowest rank until none applies. Nothing
    is unknown, since every byte is a token: `decode(encode(text)) == text` and
    `decode_bytes(encode_bytes(data)) == data`.

    Tokens that are neither a byte nor made by a merge are *special* (`"<|endoftext|>"`): they are found in
    the text before anything else and never cut; `special_tokens` maps them to their ids.

    Args:
        vocab: token to id, ids 0..V-1, with all 256 bytes among the tokens.
        merges: pairs of tokens, most frequent first; both parts and their concatenation are in `vocab`.

    Raises:
        ValueError: `vocab` or `merges` is not of that form; the message names the entry.

    References:
        Neural Machine Translation of Rare Words with Subword Units, Sennrich, Haddow, Birch, 2016,
        https://arxiv.org/abs/1508.07909
        Language Models are Unsupervised Multitask Learners,
        Radford, Wu, Child, Luan, Amodei, Sutskever, 2019,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

    Example:
        >>> tokenizer = BPETokenizer.train("low low lower lowest newest widest", vocab_size=260)
        >>> tokenizer.merges  # "Ġ" is the space
        [('l', 'o'), ('lo', 'w'), ('e', 's'), ('Ġ', 'low')]
        >>> [tokenizer.decode([i]) for i in tokenizer.encode("slowest")]
        ['s', 'low', 'es', 't']
        >>> tokenizer.decode(tokenizer.encode("naïve 🙂"))
        'naïve 🙂'
    """

    def __init__(self, vocab: Mapping[str, int], merges: Sequence[tuple[str, str]]):
        if not isinstance(merges, list | tuple) or not all(isinstance(pair, list | tuple) for pair in merges):
            raise ValueError(f"merges={merges!r:.200} must be a list of pairs of tokens")
        merges = [tuple(pair) for pair in merges]
        _check(vocab, merges, "vocab", lambda rank: f"merges[{rank}]")
        self.vocab = dict(sorted(vocab.items(), key=lambda item: item[1]))
        self.merges = merges
        made = {a + b for a, b in merges}
        self.special_tokens = {t: i for t, i in self.vocab.items() if t not in CHAR_TO_BYTE and t not in made}
        self._bytes = [
            token.encode("utf-8") if token in self.special_tokens else bytes(map(CHAR_TO_BYTE.__getitem__, token))
            for token in self.vocab
        ]
        self._byte_ids = [self.vocab[BYTE_TO_CHAR[byte]] for byte in range(256)]
        self._ranks = {(vocab[a], vocab[b]): rank for rank, (a, b) in enumerate(merges)}
        self._merged_ids = [vocab[a + b] for a, b in merges]
        self._special = _special_pattern(self.special_tokens)
        self._cache: dict[bytes, list[int]] = {}

    @classmethod
    @validate(text=string)
    def train(cls, text: str, vocab_size: int, special_tokens: Sequence[str] = ()) -> "BPETokenizer":
        """Learn a vocabulary: the most frequent pair of neighbors becomes one token, again and again.

        Ids are in GPT-2's order: the 256 bytes, the merges from the most frequent on, the special tokens.
        Training is deterministic: of equally frequent pairs the one with the smaller ids is merged first.
        Special tokens that occur in `text` are not learned from.

        Args:
            text: the corpus.
            vocab_size: how many tokens to make; fewer come out where no pair occurs twice any more.
            special_tokens: tokens never cut, each of two or more printable ASCII characters without a space.

        Raises:
            ValueError: `text` is empty, `vocab_size` leaves no room for bytes and special tokens, or a
                special token is not of that form or stands there twice.
        """
        if not text:
            raise ValueError("text is empty: there is nothing to learn merges from.")
        _check_special_tokens(special_tokens)
        whole_number(256 + len(special_tokens), vocab_size=vocab_size)
        parts = _special_pattern(special_tokens).split(text)[::2]  # every second one is a special token
        counts = Counter(piece for part in parts for piece in split(part))
        learned = learn_merges(counts, list(BYTE_TO_CHAR), vocab_size - len(special_tokens))
        merges = [(_as_token(a), _as_token(b)) for a, b in learned]
        tokens = dict.fromkeys([*CHAR_TO_BYTE, *(a + b for a, b in merges), *special_tokens])
        return cls({token: i for i, token in enumerate(tokens)}, merges)

    @property
    def vocab_size(self) -> int:
        """The number of tokens, V."""
        return len(self.vocab)

    @validate(text=string)
    def encode(self, text: str) -> np.ndarray:
        """Return the ids of `text`, a 1-D int32 array.

        Raises:
            ValueError: `text` holds half of a surrogate pair, which UTF-8 cannot write.
        """
        return self.encode_bytes(text.encode("utf-8"))

    def encode_bytes(self, data: bytes) -> np.ndarray:
        """Return the ids of `data`, a 1-D int32 array; `data` need not be UTF-8."""
        if not isinstance(data, bytes | bytearray):
            raise ValueError(f"data={data!r:.200} must be bytes")
        text = data.decode("utf-8", "surrogateescape")
        ids: list[int] = []
        for part in self._special.split(text):
            if part in self.special_tokens:
                ids.append(self.special_tokens[part])
                continue
            for piece in split(part):
                ids += self._cache.get(piece) or self._encode_piece(piece)
        return np.array(ids, np.int32)

    def decode(self, ids) -> str:
        """Return the text of `ids`, with U+FFFD for bytes that are not UTF-8 (as in half of an emoji).

        Raises:
            ValueError: an id is outside 0..V-1.
        """
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def decode_bytes(self, ids) -> bytes:
        """Return exactly the bytes that `ids` stand for.

        Raises:
            ValueError: an id is outside 0..V-1.
        """
        return b"".join([self._bytes[i] for i in check_ids(ids, self.vocab_size).tolist()])

    def get_config(self) -> dict:
        """Return the constructor's arguments, ready for JSON."""
        return {"vocab": dict(self.vocab), "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_config(cls, config: dict) -> "BPETokenizer":
        """Return the tokenizer that `get_config` described."""
        return cls(**config)

    def save(self, folder: str | os.PathLike) -> None:
        """Write `vocab.json` and `merges.txt` (GPT-2's format) into `folder`, made where it is missing."""
        folder = check_path(folder=folder)
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{HEADER} - {len(self.merges)} merges", *(f"{a} {b}" for a, b in self.merges)]
        vocab = json.dumps(self.vocab, ensure_ascii=False)
        atomic_write_all({folder / VOCAB_FILE: vocab, folder / MERGES_FILE: "\n".join(lines) + "\n"})

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "BPETokenizer":
        """Return the tokenizer in `folder`: one that `save` wrote, GPT-2's, or another in that format.

        Raises:
            FileNotFoundError: `folder` has no `vocab.json` or no `merges.txt`.
            ValueError: one of them is malformed; the message names the file and the line. Or `merges.txt` was cut: it
                lacks some of the merges that its first line counts, or, where that has no number, the merge of a token
                with a space.
        """
        vocab_path, merges_path = check_path(folder=folder) / VOCAB_FILE, check_path(folder=folder) / MERGES_FILE
        vocab = read_json(vocab_path)
        try:
            text = merges_path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"{merges_path} is not UTF-8: {error}") from error
        lines = text.removesuffix("\n").split("\n")
        first = 2 if lines[0].startswith("#version") else 1  # the line number of the first merge
        merges = [tuple(line.split(" ")) for line in lines[first - 1 :]]
        _check(vocab, merges, str(vocab_path), lambda rank: f"{merges_path}, line {rank + first}")
        _check_complete(vocab, merges, text, merges_path)
        return cls(vocab, merges)

    def _encode_piece(self, piece: bytes) -> list[int]:
        ids = apply_merges([self._byte_ids[byte] for byte in piece], self._ranks, self._merged_ids)
        if len(self._cache) < _CACHE_SIZE:
            self._cache[piece] = ids
        return ids

    def __repr__(self) -> str:
        return f"BPETokenizer(vocab_size={self.vocab_size}, special_tokens={list(self.special_tokens)})"


def _special_pattern(tokens: Iterable[str]) -> re.Pattern:
    """Return a pattern whose `split` parts a text at the tokens and keeps them, the longer of two first."""
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest_first)) or '(?!)'})")  # (?!) matches nowhere


def _check_special_tokens(special_tokens) -> None:
    if not isinstance(special_tokens, list | tuple):
        raise ValueError(f"special_tokens={special_tokens!r} must be a list of strings")
    for token in special_tokens:
        if not re.fullmatch(r"[!-~]{2,}", str(token)) or special_tokens.count(token) > 1:
            raise ValueError(
                f"special_tokens={special_tokens}: {token!r} must be two or more printable ASCII "
                "characters without a space, and stand there once."
            )


def _as_token(data: bytes) -> str:
    return "".join(BYTE_TO_CHAR[byte] for byte in data)


def _check(vocab, merges, vocab_name: str, name_of: Callable[[int], str]) -> None:
    """Raise ValueError unless both make a tokenizer; `name_of(rank)` says where a merge stands."""
    if not isinstance(vocab, Mapping) or not vocab or not all(isinstance(t, str) and t for t in vocab):
        raise ValueError(f"{vocab_name} must map tokens, which are strings, to ids.")
    if any(type(i) is not int for i in vocab.values()) or sorted(vocab.values()) != list(range(len(vocab))):
        raise ValueError(f"{vocab_name} has {len(vocab)} tokens, so its ids must be 0 to {len(vocab) - 1}, each once.")
    missing = [character for character in CHAR_TO_BYTE if character not in vocab]
    if missing:
        raise ValueError(f"{vocab_name} lacks {len(missing)} of the 256 bytes, the first is {missing[0]!r}.")
    seen: dict[tuple[str, ...], int] = {}
    for rank, pair in enumerate(merges):
        if len(pair) != 2 or not all(isinstance(token, str) for token in pair):
            raise ValueError(
                f"{name_of(rank)}: {' '.join(map(str, pair))!r} must be two tokens with one space between them."
            )
        for token in (*pair, "".join(pair)):
            if token not in vocab or not CHAR_TO_BYTE.keys() >= set(token):
                raise ValueError(f"{name_of(rank)}: {token!r} is not in the vocabulary.")
        if seen.setdefault(pair, rank) != rank:
            raise ValueError(f"{name_of(rank)}: {' '.join(pair)!r} stands already at {name_of(seen[pair])}.")


def _check_complete(vocab, merges, text: str, path: pathlib.Path) -> None:
    """Raise ValueError where `merges.txt` was cut, after which the tokens of the lost merges would pass for special."""
    header = re.match(rf"{HEADER} - (\d+) merges$", text, re.MULTILINE)
    if header is not None:
        if int(header[1]) != len(merges):
            raise ValueError(
                f"{path} has {len(merges)} merges; its first line says {header[1]}: it was cut or changed."
            )
        if not text.endswith("\n"):
            raise ValueError(f"{path} does not end with a whole line: it was cut.")
        return
    # Other programs write no number, and some no last newline. A special token may be one that two others make, as "-"
    # and ">" make "->"; but it has no space.
    space = BYTE_TO_CHAR[ord(" ")]
    made = {space} | {a + b for a, b in merges}
    for token in vocab:
        if space in token and token not in made:
            raise ValueError(
                f"{path} has {len(merges)} merges, and none makes {token!r}: it was cut. (Without special tokens a "
                f"vocabulary of {len(vocab)} has {len(vocab) - 256} merges.)"
            )
