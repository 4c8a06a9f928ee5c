"""Layers that two or more topics share."""

from keras_course import backend

backend.require()

from keras_course.layers._activations import gelu, gelu_tanh, relu_squared
from keras_course.layers._attention import MultiHeadAttention, attention, attention_weights
from keras_course.layers._dense import Dense
from keras_course.layers._experts import MixtureOfExperts, Routing, moe_ffn
from keras_course.layers._images import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    GroupNormalization,
    LayerScale,
    MaxPooling2D,
)
from keras_course.layers._initializers import sibling
from keras_course.layers._masks import causal_mask, window_mask
from keras_course.layers._positions import alibi_slopes, rotate
from keras_course.layers._transformer import PositionEmbedding, TransformerBlock

__all__ = [
    "AveragePooling2D",
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "GroupNormalization",
    "LayerScale",
    "MaxPooling2D",
    "MixtureOfExperts",
    "MultiHeadAttention",
    "PositionEmbedding",
    "Routing",
    "TransformerBlock",
    "alibi_slopes",
    "attention",
    "attention_weights",
    "causal_mask",
    "gelu",
    "gelu_tanh",
    "moe_ffn",
    "relu_squared",
    "rotate",
    "sibling",
    "window_mask",
]
