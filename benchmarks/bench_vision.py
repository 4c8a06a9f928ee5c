"""Lecture 6: speed and memory of segmentation and detection (smaller is better)."""

from . import common

BUILDERS = {  # the builder, its overrides, and images in a batch
    "unet": ("unet", {"input_shape": (128, 128, 1), "num_classes": 1, "widths": (16, 32, 64, 128)}, 16),
    "fcn": ("fcn", {"input_shape": (128, 128, 3)}, 16),
    "yolo": ("yolo", {"input_shape": (128, 128, 3), "num_classes": 5}, 16),
}
STEPS, OBJECTS, CANDIDATES, QUERIES, KEPT = 2, 16, 2_000, 100, 100


def network(name):
    """Return an uncompiled model, its loss, and random images and targets of some batches."""
    import numpy as np

    from keras_course import vision

    builder, options, batch_size = BUILDERS[name]
    model = getattr(vision, builder)(**{**getattr(vision, builder).presets["tiny"], **options})
    rng = np.random.default_rng(0)
    x = rng.random((STEPS * batch_size, *model.input_shape[1:]), dtype="float32")
    if name == "yolo":
        boxes, classes = random_boxes(len(x), OBJECTS, 128), rng.integers(5, size=(len(x), OBJECTS))
        return model, model.detection_loss, x, vision.box_targets(boxes, classes)
    return model, vision.SegmentationLoss(dice=1.0), x, rng.integers(2, size=x.shape[:3])


def random_boxes(images, count, side):
    """Return boxes (images, count, 4), as float32."""
    import numpy as np

    rng = np.random.default_rng(1)
    corners, sizes = rng.uniform(0, side / 2, (2, images, count, 2))
    return np.concatenate([corners, corners + sizes + 2], axis=-1).astype("float32")


class Networks:
    """A pass and a training step, per image."""

    params = (common.BACKENDS, tuple(BUILDERS))
    param_names = ("backend", "network")
    unit = "ms/image"

    def setup(self, backend, name):
        common.select(backend)
        self.model, self.loss, self.x, self.y = network(name)

    def track_forward(self, backend, name):
        import keras

        from keras_course import ops

        x = keras.ops.convert_to_tensor(self.x)
        forward = ops.jit(lambda x: self.model(x, training=False), variables=self.model.variables)
        return 1e3 * common.median_seconds(lambda: forward(x), repeats=5) / len(x)

    def track_training(self, backend, name):
        from keras_course.ops import jit_training

        self.model.compile("adam", self.loss, jit_compile="auto" if backend == "jax" else False)
        jit_training(self.model)
        call = common.fit_examples(self.model, self.x, self.y, BUILDERS[name][2])
        return 1e3 * common.median_seconds(call, repeats=3, warmups=1) / len(self.x)


class Parts:
    """What comes after a network, compiled with fixed shapes, per image."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "ms/image"

    def setup(self, backend):
        common.select(backend)

    def _milliseconds(self, function, *arrays):
        import keras

        from keras_course import ops

        tensors, call = [keras.ops.convert_to_tensor(part) for part in arrays], ops.jit(function)
        return 1e3 * common.median_seconds(lambda: call(*tensors), repeats=5) / len(arrays[0])

    def track_suppression(self, backend):
        import numpy as np

        from keras_course.vision import non_maximum_suppression

        boxes, scores = random_boxes(4, CANDIDATES, 512), np.random.default_rng(0).random((4, CANDIDATES), "float32")
        return self._milliseconds(lambda b, s: non_maximum_suppression(b, s, max_boxes=KEPT)[0], boxes, scores)

    def track_roi_align(self, backend):
        import numpy as np

        from keras_course.vision import roi_align

        features = np.random.default_rng(0).random((4, 32, 32, 64), "float32")
        return self._milliseconds(lambda f, b: roi_align(f, b), features, random_boxes(4, QUERIES, 32))

    def track_matching(self, backend):
        import numpy as np

        from keras_course.vision import hungarian_matching

        costs = np.random.default_rng(0).random((8, OBJECTS, QUERIES), "float32")
        return self._milliseconds(hungarian_matching, costs)

    def track_dice(self, backend):
        import numpy as np

        from keras_course.vision import dice_loss

        rng = np.random.default_rng(0)
        logits = rng.normal(size=(8, 128, 128, 4)).astype("float32")
        return self._milliseconds(dice_loss, rng.integers(4, size=logits.shape[:3]), logits)


class Memory:
    """Peak resident memory of a process that trains."""

    params = (common.BACKENDS, tuple(BUILDERS))
    param_names = ("backend", "network")

    def setup(self, backend, name):
        common.select(backend)

    def peakmem_training(self, backend, name):
        suite = Networks()
        suite.setup(backend, name)
        suite.track_training(backend, name)
