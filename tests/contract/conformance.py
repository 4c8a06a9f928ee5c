"""What every builder must do, on every backend: one check for each promise, one list of all.

`check_builder(build)` runs the whole list on the preset "tiny". The model is built, called and trained once, and every
check looks at that one `Subject`. A check knows no model by name: inputs come from the builder's own `example`, or are
sampled from the shapes and types of the model's inputs; the loss is the model's own or the mean squared error.
"""

import functools
import inspect
import tempfile

import keras
import numpy as np
from draws import noise_by_numpy
from keras import ops, tree

from keras_course import ops as course_ops
from keras_course.portable import portable_init

POLICIES = ("mixed_bfloat16", "bfloat16")
BATCH_SIZE = 4


def check_builder(build, thorough=False):
    """Run every check on one builder; the first that fails raises an AssertionError that says what broke."""
    subject = Subject(build, thorough)
    for check in CHECKS:
        check(subject)
    return subject


class Subject:
    """The model of a builder's preset "tiny", with what several checks look at; each is computed once.

    Args:
        build: the builder.
        thorough: also train in mixed precision and call in half precision, which takes as long to compile as all the
            rest, and no time on PyTorch, which does not compile.
    """

    def __init__(self, build, thorough=False):
        self.build, self.thorough = build, thorough

    @functools.cached_property
    def newborn(self):
        """What the builder returns."""
        return self.build.from_preset("tiny")

    @functools.cached_property
    def initial_values(self):
        """The trainable weights as the builder initialized them."""
        return {weight.path: _array(weight) for weight in self.newborn.trainable_weights}

    @functools.cached_property
    def model(self):
        """The model with the same weights on every backend."""
        assert self.initial_values, "the model has no trainable weights"
        return portable_init(self.newborn, seed=3)

    @functools.cached_property
    def x(self):
        return inputs_of(self.model, example=self.build.example)

    @functools.cached_property
    def outputs(self):
        """The outputs of an eager call."""
        return outputs_of(self.model, self.x)

    @functools.cached_property
    def gradients(self):
        """The gradients of the training loss, by the path of the weight."""
        return self.gradients_at(self.x)

    def gradients_at(self, x):
        """Make one compiled training step from the same weights, and return the gradients that it used."""
        weights = self.model.get_weights()
        if not self.model.compiled:
            self.optimizer = compile_model(self.model)
        for variable in self.optimizer.momentums:
            variable.assign(ops.zeros(variable.shape, variable.dtype))
        loss = train_step(self.model, x, self.outputs)
        assert np.isfinite(loss), "the loss is not finite"
        gradients = gradients_in(self.optimizer, self.model)
        self.weights_after_step = self.model.get_weights()
        self.model.set_weights(weights)
        return gradients


def inputs_of(model, batch_size=BATCH_SIZE, seed=0, length=6, example=None):
    """Return inputs that fit the model, as NumPy arrays in the structure that it takes.

    Args:
        model: a Functional model.
        batch_size: number of examples.
        seed: seed of the sampled inputs.
        length: size of every axis that the model leaves open.
        example: the builder's function `(model, batch_size, rng) -> inputs`, or None. Without it, floats are sampled
            from a normal distribution, booleans are true three times out of four and always first in a row, and
            integers are 0 or 1, which any vocabulary has.
    """
    rng = np.random.default_rng(seed)
    if example is not None:
        return example(model, batch_size, rng)

    def sample(tensor):
        shape = [batch_size, *(length if n is None else n for n in tensor.shape[1:])]
        if tensor.dtype == "bool":
            mask = rng.random(shape) < 0.75
            mask[..., 0] = True
            return mask
        if "int" in tensor.dtype:
            return rng.integers(0, 2, shape).astype(tensor.dtype)
        return rng.normal(size=shape).astype("float32")

    if isinstance(model.input, dict):  # each backend's `tree` has an order of its own
        return {name: sample(model.input[name]) for name in sorted(model.input)}
    return tree.map_structure(sample, model.input)


