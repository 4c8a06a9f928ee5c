"""What the fuzz of public functions cannot tell from a good call: results, kinds of arguments, slow and odd ones."""

from fuzz import WRONG

# What the package returns, which nobody constructs, and what takes no data but files, runs and the machine
RESULTS = {
    "autoencoders.Coverage",
    "autodiff.Flow", "autodiff.OperationCount", "autodiff.ShapeRun", "convnets.FeatureMaximum", "convnets.LossSurface",
    "convnets.ReceptiveField", "datasets.Dataset", "fundamentals.BiasVariance", "fundamentals.DoubleDescent",
    "fundamentals.RiskCurve", "fundamentals.Split", "language.ScalingLaw", "language.Step", "language.ToolCallError",
    "language.Transcript", "metrics.Cost", "perceptron.Activation", "perceptron.Head",
    "perceptron.LogisticRegressionFit",
    "perceptron.Path", "perceptron.PerceptronFit", "plots.Arrow", "plots.Block",
    "recipes.Data", "recipes.Run", "recipes.Sound", "recipes.Task",
    "recipes.Trained", "training.Descent", "training.LayerProbe",
    "training.LineSearch", "training.RangeTest", "training.VariancePath",
    "datasets.ExampleBatches", "datasets.MaskedBatches", "layers.Routing",
    "datasets.Images", "datasets.PairBatches", "datasets.Sentences", "datasets.Table",
    "datasets.TokenWindows",
    "datasets.Chains", "datasets.Particles", "datasets.Weather", "graphs.Mesh", "datasets.Scenes", "datasets.Traffic",
    "datasets.DepthScenes", "datasets.AnnotatedImages",
    "vision.Objects", "vision.PanopticQuality", "vision.SegmentationScores",
    "datasets.Molecules", "graphs.Molecule",
    "datasets.Citations", "graphs.EdgeAttention", "graphs.EdgeAttentionLayer",
    "graphs.NeighborSample",
    "datasets.Simulator", "datasets.Stories",
    "uncertainty.Chains", "uncertainty.Head", "uncertainty.LastLayerLaplace", "uncertainty.LinearPosterior",
    "uncertainty.Reliability", "uncertainty.Uncertainty",
    *(f"autoencoders.{name}" for name in (
        "CodeUsage", "Corruption", "ElboTerms", "GaussianLatentSampler", "GradientEstimates", "LatentUsage",
        "Likelihood", "PCA")),
    "ops.known",
    "recipes.train", "recipes.load_run", "backend.require", "convnets.copy_weights",
}  # fmt: skip

