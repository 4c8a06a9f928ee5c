"""What every builder must do, on every backend: one check for each promise, one list of all.

`check_builder(build)` runs the whole list on the preset "tiny". A check knows no model by name: inputs are drawn from
the shapes and types of the model's own inputs, and the loss is the model's own or the mean square of its outputs.
"""

import inspect
import tempfile

import keras
import numpy as np
from keras import ops, tree

from keras_course import ops as course_ops
from keras_course.portable import portable_init

POLICIES = ("mixed_bfloat16", "bfloat16")


def check_builder(build):
    """Run every check on one builder; the first that fails raises an AssertionError that says what broke."""
    for check in CHECKS:
        check(build)


def inputs_of(model, batch_size=4, seed=0, length=6):
    """Draw inputs that fit the model: normal numbers, or the integers 0 and 1 (any vocabulary has these)."""
    rng = np.random.default_rng(seed)

    def draw(tensor):
        shape = [batch_size, *(length if n is None else n for n in tensor.shape[1:])]
        integer = "int" in tensor.dtype
        return rng.integers(0, 2, shape).astype(tensor.dtype) if integer else rng.normal(size=shape).astype("float32")

    return tree.map_structure(draw, model.inputs[0] if len(model.inputs) == 1 else list(model.inputs))


def owns_its_loss(model):
    return type(model).compute_loss is not keras.Model.compute_loss


def outputs_of(model, x):
    """Call the model as in inference; the same noise each time, where it draws any."""
    _reset_noise(model)
    return [_array(y) for y in tree.flatten(model(x, training=False))]


def _reset_noise(model):
    for variable in model.non_trainable_variables:
        if "seed" in variable.path:
            variable.assign(ops.convert_to_tensor(np.array([0, 7], "uint32"), dtype=variable.dtype))


