"""The task of molecule design: a distribution of SMILES strings, and a property that is improved in its latent space.

Notation: a string of at most T characters out of V, padded by spaces, is one-hot, (T, V).
"""

import dataclasses
import functools
import hashlib
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import whole_number
from keras_course.recipes._task import Metric, Task, in_batches
from keras_course.recipes.tasks._arrays import UnlabeledData

BEST, SAMPLES, STEPS = 100, 500, 20  # strings to begin with, samples of the prior, and gradient steps


@dataclasses.dataclass(frozen=True)
class MoleculeDesign(Task):
    """Model the distribution of molecules as strings, and design new ones; the metric is the test -ELBO in nats.

    The property is the fraction of nitrogen and oxygen among the atoms, which makes a molecule soluble. A linear
    regression predicts it from codes, and `keras_course.autoencoders.latent_ascent` climbs the prediction from the
    codes of the test molecules with the largest property.

    The other metrics are the percentages of test strings that are reconstructed without an error and of samples of the
    prior that are valid SMILES, and the mean property of the first molecules and of the valid ones that were designed.

    Args:
        num_train: number of molecules of the grammar before those with longer strings are left out.
        num_test: number of test molecules, likewise.
        length: T.
    """

    num_train: int = 8_000
    num_test: int = 1_000
    length: int = 32
    metric: ClassVar[Metric] = Metric("test -ELBO", "nats")
    data: ClassVar[str] = "toy_molecules"

    def __post_init__(self):
        whole_number(1, num_train=self.num_train, num_test=self.num_test, length=self.length)

    def load(self, part=0, start=None) -> "MoleculeDesignData":
        return MoleculeDesignData(self)

    def read(self, folder) -> dict:
        from keras_course.language import CharTokenizer

        return {"tokenizer": CharTokenizer.load(folder)}


class MoleculeDesignData(UnlabeledData):
    """Strings, one-hot, for training and for the test."""

    loss_unit = "nats/molecule"

    def __init__(self, task):
        from keras_course.language import CharTokenizer

        self.task = task
        train, _, test = _molecules(task.num_train, task.num_test)
        self.smiles, self.test_smiles = (
            [smiles for smiles in part.smiles if len(smiles) <= task.length] for part in (train, test)
        )
        self.tokenizer = CharTokenizer.train(" " + "".join(self.smiles + self.test_smiles))
        self.x, self.test = self.encode(self.smiles), self.encode(self.test_smiles)
        self.validation = in_batches((self.test,), 500)
        self.num_outputs = self.tokenizer.vocab_size
        self.assets = {"tokenizer": self.tokenizer}
        self.size = f"{len(self.x):,} + {len(self.test):,} molecules"
        self.sha256 = hashlib.sha256("\n".join(self.smiles + self.test_smiles).encode()).hexdigest()

    def encode(self, strings) -> np.ndarray:
        """Return strings one-hot, (N, T, V)."""
        ids = [self.tokenizer.encode(smiles.ljust(self.task.length)) for smiles in strings]
        return np.eye(self.tokenizer.vocab_size, dtype="float32")[np.stack(ids)]

    def decode(self, model, z) -> list[str]:
        """Return the most probable string of each code."""
        from keras import ops

        ids = ops.convert_to_numpy(ops.argmax(model.decode(z), axis=-1))
        return [self.tokenizer.decode(row).rstrip() for row in ids]

    def arguments(self, build) -> dict:
        return {"input_shape": self.x.shape[1:]}

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras import ops

        from keras_course.autoencoders import elbo_terms

        terms = elbo_terms(model, self.test, num_samples=10, seed=seed)
        codes = ops.convert_to_numpy(model.encode(self.test)[0])
        right = np.mean([a == b for a, b in zip(self.decode(model, codes), self.test_smiles, strict=True)])
        noise = np.random.default_rng(seed).standard_normal((SAMPLES, model.latent_dim)).astype("float32")
        valid = np.mean([polar_fraction(smiles) is not None for smiles in self.decode(model, noise)])
        first, designed = self.design(model)
        found = [value for value in map(polar_fraction, designed) if value is not None]
        begin = [polar_fraction(smiles) for smiles in first]
        return {
            self.task.metric.name: -float(terms.elbo.mean()),
            "test reconstruction": float(terms.reconstruction.mean()),
            "test kl": float(terms.kl.mean()),
            "test strings reconstructed, %": 100 * float(right),
            "valid samples of the prior, %": 100 * float(valid),
            "valid designs, %": 100 * len(found) / len(designed),
            "property of the first molecules": float(np.mean(begin)),
            "property of the valid designs": float(np.mean(found or begin)),
        }

    def design(self, model) -> tuple[list[str], list[str]]:
        """Return the test molecules with the largest property, and what is decoded after an ascent from their codes."""
        from keras import ops

        from keras_course.autoencoders import latent_ascent

        def encode(x):
            return ops.convert_to_numpy(model.encode(x)[0]).astype("float64")

        known = np.array([polar_fraction(smiles) for smiles in self.smiles])
        codes = np.pad(encode(self.x), ((0, 0), (0, 1)), constant_values=1.0)
        slope = np.linalg.lstsq(codes, known, rcond=None)[0][:-1].astype("float32")
        best = np.argsort([-polar_fraction(smiles) for smiles in self.test_smiles], kind="stable")[:BEST]
        slope = ops.convert_to_tensor(slope / np.linalg.norm(slope))  # the steps count, not the unit of the property
        begin = encode(self.test[best])
        path = latent_ascent(lambda z: ops.sum(z * slope, axis=-1), begin, num_steps=STEPS, prior_weight=0.3)
        return [self.test_smiles[k] for k in best], self.decode(model, path[-1])

    def sample(self, model, seed) -> dict:
        """Return a table of the first and the designed molecules, with their property, and empty cells if invalid."""
        pairs = zip(*self.design(model), strict=True)
        rows = [(a, polar_fraction(a), b, polar_fraction(b)) for a, b in pairs]
        names = ("first molecule", "its property", "designed string", "property of the design")
        return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


_molecules = functools.cache(lambda num_train, num_test: datasets.toy_molecules(num_train, num_test=num_test))


@functools.lru_cache(50_000)
def polar_fraction(smiles: str) -> float | None:
    """Return the fraction of nitrogen and oxygen among the atoms of a molecule, or None for an invalid string."""
    from keras_course.graphs import parse_smiles

    try:
        elements = parse_smiles(smiles).elements
    except ValueError:
        return None
    return sum(element in "NO" for element in elements) / len(elements)