# Arguments that are of another kind than their example looks: a tensor may hold NaN or nothing
KINDS = {
    **{f"attention.{name}": "tensor" for name in (
        "apply_frames.frames", "apply_frames.points", "compose_frames.frames", "compose_frames.others",
        "frame_aligned_point_error.true", "frame_aligned_point_error.predicted", "invert_frames.frames",
        "point_frames.points")},
    **{f"training.{name}": "structure" for name in (
        "average_weights.average", "average_weights.w", "clip_by_global_norm.g", "clip_by_norm.g", "clip_by_value.g",
        "minimize.start")},
    **{f"training.{name}": "tensor" for name in (
        "anisotropic.w", "beale.w", "RunningStatistics.mean", "RunningStatistics.variance", "normalize.gamma",
        "normalize.beta", "normalize.x", "normalize_backward.x", "normalize_backward.gamma", "normalize_backward.dy",
        "orthogonalize.matrix")},
    "autodiff.Dual.value": "tensor", "autodiff.Dual.tangent": "tensor", "autodiff.Var.name": "text",
    "autodiff.backward.cotangent": "tensor", "autodiff.vjp.primals": "structure",
    "autodiff.count_operations.primals": "structure",
    "autodiff.gradcheck.primals": "structure", "ops.vjp.primals": "structure",
    **{f"recipes.Recipe.{field}": "text" for field in (
        "summary", "preset", "topic", "builder")},
    **{f"recipes.{name}": "text" for name in (
        "Citations.data", "Forecast.data", "Metric.name", "Metric.unit", "NextToken.data", "NextToken.prompt",
        "BoxDetection.data", "Classification.data", "Generation.data", "Segmentation.data", "Reconstruction.data",
        "Regression.data", "Regression.unit", "Sampling.data")},
    **{f"attention.{name}.{x}": "tensor" for name, tensors in {
        "additive_attention": ("q", "k", "v", "w_q", "w_k", "w"), "scaled_dot_attention": ("q", "k", "v"),
        "multi_head_attention": ("x", "context", "w_q", "w_k", "w_v", "w_o"), "class_token_maps": ("images",),
        **{name: ("x", "w_x", "w_h", "b", "h", "c") for name in ("elman", "lstm", "gru")},
    }.items() for x in tensors},
    **{f"layers.moe_ffn.{x}": "tensor" for x in ("x", "w_router", "w_in", "w_out")},
    "attention.SmoothedCrossEntropy.name": "text", "attention.plot_hops.title": "text",
    "plots.attention_map.title": "text", "plots.diagram.title": "text",
    "plots.loss_curves.title": "text", "plots.visible.token": "text",
    "language.prefix_mean.x": "tensor", "language.parse_tool_call.reply": "text",
    "datasets.split_words.sentence": "text",
    "datasets.crop_and_flip.x": "tensor",
    "datasets.example_batches.x": "tensor", "layers.gelu.x": "tensor",
    "layers.gelu_tanh.x": "tensor", "layers.relu_squared.x": "tensor",
    **{f"layers.{name}.{x}": "tensor" for name in ("attention", "attention_weights") for x in "qkv"},
    "decoding.length_penalty.length": "tensor",
    **{f"layers.{name}_mask.{x}": "tensor" for name in ("causal", "window") for x in ("queries", "keys")},
    "layers.rotate.x": "tensor", "perceptron.leaky_relu.z": "tensor", "perceptron.step.z": "tensor",
    "perceptron.double_well.t": "tensor", "convnets.permute_pixels.x": "tensor", "plots.lines.style": "text",
    "plots.loss_curves.unit": "text", "plots.length_histogram.xlabel": "text",
    "plots.ratio_bars.xlabel": "text", "convnets.plot_cost.ylabel": "text",
    **{f"graphs.{name}.smiles": "text" for name in ("molecule_graph", "parse_smiles")},
    **{f"graphs.bond_messages.{x}": "tensor" for x in ("h", "senders", "receivers")},
    **{f"graphs.{x}": "tensor" for x in ("cnn_as_gnn.image", "cnn_as_gnn.kernel", "roll_out.states")},
    **{f"graphs.transformer_as_gnn.{x}": "tensor" for x in "qkv"},
    "graphs.plot_globes.label": "text", "graphs.plot_globes.latitude": "number",
    "graphs.plot_forecast.label": "text", "graphs.plot_graph_network.title": "text",
    "graphs.from_networkx.feature": "text", "graphs.to_networkx.feature": "text",
    **{f"uncertainty.GaussianMixture.{x}": "tensor" for x in ("logits", "means", "deviations")},
    **{f"uncertainty.pinball_loss.{x}": "tensor" for x in ("y", "quantiles")},
    **{f"autoencoders.{x}": "tensor" for x in (
        "discriminator_loss.real_logits", "discriminator_loss.fake_logits", "generator_loss.fake_logits")},
    **{f"vision.{name}": "tensor" for name in (
        "box_area.boxes", "box_iou.boxes", "box_iou.others", "clip_boxes.boxes", "convert_boxes.boxes",
        "decode_offsets.anchors", "decode_offsets.offsets", "decode_yolo_v1.outputs", "dice_loss.logits", "dice_loss.y",
        "encode_offsets.anchors", "encode_offsets.boxes", "focal_loss.logits", "focal_loss.y", "generalized_iou.boxes",
        "generalized_iou.others", "hungarian_matching.costs", "non_maximum_suppression.boxes",
        "info_nce.image", "info_nce.scale", "info_nce.text", "sigmoid_contrast.bias", "sigmoid_contrast.image",
        "sigmoid_contrast.scale", "sigmoid_contrast.text",
        "non_maximum_suppression.scores", "roi_align.boxes", "roi_align.features", "roi_pool.boxes",
        "roi_pool.features")},
    **{f"ops.{name}.y": "structure" for name in ("dormand_prince", "runge_kutta")},
    "uncertainty.plot_functions.ylabel": "text", "plots.line_panels.style": "text", "plots.image_grid.cmap": "text",
}  # fmt: skip

# What needs files that the machine may lack
DOWNLOADED = {f"datasets.{name}" for name in (
    "bccd", "concrete", "cora", "era5_uk", "esol", "isbi_membrane", "kin8nm", "mnist_10k", "wine_quality_red",
    "yacht")}  # fmt: skip

# Where any call takes over ten seconds: these are only tried by the full run
SLOWEST = {"autodiff.optimize_shape", "datasets.cifar10_12k", "language.scaling_sweep"}

# What imports another library, for seconds: as in tests/peers, tried on PyTorch or by the full run
PEERS = {"graphs.to_torch_geometric"}