def _array(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def loss_of(model):
    """Return the training loss as a function of the inputs."""

    def loss(x):
        y = model(x, training=True)
        if owns_its_loss(model):
            return model.compute_loss(x=x, y_pred=y)
        return sum(ops.mean(ops.square(ops.cast(part, "float32") - 1.0)) for part in tree.flatten(y))

    return loss


def _compiled(model, optimizer=None, **options):
    loss = None if owns_its_loss(model) else "mse"
    model.compile(optimizer or keras.optimizers.Adam(1e-2), loss, **options)
    return model


def _fit(model, x):
    if owns_its_loss(model):
        return model.fit(x, epochs=1, batch_size=4, verbose=0)
    y = tree.map_structure(lambda part: np.ones([4, *part.shape[1:]], "float32"), model(x))
    return model.fit(x, y, epochs=1, batch_size=4, verbose=0)


def _close(a, b, what, tolerance=1e-5):
    for left, right in zip(a, b, strict=True):
        assert left.shape == right.shape, f"{what}: shapes {left.shape} and {right.shape} differ"
        gap = np.abs(left - right).max()
        assert gap <= tolerance * max(1.0, np.abs(right).max()), f"{what}: outputs differ by {gap}"


def check_built_at_birth(build):
    model = build.from_preset("tiny")
    assert isinstance(model, keras.Model), "a builder returns a keras.Model"
    assert model.built, "the model is not built yet"
    assert model.weights, "the model has no weights"
    assert not model.compiled, "the model is compiled: that is the user's choice"


def check_no_twins(build):
    """Layers that share an initializer with a seed start as twins; only a constant may come twice."""
    seen = set()
    for weight in build.from_preset("tiny").trainable_weights:
        value = _array(weight)
        assert value.tobytes() not in seen, f"{weight.path} starts with the numbers of another weight"
        if np.ptp(value) > 0:
            seen.add(value.tobytes())


def check_batches(build):
    model = portable_init(build.from_preset("tiny"))
    x = inputs_of(model, 4)
    first = tree.map_structure(lambda part: part[:1], x)
    many, one = outputs_of(model, x), outputs_of(model, first)
    assert all(np.isfinite(part).all() for part in many), "outputs are not finite"
    assert [part.shape[1:] for part in many] == [part.shape[1:] for part in one], "shapes depend on the batch"
    if not owns_its_loss(model):  # those draw noise shaped like the batch
        _close([part[:1] for part in many], one, "an example depends on the others in its batch")


def check_fit_moves_every_weight(build):
    model = _compiled(portable_init(build.from_preset("tiny")))
    before = [w.copy() for w in model.get_weights()]
    history = _fit(model, inputs_of(model))
    assert np.isfinite(history.history["loss"]).all(), "the loss is not finite"
    trainable = {id(weight) for weight in model.trainable_weights}
    for weight, old, new in zip(model.weights, before, model.get_weights(), strict=True):
        assert np.isfinite(new).all(), f"the gradient of {weight.path} is not finite"
        assert id(weight) not in trainable or (old != new).any(), f"training does not move {weight.path}"


def check_compiled_equals_eager(build):
    model = _compiled(portable_init(build.from_preset("tiny")))
    x = inputs_of(model)
    eager = outputs_of(model, x)
    _reset_noise(model)
    _close(tree.flatten(model.predict(x, batch_size=4, verbose=0)), eager, "predict and eager calls differ")
    if any((a != b).any() for a, b in zip(eager, _another_draw(model, x), strict=True)):
        return  # from the same state XLA draws other noise on TensorFlow, so programs of its own cannot be compared
    compiled = course_ops.jit(lambda x: model(x, training=False), variables=model.variables)
    _close([_array(y) for y in tree.flatten(compiled(x))], eager, "compiled and eager calls differ")


def _another_draw(model, x):
    outputs_of(model, x)
    return [_array(y) for y in tree.flatten(model(x, training=False))]


def check_policies(build):
    old = keras.config.dtype_policy()
    for policy in POLICIES:
        keras.config.set_dtype_policy(policy)
        try:
            model = build.from_preset("tiny")
            x = inputs_of(model)
            for part in tree.flatten(course_ops.jit(model, variables=model.variables)(x)):
                assert "float" not in str(part.dtype) or "bfloat16" in str(part.dtype), f"{policy}: gives {part.dtype}"
            if policy.startswith("mixed"):  # the one to train with
                history = _fit(_compiled(model), x)
                assert np.isfinite(history.history["loss"]).all(), f"{policy}: the loss is not finite"
        finally:
            keras.config.set_dtype_policy(old)


def check_saving(build):
    model = portable_init(build.from_preset("tiny"))
    x = inputs_of(model)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        loaded = keras.models.load_model(f"{folder}/model.keras")
    assert type(loaded) is type(model), f"a {type(model).__name__} was loaded as a {type(loaded).__name__}"
    _close(outputs_of(loaded, x), outputs_of(model, x), "the loaded model differs")


def check_config(build):
    model = portable_init(build.from_preset("tiny"))
    twin = type(model).from_config(model.get_config())
    twin.set_weights(model.get_weights())
    x = inputs_of(model)
    _close(outputs_of(twin, x), outputs_of(model, x), "the model made from the config differs")
    assert owns_its_loss(twin) == owns_its_loss(model), "the model made from the config has lost its loss"


def check_bad_arguments(build):
    """Every integer argument of a builder is a size or a seed: -1 and a fraction must be refused, by name."""
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
    check_batches,
    check_fit_moves_every_weight,
    check_compiled_equals_eager,
    check_policies,
    check_saving,
    check_config,
    check_bad_arguments,
)


def check_function(function, *args):
    """What is no network (a sampler, say) must be a function of its arguments, and compile to the same numbers."""
    once, again = (tree.flatten(function(*args)) for _ in range(2))
    _close([_array(a) for a in once], [_array(a) for a in again], "two calls differ", tolerance=0)
    compiled = tree.flatten(course_ops.jit(function)(*args))
    _close([_array(a) for a in compiled], [_array(a) for a in once], "compiled and eager calls differ")
