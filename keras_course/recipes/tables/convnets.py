"""Recipes of lecture 5: convolutional networks on MNIST and CIFAR-10."""

from keras_course.recipes._optimizers import SGD, AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tables._matched import matched
from keras_course.recipes.tables._notes import BUSY, CONCURRENT
from keras_course.recipes.tasks.examples import Classification, CropAndFlip

_CIFAR = {  # one seed each: the tolerance is the standard error of an error of 20 to 30 % of 2,000 images
    "task": Classification("cifar10_12k", augment=CropAndFlip(padding=4)),
    "topic": "convnets",
    "batch_size": 128,
    "steps": 8000,
    "note": CONCURRENT,
}


def _cifar_resnet(depth, residual, published, **expected):
    """A residual network, or the same without residuals, on a fifth of CIFAR-10."""
    return Recipe(
        name=f"cifar10_12k_{'resnet' if residual else 'plain'}_{depth}",
        summary=f"{depth} layers {'with' if residual else 'without'} residuals on 10,000 images of CIFAR-10",
        builder="cifar_resnet",
        preset=f"resnet_{depth}",
        overrides={"residual": residual},
        optimizer=SGD(peak_rate=0.1, final_rate=1e-4, warmup=400, weight_decay=5e-3),
        published=published,
        source="He, Zhang, Ren and Sun, 2016, table 6, trained on 50,000 images" if published else None,
        **_CIFAR,
        **expected,
    )


def _ablation(number, step, **expected):
    """One of the four steps from a ResNet to a ConvNeXt, on a fifth of CIFAR-10."""
    return Recipe(
        name=f"cifar10_12k_ablation_{step}",
        summary=f"from a ResNet to a ConvNeXt, step {number} of 4",
        builder="resnet_to_convnext",
        preset=step,
        optimizer=AdamW(peak_rate=4e-3, final_rate=4e-5, warmup=400, betas=(0.9, 0.999), weight_decay=0.05),
        **_CIFAR,
        **expected,
    )


TABLE = (
    Recipe(
        name="mnist_10k_lenet5",
        summary="LeNet-5 on 8,000 images of MNIST, shifted by up to two pixels",
        task=Classification("mnist_10k", augment=CropAndFlip(padding=2, flip=False)),
        topic="convnets",
        builder="lenet5",
        preset="lenet5",
        overrides={"pool": "max", "activation": "relu", "dropout": 0.3},
        batch_size=64,
        steps=6000,
        optimizer=AdamW(peak_rate=3e-3, final_rate=3e-5, warmup=200),
        expected=1.1,
        tolerance=0.3,
        published=0.95,
        source="LeCun, Bottou, Bengio and Haffner, 1998, trained on 60,000 images",
        note=f"{CONCURRENT} {BUSY}",
        minutes=2,
    ),
    matched("convnet", permute=False, one_epoch=True, published=3.4, expected=10.0, tolerance=2.0),
    matched("convnet", permute=True, one_epoch=True, published=13.1, expected=28.5, tolerance=1.5),
    matched("convnet", permute=False, one_epoch=False, expected=2.1, tolerance=0.3),
    matched("convnet", permute=True, one_epoch=False, expected=10.5, tolerance=0.9),
    _cifar_resnet(20, True, 8.75, expected=21.5, tolerance=1.0),
    _cifar_resnet(20, False, None, expected=23.0, tolerance=1.0),
    _cifar_resnet(56, True, 6.97, expected=20.0, tolerance=1.0),
    _cifar_resnet(56, False, None, expected=30.5, tolerance=1.0),
    _ablation(1, "resnet", expected=19.0, tolerance=1.0),
    _ablation(2, "inverted_bottleneck", expected=19.5, tolerance=1.0),
    _ablation(3, "large_kernel", expected=20.5, tolerance=1.0),
    _ablation(4, "convnext", expected=22.0, tolerance=1.0),
)
