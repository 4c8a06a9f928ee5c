"""The models that the general checks run on: each builder's preset "tiny", and some with their other options.

They have two layers where the preset has more: a third one does what the second does, and takes time to compile.
"""

import functools
import inspect

import keras_course

OTHER_OPTIONS = {
    "gpt (other options)": (
        "gpt",
        {"positions": "rotary", "norm": "rms", "tie_embeddings": True, "activation": "relu_squared"},
    ),
    "decoder_only_lm (experts)": (
        "decoder_only_lm",
        {"num_experts": 3, "capacity_factor": 1.0, "tie_embeddings": True, "window": 3, "positions": "relative"},
    ),
    "encoder_only_lm (segments)": ("encoder_only_lm", {"num_segments": 2}),
    "signal_network (positions)": ("signal_network", {"positions": True}),
    "transformer (pre-norm, learned positions)": ("transformer", {"norm_first": True, "positions": "learned"}),
    "story_transformer (learned positions)": ("story_transformer", {"positions": "learned"}),
    "memory_network (layer)": ("memory_network", {"tying": "layer"}),
    "recurrent_network (bidirectional lstm)": ("recurrent_network", {"cell": "lstm", "bidirectional": True}),
    "seq2seq (additive attention)": ("seq2seq", {"attention": "additive"}),
    "seq2seq (dot attention, lstm)": ("seq2seq", {"attention": "dot", "cell": "lstm"}),
    "evoformer (structure)": ("evoformer", {"structure_layers": 1, "triangle_attention": True}),
    "gcn (sparse features, rows, edges)": (
        "gcn",
        {"sparse": True, "normalization": "row", "level": "edge", "dropout": 0.0},
    ),
    "gat (sparse features, two graphs)": ("gat", {"sparse": True, "level": "graph", "num_graphs": 2, "dropout": 0.0}),
    "graph_sage (maximum, two graphs)": (
        "graph_sage",
        {"aggregator": "max", "normalize": True, "level": "graph", "readout": "max", "num_graphs": 2},
    ),
    "dmpnn (globals, two graphs)": ("dmpnn", {"num_globals": 3, "num_head_layers": 0, "num_graphs": 2}),
    "realnvp (context)": ("realnvp", {"context_dim": 2}),
    "neural_spline_flow (autoregressive)": ("neural_spline_flow", {"conditioner": "autoregressive", "context_dim": 2}),
    "continuous_flow (hutchinson)": ("continuous_flow", {"trace": "hutchinson", "context_dim": 2}),
    "vae (convolutional, gaussian)": ("vae", {"filters": (4, 8), "likelihood": "gaussian"}),
    "vae (squared error, perceptron)": ("vae", {"likelihood": "mse", "beta": 2.0}),
    "autoencoder (convolutional)": ("autoencoder", {"filters": (4,), "hidden_dims": ()}),
    "linear_autoencoder (not tied)": ("linear_autoencoder", {"tied": False}),
    "denoising_autoencoder (blur)": ("denoising_autoencoder", {"corruption": "blur", "strength": 1.0}),
    "denoising_autoencoder (erase)": ("denoising_autoencoder", {"corruption": "erase"}),
    "gan (penalties)": ("gan", {"gradient_penalty": 1.0, "r1": 0.1}),
    "dcgan (penalty)": ("dcgan", {"r1": 1.0}),
    "vq_vae (moving averages)": ("vq_vae", {"decay": 0.9}),
    "unet (residual, batch norm, nearest)": (
        "unet",
        {"residual": True, "norm": "batch", "upsampling": "nearest", "use_bias": False, "dropout": 0.2},
    ),
    "unet (volumes)": ("unet", {"input_shape": (8, 8, 8, 1), "widths": (4, 6), "norm": "group", "residual": True}),
    "yolo (one level)": ("yolo", {"levels": 1, "depth": 2, "activation": "silu"}),
    "fcn (32s)": ("fcn", {"stride": 32, "dropout": 0.2}),
    "diffusion_mlp (labels, likelihood)": (
        "diffusion_mlp",
        {"num_classes": 3, "weighting": "likelihood", "prediction": "noise"},
    ),
    "diffusion_mlp (edm)": ("diffusion_mlp", {"schedule": "edm", "prediction": "edm"}),
    "diffusion_mlp (flow matching)": ("diffusion_mlp", {"schedule": "rectified", "prediction": "flow"}),
    "diffusion_unet (labels)": ("diffusion_unet", {"num_classes": 3, "prediction": "noise"}),
    "deep_mlp (batch norm)": ("deep_mlp", {"norm": "batch"}),
    "deep_mlp (group norm)": ("deep_mlp", {"norm": "group"}),
    "deep_mlp (rms norm)": ("deep_mlp", {"norm": "rms"}),
}


def builders():
    """Return {name: builder}, with the variants of `OTHER_OPTIONS` behind the builders as they are."""
    plain = {row.name: shallow(row.build) for row in keras_course.list_builders()}
    return plain | {name: with_options(plain[base], given) for name, (base, given) in OTHER_OPTIONS.items()}


def shallow(build):
    """Return the builder with at most two layers in its preset "tiny"."""
    argument = inspect.signature(build).parameters.get("num_layers")
    number = build.presets["tiny"].get("num_layers", argument and argument.default)
    return with_options(build, {"num_layers": 2}) if isinstance(number, int) and number > 2 else build


def with_options(build, options):
    @functools.wraps(build)  # signature and presets, for the checks that look at them
    def variant(*args, **kwargs):
        return build(*args, **{**options, **kwargs})

    variant.from_preset = lambda preset, **overrides: build.from_preset(preset, **{**options, **overrides})
    return variant
