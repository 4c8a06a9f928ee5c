"""Every normalizing flow is invertible, and its density is one: one test for all of them."""

import numpy as np
import pytest
from keras import ops, tree

from keras_course import backend, uncertainty
from keras_course import ops as course_ops
from keras_course.portable import portable_init
from keras_course.uncertainty import (
    Flow,
    continuous_flow,
    glow_flow,
    masked_autoregressive_flow,
    neural_spline_flow,
    nice,
    realnvp,
    umnn,
)

FLOWS = {
    "nice": (nice, {}),
    "realnvp": (realnvp, {}),
    "masked_autoregressive_flow": (masked_autoregressive_flow, {}),
    "spline couplings": (neural_spline_flow, {"bound": 3.0}),
    "autoregressive splines": (neural_spline_flow, {"conditioner": "autoregressive", "num_bins": 4}),
    "umnn": (umnn, {"integrand_dims": (8,), "num_layers": 1}),
    "glow_flow": (glow_flow, {}),
    "continuous_flow": (continuous_flow, {"hidden_dims": (8,), "num_steps": 4}),
}
SCALES = {"umnn": 0.1, "continuous_flow": 0.2}
TOLERANCES = {"continuous_flow": 1e-3}  # the solver makes few steps
array = ops.convert_to_numpy


def grown(flow, seed=0, scale=0.3):
    """Return a flow with larger weights than at the start, so that it is far from the identity."""
    rng = np.random.default_rng(seed)
    portable_init(flow, seed)
    for weight in flow.trainable_weights:
        weight.assign(weight + (scale * rng.normal(size=weight.shape)).astype("float32"))
    return flow


def small(name):
    build, options = FLOWS[name]
    layers = {} if build is continuous_flow else {"num_layers": 2}
    return build, {"hidden_dims": (8, 8), **layers, **options}


def compiled(flow, function):
    """Return a function of arrays that returns arrays; compiled, because JAX compiles each operation else.

    PyTorch does not, and recording a program takes longer than one call.
    """
    if backend.current() != "torch":
        function = course_ops.jit(function, variables=flow.variables)
    return lambda *args: tree.map_structure(array, function(*map(ops.convert_to_tensor, args)))


@pytest.mark.parametrize("name", FLOWS)
def test_flow(name):
    build, options = small(name)
    rng = np.random.default_rng(1)
    x, context = rng.normal(size=(6, 3)).astype("float32"), rng.normal(size=(6, 2)).astype("float32")
    flow, tolerance = grown(build(3, 2, **options), scale=SCALES.get(name, 0.3)), TOLERANCES.get(name, 1e-4)

    def everything(x, context):
        z, log_det = flow.transform(x, context)
        outputs = flow({"x": x, "context": context})
        loss = flow.compute_loss(y_pred=outputs)
        return z, log_det, flow.inverse(z, context), flow.log_prob(x, context), outputs["log_prob"], loss

    evaluate = compiled(flow, everything)
    z, log_det, back, log_prob, output, loss = evaluate(x, context)
    np.testing.assert_allclose(back, x, atol=tolerance)

    transform = compiled(flow, lambda x, context: flow.transform(x, context)[0])

    def columns(x, context):
        """Return dz/dx_k for each feature k, of all rows at once: rows do not depend on each other."""
        units = [np.tile(unit, (len(x), 1)) for unit in np.eye(3, dtype="float32")]
        if name == "continuous_flow":  # its trace is a derivative already, and the loop of TensorFlow has no second one
            return [
                (transform(x + 0.01 * unit, context) - transform(x - 0.01 * unit, context)) / 0.02 for unit in units
            ]
        forward = [course_ops.jvp(lambda x: flow.transform(x, context)[0], (x,), (unit,)) for unit in units]
        return [tangent for _, tangent in forward]

    by_columns = columns(x, context) if name == "continuous_flow" else compiled(flow, columns)(x, context)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(np.stack(by_columns, axis=-1))[1], atol=tolerance)
    np.testing.assert_allclose(log_prob, log_det - (z**2 / 2 + np.log(2 * np.pi) / 2).sum(axis=1), atol=1e-5)
    np.testing.assert_allclose(output, log_prob, atol=1e-5)
    np.testing.assert_allclose(loss, -log_prob.mean(), rtol=1e-5)
    np.testing.assert_allclose(evaluate(x[::-1].copy(), context[::-1].copy())[3], log_prob[::-1], atol=1e-5)
    assert np.abs(evaluate(x, context + 1.0)[3] - log_prob).min() > 1e-4


@pytest.mark.parametrize("name", FLOWS)
def test_density_is_one_in_all(name):
    """The density adds up to 1 on a grid, and samples have its mean."""
    build, options = small(name)
    flow = grown(build(2, **options), seed=1, scale=SCALES.get(name, 0.3))
    axis = np.linspace(-20, 20, 241, dtype="float32")
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp(compiled(flow, flow.log_prob)(grid).astype("float64")) * (axis[1] - axis[0]) ** 2
    samples, same, others = (array(flow.sample(2_000, seed=seed)) for seed in (3, 3, 4))
    assert density.sum() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(samples.mean(axis=0), density @ grid, atol=0.2)
    np.testing.assert_array_equal(samples, same)
    assert (samples != others).all()


