"""`peakstream evaluate` and `calibrate`, as their --help says: a list of trials, a cache, a report; a folder of speakers, a calibration."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import time
import wave

import pytest

from support.server import BINARY, MODELS

MODELS = pathlib.Path(MODELS)
DEMO = MODELS / "demo"


def peakstream(*arguments, code=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=300, env={**os.environ, "PEAKSTREAM_MODELS": str(MODELS)})
    assert done.returncode == code, done.stderr or done.stdout
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Each demonstration call in two halves, in a folder of its own: six voices, as far as a plumber is concerned."""
    root = tmp_path_factory.mktemp("speakers")
    for path in sorted(DEMO.glob("*.wav")):
        with wave.open(str(path)) as recording:
            settings, frames = recording.getparams(), recording.readframes(recording.getnframes())
        middle = len(frames) // 4 * 2
        (root / path.stem).mkdir()
        for number, half in enumerate((frames[:middle], frames[middle:])):
            with wave.open(str(root / path.stem / f"{number}.wav"), "wb") as out:
                out.setparams(settings)
                out.writeframes(half)
    return root


@pytest.fixture(scope="module")
def trials(folder):
    """Everyone against everyone, in VoxCeleb's form."""
    names = sorted(path.name for path in folder.iterdir())
    lines = [f"{int(a == b)} {a}/0.wav {b}/1.wav" for a in names for b in names]
    path = folder.parent / f"{folder.name}-trials.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def evaluate(trials, folder, *more):
    return peakstream("evaluate", trials, "--audio", folder, "--through", "mulaw,opus:12k+loss:5%", *more)


@pytest.fixture(scope="module")
def whole(trials, folder):
    """The report of a run that nothing interrupted, and that kept nothing."""
    return evaluate(trials, folder, "--json").stdout


def test_a_report_says_who_was_heard_and_what_cannot_be_promised(whole):
    report = json.loads(whole)
    assert report["trials"] == 36 and report["recordings"] == 12 and report["speakers"] == 6
    assert [condition["channel"] for condition in report["conditions"]] == ["mulaw", "opus:12k+loss:5%"]
    figures = report["conditions"][0]["parts"][0]["figures"]
    assert (figures["same"], figures["other"]) == (6, 30)
    assert figures["promised"][0]["too_few_trials"] == {"has": 30, "needs": 3000}
    assert report["calibration"].startswith("telephone-channel@")


def test_a_run_that_is_killed_goes_on_where_it_was_and_gives_the_same_report_byte_for_byte(trials, folder, whole, tmp_path):
    cache = tmp_path / "embeddings"
    command = [BINARY, "evaluate", trials, "--audio", folder, "--through", "mulaw,opus:12k+loss:5%", "--json", "--jobs", "1", "--cache", cache]
    running = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, env={**os.environ, "PEAKSTREAM_MODELS": str(MODELS)})
    deadline = time.monotonic() + 120
    # Some embeddings are there, others are not.
    while not (cache.exists() and cache.stat().st_size > 3_000):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait(30)
    assert cache.stat().st_size < 24 * 820, "it was done already"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert evaluate(trials, folder, "--json", "--cache", cache).stdout == whole
    full = cache.stat().st_size
    assert evaluate(trials, folder, "--json", "--cache", cache).stdout == whole and cache.stat().st_size == full


def test_people_get_tables_and_a_page_that_loads_nothing(trials, folder, tmp_path):
    page = tmp_path / "report.html"
    text = peakstream("evaluate", trials, "--audio", folder, "--html", page).stdout
    assert "What can be promised" in text and "not enough trials (30 of 3000)" in text
    assert "<svg" in page.read_text() and "http" not in page.read_text() and "<script" not in page.read_text()


def test_what_is_wrong_with_a_list_is_said_with_its_line_and_before_anything_is_heard(folder, tmp_path):
    wrong = tmp_path / "list.txt"
    wrong.write_text("1 a/0.wav a/1.wav\n2 a/0.wav b/1.wav\n")
    assert "line 2: the label \"2\"" in peakstream("evaluate", wrong, "--audio", folder, code=3).stderr
    wrong.write_text("1 nobody/0.wav nobody/1.wav\n")
    assert "--audio" in peakstream("evaluate", wrong, "--audio", folder, code=3).stderr


