"""Recipes of lecture 11: reconstructions and samples of handwritten digits, and the design of molecules."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tables._adversarial import ADVERSARIAL
from keras_course.recipes.tasks.strings import MoleculeDesign
from keras_course.recipes.tasks.unlabeled import Generation, Reconstruction

_NOTE = "The -ELBO of gray pixels with a Bernoulli likelihood is a cross-entropy, and no likelihood of gray pixels."
_COURSE = "the course's notebook, 60,000 training images, 10 epochs"


def _digits(name, summary, task, builder, overrides, *, preset="tiny", steps=3_000, peak_rate=2e-3, **options):
    """8 x 8 or 28 x 28 images; plain Adam with a cosine."""
    return Recipe(
        name=name,
        summary=summary,
        task=task,
        topic="autoencoders",
        builder=builder,
        preset=preset,
        overrides=overrides,
        optimizer=AdamW(peak_rate=peak_rate, final_rate=1e-5, warmup=50, betas=(0.9, 0.999), weight_decay=0.0),
        steps=steps,
        batch_size=128,
        **options,
    )


TABLE = (
    _digits(
        "digits_vae",
        "the offline twin: small digits, by a VAE with eight latent variables",
        Generation("digit_images"),
        "vae",
        {"latent_dim": 8, "hidden_dims": (128,)},
        expected=24.2,
        tolerance=0.3,
        note=_NOTE,
        minutes=1,
    ),
    _digits(
        "digits_hierarchical_vae",
        "small digits, by a VAE of two levels",
        Generation("digit_images"),
        "hierarchical_vae",
        {"latent_dims": (8, 4), "hidden_dims": (128,)},
        expected=24.0,
        tolerance=0.3,
        note=_NOTE,
        minutes=1,
    ),
    _digits(
        "digits_vq_vae",
        "small digits as 16 indices of a codebook with 32 entries",
        Reconstruction("digit_images"),
        "vq_vae",
        {"decay": 0.99},
        expected=6.7,
        tolerance=0.3,
        minutes=1,
    ),
    _digits(
        "digits_denoising",
        "small digits with half of their pixels erased",
        Reconstruction("digit_images"),
        "denoising_autoencoder",
        {"corruption": "erase", "strength": 0.5, "hidden_dims": (256,), "latent_dim": 64},
        expected=22.4,
        tolerance=0.7,
        minutes=1,
    ),
    _digits(
        "mnist_vae",
        "digits of 28 x 28 pixels, by the VAE of the course",
        Generation("mnist_10k"),
        "vae",
        {},
        preset="course",
        steps=2_400,
        expected=119.8,
        tolerance=0.8,
        published=118.67,
        source=_COURSE,
        note=_NOTE,
        minutes=2,
    ),
    _digits(
        "mnist_vae_convolutional",
        "digits of 28 x 28 pixels, by a convolutional VAE",
        Generation("mnist_10k"),
        "vae",
        {},
        preset="convolutional",
        steps=2_400,
        expected=105.8,
        tolerance=0.8,
        published=118.67,
        source=_COURSE + ", without convolutions",
        note=_NOTE,
        minutes=4,
    ),
    _digits(
        "toy_molecules_vae",
        "strings of toy molecules, and better ones by gradient ascent in the latent space",
        MoleculeDesign(),
        "string_vae",
        {"beta": 0.3},
        preset="molecules",
        steps=1_500,
        minutes=2,
    ),
    *ADVERSARIAL,
)
