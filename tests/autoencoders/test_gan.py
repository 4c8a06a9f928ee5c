"""Adversarial networks: their losses, gradients and penalties, the Dirac-GAN, and the modes of a mixture."""

import dataclasses
import itertools
from typing import ClassVar

import keras
import numpy as np
import pytest
from keras import ops
from scipy import optimize, stats

from keras_course import ops as course_ops
from keras_course import recipes
from keras_course.autoencoders import (
    AdversarialModel,
    dcgan,
    dirac_gan_eigenvalues,
    dirac_gan_field,
    dirac_gan_path,
    discriminator_loss,
    gan,
    generator_loss,
    jensen_shannon,
    mode_coverage,
    optimal_discriminator,
    plot_dirac_gan,
    plot_gan,
    plot_modes,
    plot_transport,
    transport_plan,
    wasserstein_1,
)
from keras_course.perceptron import mlp
from keras_course.portable import portable_init
from keras_course.recipes.tasks.modes import CENTERS

LOSSES = ("minimax", "non_saturating", "wasserstein")
SMALL = {"hidden_dims": (5,), "latent_dim": 3}
EXAMPLE = [1.5, 3.5, 5.5, 6.5, 9.5], [0.25, 0.25, 0.0, 0.0, 0.5], [0.0, 0.0, 0.5, 0.5, 0.0]  # of the lecture
rng = np.random.default_rng(0)
X = rng.normal(size=(6, 2)).astype("float32")


def array(tensor):
    return ops.convert_to_numpy(tensor)


# Losses and distances -------------------------------------------------------------------------------------------------


def test_losses_are_logarithms_of_probabilities():
    real, fake = rng.normal(size=(2, 7, 1))
    d_real, d_fake = (1 / (1 + np.exp(-f)) for f in (real, fake))
    expected = -np.log(d_real) - np.log(1 - d_fake)
    of_generator = np.log(1 - d_fake), -np.log(d_fake), -fake
    for loss, other in zip(LOSSES, of_generator, strict=True):
        of_discriminator = fake - real if loss == "wasserstein" else expected
        np.testing.assert_allclose(array(discriminator_loss(real, fake, loss)), of_discriminator, rtol=1e-5)
        np.testing.assert_allclose(array(generator_loss(fake, loss)), other, rtol=1e-5)


def test_optimal_discriminator():
    """No other discriminator has a higher minimax value, and its value is 2 JSD - log 4."""
    p, q = rng.dirichlet(np.ones(6), size=2)

    def value(d):
        return np.sum(p * np.log(d) + q * np.log(1 - d))

    best = optimal_discriminator(p, q)
    assert value(best) == pytest.approx(2 * jensen_shannon(p, q) - np.log(4), abs=1e-12)
    assert all(value(np.clip(best + step, 1e-6, 1 - 1e-6)) < value(best) for step in rng.normal(size=(50, 6)) / 10)
    assert jensen_shannon(p, p) == 0
    assert jensen_shannon([1.0, 0.0], [0.0, 1.0]) == pytest.approx(np.log(2))
    assert optimal_discriminator([0.0, 1.0], [0.0, 3.0]).tolist() == [0.5, 0.25]


def test_wasserstein_distance():
    """The lecture's example is 3; other distances agree with SciPy and with the linear program of transport."""
    assert wasserstein_1(*EXAMPLE) == 3.0
    x, (p, q) = np.sort(rng.normal(size=5)), rng.dirichlet(np.ones(5), size=2)
    cost = np.abs(x[:, None] - x)
    plan = transport_plan(p, q)
    np.testing.assert_allclose([plan.sum(axis=1), plan.sum(axis=0)], [p, q], atol=1e-12)
    sums = [np.kron(np.eye(5), np.ones(5)), np.kron(np.ones(5), np.eye(5))]
    solved = optimize.linprog(cost.ravel(), A_eq=np.concatenate(sums), b_eq=np.concatenate([p, q])).fun
    for found in (np.sum(plan * cost), solved, stats.wasserstein_distance(x, x, p, q)):
        assert wasserstein_1(x, p, q) == pytest.approx(found, abs=1e-9)


