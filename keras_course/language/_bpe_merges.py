"""The merges of byte-pair encoding: learning them from a text, and applying them.

Notation: a *piece* of a text is at first a list of symbols, one per byte (ids 0..255); a *merge* replaces a pair of
neighboring symbols by one new symbol; its *rank* says how early it was learned.

    next merge to learn = argmax over pairs (a, b) of  sum over pieces w of  count(w) * #{i : w[i] = a, w[i+1] = b}
    next merge to apply = argmin over neighbors (a, b) of  rank(a, b)

`learn_merges_plainly` and `apply_merges_plainly` are these two lines. They look at every symbol again for each merge,
so a text without spaces, which is one long piece, takes them quadratic time. `learn_merges` and `apply_merges` give the
same results and look only at the neighbors of what a merge has changed.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

Pair = tuple[int, int]
_GONE = -1  # the symbol at a position that was merged into the one before it


def learn_merges_plainly(
    pieces: Mapping[bytes, int], alphabet: Sequence[int], num_symbols: int
) -> list[tuple[int, int]]:
    """Return what `learn_merges` returns, by the formula."""
    content = [bytes([byte]) for byte in alphabet]
    words = [([content.index(bytes([byte])) for byte in piece], count) for piece, count in pieces.items()]
    merges = []
    while len(content) < num_symbols:
        counts = Counter()
        for symbols, count in words:
            for pair in pairwise(symbols):
                counts[pair] += count
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            break
        a, b = (content[symbol] for symbol in best)
        merges.append((a, b))
        content += [] if a + b in content else [a + b]
        words = [(merge(symbols, best, content.index(a + b)), count) for symbols, count in words]
    return list(dict.fromkeys(merges))


def apply_merges_plainly(symbols: Sequence[int], ranks: Mapping[Pair, int], made: Sequence[int]) -> list[int]:
    """Return what `apply_merges` returns, by the formula."""
    symbols = list(symbols)
    while known := [pair for pair in pairwise(symbols) if pair in ranks]:
        pair = min(known, key=ranks.get)
        symbols = merge(symbols, pair, made[ranks[pair]])
    return symbols


def merge(symbols: Sequence[int], pair: Pair, new: int) -> list[int]:
    """Return `symbols` with each `pair`, taken from left to right, replaced by `new`."""
    merged = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] = new
        else:
            merged.append(symbol)
    return merged


class _Symbols:
    """Symbols in a doubly linked list: what a merge takes out is skipped, not moved over.

    Args:
        symbols: list of symbols; `_GONE` stands between pieces.
    """

    def __init__(self, symbols: list[int]):
        self.at = symbols
        self.left = list(range(-1, len(symbols) - 1))
        self.right = list(range(1, len(symbols) + 1))

    def pair(self, i: int) -> Pair | None:
        """Return the symbol at position i and the one after it, or None where one of them is missing."""
        j = self.right[i] if i >= 0 else len(self.at)
        if j == len(self.at) or self.at[i] == _GONE or self.at[j] == _GONE:
            return None
        return self.at[i], self.at[j]

    def merge(self, i: int, new: int) -> None:
        """Replace the symbol at position i and the one after it by `new`."""
        j = self.right[i]
        self.at[i], self.at[j], self.right[i] = new, _GONE, self.right[j]
        if self.right[j] < len(self.at):
            self.left[self.right[j]] = i


def apply_merges(symbols: Sequence[int], ranks: Mapping[Pair, int], made: Sequence[int]) -> list[int]:
    """Return the symbols of a piece after all merges, in n log n steps for n symbols.

    Args:
        symbols: the bytes of the piece.
        ranks: the rank of each merge.
        made: the symbol that the merge of each rank makes.
    """
    piece = _Symbols(list(symbols))
    heap = [(ranks[pair], i) for i, pair in enumerate(pairwise(symbols)) if pair in ranks]
    heapq.heapify(heap)
    while heap:
        rank, merged = heap[0][0], []
        while heap and heap[0][0] == rank:  # all of one rank, from left to right, before any pair that they make
            _, i = heapq.heappop(heap)
            if ranks.get(piece.pair(i)) == rank:  # else a neighbor was merged meanwhile
                piece.merge(i, made[rank])
                merged.append(i)
        for i in chain.from_iterable((piece.left[i], i) for i in merged):
            if (pair := piece.pair(i)) in ranks:
                heapq.heappush(heap, (ranks[pair], i))
    return [symbol for symbol in piece.at if symbol != _GONE]


def learn_merges(pieces: Mapping[bytes, int], alphabet: Sequence[int], num_symbols: int) -> list[tuple[bytes, bytes]]:
    """Return the merges, most frequent first, that make `num_symbols` symbols out of 256.

    Of equally frequent pairs the one with the smaller ids comes first, as in the package `tokenizers`. Learning ends
    early when no pair occurs twice.

    All pieces stand in one list; `places[pair]` says where the pair was made, and a heap finds the most frequent pair
    without a search. A heap entry whose count has changed since is put back with its new count.

    Args:
        pieces: how often each piece occurs in the text.
        alphabet: the 256 bytes in the order of their ids.
        num_symbols: how many symbols to stop at.
    """
    content = [bytes([byte]) for byte in alphabet]  # symbol -> the bytes it stands for
    symbol_of = {data: i for i, data in enumerate(content)}  # a + bc and ab + c make the same symbol
    symbols, weights = [], []
    for piece, times in pieces.items():
        symbols += [*(symbol_of[piece[i : i + 1]] for i in range(len(piece))), _GONE]
        weights += [times] * (len(piece) + 1)
    text = _Symbols(symbols)
    counts: Counter[Pair] = Counter()
    places: defaultdict[Pair, list[int]] = defaultdict(list)

    def count(i, sign):
        pair = text.pair(i)
        if pair is not None:
            counts[pair] += sign * weights[i]
            if sign > 0:
                places[pair].append(i)
        return pair

    for i in range(len(symbols)):
        count(i, 1)
    heap = [(-number, pair) for pair, number in counts.items()]
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
        for i in sorted(places.pop(pair)):
            if text.pair(i) != pair:  # a neighbor was merged meanwhile
                continue
            for k in (text.left[i], i, text.right[i]):
                count(k, -1)
            text.merge(i, new)
            grown |= {count(k, 1) for k in (text.left[i], i)}
        for now in grown - {None}:
            heapq.heappush(heap, (-counts[now], now))
    return list(merges)
