"""Tools of an agent: plain Python functions, and the strict parser of a model's calls to them.

Notation: a *reply* is what a model wrote; a *call* in it is one JSON object

    {"tool": NAME, "arguments": {PARAMETER: VALUE, ...}}

that stands in a fenced block marked json at the end of the reply, or is the whole reply. The parser accepts
exactly that and repairs nothing, so that what runs is what the model wrote.
"""

import inspect
import json
import math
import re
import sys
import typing
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from keras_course.checks import instance, string, validate, whole

FORM = 'one JSON object {"tool": NAME, "arguments": {PARAMETER: VALUE}}, alone or in one final ```json block'
SIMPLE = (str, int, float, bool)

# What an answer never holds: a leading brace, the key "tool", a fence marked json or opening on a brace.
_LIKE_A_CALL = re.compile(r"""\A\s*\{|["']tool["']\s*:|```[ \t]*json\b|```\w*\s*\{""", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*```json[ \t]*$", re.MULTILINE)


class ToolCallError(ValueError):
    """A reply looks like a tool call but is not one that is allowed."""

    def __init__(self, problem: str):
        super().__init__(f"tool call refused: {problem}. Allowed is {FORM}.")


@dataclass(frozen=True)
class ToolCall:
    """A call that passed every check: the tool's name, its function, and the arguments by name."""

    name: str
    function: Callable
    arguments: dict

    def run(self) -> object:
        """Return what the tool returns for these arguments."""
        return self.function(**self.arguments)


def tool(function: Callable) -> Callable:
    """Check that `function` can be a tool, and return it as it is; used as a decorator.

    A tool is a pure function with a docstring, whose parameters are all named and annotated with str, int,
    float, bool, list, or list of one of these. A model learns its signature and the first line of its
    docstring.

    Raises:
        ValueError: `function` is not of that form; the message names the parameter.

    Example:
        >>> @tool
        ... def repeat(text: str, times: int = 2) -> str:
        ...     "Write a text several times."
        ...     return text * times
        >>> describe({"repeat": repeat})
        '- repeat(text: str, times: int = 2) -> str: Write a text several times.'
        >>> parse_tool_call('{"tool": "repeat", "arguments": {"text": "ha"}}', {"repeat": repeat}).run()
        'haha'
    """
    if not inspect.isfunction(function):
        raise ValueError(f"tool={function!r} must be a Python function.")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise ValueError(f"tool {function.__name__!r} must return its result: it is a coroutine or a generator.")
    if not inspect.getdoc(function):
        raise ValueError(f"tool {function.__name__!r} has no docstring, which tells the model what it does.")
    try:
        parameters = _parameters(function)
    except Exception as error:  # an annotation is any expression
        raise ValueError(f"tool {function.__name__!r}: an annotation cannot be read ({error}).") from error
    for parameter in parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ValueError(f"tool {function.__name__!r}: parameter {str(parameter)!r} must be a named one.")
        if not _is_simple(parameter.annotation):
            raise ValueError(
                f"tool {function.__name__!r}: parameter {parameter.name!r} must be annotated with str, int, "
                "float, bool, list or list[one of these]."
            )
    return function


def tool_table(tools: Iterable[Callable] | Mapping[str, Callable]) -> dict[str, Callable]:
    """Return the checked mapping of names to functions; functions that come without names keep their own.

    Raises:
        ValueError: there is none, something is not a tool, a name is not a string, or two have the same name.
    """
    if not isinstance(tools, Iterable):
        raise ValueError(f"tools={tools!r:.200} must be a list or a mapping of functions")
    if not tools:
        raise ValueError("tools is empty: an agent needs at least one.")
    if isinstance(tools, Mapping):
        if not all(isinstance(name, str) and name for name in tools):
            raise ValueError(f"tools has names {list(tools)}; each must be a string that is not empty.")
        return {name: tool(function) for name, function in tools.items()}
    table: dict[str, Callable] = {}
    for function in tools:
        name = tool(function).__name__
        if name in table:
            raise ValueError(f"tools has two functions named {name!r}; give a mapping of names to functions.")
        table[name] = function
    return table


def describe(tools: Mapping[str, Callable]) -> str:
    """Return the tools as text for the model: a line each with name, signature and purpose."""
    return "\n".join(
        f"- {name}{inspect.signature(function, eval_str=True)}: {inspect.getdoc(function).splitlines()[0]}"
        for name, function in tools.items()
    )


@validate(reply=string, tools=instance(Mapping), max_characters=whole(1))
def parse_tool_call(reply: str, tools: Mapping[str, Callable], max_characters: int = 2000) -> ToolCall | None:
    """Return the tool call in `reply`, or None where nothing in it looks like one.

    Args:
        reply: what the model wrote. Reasoning may stand before a fenced call, nothing after it.
        tools: name to function.
        max_characters: the longest JSON text of a call.

    Raises:
        ValueError: an argument is of another type.
        ToolCallError: `reply` looks like a call but is not exactly one: broken JSON, a key twice, NaN or
            infinity, a key too many or too few, an unknown tool, an argument missing, unknown or of another
            type, a second call, text after the call, or more than `max_characters`.
    """
    source = _find_call(reply)
    if source is None:
        return None
    if len(source) > max_characters:
        raise ToolCallError(f"it has {len(source)} characters, the limit is {max_characters}")
    call = _strict_json(source)
    if not isinstance(call, dict) or set(call) != {"tool", "arguments"}:
        got = sorted(call) if isinstance(call, dict) else type(call).__name__
        raise ToolCallError(f'it must have the keys "tool" and "arguments" and no other, not {got}')
    name = call["tool"]
    if not isinstance(name, str) or name not in tools:
        raise ToolCallError(f"there is no tool {name!r}, only {', '.join(tools)}")
    try:
        return ToolCall(name, tools[name], _check_arguments(call["arguments"], _parameters(tools[name])))
    except ValueError as error:
        raise ToolCallError(f"{name}: {error}") from error


def _find_call(reply: str) -> str | None:
    """Return the JSON text of a call: the whole reply or its last block; None where nothing looks like a call."""
    if not _LIKE_A_CALL.search(reply):
        return None
    reply = reply.strip()
    fences = list(_FENCE.finditer(reply))  # a string of JSON holds no line end, and no fence
    if not fences and reply.startswith("{"):
        return reply
    if not fences or reply.rsplit("\n", 1)[-1].strip() != "```":
        raise ToolCallError("this looks like a call outside a complete ```json block at the end of the reply")
    if len(fences) > 1 or _LIKE_A_CALL.search(reply[: fences[0].start()]):
        raise ToolCallError("a reply can make one call, and this looks like two")
    return reply[fences[0].end() : -len("```")]


def _strict_json(source: str):
    """Return the value of a JSON text without a key twice, NaN, infinity or half of a surrogate pair."""

    def unique(pairs):
        found = dict(pairs)
        if len(found) < len(pairs):
            ((key, _),) = Counter(key for key, _ in pairs).most_common(1)
            raise ValueError(f"the key {key!r} stands there twice")
        return found

    def finite(number):
        if not math.isfinite(float(number)):
            raise ValueError(f"{number} is not a finite number")
        return float(number)

    try:
        value = json.loads(source, object_pairs_hook=unique, parse_constant=finite, parse_float=finite)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # fails on half of a surrogate pair, which is not text
        return value
    except (ValueError, RecursionError) as error:  # such as broken JSON, thousands of digits or of brackets
        raise ToolCallError(f"it is not JSON ({error})") from error


def _parameters(function: Callable) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function, eval_str=True).parameters