# Networks -------------------------------------------------------------------------------------------------------------


def gradients(model, term=None):
    """Return the gradient of the sum of losses, or of one of them, for each weight."""

    def loss():
        outputs = model(ops.convert_to_tensor(X), training=True)
        return model.compute_loss(y_pred=outputs) if term is None else ops.mean(outputs[term])

    found = course_ops.grad(loss, variables=model.trainable_variables)()
    return {v.path: array(g) for v, g in zip(model.trainable_variables, found, strict=True)}


@pytest.mark.parametrize("loss", LOSSES)
def test_each_network_learns_from_its_own_loss(loss):
    """The sum gives each network the gradient that the losses, written out, give to it alone."""
    model = portable_init(gan(2, loss=loss, seed=3, **SMALL), seed=1)
    state = model.get_layer("game").seed_generator.state
    before = array(state).copy()

    def restart():
        state.assign(before)

    found = gradients(model)
    for term, name in (("discriminator", "generator"), ("generator", "discriminator")):
        restart()
        assert not any(g.any() for path, g in gradients(model, term).items() if path.startswith(name))
    restart()
    z = model.get_layer("game").noise(X)

    def of_generator():
        return ops.mean(generator_loss(model.discriminator(model.generator(z)), loss))

    def of_discriminator():
        real, fake = model.discriminator(X), model.discriminator(model.generator(z))
        return ops.mean(discriminator_loss(real, fake, loss))

    for network, own in ((model.generator, of_generator), (model.discriminator, of_discriminator)):
        expected = course_ops.grad(own, variables=network.trainable_variables)()
        for variable, gradient in zip(network.trainable_variables, expected, strict=True):
            np.testing.assert_allclose(found[variable.path], array(gradient), atol=1e-6)


def test_penalties():
    """For a linear f(x) = w x, slopes and the gradients of penalties have a closed form."""
    generator, discriminator = mlp((3,), 2, hidden_dims=(), name="g"), mlp((2,), 1, hidden_dims=(), name="d")
    w = np.array([[0.3], [-0.4]])
    discriminator.set_weights([w, np.zeros(1)])
    model = AdversarialModel(generator, discriminator, loss="wasserstein", gradient_penalty=10.0, r1=2.0)
    outputs = model(X)
    for key in ("slope_between", "slope_at_data"):
        np.testing.assert_allclose(array(outputs[key]), np.full(6, 0.5), rtol=1e-6)
    np.testing.assert_allclose(array(outputs["penalty"]), np.full(6, 10 * 0.5**2 + 0.5**2), rtol=1e-5)

    def penalty():
        return ops.mean(model(ops.convert_to_tensor(X))["penalty"])

    (found,) = course_ops.grad(penalty, variables=discriminator.trainable_variables[:1])()
    expected = 2 * 10 * (0.5 - 1) * w / 0.5 + 2 * w  # of 10 (norm(w) - 1)^2 + norm(w)^2
    np.testing.assert_allclose(array(found), expected, rtol=1e-4)


def test_slope_is_the_derivative():
    """At data, for a network with hidden layers: central differences."""
    model = gan(2, r1=1.0, activation="tanh", **SMALL)
    step = 1e-2
    columns = [
        array(model.discriminator(X + step * e) - model.discriminator(X - step * e)) / (2 * step)
        for e in np.eye(2, dtype="float32")
    ]
    found = array(model(X)["slope_at_data"])
    np.testing.assert_allclose(found, np.linalg.norm(np.concatenate(columns, axis=1), axis=1), rtol=1e-2)


@pytest.mark.parametrize("options", [{"loss": "wasserstein", "gradient_penalty": 1.0}, {"r1": 1.0}])
def test_training_moves_samples_to_the_data(options):
    """With either penalty, through compiled training steps: the mean of the samples moves to a far point."""
    model = portable_init(gan(2, hidden_dims=(16,), latent_dim=3, **options), seed=0)
    data = (np.array([2.0, -1.0]) + 0.1 * rng.normal(size=(64, 2))).astype("float32")
    model.compile(keras.optimizers.Adam(1e-2, beta_1=0.5))
    course_ops.jit_training(model)
    before = array(model.sample(200)).mean(axis=0)
    model.fit(np.tile(data, (120, 1)), batch_size=64, verbose=0)
    after = array(model.sample(200)).mean(axis=0)
    assert np.linalg.norm(after - [2.0, -1.0]) < 0.3 * np.linalg.norm(before - [2.0, -1.0])


