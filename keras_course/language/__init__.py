"""Lecture 8: GPT from scratch."""

from keras_course import backend

backend.require()

from keras_course.language._agent import ScriptedModel, Step, Transcript, agent_loop, language_model_reply
from keras_course.language._bigram import bigram_optimum
from keras_course.language._bpe import BPETokenizer
from keras_course.language._characters import CharTokenizer
from keras_course.language._decode import attention_maps
from keras_course.language._example_tools import calculator, search_text
from keras_course.language._figures import (
    plot_attention_head,
    plot_gpt_block,
    plot_kv_cache,
    plot_temperatures,
    plot_window,
)
from keras_course.language._generate import generate
from keras_course.language._gpt import gpt
from keras_course.language._gpt2_weights import load_gpt2, save_gpt2
from keras_course.language._lora import enable_lora, merge_lora
from keras_course.language._prefix_mean import prefix_mean
from keras_course.language._scaling import ScalingLaw, fit_scaling_law, scaling_sweep
from keras_course.language._tokenizers import load_tokenizer
from keras_course.language._tools import ToolCallError, parse_tool_call, tool

__all__ = [
    "BPETokenizer",
    "CharTokenizer",
    "ScalingLaw",
    "ScriptedModel",
    "Step",
    "ToolCallError",
    "Transcript",
    "agent_loop",
    "attention_maps",
    "bigram_optimum",
    "calculator",
    "enable_lora",
    "fit_scaling_law",
    "generate",
    "gpt",
    "language_model_reply",
    "load_gpt2",
    "load_tokenizer",
    "merge_lora",
    "parse_tool_call",
    "plot_attention_head",
    "plot_gpt_block",
    "plot_kv_cache",
    "plot_temperatures",
    "plot_window",
    "prefix_mean",
    "save_gpt2",
    "scaling_sweep",
    "search_text",
    "tool",
]