def test_a_calibration_is_made_warned_about_and_loaded(folder, tmp_path):
    made = tmp_path / "mine.json"
    done = peakstream("calibrate", folder, "--output", made, "--seconds", "all", "--json")
    document = json.loads(done.stdout)
    assert any("6 speakers" in warning for warning in document["warnings"])
    assert "centred" not in document and any("too few voices for a centre" in warning for warning in document["warnings"])
    assert [point["too_few_trials"]["needs"] for point in document["operating_points"]] == [3_000, 30_000, 300_000]
    identity = document["identity"]
    listed = json.loads(peakstream("models", "--calibration", made, "--json").stdout)
    assert identity in listed["calibrations"]
    a, b = (DEMO / name for name in ("allison-en-enrol.wav", "allison-en-verify.wav"))
    compared = json.loads(peakstream("compare", a, b, "--authenticity-threshold", "0", "--score-threshold", "0", "--calibration", made, "--json").stdout)
    assert compared["calibration"] == identity
    assert "two calibrations" in peakstream("models", "--calibration", made, "--calibration", made, code=4).stderr


# Six speakers, without any two of whom fifty voices must be left: everything is heard several times.
MANY_VOICES = ("--through", "mulaw,gsm", "--seconds", "all,5,4,3,2,1")


@pytest.fixture(scope="module")
def centred(folder, tmp_path_factory):
    """A calibration with numbers for centred voices."""
    made = tmp_path_factory.mktemp("centred") / "mine.json"
    text = peakstream("calibrate", folder, "--output", made, *MANY_VOICES[:2], "--seconds", "all,4,3,2", "--cache", made.with_suffix(".cache")).stdout
    assert "Centred voices" in text
    return made


def test_a_report_of_centred_voices_judges_them_by_their_own_numbers_and_says_so(trials, folder, centred, tmp_path):
    document = json.loads(centred.read_text())
    assert document["centred"]["scale"] > 0 and len(document["centred"]["conditions"]) == len(document["conditions"])
    pages = {kind: tmp_path / f"report.{kind}" for kind in ("html", "markdown")}
    arguments = ("evaluate", trials, "--audio", folder, *MANY_VOICES, "--calibration", centred, "--cache", centred.with_suffix(".cache"))
    plain = json.loads(peakstream(*arguments, "--json").stdout)
    report = json.loads(peakstream(*arguments, "--centre", "--json", *[word for kind, page in pages.items() for word in (f"--{kind}", page)]).stdout)
    assert (plain["centred"], report["centred"]) == (False, True)
    cllr = [found["conditions"][0]["parts"][0]["figures"]["cllr"]["value"] for found in (plain, report)]
    assert cllr[0] != cllr[1]
    assert any("each source of the list is a tenant" in caution for caution in report["cautions"])
    assert all("each source of the list is a tenant" in page.read_text() for page in pages.values())
    assert "centred voices" in peakstream(*arguments, "--centre").stdout


def test_centred_voices_are_refused_where_there_is_no_centre_or_nothing_says_what_they_mean(trials, folder, centred, tmp_path):
    few = ("evaluate", trials, "--audio", folder, "--centre")
    assert "no source of the list has a centre: 50 voices" in peakstream(*few, "--calibration", centred, code=3).stderr
    document = json.loads(centred.read_text())
    del document["centred"]
    without = tmp_path / "without.json"
    without.write_text(json.dumps(document))
    assert "has no numbers for centred voices" in peakstream(*few, "--calibration", without, code=3).stderr


def test_too_few_speakers_are_refused_with_what_is_needed(folder, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(folder.iterdir())[:3]:
        (few / path.name).symlink_to(path)
    error = peakstream("calibrate", few, "--output", tmp_path / "x.json", "--seconds", "all", code=3).stderr
    assert "3 speakers; at least 5" in error and not (tmp_path / "x.json").exists()
