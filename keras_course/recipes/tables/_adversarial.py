"""Recipes of adversarial networks: which loss, with which penalty, covers the modes of a mixture."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tasks.modes import Modes


def _modes(name, words, expected, **overrides):
    """Eight Gaussians of standard deviation 0.1; of true samples 98.9 % are near a mode."""
    return Recipe(
        name=name,
        summary=f"samples of eight Gaussians, by {words}",
        task=Modes(),
        topic="autoencoders",
        builder="gan",
        preset="eight_gaussians",
        overrides=overrides,
        optimizer=AdamW(peak_rate=5e-3, final_rate=1e-5, warmup=0, betas=(0.0, 0.9), weight_decay=0.0, clip=None),
        steps=3_000,
        batch_size=128,
        expected=expected,
        tolerance=0.8,
        minutes=2,
    )


ADVERSARIAL = (
    _modes("eight_gaussians_gan", "a GAN with the non-saturating loss", 7.2),
    _modes("eight_gaussians_minimax", "a GAN with the minimax loss", 8.0, loss="minimax"),
    _modes("eight_gaussians_r1", "a GAN with the R1 penalty", 8.0, r1=0.3),
    _modes(
        "eight_gaussians_wgan_gp",
        "a Wasserstein GAN with a gradient penalty",
        8.0,
        loss="wasserstein",
        gradient_penalty=1.0,
    ),
)
