"""Tools: what the strict parser reads and refuses, and the two examples."""

import json
import time

import pytest

from keras_course.language import ToolCallError, calculator, parse_tool_call, search_text, tool


@tool
def mix(
    text: str, times: int = 1, scale: float = 1.0, loud: bool = False, parts: list = (), codes: list[int] = ()
) -> str:
    """Show what arrived."""
    return repr((text, times, scale, loud, list(parts), list(codes)))


@tool
def fail(text: str) -> str:
    """Always fail."""
    raise KeyError(text)


TOOLS = {"mix": mix, "fail": fail, "calculator": calculator}


def call(name, **arguments):
    return json.dumps({"tool": name, "arguments": arguments})


def fenced(text):
    return f"```json\n{text}\n```"


@pytest.mark.parametrize(
    "reply",
    [
        call("mix", text="a"),
        "\n  " + call("mix", text="a") + "\n",
        fenced(call("mix", text="a")),
        "I have to think.\nThen I call {it}:\n" + fenced('{\n "tool": "mix",\n "arguments": {"text": "a"}\n}') + "\n\n",
        "  ```json \n  " + call("mix", text="a") + "\n  ```",
        '{"\\u0074ool": "mix", "arguments": {"text": "\\u0061"}}',
    ],
)
def test_calls_are_read(reply):
    found = parse_tool_call(reply, TOOLS)
    assert (found.name, found.function, found.arguments) == ("mix", mix, {"text": "a"})


def test_types_of_arguments():
    arguments = dict(text='```\n"\n🙂', times=-3, scale=2, loud=True, parts=["a", 1, 2.5, False], codes=[1, 2])
    found = parse_tool_call(fenced(call("mix", **arguments)), TOOLS)
    assert found.arguments == arguments
    assert type(found.arguments["scale"]) is float
    assert found.run() == repr(('```\n"\n🙂', -3, 2.0, True, ["a", 1, 2.5, False], [1, 2]))


@pytest.mark.parametrize(
    "reply",
    [
        "It is 42.",
        "",
        "a {brace} and the word tool",
        "```python\nprint(1)\n```",
        "The set is {1, 2}.",
        '"tool" it is',
        "[1]",
    ],
)
def test_answers_are_no_calls(reply):
    assert parse_tool_call(reply, TOOLS) is None


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("{", "not JSON"),
        ('{"tool": "mix", "arguments": {"text": "a"}', "not JSON"),
        ("{'tool': 'mix', 'arguments': {'text': 'a'}}", "not JSON"),
        ('{"tool": "mix", "arguments": {"text": "a",}}', "not JSON"),
        ('{"tool": "mix", "arguments": {"text": "a\nb"}}', "not JSON"),
        (call("mix", text="a") + " done", "not JSON .Extra data"),
        ("see:\n" + fenced("{]"), "not JSON"),
        (fenced(call("mix", text="a")) + "\nObservation: fine", "outside a complete"),
        (fenced(call("mix", text="a")) + "\n" + fenced("{}"), "one call, and this looks like two"),
        (call("mix", text="a") + "\n" + fenced(call("mix", text="a")), "one call, and this looks like two"),
        ("```json\n" + call("mix", text="a"), "outside a complete"),
        ("```\n" + call("mix", text="a") + "\n```", "outside a complete"),
        ("```JSON\n" + call("mix", text="a") + "\n```", "outside a complete"),
        ("I call " + call("mix", text="a"), "outside a complete"),
        (f"[{call('mix', text='a')}]", "outside a complete"),
        (fenced("[1]"), 'must have the keys "tool" and "arguments" and no other, not list'),
        ("{}", "must have the keys"),
        ('{"tool": "mix", "arguments": {"text": "a"}, "id": 1}', "must have the keys"),
        ('{"tool": "mix", "tool": "fail", "arguments": {"text": "a"}}', "'tool' stands there twice"),
        ('{"tool": "mix", "arguments": {"text": "a", "text": "b"}}', "'text' stands there twice"),
        ('{"tool": "mix", "arguments": {"text": "a", "scale": NaN}}', "NaN is not a finite number"),
        ('{"tool": "mix", "arguments": {"text": "a", "scale": -Infinity}}', "-Infinity is not"),
        ('{"tool": "mix", "arguments": {"text": "a", "scale": 1e999}}', "1e999 is not a finite number"),
        (call("mix", text="a", scale=10**400), "'scale' must be float, not int"),
        ('{"tool": "mix", "arguments": {"times": %s}}' % ("9" * 5000), "not JSON"),
        ('{"tool": "mix", "arguments": ' + "[" * 9000, "not JSON"),
        ('{"tool": "mix", "arguments": {"text": "\\ud800"}}', "not JSON"),
        (call("shell", command="ls"), "no tool 'shell', only mix, fail, calculator"),
        ('{"tool": ["mix"], "arguments": {}}', "no tool"),
        ('{"tool": "mix", "arguments": ["a"]}', "arguments must be an object, not list"),
        (call("mix"), r"lacks \['text'\]"),
        (call("mix", text="a", x=1), r"unknown \['x'\]"),
        (call("mix", text=1), "'text' must be str, not int 1"),
        (call("mix", text=None), "'text' must be str, not NoneType"),
        (call("mix", text="a", times=2.0), "'times' must be int, not float"),
        (call("mix", text="a", times=True), "'times' must be int, not bool"),
        (call("mix", text="a", scale=True), "'scale' must be float, not bool"),
        (call("mix", text="a", loud=1), "'loud' must be bool"),
        (call("mix", text="a", parts="a"), "'parts' must be list, not str"),
        (
            call("mix", text="a", parts=[[1]]),
            r"'parts\[0\]' must be str or int or float or bool, not list",
        ),
        (call("mix", text="a", codes=[1, "2"]), r"'codes\[1\]' must be int, not str"),
    ],
)
def test_refused_calls(reply, problem):
    with pytest.raises(ToolCallError, match=f"{problem}.*Allowed is one JSON object"):
        parse_tool_call(reply, TOOLS, max_characters=10_000)


