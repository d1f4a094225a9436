#!/usr/bin/env python3
"""Does the network decide as well in int8 as in f32? `make precision`

Every clip of the trial list as an 8 kHz mu-law call through the engine, in both precisions; enrolment is the mean of length-normalised
embeddings, the score is the cosine. Prints how far embeddings turn, and the errors: both sides in f32, both in int8, and registered in
one and verified in the other.

exit status: 0 no embedding turned by more than 0.01 and no EER is worse by more than 0.05 % absolute; 1 otherwise; 2 the recorded speech is not
there (the message says what is needed)
"""

import dataclasses
import sys

import prepare

FURTHEST, LIMIT = 0.01, 0.05


def main():
    data, listing = prepare.trial_list(__doc__)
    import numpy as np
    import pipelines
    from reference import measures, scoring

    trials = scoring.read_trials(data / listing)
    clips = scoring.clips_of(trials)
    command = pipelines.Engine().command
    rows = {}
    for precision in ("f32", "int8"):
        rows[precision] = pipelines.Engine([*command, "--precision", precision]).embeddings([data / clip for clip in clips])
    heard = rows["f32"].any(axis=1)
    distances = 1 - (rows["f32"] * rows["int8"]).sum(axis=1)[heard]
    print(f"{heard.sum()} calls: cosine distance median {np.median(distances):.5f}, 99 % below {np.quantile(distances, 0.99):.5f}, largest {distances.max():.5f}")
    silent = {clip for clip, there in zip(clips, heard) if not there}
    trials = [trial for trial in trials if trial.test not in silent and not set(trial.enrol) <= silent]
    targets = np.array([trial.target for trial in trials])
    good, base = distances.max() <= FURTHEST, None
    print("\n| registered | verified | EER % | change | minDCF | FRR % at FAR 1 % |\n|---|---|---|---|---|---|")
    for one, other in (("f32", "f32"), ("int8", "int8"), ("f32", "int8"), ("int8", "f32")):
        verified = [dataclasses.replace(trial, test=f"verified {trial.test}") for trial in trials]
        voices = dict(zip(clips, rows[one])) | {f"verified {clip}": row for clip, row in zip(clips, rows[other])}
        scores = scoring.cosines(verified, voices)
        figures = dict(zip(measures.FIGURES, measures.Scores(scores, targets, targets, targets).all()))
        base = figures["eer"] if base is None else base
        change = figures["eer"] - base
        good &= change <= LIMIT
        print(f"| {one} | {other} | {figures['eer']:.3f} | {change:+.3f} | {figures['min_dcf']:.4f} | {figures['frr_at_far_1']:.2f} |")
    print(f"\n{len(trials)} trials of {listing}, {targets.sum()} of the same speaker: one of them is {100 / targets.sum():.2f} %.")
    print(f"Turned by at most {FURTHEST}, no EER worse by more than {LIMIT} %: {'met' if good else 'NOT met'}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