# Where a call that is accepted takes long: by default these are only given what is always wrong (JAX and TensorFlow,
# which compile, give it to all)
SLOW = {
    "autodiff.differentiable_fluid", "convnets.alexnet", "convnets.cifar_resnet", "convnets.convnext",
    "convnets.efficientnet", "convnets.maximize_feature", "convnets.resnet", "convnets.resnet_to_convnext",
    "convnets.vgg", "fundamentals.KerasClassifier", "fundamentals.KerasRegressor", "fundamentals.mlp_sweep",
    "language.gpt", "perceptron.mlp", "training.deep_mlp", "training.gradient_noise",
    "training.learning_rate_range_test", "ops.dormand_prince", "uncertainty.hamiltonian_monte_carlo",
    "uncertainty.leapfrog", "uncertainty.sampled_predictions", "uncertainty.stochastic_gradient_langevin",
    "vision.clip", "vision.detr", "vision.fcn", "vision.unet", "vision.yolo", "vision.yolo_v1",
}  # fmt: skip

# What looks wrong and is right
ALLOWED = {
    **{f"training.{name}.learning_rate": {"lambda"} for name in (  # a schedule
        "AdaGrad", "Adam", "AdamW", "GD", "Lion", "Momentum", "Muon", "Nesterov", "RMSProp", "SGD")},
    "metrics.Perplexity.dtype": WRONG,  # Keras's own
    **{f"vision.{name}.y": {"-1 in it", "10**6 in it"} for name in ("dice_loss", "focal_loss")},  # no class
    "vision.match_anchors.boxes": {"[]", "empty array"},  # an image without objects
    "diffusion.MixtureDenoiser.weights": {"None"},  # equal ones
    "recipes.AdamW.clip": {"None"},  # gradients stay as they are
    "recipes.Recipe.preset": {"None"},  # the builder's defaults
    "language.enable_lora.alpha": {"None"},  # as large as the rank
    **{f"{name}.{argument}": {"None"} for argument in ("top_k", "top_p", "stop") for name in (
        "decoding.generate_tokens", "language.generate")},
    "decoding.generate_tokens.context": WRONG,  # any structure, which the decoder may use
    "layers.window_mask.window": {"None"},  # every key
    "graphs.forecast_errors.predicted": {"NaN in it"},  # a forecast may have diverged
    **{f"graphs.Graph.{x}": {"None"} for x in ("edges", "globals", "graph_ids")},  # it has none, and is one graph
    "graphs.plot_graphs.positions": {"None"},  # chosen by distances
    "graphs.permute_graph.edge_order": {"None"},  # edges keep their order
    "uncertainty.plot_flow_paths.color": {"None"},  # one color
    "diffusion.plot_paths.density": {"None"},  # paths alone
    "uncertainty.plot_corner.truth": {"None"},
    **{f"graphs.bond_messages.{x}": {"-1 in it"} for x in ("senders", "receivers")},  # padding
    **{f"ops.segment_{x}.ids": {"-1 in it"} for x in ("count", "max", "mean", "softmax", "sum")},
    "attention.load_vit.path": {"''"},
    "attention.translate.max_length": {"None"},  # as long as the context
    **{f"attention.{name}": {"None"} for name in ("elman.h", "gru.h", "lstm.h", "lstm.c")},  # zeros
    "language.load_gpt2.path": {"''"},  # the current folder
    "language.save_gpt2.path": {"''"},
    "autodiff.Dual.level": WRONG,  # counts transformations; nobody sets it
    "training.probe_gradients.y": {"None"},  # then the sum of all outputs is the loss
    "perceptron.fit_logistic_regression.C": {"inf"},  # no penalty
    "perceptron.gradient_descent.start": {"True", "array", "dict"},  # any structure of arrays that the loss takes
    "perceptron.quadratic_surrogate.point": {"True", "array", "dict"},
    "perceptron.stochastic_gradient_descent.start": {"True", "array", "dict"},
    "perceptron.sigmoid_chain.x": {"True"},
    "perceptron.threshold_unit.bias": {"True"},
    "perceptron.novikoff_bound.bias": {"True"},
    "metrics.perplexity.nats": {"inf", "10**20"},  # of a model that is certain, and wrong
    "metrics.bits_per_character.nats": {"inf"},
    "metrics.text_loss.stride": {"None"},  # windows that do not overlap
    "metrics.count_flops.input_shape": {"None"},  # the model's own
    "fundamentals.mlp_sweep.num_classes": {"None"},  # a regression
    "fundamentals.random_features_sweep.num_classes": {"None"},
    "fundamentals.PolynomialRegressor.scale": {"1.5"},
    "fundamentals.capacity_curve.fits": {"dict"},
    "fundamentals.plot_fits.ylim": {"None"},  # every function in full
    "fundamentals.plot_resamples.ylim": {"None"},
    "fundamentals.KerasClassifier.model": {"dict"},
    "fundamentals.KerasRegressor.model": {"dict"},
    "plots.lines.x": {"strings"},
}  # fmt: skip
