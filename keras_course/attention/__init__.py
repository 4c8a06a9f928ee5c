"""Lecture 7: attention and transformers."""

from keras_course import backend

backend.require()

from keras_course.attention._application_figures import plot_hops, plot_memory_network, plot_spectrogram_transformer
from keras_course.attention._blocks import EncoderDecoderBlock
from keras_course.attention._decoder_only import decoder_only_lm, expert_loads, kv_cache_bytes
from keras_course.attention._distogram import DistogramLoss, expected_distances
from keras_course.attention._encoder_only import TokenBias, encoder_only_lm, fill_masks
from keras_course.attention._evoformer import evoformer
from keras_course.attention._figures import (
    plot_mixing_matrices,
    plot_multi_head_attention,
    plot_query_key_value,
    plot_sinusoidal_positions,
    plot_transformer,
)
from keras_course.attention._frames import (
    StructureLoss,
    apply_frames,
    compose_frames,
    frame_aligned_point_error,
    invert_frames,
    point_frames,
)
from keras_course.attention._invariant_points import BackboneUpdate, InvariantPointAttention
from keras_course.attention._memory import MemoryHop, SentenceEmbedding, hop_attention, memory_network
from keras_course.attention._objective import NoamSchedule, SmoothedCrossEntropy
from keras_course.attention._pairs import AxialAttention, OuterProductMean, PairEmbedding, TriangleMultiplication
from keras_course.attention._positions import SinusoidalPositions, sinusoidal_positions
from keras_course.attention._recurrent import elman, gru, lstm
from keras_course.attention._recurrent_figures import plot_bidirectional, plot_gated_cell, plot_seq2seq, plot_unrolled
from keras_course.attention._recurrent_network import ForgetGateBias, recurrent_network
from keras_course.attention._sentences import translate_sentences
from keras_course.attention._seq2seq import AdditiveAttention, seq2seq
from keras_course.attention._signals import BinaryPositions, signal_network
from keras_course.attention._sound import LogSpectrogram, spectrogram_transformer
from keras_course.attention._story_transformer import story_transformer
from keras_course.attention._structure_figures import (
    plot_chains,
    plot_distance_maps,
    plot_evoformer,
    plot_triangle_update,
)
from keras_course.attention._transformer import PaddingMask, transformer
from keras_course.attention._translate import cross_attention_maps, translate
from keras_course.attention._variant_figures import (
    plot_mixture_of_experts,
    plot_norm_placement,
    plot_vision_transformer,
)
from keras_course.attention._vit import ClassToken, class_token_maps, vit
from keras_course.attention._vit_weights import load_vit
from keras_course.attention._written_out import additive_attention, multi_head_attention, scaled_dot_attention

__all__ = [
    "AdditiveAttention",
    "AxialAttention",
    "BackboneUpdate",
    "BinaryPositions",
    "ClassToken",
    "DistogramLoss",
    "EncoderDecoderBlock",
    "ForgetGateBias",
    "InvariantPointAttention",
    "LogSpectrogram",
    "MemoryHop",
    "NoamSchedule",
    "OuterProductMean",
    "PaddingMask",
    "PairEmbedding",
    "SentenceEmbedding",
    "SinusoidalPositions",
    "SmoothedCrossEntropy",
    "StructureLoss",
    "TokenBias",
    "TriangleMultiplication",
    "additive_attention",
    "apply_frames",
    "class_token_maps",
    "compose_frames",
    "cross_attention_maps",
    "decoder_only_lm",
    "elman",
    "encoder_only_lm",
    "evoformer",
    "expected_distances",
    "expert_loads",
    "fill_masks",
    "frame_aligned_point_error",
    "gru",
    "hop_attention",
    "invert_frames",
    "kv_cache_bytes",
    "load_vit",
    "lstm",
    "memory_network",
    "multi_head_attention",
    "plot_bidirectional",
    "plot_chains",
    "plot_distance_maps",
    "plot_evoformer",
    "plot_gated_cell",
    "plot_hops",
    "plot_memory_network",
    "plot_mixing_matrices",
    "plot_mixture_of_experts",
    "plot_multi_head_attention",
    "plot_norm_placement",
    "plot_query_key_value",
    "plot_seq2seq",
    "plot_sinusoidal_positions",
    "plot_spectrogram_transformer",
    "plot_transformer",
    "plot_triangle_update",
    "plot_unrolled",
    "plot_vision_transformer",
    "point_frames",
    "recurrent_network",
    "scaled_dot_attention",
    "seq2seq",
    "signal_network",
    "sinusoidal_positions",
    "spectrogram_transformer",
    "story_transformer",
    "transformer",
    "translate",
    "translate_sentences",
    "vit",
]
