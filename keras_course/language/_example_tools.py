"""Two tools for an agent, pure functions both: a calculator, and a search in a text.

Notation: an *expression* is arithmetic in Python's syntax; the *passages* of a text are its paragraphs.
"""

import ast
import operator
import re
from collections.abc import Callable, Sequence

from keras_course.checks import string, whole_number
from keras_course.language._tools import tool

MAX_EXPRESSION, MAX_EXPONENT, MAX_SIZE = 200, 100, 1e100

_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY = {ast.UAdd: operator.pos, ast.USub: operator.neg}


@tool
def calculator(expression: str) -> str:
    """Evaluate arithmetic: numbers, + - * / // % ** and parentheses, for example (2 + 3) * 4.

    The expression is parsed and its tree walked; nothing in it is ever executed as code.

    Raises:
        ValueError: the expression is longer than 200 characters, holds anything but arithmetic, has an
            exponent beyond 100, or a value beyond 1e100 or with an imaginary part.
        ZeroDivisionError: it divides by zero.

    Example:
        >>> calculator("(2 + 3) * 4"), calculator("-7 // 2 + 0.5")
        ('20', '-3.5')
    """
    string(expression=expression)
    if len(expression) > MAX_EXPRESSION:
        raise ValueError(f"expression has {len(expression)} characters, the limit is {MAX_EXPRESSION}.")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError as error:
        raise ValueError(f"expression={expression!r} is not arithmetic: {error.msg}.") from error
    try:
        return str(_value(tree.body))
    except OverflowError as error:
        raise ValueError(f"expression={expression!r} has a value beyond {MAX_SIZE:g}.") from error


def search_text(corpus: str, num_results: int = 3) -> Callable[[str], str]:
    """Return a tool `search(query)` that finds the passages of `corpus` which share most words with a query.

    Args:
        corpus: a text; empty lines part its passages.
        num_results: how many passages the tool returns at most.

    Raises:
        ValueError: `corpus` has no words, or `num_results` is less than 1.

    Example:
        >>> search = search_text("Ada wrote the first program.\\n\\nAlan asked whether machines think.")
        >>> search("Who wrote a program?")
        'Ada wrote the first program.'
        >>> search("zebra")
        'Nothing found.'
    """
    string(corpus=corpus)
    whole_number(1, num_results=num_results)
    passages = [passage.strip() for passage in re.split(r"\n\s*\n", corpus) if _words(passage)]
    if not passages:
        raise ValueError("corpus has no words: there is nothing to search.")
    return _searcher([(_words(passage), passage) for passage in passages], num_results)


def _searcher(indexed: Sequence[tuple[set[str], str]], num_results: int) -> Callable[[str], str]:
    @tool
    def search(query: str) -> str:
        """Find the passages of the text that share most words with the query."""
        scores = [(len(words & _words(query)), passage) for words, passage in indexed]
        best = sorted(scores, key=lambda scored: -scored[0])[:num_results]  # equal scores stay in the text's order
        return "\n\n".join(passage for score, passage in best if score) or "Nothing found."

    return search


def _words(passage: str) -> set[str]:
    return set(re.findall(r"\w+", passage.lower()))


def _value(node: ast.expr) -> int | float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
    elif isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        value = _UNARY[type(node.op)](_value(node.operand))
    elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and abs(right) > MAX_EXPONENT:
            raise ValueError(f"expression: exponent {right} is beyond the limit of {MAX_EXPONENT}.")
        value = _BINARY[type(node.op)](left, right)
    else:
        raise ValueError(
            f"expression: {type(node).__name__!r} at character {node.col_offset} is not arithmetic; "
            "allowed are numbers, + - * / // % ** and ( )."
        )
    if isinstance(value, complex) or not abs(value) <= MAX_SIZE:
        raise ValueError(f"expression: a value is not a real number of at most {MAX_SIZE:g}.")
    return value