def owns_its_loss(model):
    return type(model).compute_loss is not keras.Model.compute_loss


def outputs_of(model, x):
    """Call the model as in inference; the same noise each time, where it draws any."""
    _reset_noise(model)
    return _arrays(model(x, training=False))


def _reset_noise(model):
    for variable in model.non_trainable_variables:
        if "seed" in variable.path:
            variable.assign(ops.convert_to_tensor(np.array([0, 7], "uint32"), dtype=variable.dtype))


def _array(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def _arrays(outputs):
    return [_array(tensor) for tensor in tree.flatten(outputs)]


def loss_of(model):
    """Return the training loss as a function of the inputs."""

    def loss(x):
        y = model(x, training=True)
        if owns_its_loss(model):
            return model.compute_loss(x=x, y_pred=y)
        return sum(ops.mean(ops.square(ops.cast(part, "float32") - 1.0)) for part in tree.flatten(y))

    return loss


def compile_model(model):
    """Compile the model with an optimizer that keeps the gradient: momentum m = 0 becomes m = -gradient."""
    optimizer = keras.optimizers.SGD(learning_rate=1.0, momentum=0.9)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, None if owns_its_loss(model) else "mse")
    return optimizer


def train_step(model, x, outputs):
    """Make one step of training towards ones, shaped like `outputs`, with noise by NumPy, and return its loss."""
    with noise_by_numpy():
        if owns_its_loss(model):
            return float(np.ravel(model.train_on_batch(x))[0])  # the loss, before its terms
        y = tree.pack_sequence_as(model.output, [np.ones(part.shape, "float32") for part in outputs])
        return float(np.ravel(model.train_on_batch(x, y))[0])  # the sum, before the loss of each output


def gradients_in(optimizer, model):
    pairs = zip(model.trainable_variables, optimizer.momentums, strict=True)
    return {variable.path: -_array(momentum) for variable, momentum in pairs}


def _close(a, b, what, tolerance=1e-5):
    for left, right in zip(a, b, strict=True):
        assert left.shape == right.shape, f"{what}: shapes {left.shape} and {right.shape} differ"
        gap = np.abs(left - right).max()
        assert gap <= tolerance * max(1.0, np.abs(right).max()), f"{what}: outputs differ by {gap}"


def check_built_at_birth(subject):
    model = subject.newborn
    assert isinstance(model, keras.Model), "a builder returns a keras.Model"
    assert model.built, "the model is not built yet"
    assert model.weights, "the model has no weights"
    assert not model.compiled, "the model is compiled: that is the user's choice"


def check_no_twins(subject):
    """Layers that share an initializer with a seed start as twins; only constants, zeros and ones may come twice."""
    seen = set()
    for path, value in subject.initial_values.items():
        assert value.tobytes() not in seen, f"{path} starts with the numbers of another weight"
        if np.ptp(value) > 0 and not np.isin(value, (0, 1)).all():  # biases of gates are 0 and 1
            seen.add(value.tobytes())


def check_outputs(subject):
    """Outputs are finite; `predict` and `ops.jit`, which compile, give those of an eager call, whatever the batch."""
    model, x = subject.model, subject.x
    assert all(np.isfinite(part).all() for part in subject.outputs), "outputs are not finite"
    _reset_noise(model)
    _close(predict(model, x), subject.outputs, "predict and eager calls differ")
    compiled = course_ops.jit(lambda x: model(x, training=False), variables=model.variables)
    first = tree.map_structure(lambda part: part[:1], x)
    one = _arrays(compiled(first))
    assert [y.shape[1:] for y in subject.outputs] == [y.shape[1:] for y in one], "shapes depend on the batch"
    if owns_its_loss(model):  # its examples may depend on each other, and on noise that is shaped like the batch
        if all((a == b).all() for a, b in zip(subject.outputs, _another_call(model, x), strict=True)):
            # with noise it cannot be compared: from the same state XLA samples other noise on TensorFlow
            _close(_arrays(compiled(x)), subject.outputs, "compiled and eager calls differ")
        return
    alone = [y[:1] for y in subject.outputs]
    try:
        _close(one, alone, "compiled and eager calls differ")
    except AssertionError:
        _close(outputs_of(model, first), alone, "an example depends on the others in its batch")
        raise


