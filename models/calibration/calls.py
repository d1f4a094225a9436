#!/usr/bin/env python3
"""Puts the clips of the development set together to calls, and lists who is to be compared with whom.

In: DATA/manifest.csv. Out: a list of trials for `peakstream calibrate` and `peakstream evaluate`, on standard output.

    python3 models/calibration/calls.py --data ../shared/data --seconds 6 > calls.csv

A call is clips of one speaker and session, one after the other, until they last as long as asked; what is left of a session and lasts half
as long is a call too. Within each corpus every call is compared with every other, but of one speaker only calls of different sessions where
there are several (a room and a day in common would help), and of each pair of speakers at most as many as --most, evenly taken: a
corpus of few speakers with many recordings shall not decide alone.
"""

import argparse
import csv
import itertools
import pathlib
import sys

SOURCES = ("arabic_commands", "asterisk", "speechocean762")


def speakers(manifest):
    """(source, speaker, gender) -> {session: [(path, seconds)]}, in the order of their names."""
    found = {}
    for row in sorted(csv.DictReader(manifest), key=lambda row: row["path"]):
        if row["source"] in SOURCES and row["label"] == "bonafide":
            sessions = found.setdefault((row["source"], row["speaker"], row["gender"]), {})
            sessions.setdefault(row["session"], []).append((row["path"], float(row["seconds"])))
    return found


def calls(clips, seconds):
    """Lists of paths, each lasting `seconds` at least; the last one half of that."""
    call, length = [], 0.0
    for path, duration in clips:
        call.append(path)
        length += duration
        if length >= seconds:
            yield call
            call, length = [], 0.0
    if length >= seconds / 2:
        yield call


def thinned(pairs, most):
    """At most so many of them, evenly taken."""
    step = max(1.0, len(pairs) / most)
    return [pairs[int(number * step)] for number in range(min(len(pairs), most))]


def trials(found, seconds, most):
    """Rows of the list."""
    made = {
        speaker: [(session, "|".join(call)) for session, clips in sessions.items() for call in calls(clips, seconds)]
        for speaker, sessions in found.items()
    }
    for one, other in itertools.combinations_with_replacement(made, 2):
        if one[0] != other[0]:
            continue
        if one == other:
            pairs = list(itertools.combinations(made[one], 2))
            if len({session for session, _ in made[one]}) > 1:
                pairs = [pair for pair in pairs if pair[0][0] != pair[1][0]]
        else:
            pairs = list(itertools.product(made[one], made[other]))
        for (session, enroll), (other_session, test) in thinned(pairs, most):
            condition = "s" if session == other_session and one == other else "x"
            yield int(one == other), enroll, test, one[0], f"{one[2]}/{other[2]}", condition


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with manifest.csv and clips/")
    parser.add_argument("--seconds", type=float, default=6.0, help="of a call (default: %(default)s)")
    parser.add_argument("--most", type=int, default=60, metavar="N", help="trials of each pair of speakers (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        manifest = (arguments.data / "manifest.csv").read_text().splitlines()
    except OSError as error:
        sys.exit(f"calls: {error}; --data names the folder of the development set")
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["label", "enroll", "test", "source", "gender", "condition"])
    table.writerows(trials(speakers(manifest), arguments.seconds, arguments.most))


if __name__ == "__main__":
    main()
