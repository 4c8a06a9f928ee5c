"""The table of training runs, each with its budget and the result to expect.

Importing this module imports neither Keras nor a backend.
"""

from keras_course._recipe import SGD, AdamW, CropAndFlip, Muon, Recipe

_PICTURES = {"task": "classification", "metric": "test error", "unit": "%"}
_BUSY = "On PyTorch and TensorFlow the runs of 26 November 2026 had a share of two busy cores, which the minutes show."
_SHARED = "Where an H100 is named, fourteen runs at a time shared it, which the minutes show."
_CIFAR = {
    **_PICTURES,
    "topic": "convnets",
    "data": "cifar10_12k",
    "augment": CropAndFlip(padding=4),
    "batch_size": 128,
}
_GPU, _CPU = {"steps": 8000, "note": _SHARED}, {"steps": 2000}
_STEPS = ("resnet", "inverted_bottleneck", "large_kernel", "convnext")


def _matched(network, *, permute, one_epoch, published=None, **expected):
    """One of two networks with nearly as many weights, on pixels whose neighbours mean something, or do not."""
    steps, weights = 125 if one_epoch else 2500, {"mlp": "6,442", "convnet": "6,422"}[network]
    return Recipe(
        name=f"mnist_10k_matched_{network}{'_permuted' if permute else ''}{'_one_epoch' if one_epoch else ''}",
        summary=f"{network} of {weights} weights, {'permuted' if permute else 'plain'} pixels, "
        f"{'one epoch' if one_epoch else '20 epochs'}",
        topic="perceptron" if network == "mlp" else "convnets",
        builder=network,
        preset="mnist",
        overrides={"hidden_dims": (8, 8)} if network == "mlp" else {},
        data="mnist_10k",
        permute=permute,
        batch_size=64,
        steps=steps,
        optimizer=AdamW(peak_rate=3e-3, final_rate=3e-5, warmup=steps // 20),
        minutes=0.1 if one_epoch else 1,
        published=published,
        source="the course's own run, 60,000 images to learn from" if published else None,
        **_PICTURES,
        **expected,
    )


def _cifar_resnet(depth, residual, published=None, *, cpu=False, **expected):
    """A residual network, or the same without residuals, on a fifth of CIFAR-10: for long, or for a quarter of that."""
    budget = _CPU if cpu else _GPU
    return Recipe(
        name=f"cifar10_12k_{'resnet' if residual else 'plain'}_{depth}{'_cpu' if cpu else ''}",
        summary=f"{depth} layers {'with' if residual else 'without'} residuals on 10,000 pictures of CIFAR-10"
        f"{', a quarter of the steps' if cpu else ''}",
        builder="cifar_resnet",
        preset=f"resnet_{depth}",
        overrides={"residual": residual},
        optimizer=SGD(peak_rate=0.1, final_rate=1e-4, warmup=budget["steps"] // 20, weight_decay=5e-3),
        published=published,
        source="He, Zhang, Ren and Sun, 2016, table 6, 50,000 pictures to learn from" if published else None,
        **_CIFAR,
        **budget,
        **expected,
    )


def _ablation(number, step, *, cpu=False, **expected):
    """One of the four steps from a ResNet to a ConvNeXt, on a fifth of CIFAR-10: for long, or for a quarter of that."""
    budget = _CPU if cpu else _GPU
    rates = {"peak_rate": 4e-3, "final_rate": 4e-5, "warmup": budget["steps"] // 20}
    return Recipe(
        name=f"cifar10_12k_ablation_{step}{'_cpu' if cpu else ''}",
        summary=f"from a ResNet to a ConvNeXt, step {number} of 4{', a quarter of the steps' if cpu else ''}",
        builder="resnet_to_convnext",
        preset=step,
        optimizer=AdamW(**rates, betas=(0.9, 0.999), weight_decay=0.05),
        **_CIFAR,
        **budget,
        **expected,
    )


_TABLE = (
    Recipe(
        name="python_docs_cpu",
        summary="the default: a small GPT writes Python documentation, without any download",
        preset="nanogpt_shakespeare_cpu",
        overrides={"positions": "rotary"},
        data="python_docs",
        batch_size=12,
        steps=2000,
        optimizer=AdamW(peak_rate=6e-3, final_rate=6e-4, warmup=100),
        expected=1.3,
        tolerance=0.05,  # the text differs a little between versions of Python
        note="This documentation repeats itself: about 15 % of the 40-character pieces of its validation part stand in "
        "its training part too, so a text that is really new would give a higher loss.",
        prompt="The ",
        minutes=3,
    ),
    Recipe(
        name="nanogpt_shakespeare_cpu",
        summary="nanoGPT's run for a laptop; Adam's epsilon alone is Keras's, 1e-7",
        preset="nanogpt_shakespeare_cpu",
        data="tiny_shakespeare",
        batch_size=12,
        steps=2000,
        optimizer=AdamW(peak_rate=1e-3, final_rate=1e-4, warmup=100),
        expected=1.92,
        tolerance=0.01,
        published=1.88,
        source="nanoGPT's README, an estimate from 20 batches; its code, measured over the whole text: 1.913",
        note=_BUSY,
        minutes=3,
    ),
    Recipe(
        name="shakespeare_cpu",
        summary="the same tokens and no more parameters, with rotary positions and the optimizer Muon",
        preset="nanogpt_shakespeare_cpu",
        overrides={"positions": "rotary"},
        data="tiny_shakespeare",
        batch_size=12,
        steps=2000,
        optimizer=Muon(peak_rate=2e-2, final_rate=2e-3, adam_rate=6e-3, warmup=100),
        expected=1.61,
        tolerance=0.02,
        note=_BUSY,
        minutes=5,
    ),
    Recipe(
        name="nanogpt_shakespeare",
        summary="nanoGPT's run for one GPU",
        preset="nanogpt_shakespeare",
        data="tiny_shakespeare",
        batch_size=64,
        steps=5000,
        optimizer=AdamW(peak_rate=1e-3, final_rate=1e-4, warmup=100),
        published=1.4697,
        source="nanoGPT's README, the lowest of the run, an estimate from 200 batches",
    ),
    Recipe(
        name="digits_mlp",
        summary="a perceptron of one hidden layer reads small handwritten digits, without any download",
        topic="perceptron",
        builder="mlp",
        preset="digits",
        overrides={"dropout": 0.3},
        task="classification",
        data="digit_images",
        batch_size=32,
        steps=4000,
        optimizer=AdamW(peak_rate=1e-2, final_rate=1e-4, warmup=200),
        metric="test error",
        unit="%",
        expected=0.6,
        tolerance=0.6,
        minutes=0.1,
    ),
    Recipe(
        name="mnist_10k_mlp",
        summary="two hidden layers of 512 on 8,000 images of MNIST",
        topic="perceptron",
        builder="mlp",
        preset="mnist",
        overrides={"dropout": 0.5},
        task="classification",
        data="mnist_10k",
        batch_size=64,
        steps=4000,
        optimizer=AdamW(peak_rate=1e-3, final_rate=1e-5, warmup=200),
        metric="test error",
        unit="%",
        expected=3.1,
        tolerance=0.3,
        minutes=0.2,
    ),
    Recipe(
        name="diabetes_mlp",
        summary="a regression on few and noisy rows, where a network hardly beats a straight line",
        topic="perceptron",
        builder="mlp",
        preset="tiny",
        overrides={"hidden_dims": (32,), "dropout": 0.5},
        task="regression",
        data="diabetes",
        split=0.8,
        batch_size=32,
        steps=500,
        optimizer=AdamW(peak_rate=3e-3, final_rate=3e-5, warmup=25, weight_decay=3.0),
        metric="test RMSE",
        unit="points",
        expected=55.0,
        tolerance=1.0,
        minutes=0.1,
    ),
    Recipe(
        name="diabetes_wide_mlp",
        summary="one hidden layer of 10,000 units on 353 rows, and no harm done",
        topic="fundamentals",
        builder="wide_mlp",
        preset="tiny",
        overrides={"width": 10_000},
        task="regression",
        data="diabetes",
        split=0.8,
        batch_size=32,
        steps=500,
        optimizer=AdamW(peak_rate=1e-3, final_rate=1e-5, warmup=25),
        metric="test RMSE",
        unit="points",
        expected=57.1,
        tolerance=0.5,
        minutes=0.1,
    ),
    Recipe(
        name="breast_cancer_logistic",
        summary="logistic regression, a network of one layer, on 30 measurements of tumours",
        topic="perceptron",
        builder="logistic_regression",
        preset="breast_cancer",
        task="classification",
        data="breast_cancer",
        split=0.8,
        batch_size=32,
        steps=1000,
        optimizer=AdamW(peak_rate=1e-2, final_rate=1e-4, warmup=50),
        metric="test error",
        unit="%",
        expected=3.6,
        tolerance=0.9,  # one of the 114 test examples
        minutes=0.1,
    ),
    Recipe(
        name="digits_deep_mlp",
        summary="ten hidden layers, started by He's law and with batch normalization",
        topic="training",
        builder="deep_mlp",
        preset="batch_norm",
        overrides={"hidden_dim": 64},
        task="classification",
        data="digits",
        split=0.8,
        batch_size=32,
        steps=2000,
        optimizer=AdamW(peak_rate=3e-3, final_rate=3e-5, warmup=100),
        metric="test error",
        unit="%",
        expected=1.3,
        tolerance=1.2,
        note=_BUSY,
        minutes=0.2,
    ),
    Recipe(
        name="mnist_10k_lenet5",
        summary="LeNet-5 on 8,000 images of MNIST, shifted by up to two pixels",
        topic="convnets",
        builder="lenet5",
        preset="lenet5",
        overrides={"pool": "max", "activation": "relu", "dropout": 0.3},
        task="classification",
        data="mnist_10k",
        augment=CropAndFlip(padding=2, flip=False),
        batch_size=64,
        steps=6000,
        optimizer=AdamW(peak_rate=3e-3, final_rate=3e-5, warmup=200),
        metric="test error",
        unit="%",
        expected=1.1,
        tolerance=0.3,
        published=0.95,
        source="LeCun, Bottou, Bengio and Haffner, 1998, 60,000 images to learn from",
        note=_SHARED,
        minutes=2,
    ),
    _matched("mlp", permute=False, one_epoch=True, published=10.6, expected=40.0, tolerance=10.0),
    _matched("convnet", permute=False, one_epoch=True, published=3.4, expected=10.0, tolerance=2.0),
    _matched("mlp", permute=True, one_epoch=True, published=9.9, expected=47.0, tolerance=20.0),
    _matched("convnet", permute=True, one_epoch=True, published=13.1, expected=28.5, tolerance=1.5),
    _matched("mlp", permute=False, one_epoch=False, expected=9.8, tolerance=0.7),
    _matched("convnet", permute=False, one_epoch=False, expected=2.1, tolerance=0.3),
    _matched("mlp", permute=True, one_epoch=False, expected=10.0, tolerance=0.5),
    _matched("convnet", permute=True, one_epoch=False, expected=10.4, tolerance=0.9),
    _cifar_resnet(20, True, 8.75, expected=21.5, tolerance=1.0),
    _cifar_resnet(20, False, expected=23.0, tolerance=1.0),
    _cifar_resnet(56, True, 6.97),
    _cifar_resnet(56, False),
    _ablation(1, "resnet", expected=19.0, tolerance=1.0),
    _ablation(2, "inverted_bottleneck"),
    _ablation(3, "large_kernel"),
    _ablation(4, "convnext"),
    *(_cifar_resnet(depth, residual, cpu=True) for depth in (20, 56) for residual in (True, False)),
    *(_ablation(i, step, cpu=True) for i, step in enumerate(_STEPS, 1)),
)

RECIPES = {recipe.name: recipe for recipe in _TABLE}
