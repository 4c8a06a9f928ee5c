"""Learning the merges of byte-pair encoding from a text, and cutting a text into the pieces that merges stay
inside.

Notation: a *piece* is a word, a number, a run of punctuation or of white space, as bytes. A piece is at first
a list of symbols, one per byte (ids 0..255); a *merge* replaces a pair of neighbouring symbols by one new
symbol.

    next merge = argmax over pairs (a, b) of  sum over pieces w of  count(w) * #{i : w[i] = a, w[i+1] = b}
"""

import functools
import heapq
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise


@functools.cache
def pattern() -> re.Pattern:
    r"""Return GPT-2's pattern for pieces, whose matches tile a text without a gap.

    With \p{L} for a Unicode letter and \p{N} for a Unicode number it reads

        's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

    Python's `re` knows no \p, but its \w is exactly the letters, the numbers and "_", and its \d exactly the
    decimal digits; so only the other numbers (fractions, Roman, circled, about 1,100) must be listed. Its \s
    has four control characters too many (U+001C to U+001F, which Unicode does not call white space), so white
    space is listed.
    """
    characters = map(chr, range(sys.maxunicode + 1))
    others = "".join(c for c in characters if c.isnumeric() and not c.isalpha() and not c.isdecimal())
    space = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    letter, number, other = rf"[^\W\d_{others}]", rf"[\d{others}]", rf"(?:[^{space}\w]|_)"
    return re.compile(
        rf"'s|'t|'re|'ve|'m|'ll|'d| ?{letter}+| ?{number}+| ?{other}+|[{space}]+(?![^{space}])|[{space}]+"
    )


def split(text: str) -> list[bytes]:
    """Return the pieces of `text` as UTF-8; surrogates of `surrogateescape` become bytes again."""
    return [piece.encode("utf-8", "surrogateescape") for piece in pattern().findall(text)]


def merge(symbols: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Return `symbols` with each `pair`, taken from left to right, replaced by `new`."""
    merged, i, last = [], 0, len(symbols) - 1
    while i <= last:
        if i < last and symbols[i] == pair[0] and symbols[i + 1] == pair[1]:
            merged.append(new)
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged


def learn_merges(
    piece_counts: Mapping[bytes, int], alphabet: Sequence[int], num_symbols: int
) -> list[tuple[bytes, bytes]]:
    """Return the merges, most frequent first, that make `num_symbols` symbols out of 256.

    Of equally frequent pairs the one with the smaller ids comes first, as in the package `tokenizers`.
    Learning ends early when no pair occurs twice.

    A merge changes the counts of few pairs, in few pieces: `home[pair]` says which pieces, and a heap finds
    the most frequent pair without a search. A heap entry whose count has changed since is put back with its
    new count.

    Args:
        piece_counts: how often each piece occurs in the text.
        alphabet: the 256 bytes in the order of their ids.
        num_symbols: how many symbols to stop at.
    """
    content = [bytes([byte]) for byte in alphabet]  # symbol -> the bytes it stands for
    symbol_of = {data: i for i, data in enumerate(content)}  # a + bc and ab + c make the same symbol
    pieces = [[symbol_of[piece[i : i + 1]] for i in range(len(piece))] for piece in piece_counts]
    weights = list(piece_counts.values())
    counts: Counter[tuple[int, int]] = Counter()
    home: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for index, symbols in enumerate(pieces):
        for pair in pairwise(symbols):
            counts[pair] += weights[index]
            home[pair].add(index)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)

    merges: dict[tuple[bytes, bytes], None] = {}  # a dict keeps the order and holds a pair once
    while heap and len(content) < num_symbols:
        negative, pair = heapq.heappop(heap)
        if counts[pair] != -negative:
            heapq.heappush(heap, (-counts[pair], pair))
            continue
        if counts[pair] < 2:
            break
        a, b = content[pair[0]], content[pair[1]]
        merges[a, b] = None
        new = symbol_of.setdefault(a + b, len(content))
        if new == len(content):
            content.append(a + b)
        grown = set()
        for index in home.pop(pair):
            before, after = pieces[index], merge(pieces[index], pair, new)
            pieces[index] = after
            for old in pairwise(before):
                counts[old] -= weights[index]
            for now in pairwise(after):
                counts[now] += weights[index]
                if new in now:
                    home[now].add(index)
                    grown.add(now)
        for now in grown:
            heapq.heappush(heap, (-counts[now], now))
    return list(merges)
