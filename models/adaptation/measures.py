"""Error rates of scores, and their intervals by a bootstrap over speakers.

In: scores, which are targets, and the two speakers of each trial. Out: EER %, minDCF(0.01), FRR % at FAR 1 %, with 95 % intervals.
A replicate draws the speakers with replacement; a trial counts as often as both its speakers were drawn.
"""

import numpy as np

REPLICATES = 300
PRIOR = 0.01


class Scores:
    def __init__(self, scores, targets, one, other):
        """`one`, `other`: names of the enrolled and of the tested speaker."""
        order = np.argsort(-scores, kind="stable")
        self.scores, self.targets = scores[order], targets[order]
        self.speakers, numbers = np.unique(np.concatenate([one, other]), return_inverse=True)
        self.one, self.other = numbers[: len(one)][order], numbers[len(one) :][order]
        self.corpus = np.array([speaker.split("/")[0] for speaker in self.speakers])

    def figures(self, weight):
        """(EER %, minDCF, FRR % at FAR 1 %) with a weight for each trial; accepted when the score is at least the threshold."""
        hits = np.cumsum(weight * self.targets)
        wrong = np.cumsum(weight * ~self.targets)
        far, frr = np.append(0, wrong / wrong[-1]), np.append(1, 1 - hits / hits[-1])
        right = int(np.argmax(far >= frr))
        before, after = frr[right - 1] - far[right - 1], far[right] - frr[right]
        share = before / (before + after) if before + after > 0 else 0.0
        eer = far[right - 1] + share * (far[right] - far[right - 1])
        dcf = np.min(PRIOR * frr + (1 - PRIOR) * far) / PRIOR
        return np.array([100 * eer, dcf, 100 * frr[far <= 0.01].min()])

    def all(self):
        return self.figures(np.ones(len(self.scores)))

    def replicates(self):
        """[REPLICATES, 3], the same draws of speakers for every network; each corpus keeps its number of speakers."""
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