def _is_simple(annotation) -> bool:
    return annotation is list or annotation in SIMPLE or annotation in [list[kind] for kind in SIMPLE]


def _check_arguments(arguments, parameters: Mapping[str, inspect.Parameter]) -> dict:
    if not isinstance(arguments, dict):
        raise ValueError(f"arguments must be an object, not {type(arguments).__name__}")
    unknown = sorted(arguments.keys() - parameters.keys())
    missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in arguments]
    if unknown or missing:
        raise ValueError(f"arguments has unknown {unknown}, lacks {missing}; they are {list(parameters)}")
    return {name: _as_type(value, parameters[name].annotation, name) for name, value in arguments.items()}


def _as_type(value, annotation, name: str):
    """Return `value` where its type is the annotated one; an integer may stand for a float, nothing else."""
    if annotation is not list and typing.get_origin(annotation) is not list:
        return _as_simple(value, (annotation,), name)
    if type(value) is not list:
        raise ValueError(f"argument {name!r} must be list, not {type(value).__name__} {value!r:.60}")
    kinds = typing.get_args(annotation) or SIMPLE
    return [_as_simple(element, kinds, f"{name}[{i}]") for i, element in enumerate(value)]


def _as_simple(value, kinds: tuple[type, ...], name: str):
    if type(value) in kinds:
        return value
    if type(value) is int and float in kinds and abs(value) <= sys.float_info.max:
        return float(value)
    wanted = " or ".join(kind.__name__ for kind in kinds)
    raise ValueError(f"argument {name!r} must be {wanted}, not {type(value).__name__} {value!r:.60}")