def test_zeros_give_the_identity():
    """Where all weights are 0, z is x, also beyond the bound of a spline; the matrices of two steps of Glow cancel."""
    x = np.random.default_rng(0).normal(scale=4, size=(20, 3)).astype("float32")
    for name in FLOWS:
        build, options = small(name)
        flow = build(3, **options)
        for weight in flow.trainable_weights:
            weight.assign(ops.zeros(weight.shape))
        z, log_det = compiled(flow, flow.transform)(x)
        np.testing.assert_allclose(z, x, atol=1e-4, err_msg=name)
        np.testing.assert_allclose(log_det, 0, atol=1e-4, err_msg=name)


def test_samples_given_a_context():
    """Each row of the context has samples of its own."""
    flow = grown(realnvp(2, 1, hidden_dims=(8,)))
    context = np.array([[-2.0], [2.0]])
    samples = array(flow.sample(3_000, context, seed=0))
    assert samples.shape == (2, 3_000, 2)
    z = array(flow.transform(samples[1], np.repeat(context[1:], 3_000, axis=0))[0])
    assert np.abs(z.mean(axis=0)).max() < 0.1
    assert np.abs(z.std(axis=0) - 1).max() < 0.1


def test_autoregressive_jacobian_is_triangular():
    """MADE: no parameter of a feature depends on the feature itself or on a later one, in any order."""
    for order in ((0, 1, 2, 3), (2, 0, 3, 1)):
        layer = uncertainty.Autoregressive(uncertainty.Affine(), order, hidden_dims=(8, 8), activation="tanh")
        flow = grown(Flow(4, [layer]))
        jacobian = array(course_ops.jacobian(lambda x, flow=flow: flow.transform(x[None])[0][0])(np.ones(4, "float32")))
        ordered = jacobian[np.ix_(order, order)]
        assert np.abs(ordered[np.tril_indices(4)]).min() > 1e-6
        assert (ordered[np.triu_indices(4, 1)] == 0).all()


@pytest.mark.parametrize("name", FLOWS)
def test_context_of_another_batch_is_refused(name):
    """By every method, and by a call of the model, where each backend has an error of its own else."""
    build, options = small(name)
    flow, x, context = build(2, 1, **options), np.ones((4, 2), "float32"), np.ones((3, 1), "float32")
    for call in (flow.transform, flow.inverse, flow.log_prob, lambda x, context: flow({"x": x, "context": context})):
        with pytest.raises(ValueError, match=r"context has 3 rows, and [xz] has 4"):
            call(x, context)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: realnvp(1), "num_features=1 must be at least 2"),
        (lambda: nice(1, 3), "num_features=1 must be at least 2"),
        (lambda: neural_spline_flow(1), "num_features=1 must be at least 2"),
        (lambda: glow_flow(1), "num_features=1 must be at least 2"),
        (lambda: masked_autoregressive_flow(2, hidden_dims=()), "hidden_dims"),
        (lambda: neural_spline_flow(2, num_bins=1), "num_bins=1"),
        (lambda: Flow(2, []), "transforms"),
        (lambda: Flow(2, [uncertainty.Permutation([0, 1, 2])]).log_prob(np.ones((1, 2))), "order"),
        (lambda: Flow(2, [uncertainty.Coupling(uncertainty.Affine(), [0, 1])]), r"kept=\(0, 1\)"),
        (lambda: Flow(2, [uncertainty.Autoregressive(uncertainty.Affine(), [0])]), r"order=\(0,\)"),
        (lambda: realnvp(2).log_prob(np.ones((4, 3))), "x has shape"),
        (lambda: realnvp(2).log_prob(ops.ones((4, 3))), "x has shape"),
        (lambda: realnvp(2).log_prob([[0.0, np.nan]]), "x has 1 entries that are not finite"),
        (lambda: realnvp(2).inverse([[0.0, np.inf]]), "z has 1 entries that are not finite"),
        (lambda: realnvp(2).log_prob(np.ones((4, 2)), np.ones((4, 1))), "context must be None"),
        (lambda: realnvp(2, 1).log_prob(np.ones((4, 2))), "context=None must be given"),
        (lambda: realnvp(2, 1).log_prob(np.ones((4, 2)), np.ones((3, 1))), "context has 3 rows, and x has 4"),
        (lambda: realnvp(2, 1).sample(3), "context=None must be given"),
        (lambda: realnvp(2, 1).sample(3, np.ones((3, 2))), "context has shape"),
        (lambda: realnvp(2).sample(0), "num_samples=0"),
        (lambda: uncertainty.MaskedDense(2, mask=[[1, 2]]), "mask"),
        (lambda: uncertainty.MaskedDense(2, mask=[[1, 1]])(np.ones((1, 3))), "mask has 1 rows"),
    ],
)
def test_bad_input(act, message):
    with pytest.raises(ValueError, match=message):
        act()
