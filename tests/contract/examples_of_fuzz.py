"""Arguments that work, for every public function and class; see `good_calls`.

An argument is looked up by its name: first in the examples of the callable, then of its module, then of all. `Make`
builds a value anew for each call, and `USES` says what is done with a result that does its work later.
"""

import functools
import tempfile

import keras
import numpy as np
from models_of_fuzz import (
    Make,
    average,
    half,
    image_model,
    image_transformer,
    language_model,
    low_rank_model,
    next_number,
    row_model,
    saved,
    saved_vit,
    sentence_transformer,
    small_mlp,
    small_transformer,
    square,
)

import keras_course

rng = np.random.default_rng(0)
ROWS, LABELS, VALUES = rng.normal(size=(8, 2)), np.arange(8) % 2, rng.normal(size=8)
IMAGES = rng.random((2, 8, 8, 1)).astype("float32")
CLASSES = (ROWS, np.arange(8) % 3)
TOKENS = np.arange(40) % 10
FIELD = np.zeros((8, 12))
KERNEL = rng.normal(size=(3, 3, 1, 2)).astype("float32")
TOKEN_FEATURES = np.ones((1, 3, 4), "float32")
HEADS = rng.normal(size=(1, 3, 2, 4)).astype("float32")
STORIES = keras_course.datasets.stories(1, num_train=10)[0]


def bpe():
    tokenizer = keras_course.language.BPETokenizer.train("low low lower", vocab_size=257)
    return {"vocab": dict(tokenizer.vocab), "merges": list(tokenizer.merges)}


