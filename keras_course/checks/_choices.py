"""Helping with a name that is not known."""

import difflib
from collections.abc import Iterable


def instead_of(value: object, choices: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the names that look like it, or else all of them.

    Example:
        >>> instead_of("digits_mpl", ["digits_mlp", "names"]), instead_of("x", ["digits_mlp", "names"])
        ("did you mean 'digits_mlp'?", 'choose one of digits_mlp, names')
    """
    choices = list(choices)
    close = difflib.get_close_matches(value, choices, n=3, cutoff=0.75) if isinstance(value, str) else []
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"choose one of {', '.join(choices)}"
