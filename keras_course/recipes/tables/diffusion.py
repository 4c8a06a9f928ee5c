"""Recipes of lecture 12: densities of points and samples of digits, by diffusion models."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tasks.sampling import SampledDensity, Sampling


def _moons(name, words, preset, **options):
    """Two moons with noise 0.05; their entropy is about 0.283 nats, and one Gaussian has 1.883."""
    return Recipe(
        name=name,
        summary=f"density of two moons, by {words}",
        task=SampledDensity(),
        topic="diffusion",
        builder="diffusion_mlp",
        preset=preset,
        overrides={"hidden_dim": 128, "num_layers": 4},
        optimizer=AdamW(peak_rate=2e-3, final_rate=1e-5, warmup=100, betas=(0.9, 0.999), weight_decay=0.0),
        steps=12_000,
        batch_size=256,
        **options,
    )


def _digits(name, summary, data, preset, steps, **options):
    """8 x 8 or 28 x 28 images with their labels; Adam with a cosine."""
    return Recipe(
        name=name,
        summary=summary,
        task=Sampling(data, labels=True, guidance=1.5),
        topic="diffusion",
        builder="diffusion_unet",
        preset=preset,
        overrides={},
        optimizer=AdamW(peak_rate=2e-3, final_rate=1e-5, warmup=100, betas=(0.9, 0.999), weight_decay=0.0),
        steps=steps,
        batch_size=128,
        **options,
    )


TABLE = (
    _moons("two_moons_diffusion", "a diffusion model", "tiny", expected=0.30, tolerance=0.03, minutes=2),
    _moons("two_moons_flow_matching", "flow matching", "flow_matching", expected=0.30, tolerance=0.03,
           minutes=2),
    _digits("digits_diffusion", "the offline twin: small digits, by a diffusion model", "digit_images", "digits", 2_000,
            expected=0.057, tolerance=0.03, minutes=2),
    _digits("mnist_diffusion", "digits of 28 x 28 pixels, by a diffusion model", "mnist_10k", "mnist", 6_000),
)  # fmt: skip
