"""Arguments that work, for the adversarial networks of lecture 11; `examples_of_fuzz` says how one is looked up."""

import numpy as np
from models_of_fuzz import Make

from keras_course.perceptron import mlp

P, Q = np.array([0.25, 0.25, 0.5]), np.array([0.5, 0.25, 0.25])
LOGITS = np.array([[0.5], [-1.0]])
SMALL = {"latent_dim": 2, "loss": "minimax"}

ADVERSARIAL = {
    "autoencoders.AdversarialModel": {"generator": Make(lambda: mlp((2,), 2, hidden_dims=(4,))), "loss": "minimax",
                                      "discriminator": Make(lambda: mlp((2,), 1, hidden_dims=(4,)))},
    "autoencoders.gan": {"num_features": 2, "hidden_dims": (4,), **SMALL},
    "autoencoders.dcgan": {"input_shape": (4, 4, 1), "filters": (2,), **SMALL},
    "autoencoders.discriminator_loss": {"real_logits": LOGITS, "fake_logits": LOGITS, "loss": "minimax"},
    "autoencoders.generator_loss": {"fake_logits": LOGITS, "loss": "minimax"},
    **{f"autoencoders.{name}": {"p": P, "q": Q} for name in (
        "optimal_discriminator", "jensen_shannon", "transport_plan")},
    **{f"autoencoders.{name}": {"positions": np.array([0.0, 1.0, 3.0]), "p": P, "q": Q} for name in (
        "wasserstein_1", "plot_transport")},
    "autoencoders.dirac_gan_field": {"theta": P, "psi": Q, "loss": "minimax"},
    "autoencoders.dirac_gan_eigenvalues": {"loss": "minimax"},
    "autoencoders.dirac_gan_path": {"start": (1.0, 0.5), "num_steps": 2, "loss": "minimax"},
    "autoencoders.plot_dirac_gan": {"games": {"a": {"num_steps": 2}}, "limit": 2.0},
    "autoencoders.mode_coverage": {"samples": np.eye(2), "centers": np.eye(2), "radius": 0.5},
    "autoencoders.plot_modes": {"samples": {"a": np.eye(2)}, "centers": np.eye(2), "radius": 0.5},
}  # fmt: skip