def test_images():
    """The generator's images have the range of tanh; a penalty leaves no batch normalization to the discriminator."""
    for options, expected in (({}, True), ({"r1": 1.0}, False)):
        model = dcgan((8, 8, 1), filters=(6, 4), latent_dim=3, **options)
        images = array(model.sample(4))
        assert images.shape == (4, 8, 8, 1)
        assert np.abs(images).max() < 1
        kinds = {type(layer) for layer in model.discriminator.layers}
        assert (keras.layers.BatchNormalization in kinds) == expected
    count = sum(layer.count_params() for layer in dcgan.from_preset("tiny").layers)
    generator = 16 * 4 * 4 * 16 + 4 * 16 + 4 * 4 * 8 * 16 + 4 * 8 + 4 * 4 * 8 + 1
    discriminator = 4 * 4 * 8 + 8 + 4 * 4 * 8 * 16 + 4 * 16 + 4 * 4 * 16 + 1
    assert count == generator + discriminator


# Dirac-GAN ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "r1"), list(itertools.product(LOSSES, (0.0, 0.3))))
def test_dirac_gan(loss, r1):
    """The field is minus the gradient of our losses, and the eigenvalues are those of its Jacobian."""

    def losses(theta, psi):
        fake, real = psi * theta, 0.0 * psi
        penalty = 0.5 * r1 * psi**2
        return generator_loss(fake, loss), discriminator_loss(real, fake, loss) + penalty

    at = [ops.convert_to_tensor(value) for value in (0.7, -1.3)]
    expected = [-float(array(course_ops.grad(lambda *a, k=k: losses(*a)[k], k)(*at))) for k in range(2)]
    np.testing.assert_allclose(dirac_gan_field(0.7, -1.3, loss=loss, r1=r1), expected, rtol=1e-5)
    step = 1e-5 * np.eye(2)
    options = {"loss": loss, "r1": r1}
    jacobian = [(dirac_gan_field(*e, **options) - dirac_gan_field(*-e, **options)) / 2e-5 for e in step]
    found = np.sort_complex(np.linalg.eigvals(np.transpose(jacobian)))
    np.testing.assert_allclose(np.sort_complex(dirac_gan_eigenvalues(**options)), found, atol=1e-6)
    slope = 1.0 if loss == "wasserstein" else 0.5
    assert (found.real < 0).all() if r1 else np.allclose(np.sort(found.imag), [-slope, slope])


def test_dirac_gan_paths():
    """For small parameters: simultaneous steps grow by sqrt(1 + c^2), alternating ones keep a quadratic form."""
    c, options = 0.3 * 0.5, {"start": (1e-3, 1e-3), "rate": 0.3, "num_steps": 50}
    growth = np.linalg.norm(dirac_gan_path(**options), axis=1)
    np.testing.assert_allclose(growth[1:] / growth[:-1], np.sqrt(1 + c**2), rtol=1e-4)
    theta, psi = dirac_gan_path(updates="alternating", **options).T
    kept = theta**2 + psi**2 + c * theta * psi
    np.testing.assert_allclose(kept, kept[0], rtol=1e-2)
    assert np.linalg.norm(dirac_gan_path(r1=1.0, **options)[-1]) < 1e-5


# Modes ----------------------------------------------------------------------------------------------------------------


def test_coverage():
    centers = np.array([[0.0, 0.0], [5.0, 0.0]])
    samples = np.array([[0.0, 0.5]] * 18 + [[5.0, 0.9]] + [[2.5, 0.0]])
    coverage = mode_coverage(samples, centers, 1.0)
    assert (coverage.modes, coverage.near, coverage.counts.tolist()) == (2, 0.95, [18, 1])  # a tenth of 10 is 1
    assert mode_coverage(samples, centers, 0.8).modes == 1


