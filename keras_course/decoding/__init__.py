"""Autoregressive decoding: choosing a token, beam search, and the compiled loop, for every model that writes."""

from keras_course import backend

backend.require()

from keras_course.decoding._beams import length_penalty
from keras_course.decoding._decoder import Decoder, without_cache
from keras_course.decoding._generate import generate_tokens

__all__ = ["Decoder", "generate_tokens", "length_penalty", "without_cache"]
