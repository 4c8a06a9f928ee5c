"""Compiled training steps for `fit`, on the backend where Keras has none."""

import functools
import warnings

import keras
from keras import tree

from keras_course.checks import flag, validate
from keras_course.ops._compilation import Recordings, record_calls
from keras_course.ops._variables import to_tensors, tracked, values_of

_BACKEND = keras.config.backend()
if _BACKEND == "torch":
    import torch

    from keras_course.ops._noise import CannotRecord


def _check_trainable(model):
    if not isinstance(model, keras.Model) or not model.compiled:
        raise ValueError(f"model={model!r} must be a keras.Model, and model.compile must have been called")
    if type(model).train_step is not keras.Model.train_step:
        raise ValueError(f"model={model!r} has a train_step of its own, which would never be called")


@validate(model=_check_trainable, fuse=flag)
def jit_training(model, *, fuse=False) -> keras.Model:
    """Let `model.fit` take compiled steps on every backend; call it after each `model.compile`.

    On JAX and TensorFlow Keras compiles steps by itself, and nothing changes. On PyTorch, Keras runs the Python code of
    every layer in each step. Here that code runs once for each set of shapes, which takes seconds: the primitive calls
    of the forward and the backward pass are recorded, and each step replays them. Optimizer and metrics run as usual,
    and the results stay the same; the optimizer's state gets the memory layout of the weights. As on the other
    backends, a step does not see a number that a callback changes in Python, such as a factor of the loss. It sees a
    change of a variable of the model.

    With `fuse`, the optimizer's step is recorded, too, and `torch.compile` fuses all calls into fewer and larger ones,
    anew for each set of shapes (a smaller last batch is a second set). That needs a C++ compiler, Python's headers, and
    time: ten to twenty seconds for LeNet-5, most of a minute for ResNet-50 on two cores. Small networks then train
    faster, by a tenth to a third, which pays off in runs of thousands of steps; ResNet-50 is hardly faster. Results
    differ by rounding, and noise without a seed differs. Schedules work as usual, and you can set a learning rate at
    any time. After a change of the schedule or the momentum, call `compile` again. If an optimizer reads values of
    tensors (it accumulates gradients, say, or its schedule has a warm-up), its step is not fused, and a warning says
    so.

    Noise is fresh in each step, and it is the noise of Keras's own step; seed generators end in the same states. `fit`
    falls back to Keras's own step if the model has no weights to train, assigns variables that are not its own (draws
    without a seed do, as they change Keras's global generator), calls `keras.random.gamma`, `beta` or `binomial`, or
    passes a tensor as the mean, the standard deviation or a bound of integers to `keras.random.normal` or `randint`.

    Args:
        model: a compiled `keras.Model` without a `train_step` of its own. Another `compile` takes the recordings back.
        fuse: whether `torch.compile` fuses the recorded calls on PyTorch; the others fuse anyway.

    Returns:
        The model.

    Raises:
        ValueError: the model is not compiled, or has a `train_step` of its own.
        RuntimeError: on PyTorch `fuse` finds no C++ compiler; or, in `fit`, model or loss read the value of a tensor
            or pass it to NumPy.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_course import ops
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = ops.jit_training(model).fit(np.ones((8, 3)), np.ones(8), epochs=20, verbose=0).history
        >>> history["loss"][-1] < history["loss"][0]
        True
    """
    if _BACKEND == "torch":
        if fuse:
            _find_compiler()
        model.make_train_function(force=True)
        by_keras = model.train_function
        steps = Recordings(lambda data: _record_step(model, data, fuse, otherwise=lambda data: by_keras([data])))

        def train_function(data):
            parts = keras.utils.unpack_x_y_sample_weight(data[0])
            return steps(to_tensors(keras.utils.pack_x_y_sample_weight(*parts)))  # leaves out what is None

        model.train_function = train_function
    return model


def _find_compiler():
    from torch._inductor import cpp_builder, exc

    try:
        cpp_builder.get_cpp_compiler()
    except exc.InvalidCxxCompiler as error:
        remedy = "install one (on Debian: apt install g++ python3-dev), name it in CXX, or leave fuse out"
        raise RuntimeError(f"fuse=True needs a C++ compiler, and there is none: {remedy}") from error


