"""Error rates of scores, and their intervals by a bootstrap over speakers.

In: scores, which are targets, and the two speakers of each trial; where there is a calibration, the log-likelihood ratios too. Out:
the figures of FIGURES, and with ratios those of CALIBRATED, with 95 % intervals. A replicate draws the speakers with replacement; a
trial counts as often as both its speakers were drawn.
"""

import numpy as np

REPLICATES = 300
PRIOR = 0.01
FARS = (0.01, 0.001)
FIGURES = ("eer", "min_dcf", "frr_at_far_1", "frr_at_far_01", "min_cllr")  # the rates in %
CALIBRATED = ("actual_dcf", "cllr")


def detection_cost(far, frr):
    """Relative to the cost of always refusing; both errors cost the same."""
    return (PRIOR * frr + (1 - PRIOR) * far) / PRIOR


def cllr(llr, targets, weight):
    """Cost in bits of log-likelihood ratios as they are; 1 knows nothing."""
    cost = np.logaddexp(0, np.where(targets, -llr, llr))
    return sum(np.average(cost[side], weights=weight[side]) for side in (targets, ~targets)) / (2 * np.log(2))


class Scores:
    def __init__(self, scores, targets, one, other, llr=None):
        """`one`, `other`: names of the enrolled and of the tested speaker, CORPUS/SPEAKER."""
        order = np.lexsort((targets, -scores))  # ties go against us
        self.scores, self.targets = scores[order], targets[order]
        self.llr = None if llr is None else llr[order]
        self.speakers, numbers = np.unique(np.concatenate([one, other]), return_inverse=True)
        self.one, self.other = numbers[: len(one)][order], numbers[len(one) :][order]
        self.corpus = np.array([str(speaker).split("/")[0] for speaker in self.speakers])

    def figures(self, weight):
        """With a weight for each trial; accepted when the score is at least the threshold."""
        hits = np.cumsum(weight * self.targets)
        wrong = np.cumsum(weight * ~self.targets)
        far, frr = np.append(0, wrong / wrong[-1]), np.append(1, 1 - hits / hits[-1])
        right = int(np.argmax(far >= frr))
        before, after = frr[right - 1] - far[right - 1], far[right] - frr[right]
        share = before / (before + after) if before + after > 0 else 0.0
        eer = far[right - 1] + share * (far[right] - far[right - 1])
        rates = [100 * frr[far <= limit].min() for limit in FARS]
        found = [100 * eer, np.min(detection_cost(far, frr)), *rates, self.min_cllr(weight)]
        if self.llr is not None:
            accepted = self.llr >= np.log((1 - PRIOR) / PRIOR)
            far, frr = np.average(accepted[~self.targets], weights=weight[~self.targets]), np.average(~accepted[self.targets], weights=weight[self.targets])
            found += [detection_cost(far, frr), cllr(self.llr, self.targets, weight)]
        return np.array(found)

    def min_cllr(self, weight):
        """After the best monotone calibration in hindsight."""
        from scipy.optimize import isotonic_regression  # of SciPy 1.12, which training's Python does not have

        there = weight > 0
        targets, weight = self.targets[there][::-1], weight[there][::-1]
        posterior = isotonic_regression(targets.astype(float), weights=weight).x
        share = np.average(targets, weights=weight)
        with np.errstate(divide="ignore"):
            llr = np.log(posterior) - np.log1p(-posterior) - np.log(share / (1 - share))
        return cllr(llr, targets, weight)

    def all(self):
        return self.figures(np.ones(len(self.scores)))

    def replicates(self):
        """[REPLICATES, figures], the same draws of speakers for every network; each corpus keeps its number of speakers."""
        rng, out = np.random.default_rng(7), []
        places = [np.flatnonzero(self.corpus == corpus) for corpus in np.unique(self.corpus)]
        for _ in range(REPLICATES):
            count = np.zeros(len(self.speakers))
            for place in places:
                np.add.at(count, rng.choice(place, len(place)), 1)
            weight = np.where(self.targets, count[self.one], count[self.one] * count[self.other])
            out.append(self.figures(weight))
        return np.array(out)


def interval(values):
    return [float(value) for value in np.percentile(values, (2.5, 97.5))]


def fitted(scores, targets, sources):
    """(scale, offset) of log-likelihood ratio = scale * score + offset, by Newton's method; each source's answers of each kind weigh the same."""
    weight = np.zeros(len(scores))
    for source in np.unique(sources):
        for side in (targets, ~targets):
            part = (sources == source) & side
            weight[part] = 1 / part.sum()
    design, parameters = np.stack([scores, np.ones_like(scores)], axis=1), np.zeros(2)
    for _ in range(100):
        p = 1 / (1 + np.exp(-design @ parameters))
        hessian = design.T @ (design * (weight * p * (1 - p))[:, None])
        step = np.linalg.solve(hessian, design.T @ (weight * (p - targets)))
        parameters -= step
        if np.abs(step).max() < 1e-10:
            return parameters
    raise ArithmeticError("the logistic does not converge: the two answers do not overlap")


def calibrated_by_others(scores, targets, sources):
    """Log-likelihood ratios, each source's by the logistic fitted to the others."""
    llr = np.empty(len(scores))
    for source in np.unique(sources):
        here = sources == source
        scale, offset = fitted(scores[~here], targets[~here], sources[~here])
        llr[here] = scale * scores[here] + offset
    return llr
