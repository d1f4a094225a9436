"""Error rates with intervals, and the calibration from logits to log-likelihood ratios."""

import dataclasses

import numpy as np
from scipy.optimize import minimize


def wilson(errors, trials, z=1.96):
    """95 % interval of a rate."""
    if trials == 0:
        return 0.0, 1.0
    p = errors / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * np.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return max(0.0, centre - half), min(1.0, centre + half)


def eer(genuine, spoof):
    """Equal error rate of two score lists (genuine scores higher)."""
    genuine, spoof = np.sort(genuine), np.sort(spoof)
    if not len(genuine) or not len(spoof):
        return float("nan")
    thresholds = np.concatenate([genuine, spoof])
    refused = np.searchsorted(genuine, thresholds, "left") / len(genuine)
    missed = 1 - np.searchsorted(spoof, thresholds, "left") / len(spoof)
    best = np.argmin(np.abs(refused - missed))
    return float((refused[best] + missed[best]) / 2)


def log_odds(probability):
    return float(np.log(probability / (1 - probability)))


def authenticity(llr, attack_rate):
    """Posterior probability that the caller is genuine."""
    return 1 / (1 + np.exp(-(np.asarray(llr) + log_odds(1 - attack_rate))))


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What logits come to. Of a share of all attacks nothing is heard that genuine speech has not: so much may never be certain.

    With z = weights . logits + offset, P(heard | attack) / P(heard | genuine) = traceless + (1 - traceless) e^-z.
    """

    weights: tuple
    offset: float
    traceless: float

    def llr(self, logits):
        """Log-likelihood ratios of logits [n, members], never above -ln(traceless)."""
        z = logits @ np.array(self.weights) + self.offset
        return -np.logaddexp(np.log(self.traceless), np.log1p(-self.traceless) - z)


def fit(logits, labels, weights):
    """The calibration of least cross entropy; both classes must carry the same weight."""
    members = logits.shape[1]
    of = lambda theta: Calibration(tuple(theta[:members]), theta[members], 1 / (1 + np.exp(-theta[-1])))
    loss = lambda theta: cross_entropy(of(theta).llr(logits), labels, weights)
    found = minimize(loss, [0.5 / members] * members + [1.0, log_odds(0.1)], method="L-BFGS-B")
    if not found.success:
        raise ArithmeticError(f"no calibration found: {found.message}")
    return of(found.x)


def cross_entropy(llr, labels, weights):
    """Cllr in bits: 1 says nothing, 0 is perfect."""
    loss = np.where(labels == 1, np.logaddexp(0, -llr), np.logaddexp(0, llr))
    return float((weights * loss).sum() / weights.sum() / np.log(2))


def monotone(labels, weights):
    """The posterior that fits best and never falls, of labels in the order of their scores (pool adjacent violators)."""
    blocks = []
    for label, weight in zip(labels, weights):
        blocks.append([label * weight, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last)]
    return np.concatenate([np.full(count, genuine / weight) for genuine, weight, count in blocks])


def least_cross_entropy(llr, labels, weights):
    """Cllr after the best monotone calibration in hindsight."""
    order = np.lexsort((-labels, llr))
    labels, weights = labels[order], weights[order] / weights.sum()
    posterior = monotone(labels, weights)
    share = (labels * weights).sum()
    with np.errstate(divide="ignore"):
        best = np.log(posterior) - np.log1p(-posterior) - np.log(share / (1 - share))
    loss = np.where(labels == 1, np.logaddexp(0, -best), np.logaddexp(0, best))
    return float((weights * loss).sum() / np.log(2))


def eer_threshold(genuine, spoof):
    """The score at which both errors are alike."""
    genuine, spoof = np.sort(genuine), np.sort(spoof)
    thresholds = np.sort(np.concatenate([genuine, spoof]))
    refused = np.searchsorted(genuine, thresholds, "left") / len(genuine)
    missed = 1 - np.searchsorted(spoof, thresholds, "left") / len(spoof)
    return float(thresholds[np.argmin(np.abs(refused - missed))])
