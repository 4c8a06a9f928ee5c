"""Compiled training steps for `fit`, on the backend where Keras has none."""

import keras
from keras import tree

from keras_course.ops._compilation import Recordings, run_and_track
from keras_course.ops._variables import to_tensors, values_of

_BACKEND = keras.config.backend()
if _BACKEND == "torch":
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx


def jit_training(model):
    """Let `model.fit` take compiled steps on every backend; call it after each `model.compile`.

    On JAX and TensorFlow Keras compiles a step by itself, and nothing changes. On PyTorch it goes through the Python
    of every layer in each step. Here that happens once for each set of shapes (it takes seconds): the primitive calls
    of the forward and the backward pass are recorded, and repeated from then on. Optimizer and metrics do what they
    always do, and the numbers stay the same; what the optimizer keeps lies in memory as its weights do. As with the
    other backends, Python runs once: a number that a callback changes in Python (a factor of the loss, say) is not
    seen; a variable of the model is.

    What a recording would get wrong is trained as Keras does it: a step that draws from a `SeedGenerator` (dropout does
    if it has a seed), whose noise would be the same in each step, weights without a gradient, an output with a mask,
    a loss that is scaled (mixed_float16).

    Args:
        model: a compiled `keras.Model` without a `train_step` of its own. Another `compile` takes the recordings back.

    Returns:
        The model.

    Raises:
        ValueError: the model is not compiled, or has a `train_step` of its own.
        RuntimeError: on PyTorch, in `fit`, model or loss look at the value of a tensor to decide what to do.

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
    if not isinstance(model, keras.Model) or not model.compiled:
        raise ValueError(f"model={model!r} must be a keras.Model, and model.compile must have been called")
    if type(model).train_step is not keras.Model.train_step:
        raise ValueError(f"model={model!r} has a train_step of its own, which would never be called")
    if _BACKEND == "torch":
        model.make_train_function(force=True)
        by_keras = model.train_function
        steps = Recordings(lambda data: _record_step(model, data, otherwise=lambda data: by_keras([data])))

        def train_function(data):
            parts = keras.utils.unpack_x_y_sample_weight(data[0])
            return steps(to_tensors(keras.utils.pack_x_y_sample_weight(*parts)))  # leaves out what is None

        model.train_function = train_function
    return model


def _lay_out_like(trained, optimizer):
    """Let what the optimizer keeps lie in memory as the weights of its shape do: sums across two orders are slow."""
    like = {tuple(variable.shape): variable.value for variable in trained}
    for kept in optimizer.variables:
        if tuple(kept.shape) in like:
            value = kept.value.data
            kept.value.data = torch.empty_like(like[tuple(kept.shape)], dtype=value.dtype).copy_(value)


def _record_step(model, data, otherwise):
    """Return the function that trains on data of these shapes, and returns the logs.

    The passes run twice: once to see whether a recording would repeat them faithfully, and once to be recorded.
    """
    variables = list({id(v): v for v in (*model.variables, *model.metrics_variables)}.values())
    trained = model.trainable_variables
    _lay_out_like(trained, model.optimizer)

    def passes(values, data):
        values = [value.detach().requires_grad_(value.is_floating_point()) for value in values]
        leaf = {id(variable): value for variable, value in zip(variables, values, strict=True)}

        def both():
            x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
            prediction = model(x, training=True)
            loss = model.compute_loss(x, y, prediction, weight, training=True)
            return loss, prediction, torch.autograd.grad(loss, [leaf[id(v)] for v in trained], allow_unused=True)

        return run_and_track(both, variables, values, ())

    values = values_of(variables)
    with torch.random.fork_rng():  # nothing is used up here of the noise that has no seed
        (_, prediction, gradients), assigned = passes(values, data)
        random = any(not variables[i].value.is_floating_point() for i in assigned)  # a SeedGenerator counts
        masked = any(getattr(each, "_keras_mask", None) is not None for each in tree.flatten(prediction))
        scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        if random or masked or scaled or any(g is None for g in gradients):
            return otherwise
        program = make_fx(passes)(values, data)

    def step(data):
        with torch.no_grad():
            (loss, prediction, gradients), assigned = program(values_of(variables), data)
            for i, value in assigned.items():
                variables[i].value.copy_(value)
            model.optimizer.apply(gradients, trained)
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        model._loss_tracker.update_state(loss, sample_weight=len(tree.flatten(x)[0]))
        return model.compute_metrics(x, y, prediction, weight)

    return step
