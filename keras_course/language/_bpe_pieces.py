"""Cutting a text into the pieces that merges stay inside: words, numbers, runs of punctuation or of white space."""

import functools
import re
import sys


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