def _another_call(model, x):
    outputs_of(model, x)
    return _arrays(model(x, training=False))


def predict(model, x):
    return tree.flatten(model.predict(x, batch_size=BATCH_SIZE, verbose=0))


def check_training_moves_every_weight(subject):
    for path, gradient in subject.gradients.items():
        assert np.isfinite(gradient).all(), f"the gradient of {path} is not finite"
        assert gradient.any(), f"training does not move {path}"
    for weight, value in zip(subject.model.weights, subject.weights_after_step, strict=True):
        assert np.isfinite(value).all(), f"a step of training leaves {weight.path} not finite"


def check_policies(subject):
    """Outputs have the type of the policy, and in mixed precision, the one to train with, the loss is finite."""
    old = keras.config.dtype_policy()
    for policy in POLICIES:
        keras.config.set_dtype_policy(policy)
        try:
            model = subject.build.from_preset("tiny")
            for part in tree.flatten(model.output):
                assert "float" not in part.dtype or part.dtype == "bfloat16", f"{policy}: gives {part.dtype}"
            if policy.startswith("mixed"):
                loss = course_ops.jit(loss_of(model), variables=model.variables)(subject.x)
                assert np.isfinite(_array(loss)), f"{policy}: the loss is not finite"
            if subject.thorough and policy.startswith("mixed"):
                compile_model(model)
                assert np.isfinite(train_step(model, subject.x, subject.outputs)), f"{policy}: the loss is not finite"
            elif subject.thorough:
                assert all(np.isfinite(y).all() for y in outputs_of(model, subject.x)), f"{policy}: outputs not finite"
        finally:
            keras.config.set_dtype_policy(old)


def check_saving(subject):
    """A saved model comes back from its file, and so from its configuration, as what it was."""
    model = subject.model
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        loaded = keras.models.load_model(f"{folder}/model.keras")
    assert type(loaded) is type(model), f"a {type(model).__name__} was loaded as a {type(loaded).__name__}"
    check_same_outputs(loaded, subject)


def check_same_outputs(loaded, subject):
    _close(outputs_of(loaded, subject.x), subject.outputs, "the loaded model differs")


def check_bad_arguments(subject):
    """Every integer argument of a builder is a size or a seed: -1 and a fraction must be refused, by name."""
    build = subject.build
    _refuses(lambda: build.from_preset("no such preset"), "preset")
    _refuses(lambda: build.from_preset("tiny", no_such_argument=1), "no_such_argument")
    tiny = {**_defaults(build), **build.presets["tiny"]}
    for argument, value in tiny.items():
        if isinstance(value, int) and not isinstance(value, bool):
            for bad in (-1, 1.5):
                _refuses(lambda pair={argument: bad}: build.from_preset("tiny", **pair), argument)


def _defaults(build):
    return {name: p.default for name, p in inspect.signature(build).parameters.items()}


def _refuses(call, name):
    try:
        call()
    except ValueError as error:
        message = str(error)
    else:
        raise AssertionError(f"a bad {name} is accepted")
    assert name in message, f"the message does not name {name}: {message}"


CHECKS = (
    check_built_at_birth,
    check_no_twins,
    check_outputs,
    check_training_moves_every_weight,
    check_policies,
    check_saving,
    check_bad_arguments,
)


def check_function(function, *args):
    """What is not a network (a sampler, say) must be a function of its arguments, and compile to the same numbers."""
    once, again = (tree.flatten(function(*args)) for _ in range(2))
    _close([_array(a) for a in once], [_array(a) for a in again], "two calls differ", tolerance=0)
    compiled = tree.flatten(course_ops.jit(function)(*args))
    _close([_array(a) for a in compiled], [_array(a) for a in once], "compiled and eager calls differ")