@dataclasses.dataclass(frozen=True)
class TwoSeeds(recipes.Modes):
    parts: ClassVar = 2


def test_a_run(tmp_path):
    rates = recipes.AdamW(peak_rate=1e-3, final_rate=1e-4, warmup=0, clip=None)
    options = {"topic": "autoencoders", "builder": "gan", "preset": "tiny", "overrides": {"hidden_dims": (8,)}}
    task = TwoSeeds(num_train=100, num_samples=200)
    recipe = recipes.Recipe("modes", "modes", task, optimizer=rates, steps=2, batch_size=50, **options)
    run = recipes.train(recipe, out=tmp_path / "run", verbose=0)
    assert len(run.facts["values"]) == 2
    assert 0 <= run.value <= 8
    assert 0 <= run.facts["metrics"]["samples near a mode"] <= 1
    assert len(list((tmp_path / "run").rglob("sample.png"))) == 2
    data = task.load()
    assert mode_coverage(data.x, CENTERS, 0.3).modes == 8
    with pytest.raises(ValueError, match="noise=0"):
        recipes.Modes(noise=0)


# Figures and refusals -------------------------------------------------------------------------------------------------


def test_figures():
    assert "discriminator\nloss" in [text.get_text() for text in plot_gan().axes[0].texts]
    figure = plot_dirac_gan({"a": {}, "b": {"r1": 1.0, "num_steps": 5}})
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]
    assert len(figure.axes[1].lines[0].get_xdata()) == 6
    (ax,) = plot_transport(*EXAMPLE).axes
    assert {"0.25", "0.5"} <= {text.get_text() for text in ax.texts}
    figure = plot_modes({"a": np.zeros((3, 2)), "b": np.ones((3, 2))}, np.zeros((1, 2)), 0.5)
    assert [ax.get_title() for ax in figure.axes] == ["a: 1 of 1 modes", "b: 0 of 1 modes"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gan(2, loss="hinge"), "loss='hinge'"),
        (lambda: gan(2, r1=-1.0), "r1=-1.0"),
        (lambda: gan(2, latent_dim=0), "latent_dim=0"),
        (lambda: dcgan((10, 8, 1)), r"input_shape=\(10, 8, 1\)"),
        (lambda: dcgan((8, 8, 1), filters=()), r"filters=\(\)"),
        (lambda: AdversarialModel(mlp((3,), 2), mlp((3,), 1)), "discriminator takes"),
        (lambda: AdversarialModel(mlp((3,), 2), mlp((2,), 2)), "discriminator has outputs"),
        (lambda: AdversarialModel(mlp((3, 3), 2), mlp((2,), 1)), "generator takes"),
        (lambda: gan(2, **SMALL).fit(np.full((4, 2), np.nan)), "x has 8 entries that are not finite"),
        (lambda: gan(2, **SMALL).fit(np.ones((4, 3))), r"x has shape \(4, 3\)"),
        (lambda: discriminator_loss([0.0], [0.0, 1.0]), "fake_logits has shape"),
        (lambda: jensen_shannon([0.5, 0.6], [0.5, 0.5]), "p has the sum 1.1"),
        (lambda: jensen_shannon([1.0], [0.5, 0.5]), "q has 2 entries"),
        (lambda: optimal_discriminator([-0.1], [0.5]), "p has 1 negative"),
        (lambda: wasserstein_1([0.0, 0.0], [0.5, 0.5], [0.5, 0.5]), "positions must be 2 increasing"),
        (lambda: dirac_gan_field([1.0], 1.0), "psi has shape"),
        (lambda: dirac_gan_path(updates="both"), "updates='both'"),
        (lambda: dirac_gan_path((1.0, 1.0, 1.0)), "start="),
        (lambda: plot_dirac_gan({"a": {"speed": 1}}), "'speed' is no argument"),
        (lambda: plot_dirac_gan({"a": 1}), r"games\['a'\]=1"),
        (lambda: mode_coverage(np.zeros((3, 2)), np.zeros((3, 3)), 1.0), "centers has 3 columns"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