EXAMPLES = {
    # for all of them
    "": {
        "x": ROWS, "y": LABELS, "model": Make(row_model), "fn": half, "learning_rate": 0.1, "input_shape": (32, 32, 3),
        "num_classes": 3, "num_outputs": 3, "num_features": 4, "tokens": TOKENS, "batch_size": 2, "context_length": 8,
        "steps_per_epoch": 3, "num_heads": 2, "mlp_dim": 8, "vocab_size": 10, "seed": 0, "train": (ROWS[:, 0], VALUES),
        "test": (ROWS[:, 0], VALUES), "widths": [2, 3], "num_steps": 2, "width": 2, "num_layers": 2, "name": "a",
        "primals": (2.0,), "tangents": (1.0,), "low": -1.0, "high": 1.0, "limit": 1.0, "strength": 0.1, "every": 3,
        "num_units": 2, "rate": 0.1, "loss": "mean_squared_error", "data_dir": None,
    },
    # of a module
    "ops": {"x": IMAGES, "kernel": KERNEL, "strides": (1, 1), "pool_size": (2, 2), "variables": []},
    "autodiff": {"x": np.ones(2), "vx": FIELD + 1.0, "vy": FIELD, "obstacle": FIELD, "field": FIELD},
    "training": {"w": np.array([3.0, 0.5]), "function": square, "start": np.array([1.0, 2.0]), "model": Make(row_model),
                 "g": np.array([3.0, -0.5]), "kind": "layer", "gamma": np.ones(2), "losses": [3.0, 2.0, 2.5, 2.6],
                 "direction": np.array([-3.0, -0.5]), "rule": "he", "shape": (3, 4), "num_steps": 3},
    "convnets": {"x": IMAGES, "y": np.array([0, 1]), "model": Make(image_model), "layer": "conv", "shift": 1,
                 "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                 "kernel": [[1.0, 2.0], [0.0, 1.0]]},
    "language": {"model": Make(language_model), "tokens": np.arange(5)[None] % 10, "length": 3},
    "attention": {"q": TOKEN_FEATURES, "k": TOKEN_FEATURES, "v": TOKEN_FEATURES, "x": TOKEN_FEATURES,
                  "context": TOKEN_FEATURES, **{f"w_{name}": np.eye(4, dtype="float32") for name in "qkvo"},
                  "w": np.ones(4, "float32"), "num_heads": 2, "input_shape": (8, 8, 1), "patch_size": 4,
                  "model": Make(small_transformer),
                  "source": np.array([[3, 4]]), "target": np.array([[1, 5]]), "sources": [[3, 4]], "start": 1,
                  "stop": 2, "num_digits": 3, "num_positions": 4, "hidden_dim": 8},
    "perceptron": {"loss": half, "function": np.sin, "z": np.ones(3), "weights": np.array([1.0, 2.0]), "bias": 0.5},
    "fundamentals": {"fit": average, "widths": [3, 5], "input_shape": (4,), "x": ROWS[:, 0], "y": VALUES},
    "datasets": {"x": ROWS, "y": LABELS},
    "metrics": {},
    "layers": {"x": np.ones((2, 3), "float32"), "q": HEADS, "k": HEADS, "v": HEADS},
    "decoding": {"decode": next_number, "empty_cache": lambda rows: [], "forward": next_number,
                 "decoder": Make(lambda: keras_course.decoding.Decoder(next_number, lambda rows: [], 10, 8)),
                 "prompt": np.array([1, 2]), "length": 3},
    "plots": {"tokens": ["a", "b", "c"], "x": [1.0, 2.0]},
    "recipes": {"peak_rate": 0.1, "final_rate": 0.01, "warmup": 2, "adam_rate": 0.1},
    "portable": {},
    # of one callable
    "attention.expert_loads": {"tokens": np.array([[3, 4]]), "model": Make(
        lambda: keras_course.attention.decoder_only_lm(10, 8, hidden_dim=8, num_layers=1, num_experts=2))},
    "attention.fill_masks": {"tokens": np.array([[3, 4]]), "mask_token": 1, "model": Make(
        lambda: keras_course.attention.encoder_only_lm(10, 8, hidden_dim=8, num_layers=1))},
    "attention.kv_cache_bytes": {"num_layers": 2, "num_kv_heads": 2, "head_dim": 4, "length": 5},
    "attention.load_vit": {"path": Make(functools.cache(saved_vit))},
    "attention.LogSpectrogram": {"frame_length": 8, "frame_step": 4},
    **{f"attention.{name}": {"frames": np.eye(3, 4), "others": np.eye(3, 4), "points": np.ones((4, 3))}
       for name in ("apply_frames", "compose_frames", "invert_frames", "point_frames")},
    "attention.frame_aligned_point_error": {"true": np.ones((4, 3, 4)), "predicted": np.ones((4, 3, 4))},
    "attention.evoformer": {"num_letters": 4, "num_sequences": 3, "num_blocks": 1, "pair_dim": 8, "num_bins": 5},
    "attention.expected_distances": {"logits": np.ones((2, 5))},
    "attention.OuterProductMean": {"pair_dim": 4},
    "attention.PairEmbedding": {"num_letters": 4, "pair_dim": 4},
    "attention.plot_chains": {"chains": {"a": np.eye(3)}},
    "attention.plot_distance_maps": {"maps": {"a": np.eye(3)}},
    "attention.hop_attention": {"model": Make(lambda: keras_course.attention.memory_network(4, 3, 10)),
                                "story": np.ones((1, 4, 3), int), "question": np.ones((1, 3), int)},
    "attention.memory_network": {"num_sentences": 4, "num_words": 3},
    "attention.plot_hops": {"weights": np.eye(3), "sentences": ["a", "b"]},
    "attention.spectrogram_transformer": {"input_shape": (64,), "frame_length": 16, "frame_step": 8, "patch_size": 4},
    "attention.story_transformer": {"num_sentences": 4, "num_words": 3},
    "attention.ForgetGateBias": {},
    **{f"attention.{name}": {"w_x": np.ones((4, gates * 2), "float32"), "w_h": np.ones((2, gates * 2), "float32"),
                             "b": np.ones(gates * 2, "float32"), "h": np.ones((1, 2), "float32"),
                             **({"c": np.ones((1, 2), "float32")} if name == "lstm" else {})}
       for name, gates in (("elman", 1), ("lstm", 4), ("gru", 3))},
    "attention.plot_gated_cell": {"cell": "lstm"},
    "attention.plot_seq2seq": {"attention": True},
    "attention.translate": {"beams": 1, "max_length": 2},
    "attention.translate_sentences": {
        "model": Make(sentence_transformer), "sentences": ["a", "low"], "beams": 1,
        "tokenizer": keras_course.language.BPETokenizer.train("low low lower", vocab_size=257)},
    "attention.recurrent_network": {"input_shape": (3, 4)},
    "attention.class_token_maps": {"model": Make(image_transformer), "images": np.zeros((1, 8, 8, 1), "float32")},
    "attention.plot_mixing_matrices": {"matrices": {"a": np.eye(3)}},
    "attention.signal_network": {"input_shape": (8, 1)},
    "autodiff.Dual": {"value": 3.0, "tangent": 1.0},
    "autodiff.Var": {"value": np.array([1.0, 2.0])},
    "autodiff.accumulation_cost": {"widths": [4, 3, 1], "mode": "forward"},
    "autodiff.backward": {"y": Make(lambda: tape()[1]), "inputs": Make(lambda: [tape.x])},
    "autodiff.checkpointed_chain": {"functions": [np.sin] * 4, "segments": 2},
    "autodiff.graph_dot": {"y": Make(lambda: tape()[1])},
    "autodiff.graph_text": {"y": Make(lambda: tape()[1])},
    "autodiff.stored": {"y": Make(lambda: tape()[1])},
    "autodiff.lift_and_drag": {"before": (FIELD + 1.0, FIELD), "after": (FIELD + 0.5, FIELD)},
    "autodiff.nth_derivative": {"n": 2},
    "autodiff.plot_chain": {"num_steps": 2},
    "autodiff.plot_tape": {"steps": Make(lambda: [leaf()])},
    "autodiff.plot_wind_tunnel": {
        "run": keras_course.autodiff.ShapeRun(np.ones(3), (0, 1, 2), *np.zeros((3, 3, 8, 12)))},
    "autodiff.peak_memory": {"call": lambda: np.zeros(3)},
    "autodiff.gradcheck": {"fn": np.sin},
    "autodiff.optimize_shape": {"shape": (8, 12), "steps": 1, "num_steps": 1, "num_sweeps": 1},
    "autodiff.differentiable_fluid": {"shape": (8, 12), "num_steps": 1, "num_sweeps": 1},
    "autodiff.project": {"num_sweeps": 1},
    "autodiff.simulate": {"num_sweeps": 1, "strip": 0},
    "backend.use": {"name": keras.config.backend()},
    "convnets.LocalResponseNormalization": {},
    "convnets.SubsampleAndPad": {"channels": 4, "strides": 2},
    "convnets.alexnet": {"input_shape": (67, 67, 3)},
    "convnets.conv1d": {"x": [1.0, 2.0, 4.0, 8.0], "kernel": [-1.0, 1.0]},
    "convnets.conv2d": {"x": np.eye(4)},
    "convnets.conv_output_size": {"size": 8, "kernel_size": 3},
    "convnets.equivariance_error": {"fn": np.square},
    "convnets.invariance_error": {"fn": lambda x: x.max(axis=(1, 2))},
    "convnets.kernels_as_images": {"layer": KERNEL},
    "convnets.lenet5": {"input_shape": (16, 16, 1)},
    "convnets.convnet": {"input_shape": (20, 20, 1)},
    "convnets.loss_surface": {"num": 1},
    "convnets.maximize_feature": {"channel": 0, "num_steps": 1},
    "convnets.plot_cost": {"families": {"VGG": [(15.5e9, 138.4e6, 71.3)]}},
    "convnets.plot_pooling": {"x": np.eye(4)},
    "convnets.plot_response": {"x": np.eye(4)},
    "convnets.parse_pattern": {"pattern": "conv 6@5x5 -> pool"},
    "layers.BatchNormalization": {"momentum": 0.9},
    "convnets.toeplitz_matrix": {"input_shape": (4, 4)},
    "datasets.Images": {"x": IMAGES, "y": np.array([0, 1]), "class_names": ("a", "b")},
    "datasets.Table": {"feature_names": ("a", "b"), "target_names": ("c", "d")},
    "datasets.crop_and_flip": {"x": IMAGES, "rng": Make(np.random.default_rng)},
    "datasets.mask_tokens": {"tokens": TOKENS[None], "vocab_size": 10, "mask_token": 1},
    "datasets.masked_batches": {"sequences": [[3, 4]], "batch_size": 1, "vocab_size": 10, "mask_token": 1,
                                "steps_per_epoch": 1},
    "datasets.pair_batches": {"sources": [[3, 4]], "targets": [[1, 5, 2]], "batch_size": 1, "steps_per_epoch": 1},
    "datasets.insert_empty_sentences": {"x": Make(lambda: {"story": np.ones((1, 3, 2), int)}),
                                        "rng": Make(np.random.default_rng)},
    "datasets.sounds": {"num_sounds": 3},
    "datasets.toy_chains": {"num_train": 3, "num_test": 2},
    "datasets.Chains": {"alignment": TOKENS[None, None], "positions": np.ones((1, 40, 3)), "partners": TOKENS[None]},
    "metrics.distance_error": {"true": np.ones((3, 3)), "predicted": np.ones((3, 3))},
    **{f"metrics.{name}": {"true": np.eye(3), "predicted": np.eye(3)} for name in ("lddt", "tm_score")},
    "metrics.superpose": {"x": np.eye(3), "y": np.eye(3)},
    "datasets.stories": {"task": 1, "num_train": 10},
    "datasets.story_words": {"stories": STORIES},
    "datasets.encode_stories": {"stories": STORIES, "words": keras_course.datasets.story_words(STORIES),
                                "num_sentences": 10, "num_words": 5},
    "datasets.find": {"data": "names"},
    "datasets.split_text": {"text": "abcdefghij"},
    "fundamentals.KerasClassifier": {"build": keras_course.perceptron.mlp, "model": {}, "epochs": 1},
    "fundamentals.KerasRegressor": {"build": keras_course.perceptron.mlp, "model": {}, "epochs": 1},
    "fundamentals.NearestNeighbors": {"num_neighbors": 2},
    "fundamentals.PolynomialRegressor": {"degree": 2, "num_steps": 2},
    "fundamentals.RegressionProblem": {"function": np.sin, "noise": 0.1},
    "fundamentals.bias_variance_decomposition": {"problem": keras_course.fundamentals.noisy_cubic(), "at": 5,
                                                 "num_sets": 3, "num_points": 8},
    "fundamentals.capacity_curve": {"fits": {1: average}},
    "fundamentals.empirical_risk": {"predict": np.sin},
    "fundamentals.learning_curve": {"sizes": [2, 4], "num_repeats": 2},
    "fundamentals.cross_validated_risk": {"num_folds": 2},
    "fundamentals.least_squares": {"features": ROWS, "targets": VALUES},
    "fundamentals.mlp_sweep": {"train": (ROWS, LABELS), "test": (ROWS, LABELS), "num_classes": 2,
                               "widths": [3], "num_steps": 1},
    "fundamentals.plot_fits": {"problem": keras_course.fundamentals.noisy_cubic(), "ylim": (-1.0, 1.0),
                               "fits": {"sine": (np.sin, ROWS[:, 0], VALUES)}},
    "fundamentals.plot_resamples": {"ylim": (-1.0, 1.0), "decompositions": {
        "mean": keras_course.fundamentals.bias_variance_decomposition(
            average, keras_course.fundamentals.noisy_cubic(), at=5, num_sets=3)}},
    "fundamentals.plot_splits": {"rows": {"two parts": [("training", 10), ("test", 5)]}},
    "fundamentals.polynomial_features": {"degree": 2},
    "fundamentals.random_features": {"x": ROWS},
    "fundamentals.random_features_sweep": {"train": (ROWS, LABELS), "test": (ROWS, LABELS), "num_classes": 2},
    "language.BPETokenizer": {**bpe()},
    "language.CharTokenizer": {"characters": "abc"},
    "language.ScriptedModel": {"replies": ["Hello."]},
    "language.agent_loop": {"model": Make(lambda: keras_course.language.ScriptedModel(["Hello."])),
                            "tools": [keras_course.language.calculator], "task": "Greet."},
    "language.bigram_optimum": {"tokens": TOKENS},
    "language.calculator": {"expression": "1 + 2"},
    "language.enable_lora": {"model": Make(language_model.__wrapped__), "rank": 2, "alpha": 2.0},
    "language.fit_scaling_law": {"sizes": [1e3, 1e4, 1e5], "losses": [8.0, 4.0, 2.0]},
    "decoding.generate_tokens": {"top_k": 3, "top_p": 0.9, "stop": 2},
    "decoding.length_penalty": {"alpha": 0.6},
    "language.generate": {"prompt": np.array([1, 2]), "top_k": 3, "top_p": 0.9},
    "language.gpt": {"hidden_dim": 8, "num_layers": 1, "num_heads": 2},
    "language.language_model_reply": {"tokenizer": keras_course.language.CharTokenizer("abcdefghij")},
    "language.load_gpt2": {"path": Make(functools.cache(lambda: saved("gpt2")))},
    "language.load_tokenizer": {"folder": Make(functools.cache(lambda: saved("tokenizer")))},
    "language.merge_lora": {"model": Make(low_rank_model)},
    "language.parse_tool_call": {"reply": '{"tool": "calculator", "arguments": {"expression": "1"}}',
                                 "tools": {"calculator": keras_course.language.calculator}},
    "language.plot_kv_cache": {"tokens": ["a", "b", "c"]},
    "language.plot_temperatures": {"logits": [2.0, 1.0, 0.0], "tokens": ["a", "b", "c"]},
    "language.plot_window": {"tokens": ["a", "b", "c"]},
    "language.prefix_mean": {"x": np.ones((1, 3, 1), "float32")},
    "language.save_gpt2": {"model": Make(functools.cache(lambda: keras_course.language.gpt(
        10, 8, hidden_dim=8, activation="gelu_tanh", tie_embeddings=True))), "path": Make(tempfile.mkdtemp)},
    "language.scaling_sweep": {"train": TOKENS, "validation": TOKENS, "widths": [4], "steps": 1,
                                "num_layers": 1, "context_length": 4},
    "language.search_text": {"corpus": "Ada wrote the first program."},
    "language.tool": {"function": lambda: shout},
    "layers.Conv2D": {"filters": 2, "kernel_size": 3},
    "layers.DepthwiseConv2D": {"kernel_size": 3},
    "layers.AveragePooling2D": {"pool_size": 2},
    "layers.MaxPooling2D": {"pool_size": 2},
    "layers.Dense": {"units": 2},
    "layers.rotate": {"x": HEADS, "positions": np.arange(3)},
    "layers.sibling": {"initializer": "glorot_uniform", "k": 1},
    "metrics.bits_per_character": {"nats": 2.0},
    "metrics.perplexity": {"nats": 2.0},
    "metrics.count_flops": {"model": Make(row_model), "input_shape": (2,)},
    "metrics.text_loss": {"model": Make(language_model), "stride": 4},
    "ops.batch_normalize": {"gain": np.ones(1, "float32"), "offset": np.zeros(1, "float32"), "epsilon": 1e-3},
    "ops.depthwise_conv2d": {"kernel": np.ones((3, 3, 1, 1), "float32")},
    "ops.jit_while": {"cond": lambda c: c[0] < 2, "body": lambda c: (c[0] + 1,)},
    "ops.functional": {"variables": Make(lambda: [keras.Variable(1.0)])},
    "ops.lay_out_kernel": {"kernel": Make(lambda: keras.Variable(KERNEL))},
    "ops.move_average": {"average": Make(lambda: keras.Variable(np.zeros(2))), "now": np.ones(2, "float32"),
                         "momentum": 0.9},
    "ops.write_at": {"target": np.zeros((1, 5, 2), "float32"), "index": 1,
                     "values": np.ones((1, 2, 2), "float32"), "axis": 1},
    "perceptron.SumOfUnits": {"kind": "relu", "knots": np.array([0.0, 1.0]), "heights": np.ones(2), "offset": 0.0},
    "perceptron.dead_units": {"model": Make(small_mlp)},
    "perceptron.backpropagated_gradients": {"model": Make(small_mlp), "x": ROWS.astype("float32"), "y": CLASSES[1],
                                            "loss": "sparse_categorical_crossentropy"},
    "perceptron.double_well": {"t": 1.0},
    "perceptron.gradient_descent": {"start": 1.0},
    "perceptron.mini_batches": {"num_examples": 8, "rng": Make(np.random.default_rng)},
    "perceptron.novikoff_bound": {"x": [[-1.0], [1.0]], "y": [0, 1], "weights": [1.0], "bias": 0.0},
    "perceptron.rosenblatt": {"x": np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), "y": np.array([0, 0, 0, 1])},
    "perceptron.output_head": {"task": "multiclass"},
    "perceptron.plot_boundaries": {"x": ROWS[:, :2], "y": np.arange(len(ROWS)) % 2,
                                   "boundaries": {"line": ([1.0, 2.0], 0.5)}},
    "perceptron.plot_clouds": {"clouds": {"points": ROWS[:, :2]}, "color": np.arange(len(ROWS))},
    "perceptron.plot_surrogates": {"point": 1.0, "learning_rates": (0.1, 0.5)},
    "perceptron.quadratic_surrogate": {"point": 1.0},
    "perceptron.sigmoid_chain": {"x": 0.5},
    "perceptron.stochastic_gradient_descent": {"loss": lambda t, x: keras.ops.mean((t - x) ** 2), "start": 0.0,
                                               "data": (np.ones(4, "float32"),)},
    "perceptron.vanishing_bound": {"x": 2.0},
    "plots.loss_curves": {"histories": {"a": {"step": [1, 2], "loss": [2.0, 1.0]}}},
    "plots.attention_map": {"weights": np.eye(3)},
    "plots.diagram": {"blocks": {"x": (0, 0, "x"), "y": (0, 1, "y")}, "arrows": [("x", "y")]},
    "plots.visible": {"token": "a"},
    "plots.length_histogram": {"lengths": {"a": [1, 2]}},
    "plots.lines": {"curves": {"a": [1.0, 4.0]}},
    "plots.line_panels": {"curves": {"a": {"b": ([1.0, 2.0], [1.0, 4.0])}}},
    "plots.magnitudes": {"arrays": {"a": {"b": {"c": np.ones((2, 3))}}}},
    "plots.grouped_bars": {"heights": {"a": {"b": 2.0}}},
    "plots.image_grid": {"rows": {"a": np.ones((2, 4, 4))}},
    "plots.decision_regions": {"predictions": {"a": lambda x: x[:, 0]}, "x": np.ones((2, 2)), "y": np.array([0, 1])},
    "plots.panels": {"width": 3.0, "height": 2.0},
    "plots.ratio_bars": {"ratios": {"a": {"b": {"c": 2.0}}}},
    "portable.canonical_paths": {"variables": Make(lambda: row_model().weights)},
    "recipes.Classification": {"data": "digits"},
    "recipes.CropAndFlip": {"padding": 1},
    "recipes.Metric": {"name": "a"},
    "layers.MixtureOfExperts": {"num_experts": 3},
    "layers.moe_ffn": {"x": TOKEN_FEATURES, "w_router": np.ones((4, 3), "float32"),
                       "w_in": np.ones((3, 4, 5), "float32"), "w_out": np.ones((3, 5, 4), "float32")},
    "recipes.NextToken": {"data": "python_docs", "context_length": 8},
    "recipes.Regression": {"data": "diabetes"},
    "recipes.Recipe": {"summary": "a", "preset": "tiny", "topic": "perceptron", "builder": "mlp", "steps": 2,
                       "task": keras_course.recipes.Classification("digits"),
                       "optimizer": keras_course.recipes.SGD(0.1, 0.01, 1)},
    "recipes.in_batches": {"arrays": (ROWS, ROWS)},
    "training.L2": {"optimizer": keras_course.training.GD(0.1)},
    "training.Decoupled": {"optimizer": keras_course.training.GD(0.1)},
    "training.CosineSchedule": {"num_steps": 10},
    "training.RestartSchedule": {"first": 3},
    "training.average_weights": {"average": np.array([1.0, 1.0])},
    "training.early_stop": {"patience": 1},
    "training.gradient_noise": {"y": np.arange(8) % 3, "batch_sizes": (1, 2), "num_batches": 2},
    "training.learning_rate_range_test": {"y": np.arange(8) % 3, "batch_size": 2, "num_steps": 3},
    "plots.descent_paths": {"functions": keras_course.training.anisotropic, "paths": {"a": {"b": ROWS}},
                            "limits": np.array([[-4.2, 4.2], [-1.4, 1.4]])},
    "training.probe_gradients": {"y": np.arange(8) % 3},
    "training.minimize": {"function": lambda w: w[0] ** 2, "optimizer": keras_course.training.GD(0.1)},
    "training.normalize": {"x": ROWS},
    "training.normalize_backward": {"x": ROWS, "dy": ROWS},
    "training.orthogonalize": {"matrix": np.diag([1.0, 0.2])},
    "training.propagate_variance": {"variance": 1.0},
    "training.standardize": {"train": ROWS, "others": (ROWS,)},
    "training.variance_of": {"fan_in": 3, "fan_out": 4},
}  # fmt: skip


