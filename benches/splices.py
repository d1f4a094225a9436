#!/usr/bin/env python3
"""Can splices be heard, and files be known by their silence? `python3 benches/splices.py`

Two signs of a recording that the server does NOT use, and why. Recorded clips go through mu-law, the best case for both:

  clicks   the highest peak of the residual of linear prediction (order 10, frames of 40 ms) over the third highest elsewhere in its frame,
           the most of a call. Made examples: two pieces of a clip joined hard where both are loud.
  floor    the level that 5 % of a call's frames of 20 ms do not exceed. Made examples: synthetic voices (clips/tts), as they leave the
           synthesiser.

Prints, for each corpus, what is usual, and the share of made examples beyond a limit that one genuine call in 200 of all corpora passes. With
--markdown it writes that as a page.

exit status: 0 measured; 2 the recorded speech is not there
"""

import argparse
import pathlib
import sys

import bench  # noqa: F401  the path to the neighbours below

ROOT = pathlib.Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
GENUINE, MADE = ("speechocean762", "arabic_commands", "asterisk"), "tts"
RATE, ORDER = 8000, 10
FRAME, STEP = 320, 160  # 40 ms, and half of it
ALLOWED = 0.005  # of genuine calls
CLIPS = 300  # of each corpus


def telephone(path):
    """A clip as a mu-law call: samples at 8 kHz, full scale 1; before and after the codec."""
    import numpy as np
    import soundfile
    from reference import g711
    from scipy.signal import resample_poly

    samples, _ = soundfile.read(path)
    narrow = np.clip(np.round(32768 * resample_poly(samples, 1, 2)), -32768, 32767).astype(np.int16)
    return narrow, lambda pcm: g711.mu_law_decode(g711.mu_law_encode(pcm)) / 32768


def click(call):
    """How far the highest peak of the residual stands out, at most."""
    import numpy as np
    from scipy.linalg import solve_toeplitz
    from scipy.signal import lfilter

    highest, window = 0.0, np.hanning(FRAME)
    for begin in range(ORDER, len(call) - FRAME, STEP):
        frame = call[begin : begin + FRAME]
        if np.mean(frame**2) < 1e-5:  # -50 dB of full scale: a pause
            continue
        own = np.correlate(window * frame, window * frame, "full")[FRAME - 1 : FRAME + ORDER]
        own[0] *= 1.001
        prediction = solve_toeplitz(own[:ORDER], own[1:])
        residual = np.abs(lfilter(np.r_[1, -prediction], [1], call[begin - ORDER : begin + FRAME])[2 * ORDER :])
        peak = int(np.argmax(residual))
        others = np.sort(np.delete(residual, slice(max(0, peak - 3), peak + 4)))
        highest = max(highest, residual[peak] / (others[-3] + 1e-9))
    return highest


def spliced(pcm, dice):
    """A second that ends loud and one that begins loud, or None."""
    import numpy as np

    power = np.convolve(pcm.astype(float) ** 2, np.ones(STEP), "same")
    loud = np.flatnonzero(power > np.percentile(power, 80))
    loud = loud[(loud > RATE) & (loud < len(pcm) - RATE)]
    if len(loud) < 2:
        return None
    one, other = dice.choice(loud, 2)
    return np.concatenate([pcm[one - RATE : one], pcm[other : other + RATE]])


def floor(call):
    import numpy as np

    frames = call[: len(call) // STEP * STEP].reshape(-1, STEP)
    return float(np.percentile(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12), 5))


def measure(data):
    """Of every corpus: clicks of genuine calls, clicks of splices, floors."""
    import numpy as np

    dice, found = np.random.default_rng(1), {}
    for corpus in (*GENUINE, MADE):
        paths = sorted((data / "clips" / corpus).glob("*/*.flac"))
        clicks, splices, floors = [], [], []
        for path in dice.permutation(paths)[:CLIPS]:
            pcm, codec = telephone(path)
            floors.append(floor(codec(pcm)))
            if corpus != MADE:
                clicks.append(click(codec(pcm[: 4 * RATE])))
                made = spliced(pcm, dice)
                splices.extend([] if made is None else [click(codec(made))])
        found[corpus] = {"genuine": clicks, "spliced": splices, "floor": floors}
    return found


def page(found):
    import numpy as np

    def row(name, values, share=None, decimals=1):
        shown = ", ".join(f"{value:.{decimals}f}" for value in np.percentile(values, [5, 50, 95]))
        return f"| {name} | {len(values)} | {shown} | {'' if share is None else f'{100 * share:.1f} %'} |"

    genuine = np.concatenate([found[corpus]["genuine"] for corpus in GENUINE])
    splices = np.concatenate([found[corpus]["spliced"] for corpus in GENUINE])
    floors = np.concatenate([found[corpus]["floor"] for corpus in GENUINE])
    click_limit, floor_limit = np.percentile(genuine, 100 - 100 * ALLOWED), np.percentile(floors, 100 * ALLOWED)
    made = np.array(found[MADE]["floor"])
    return "\n".join(
        [
            "# Signs of a recording that are not used, measured",
            "",
            "<!-- Written by a command; do not edit: make replays -->",
            "",
            "Why: `replay.md`. Clips of `../shared/data` through mu-law, at most 300 of each corpus. *Beyond the limit*: the share of made examples "
            "beyond a limit that one genuine call in 200 passes.",
            "",
            "## Clicks: a peak of the residual of linear prediction over the third highest of its frame",
            "",
            f"The limit is {click_limit:.1f}.",
            "",
            "| calls | how many | 5 %, 50 %, 95 % | beyond the limit |",
            "|---|---|---|---|",
            *(row(corpus, found[corpus]["genuine"]) for corpus in GENUINE),
            row("hard cuts between loud pieces, all corpora", splices, float(np.mean(splices > click_limit))),
            "",
            "## Floor: dB of full scale that 5 % of the frames do not exceed",
            "",
            f"The limit is {floor_limit:.1f} dB.",
            "",
            "| calls | how many | 5 %, 50 %, 95 % | beyond the limit |",
            "|---|---|---|---|",
            *(row(corpus, found[corpus]["floor"]) for corpus in GENUINE),
            row("synthetic voices, straight from the file", made, float(np.mean(made < floor_limit))),
            "",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder with clips/")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="PAGE", help="write the tables as this page")
    arguments = parser.parse_args()
    if not all((arguments.data / "clips" / corpus).is_dir() for corpus in (*GENUINE, MADE)):
        print(f"recorded speech is needed: clips/ with {', '.join((*GENUINE, MADE))} in {arguments.data}", file=sys.stderr)
        sys.exit(2)
    import prepare

    prepare.enter_environment()
    text = page(measure(arguments.data))
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
