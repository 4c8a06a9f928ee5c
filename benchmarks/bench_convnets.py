"""Lecture 5: speed of convolutional networks (smaller is better).

Notation: batches of 128 small images, 28 x 28 x 1 for LeNet-5 and 32 x 32 x 3 otherwise; 2 images of 224 x 224 x 3.
"""

from . import common

NETWORKS = {  # builder, preset, images in a batch, batches in a call of `fit`
    "lenet5": ("lenet5", "lenet5", 128, 64),
    "resnet_20": ("cifar_resnet", "resnet_20", 128, 4),
    "convnext": ("resnet_to_convnext", "convnext", 128, 4),
    "resnet_50": ("resnet", "resnet_50", 2, 4),
}


def network(name, batches=1):
    """Return an uncompiled model of `NETWORKS`, and random images and labels for some batches."""
    import numpy as np

    from keras_course import convnets

    builder, preset, batch_size, _ = NETWORKS[name]
    model = getattr(convnets, builder).from_preset(preset)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch_size * batches, *model.input_shape[1:])).astype("float32")
    return model, x, rng.integers(model.output_shape[-1], size=len(x), dtype=np.int32)


def compiled(model):
    """Compile a model as one does for classes; return it."""
    import keras

    from keras_course import ops

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss)
    return ops.jit_training(model)


class Networks:
    """Classifying images, and steps of training."""

    params = (common.BACKENDS, tuple(NETWORKS))
    param_names = ("backend", "network")
    unit = "ms/image"

    def setup(self, backend, network):
        common.select(backend)

    def track_forward(self, backend, name):
        from keras_course import ops

        model, x, _ = network(name)
        forward = ops.jit(lambda x: model(x, training=False), variables=model.variables)
        return 1e3 * common.median_seconds(lambda: forward(x), repeats=5) / len(x)

    track_forward.version = "2"  # one batch a call; asv compares what has the same version

    def track_training(self, backend, name):
        batch_size, batches = NETWORKS[name][2:]
        model, x, y = network(name, batches)
        call = common.fit_examples(compiled(model), x, y, batch_size)
        return 1e3 * common.median_seconds(call, repeats=5) / len(x)


class Memory:
    """The most memory of the process that trains a ResNet-20 for a step."""

    params = (common.BACKENDS,)
    param_names = ("backend",)

    def setup(self, backend):
        common.select(backend)

    def peakmem_convnet(self, backend):
        model, x, y = network("resnet_20")
        compiled(model).train_on_batch(x, y)


class Inside:
    """Twenty steps towards the image that maximizes the activation of a feature."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "ms/step"

    def setup(self, backend):
        common.select(backend)

    def track_feature_maximization(self, backend, steps=20):
        from keras_course.convnets import maximize_feature

        model, _, _ = network("lenet5")
        return 1e3 * common.median_seconds(lambda: maximize_feature(model, "c3", 0, num_steps=steps), repeats=3) / steps