def test_long_calls_are_refused():
    assert parse_tool_call(call("mix", text="a" * 1900), TOOLS).arguments["text"] == "a" * 1900
    with pytest.raises(ToolCallError, match="2042 characters, the limit is 2000"):
        parse_tool_call(call("mix", text="a" * 2000), TOOLS)
    start = time.perf_counter()  # a million characters take linear time: quadratic would be minutes
    with pytest.raises(ToolCallError, match="outside a complete"):
        parse_tool_call("```json\n" * 125_000, TOOLS)
    keys = ",".join(f'"{i}":1' for i in range(50_000))
    with pytest.raises(ToolCallError, match="must have the keys"):
        parse_tool_call(fenced("{" + keys + "}"), TOOLS, max_characters=10**6)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("-(2 ** 10) % 7", "5"),
        ("7 // 2 / 2", "1.5"),
        (" 2 ** -1", "0.5"),
        ("+.5e1", "5.0"),
    ],
)
def test_calculator(expression, value):
    assert calculator(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "", "1 +", "x", "__import__('os')", "(1).real", "[1]", "'a' * 3", "True", "1j", "1 < 2",
        "1 if 1 else 2", "9 ** 9 ** 9", "2 ** 101", "10 ** 100 * 10", "1e100 ** 100", "1e999", "(-8) ** 0.5",
        "1" * 201, "1, 2", "\0", "(" * 150, "1 << 9", "~1", "not 1", "f(1)", "(y := 1)", "lambda: 1",
    ],
)  # fmt: skip
def test_calculator_refuses(expression):
    with pytest.raises(ValueError, match=r"expression|null bytes"):
        calculator(expression)


def test_search_ranks_by_shared_words():
    search = search_text("Cats sleep.\n\nDogs bark and cats run.\n \nBirds sing.\n\n", num_results=2)
    assert search("do CATS run?") == "Dogs bark and cats run.\n\nCats sleep."
    assert search("birds") == "Birds sing."
    assert search("fish") == search("") == "Nothing found."
    for bad in ({"corpus": " \n"}, {"corpus": "a", "num_results": 0}):
        with pytest.raises(ValueError, match=r"corpus has no words|num_results=0"):
            search_text(**bad)