def _lay_out_like(trained, optimizer):
    """Give the optimizer's state the memory layout of the weights of its shape: sums across two layouts are slow."""
    like = {tuple(variable.shape): variable.value for variable in trained}
    for kept in optimizer.variables:
        if tuple(kept.shape) in like:
            value = kept.value.data
            kept.value.data = torch.empty_like(like[tuple(kept.shape)], dtype=value.dtype).copy_(value)


def _record_step(model, data, fuse, otherwise):
    """Return the function that trains on data of these shapes, and returns the logs.

    The passes run once to see which variables they assign, and then without numbers, recorded.
    """
    optimizer, trained = model.optimizer, model.trainable_variables
    if not trained:
        return otherwise
    variables = (*model.variables, *model.metrics_variables, *optimizer.variables)
    variables = list({id(v): v for v in variables}.values())
    _lay_out_like(trained, optimizer)

    def passes(values, data, update=None):
        leaves = [value.detach().requires_grad_(value.is_floating_point()) for value in values]
        leaf = {id(variable): value for variable, value in zip(variables, leaves, strict=True)}

        def both():
            x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
            prediction = model(x, training=True)
            masks = [getattr(each, "_keras_mask", None) for each in tree.flatten(prediction)]
            loss = model.compute_loss(x, y, prediction, weight, training=True)
            scaled = optimizer.scale_loss(loss)
            gradients = torch.autograd.grad(scaled, [leaf[id(v)] for v in trained], allow_unused=True)
            with torch.no_grad():
                gradients = gradients if update is None else update(gradients)
                model._loss_tracker.update_state(loss, sample_weight=len(tree.flatten(x)[0]))
            return prediction, masks, gradients

        return tracked(both, variables)(leaves)

    def record(update=None):
        def program(values, data):
            outputs, assigned = passes(values, data, update)
            old = {id(v): value for v, value in zip(variables, values, strict=True)}
            with torch.no_grad():
                # It may be what another variable still is, and PyTorch's compiler drops a clone
                new = [(old[id(v)], 1 * value) for v, value in assigned]
                for value, changed in new:
                    value.copy_(changed)
            return outputs

        return record_calls(program, values_of(variables), data)

    with torch.random.fork_rng():  # nothing is used up here of the noise that has no seed
        copy = tree.map_structure(torch.clone, data)  # `RandomBrightness` writes into its input
        _, assigned = passes(values_of(variables), copy)
    if {id(v) for v, _ in assigned} - {id(v) for v in variables}:  # Keras's generator, which `set_random_seed` replaces
        return otherwise
    try:
        program = _fuse(record, optimizer, trained) if fuse else record()
    except CannotRecord:
        return otherwise

    def step(data):
        with torch.no_grad():
            prediction, masks, gradients = program(values_of(variables), data)
            if gradients is not None:
                optimizer.apply(gradients, trained)
        for each, mask in zip(tree.flatten(prediction), masks, strict=True):
            each._keras_mask = mask
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        return model.compute_metrics(x, y, prediction, weight)

    return step


def _fuse(record, optimizer, trained):
    """Return the passes and, where it can be recorded, the optimizer's step as one compiled program."""
    # What Keras's optimizers do for PyTorch alone wants Python numbers; what they do for all backends can be recorded
    portable = next(c for c in type(optimizer).__mro__ if not c.__module__.startswith("keras.src.backend.torch."))

    def update(gradients):
        optimizer._backend_update_step = functools.partial(portable._backend_update_step, optimizer)
        try:
            optimizer.apply(gradients, trained)
        finally:
            del optimizer._backend_update_step

    try:
        program = record(update)
    except RuntimeError:
        program = record()
        reason = "it looks at the value of a tensor, to accumulate gradients or warm up, say"
        warnings.warn(f"the step of {optimizer.name} is not fused, as {reason}; the passes are", stacklevel=2)
    # Our arrays lie in memory as convolutions want them: the compiler's choice of layouts would transpose them
    return torch.compile(program, dynamic=False, options={"layout_optimization": False})
