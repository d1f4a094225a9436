"""Error rates with intervals, and the calibration from logits to log-likelihood ratios."""

import numpy as np


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


def fit_logistic(scores, labels, weights, rounds=200):
    """(weights, offset) of LLR = scores [n, members] . weights + offset; both classes must carry weight one half (prior log odds 0)."""
    x = np.concatenate([scores, np.ones((len(scores), 1))], 1)
    theta = np.zeros(x.shape[1])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-x @ theta))
        gradient = x.T @ (weights * (labels - p)) - 1e-6 * theta
        hessian = (x * (weights * p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(len(theta))
        step = np.linalg.solve(hessian, gradient)
        theta += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    return theta[:-1], float(theta[-1])


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
