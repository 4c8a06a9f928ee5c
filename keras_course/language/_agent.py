"""An agent: a language model in a loop with tools and memory.

Notation: a *step* is one message (role and content); the *transcript* x_t is all steps so far, as text, and
is the agent's memory. The model writes a reply a_t; a reply that calls a tool gives an observation o_t, any
other is the answer:

    a_t = model(x_t),    o_t = tool(arguments in a_t),    x_{t+1} = x_t + a_t + o_t
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keras_course.checks import not_negative, numpy_seed, strings, validate, whole
from keras_course.language._tools import FORM, ToolCallError, describe, parse_tool_call, tool_table

ROLES = ("system", "user", "assistant", "observation")
_NEXT_TURN = re.compile("|".join(rf"\n{role.capitalize()}:" for role in ROLES))


@dataclass(frozen=True)
class Step:
    """One message: `role` is "system", "user", "assistant" or "observation", `content` its text."""

    role: str
    content: str


@dataclass(frozen=True)
class Transcript:
    """What an agent did: `print(transcript)` shows it as the model saw it.

    Attributes:
        steps: all messages in order, from the description of the tools to the last reply.
        answer: the reply that called no tool, or None where there was none.
        num_steps: how often the model was asked.
        stop_reason: "answer", "max_steps" or "max_errors".
    """

    steps: tuple[Step, ...]
    answer: str | None
    num_steps: int
    stop_reason: str

    def __str__(self) -> str:
        return render(self.steps)


def render(steps: Iterable[Step]) -> str:
    """Return the steps as text, each as `Role: content`; further lines of a content are indented.

    Without the indent a tool's result could pretend to be the user's next message.
    """
    return "\n".join(f"{step.role.capitalize()}: " + "\n  ".join(step.content.splitlines()) for step in steps)


def _check_task(task) -> None:
    if not isinstance(task, str) or not task.strip():
        raise ValueError(f"task={task!r} must be a text that is not empty.")


def _check_memory(memory) -> None:
    if not isinstance(memory, Sequence) or not all(isinstance(step, Step) for step in memory):
        raise ValueError(f"memory={memory!r:.80} must be steps of an earlier transcript")


@validate(max_steps=whole(1), task=_check_task, memory=_check_memory, max_errors=whole(0), max_characters=whole(1))
def agent_loop(
    model,
    tools: Iterable[Callable] | Mapping[str, Callable],
    max_steps: int = 8,
    *,
    task: str,
    tokenizer=None,
    memory: Sequence[Step] = (),
    max_errors: int = 3,
    max_characters: int = 2000,
) -> Transcript:
    """Let `model` work on `task` with `tools` until it answers.

    The model is asked again and again with the transcript so far. Reasoning and acting alternate as in ReAct,
    but a call must be strict JSON (see `parse_tool_call`). Refused calls and exceptions raised by a tool come
    back to the model as observations, so that it can do better. Tools are Python functions that the caller
    chose; there is no shell and no access to files unless such a function gives it. One that never returns
    holds up the loop.

    Args:
        model: a function from the transcript to a reply, or a GPT, which then needs its `tokenizer`.
        tools: functions (see `tool`), or a mapping of names to functions.
        max_steps: how often the model is asked at most.
        task: the user's message.
        tokenizer: of a GPT, with `encode` and `decode`; `language_model_reply` has more to choose from.
        memory: steps of an earlier transcript, put before the task.
        max_errors: how many refused or failed calls are allowed; with one more the loop ends.
        max_characters: the longest call; longer results of a tool are cut.

    Returns:
        A `Transcript`.

    Raises:
        ValueError: a bad argument, or a model whose reply is not a string. What the model itself raises
            passes through.

    References:
        ReAct: Synergizing Reasoning and Acting in Language Models, Yao, Zhao, Yu, Du, Shafran, Narasimhan,
        Cao, 2022, https://arxiv.org/abs/2210.03629

    Example:
        >>> from keras_course.language._example_tools import calculator
        >>> call = '{"tool": "calculator", "arguments": {"expression": "6 * 7"}}'
        >>> model = ScriptedModel([call, "It is 42."])
        >>> run = agent_loop(model, [calculator], max_steps=4, task="What is six times seven?")
        >>> run.answer, run.num_steps, run.stop_reason
        ('It is 42.', 2, 'answer')
        >>> print(*run.steps[2:], sep="\\n")
        Step(role='assistant', content='{"tool": "calculator", "arguments": {"expression": "6 * 7"}}')
        Step(role='observation', content='42')
        Step(role='assistant', content='It is 42.')
    """
    _check_model(model, tokenizer)
    model = model if tokenizer is None else language_model_reply(model, tokenizer)
    table = tool_table(tools)
    remembered = [step for step in memory if step.role != "system"]  # the tools are described anew
    steps = [Step("system", _instructions(table)), *remembered, Step("user", task)]
    errors = 0
    for asked in range(1, max_steps + 1):
        reply = _ask(model, steps)
        steps.append(Step("assistant", reply))
        observation, failed = _observe(reply, table, max_characters)
        if observation is None:
            return Transcript(tuple(steps), reply, asked, "answer")
        steps.append(Step("observation", _cut(observation, max_characters)))
        errors += failed
        if errors > max_errors:
            return Transcript(tuple(steps), None, asked, "max_errors")
    return Transcript(tuple(steps), None, max_steps, "max_steps")


class ScriptedModel:
    """A model that gives prepared replies in turn, for tests and lessons.

    Its attribute `transcripts` keeps what it was asked.

    Args:
        replies: what it says, one per call.

    Raises:
        ValueError: it is asked once more than it has replies.

    Example:
        >>> model = ScriptedModel(["Hello."])
        >>> model("User: Hi.")
        'Hello.'
        >>> model.transcripts
        ['User: Hi.']
    """

    @validate(replies=strings)
    def __init__(self, replies: Sequence[str]):
        self.replies = list(replies)
        self.transcripts: list[str] = []

    def __call__(self, transcript: str) -> str:
        self.transcripts.append(transcript)
        if len(self.transcripts) > len(self.replies):
            raise ValueError(f"ScriptedModel has {len(self.replies)} replies and was asked once more.")
        return self.replies[len(self.transcripts) - 1]


@validate(length=whole(1), seed=numpy_seed, temperature=not_negative)
def language_model_reply(
    model, tokenizer, length: int = 64, *, temperature=1.0, top_k=None, top_p=None, stop=None, seed=0
) -> Callable[[str], str]:
    """Return `model` with its `tokenizer` as a function from transcript to reply, for `agent_loop`.

    The reply is what `generate` writes after the transcript, up to the stop token or to where it begins the
    turn of somebody else ("Observation:"). The same transcript gets the same reply.

    Args:
        model: as `gpt` makes it.
        tokenizer: its tokenizer, with `encode` and `decode`. It must know the characters of the instructions.
        length: how many tokens a reply has at most.
        temperature, top_k, top_p, seed: as in `generate`.
        stop: the id of a token that ends a reply, or None.

    Raises:
        ValueError: `length` is less than 1.
    """
    if not hasattr(model, "trainable_weights"):
        raise ValueError(f"model={model!r:.80} must be a GPT")

    def reply(transcript: str) -> str:
        from keras_course.language import generate

        prompt = tokenizer.encode(transcript)
        choice = dict(temperature=temperature, top_k=top_k, top_p=top_p, stop=stop, seed=seed)
        new = np.asarray(generate(model, prompt, length, **choice))[len(prompt) :]
        ends = np.flatnonzero(new == stop) if stop is not None else []
        text = tokenizer.decode(new[: ends[0]] if len(ends) else new)
        return _NEXT_TURN.split(text, maxsplit=1)[0].strip()

    return reply


def _check_model(model, tokenizer) -> None:
    if not callable(model) or hasattr(model, "trainable_weights") != (tokenizer is not None):
        raise ValueError(
            f"model={model!r:.80} with tokenizer={tokenizer!r:.80} must be a function from a transcript to a reply, "
            "or a GPT together with its tokenizer."
        )


def _ask(model, steps: Sequence[Step]) -> str:
    reply = model(render(steps) + "\nAssistant:")
    if not isinstance(reply, str):
        raise ValueError(f"model must return a string, not {type(reply).__name__}.")
    return reply.strip()


def _instructions(table: Mapping[str, Callable]) -> str:
    return (
        f"You can call these tools:\n{describe(table)}\nTo call one, reply with {FORM}. "
        "You will then see its result. A reply without a call is your answer."
    )


def _observe(reply: str, table: Mapping[str, Callable], max_characters: int) -> tuple[str | None, bool]:
    """Return what the reply's call gives, None where it makes no call, and whether it failed."""
    try:
        call = parse_tool_call(reply, table, max_characters)
    except ToolCallError as error:
        return f"Error: {error}", True
    if call is None:
        return None, False
    try:
        return str(call.run()), False
    except Exception as error:  # whatever a tool raises is for the model to read
        return f"Error: {call.name} raised {type(error).__name__}: {error}", True


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters, cut at {limit})"
