"""Markdown in which the text of a row remains text."""

import re
from collections.abc import Collection, Sequence


def text(value: object) -> str:
    """Return text of a row as one line in which nothing is Markdown or HTML: other characters become references.

    Example:
        >>> text("<b> | *x*")
        '&#60;b&#62; &#124; &#42;x&#42;'
    """
    line = " ".join(str(value).split())
    return re.sub(r"[^\w\s,.;:/()%+@=' -]|\b_|_\b", lambda match: f"&#{ord(match[0])};", line)


def code(value: object) -> str:
    """Return text of a row as code, in which only a backtick and the bar of a table mean something."""
    return f"`{' '.join(str(value).split()).replace('`', chr(39)).replace('|', '/') or '?'}`"


def anchor(value: object) -> str:
    """Return the name that GitHub and Sphinx give to a heading that consists of this text.

    Example:
        >>> anchor("digits_mlp"), anchor("a b](c)")
        ('digits_mlp', 'a-bc')
    """
    return re.sub(r"[^\w -]", "", str(value).lower()).strip().replace(" ", "-")


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], left: Collection[str] = ()) -> str:
    """Return a table whose columns are aligned to the right, as numbers are, except those named in `left`."""
    lines = [heads, [":--" if head in left else "--:" for head in heads], *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
