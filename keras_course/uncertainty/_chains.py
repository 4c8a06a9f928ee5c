"""Samples of Markov chains, and whether there are enough of them.

Notation: C chains of S samples of D numbers each.
"""

from typing import NamedTuple

import numpy as np


class Chains(NamedTuple):
    """Samples of several Markov chains of the same distribution.

    Args:
        samples: (C, S, D).
        acceptance: fraction of the proposals that each chain accepted, (C,); 1 for a sampler that accepts all.
    """

    samples: np.ndarray
    acceptance: np.ndarray

    @property
    def merged(self) -> np.ndarray:
        """The samples of all chains, (C S, D)."""
        return self.samples.reshape(-1, self.samples.shape[-1])

    def scale_reduction(self) -> np.ndarray:
        """Return the potential scale reduction (R-hat) of each number: (D,).

            R = sqrt(V / W),  V = (1 - 1/S) W + Var_c(mean of chain c)

        W is the mean variance within a chain. Each chain counts as two, its halves, so S is the length of a half. R is
        near 1 if the chains have forgotten their starts; a common rule is R < 1.01. It is infinite for chains that do
        not move.

        References:
            Rank-Normalization, Folding, and Localization: An Improved R-hat, Vehtari et al., 2021,
            https://arxiv.org/abs/1903.08008
        """
        half = max(self.samples.shape[1] // 2, 1)
        halves = np.concatenate([self.samples[:, :half], self.samples[:, -half:]])
        within, total = _variances(halves)
        return np.sqrt(np.divide(total, within, out=np.full_like(total, np.inf), where=within > 0))

    def effective_size(self) -> np.ndarray:
        """Return the number of independent samples whose mean would be as exact, for each number: (D,).

            n = C S / (1 + 2 sum_t r_t)

        The autocorrelation r_t at lag t is a mean over the chains. The sum ends before the first pair r_2k + r_2k+1
        that is not positive, as the rest is noise.

        References:
            Practical Markov Chain Monte Carlo, Geyer, 1992, https://doi.org/10.1214/ss/1177011137
        """
        chains, length, _ = self.samples.shape
        within, total = _variances(self.samples)
        centered = self.samples - self.samples.mean(axis=1, keepdims=True)
        spectrum = np.abs(np.fft.rfft(centered, 2 * length, axis=1)) ** 2
        covariances = np.fft.irfft(spectrum, axis=1)[:, :length].mean(axis=0) / length  # at each lag, (S, D)
        gaps = np.divide(within - covariances, total, out=np.ones_like(covariances), where=total > 0)
        even = (1 - gaps)[: length - length % 2]
        pairs = even[0::2] + even[1::2]
        positive = np.cumprod(pairs > 0, axis=0)
        time = 2 * np.sum(pairs * positive, axis=0) - 1
        return chains * length / np.maximum(time, 1 / np.log10(chains * length + 10))


def _variances(samples):
    """Return the mean variance within the chains (C, S, D), and the variance of all, each (D,)."""
    within = samples.var(axis=1, ddof=1 if samples.shape[1] > 1 else 0).mean(axis=0)
    between = samples.mean(axis=1).var(axis=0, ddof=1) if len(samples) > 1 else 0.0
    return within, (1 - 1 / samples.shape[1]) * within + between