def tape():
    from keras_course.autodiff import Var

    tape.x = Var(np.array([1.0, 2.0]))
    return tape.x, np.sum(tape.x * tape.x)


def leaf():
    return type("Leaf", (), {"name": "x", "formula": "input", "value": 2.0, "adjoint": 3.0, "parents": []})()


def shout(text: str) -> str:
    """Write a text in capitals."""
    return text.upper()


EXAMPLES["language.tool"]["function"] = shout

# What is done with a result whose work comes later: a layer is called, an estimator fitted
USES = {
    "fundamentals.KerasClassifier": lambda estimator: estimator.fit(ROWS, LABELS),
    "fundamentals.KerasRegressor": lambda estimator: estimator.fit(ROWS, VALUES),
    **{name: (lambda layer, x=x: layer(x)) for name, x in {
    "layers.Conv2D": IMAGES, "layers.DepthwiseConv2D": IMAGES, "layers.AveragePooling2D": IMAGES,
    "layers.MaxPooling2D": IMAGES, "layers.BatchNormalization": IMAGES, "layers.LayerScale": IMAGES,
    "attention.EncoderDecoderBlock": TOKEN_FEATURES, "attention.BinaryPositions": TOKEN_FEATURES,
    "attention.ClassToken": TOKEN_FEATURES, "attention.PaddingMask": np.array([[3, 0]]),
    "attention.SinusoidalPositions": TOKEN_FEATURES,
    "attention.TokenBias": TOKEN_FEATURES, "layers.MixtureOfExperts": TOKEN_FEATURES,
    "attention.SentenceEmbedding": np.array([[3, 0]]),
    "attention.LogSpectrogram": np.ones((1, 16), "float32"),
    "layers.MultiHeadAttention": TOKEN_FEATURES,
    "layers.PositionEmbedding": TOKEN_FEATURES, "layers.TransformerBlock": TOKEN_FEATURES,
    "layers.Dense": np.ones((2, 3), "float32"),
    "convnets.LocalResponseNormalization": IMAGES, "convnets.SubsampleAndPad": IMAGES,
}.items()},
}  # fmt: skip
