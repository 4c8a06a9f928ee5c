"""Lecture 8: GPT from scratch."""

from keras_course import backend

backend.require()

from keras_course.language._agent import ScriptedModel, Step, Transcript, agent_loop, language_model_reply
from keras_course.language._bpe import BPETokenizer
from keras_course.language._characters import CharTokenizer
from keras_course.language._decode import attention_maps
from keras_course.language._example_tools import calculator, search_text
from keras_course.language._generate import generate
from keras_course.language._gpt import gpt
from keras_course.language._tokenizers import load_tokenizer
from keras_course.language._tools import ToolCallError, parse_tool_call, tool

__all__ = [
    "BPETokenizer",
    "CharTokenizer",
    "ScriptedModel",
    "Step",
    "ToolCallError",
    "Transcript",
    "agent_loop",
    "attention_maps",
    "calculator",
    "generate",
    "gpt",
    "language_model_reply",
    "load_tokenizer",
    "parse_tool_call",
    "search_text",
    "tool",
]
