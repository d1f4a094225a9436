"""peakstream on recordings, without a server: python -m peakstream COMMAND

  install-models                      fetches, converts and checks the models
  models                              which models are in use, what they are computed in, by which instructions
  compare ONE OTHER                   calibrated similarity of two recordings, and the authenticity of both
  register FILE --key K > CREDENTIAL  a sealed credential of the voice in a recording
  verify CREDENTIAL FILE --key K      whether it is the voice of a credential
  identify FILE CREDENTIAL… --key K   which of some credentials it is the voice of: their scores, most alike first
  authenticity FILE                   whether the voice is live and human
  quality FILE                        how good the speech is, and which gates it does not pass
  segments FILE                       where there is speech: begin and end of each stretch in seconds
  embed FILE…                         the voice in each recording, 192 numbers of length 1
  evaluate SCORES                     error rates of a CSV file: a score and whether it was one speaker (1 or 0) in each line

Recordings are WAV, FLAC, MP3 or Ogg Opus. A key file is that of `peakstream register --key-file`; the first registration makes it.
Says one line of JSON. Exit status: 0 yes; 1 no; 2 something went wrong."""

from __future__ import annotations

import argparse
import csv
import json
import os
import pathlib
import sys
from typing import Any

from . import Credential, CredentialKey, Engine, Error, __version__, evaluate, install_models

_HEADER = "# peakstream credential keys: the first seals, all open"
_PRIORS = (0.01, 0.05, 0.5)
_Said = tuple[dict[str, Any], bool]


def _keys(path: pathlib.Path, make: bool) -> list[CredentialKey]:
    if make and not path.exists():
        key = CredentialKey.generate()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{_HEADER}\n{key.id.hex()} {key.secret.hex()}\n")
    lines = [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return [CredentialKey(bytes.fromhex(identity), bytes.fromhex(secret)) for identity, secret in lines]


def _credential(path: pathlib.Path, keys: list[CredentialKey]) -> Credential:
    text = path.read_text().strip()
    if text.startswith("{"):
        text = json.loads(text)["credential"]
    return Credential.open(text, keys)


def _members(found: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("authenticity", "unjudged", "net_speech", *names)}


class _Heard:
    """The engine of a command, and how the command's recordings are heard and judged."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.engine = Engine(arguments.models, precision=arguments.precision)
        self.hearing = {"channel_type": arguments.channel_type}
        self._least = arguments.authenticity
        self._threshold = arguments.threshold

    @property
    def threshold(self) -> float:
        return self.engine.calibration(self.hearing["channel_type"]).threshold(self._threshold)

    def live(self, *voices: Any) -> bool:
        return all(voice.authenticity >= self._least for voice in voices)


def _install_models(arguments: argparse.Namespace) -> _Said:
    return {"models": str(install_models(arguments.folder))}, True


def _models(arguments: argparse.Namespace) -> _Said:
    engine = _Heard(arguments).engine
    calibrations = [engine.calibration(channel).identity for channel in ("telephone", "microphone")]
    said = {"models": engine.models, "calibrations": calibrations, "precision": engine.precision, "cpu_level": engine.cpu_level}
    return said, True


def _compare(arguments: argparse.Namespace) -> _Said:
    heard = _Heard(arguments)
    one, other = (heard.engine.register(file, **heard.hearing) for file in (arguments.one, arguments.other))
    score = heard.engine.compare(one.credential, other.credential)
    said = {"score": score, "threshold": heard.threshold, "one": _members(one), "other": _members(other)}
    return said, score >= heard.threshold and heard.live(one, other)


def _register(arguments: argparse.Namespace) -> _Said:
    heard = _Heard(arguments)
    registered = heard.engine.register(arguments.file, **heard.hearing)
    if not heard.live(registered):
        return _members(registered), False
    credential = registered.credential.seal(_keys(arguments.key, make=True))
    return {**_members(registered), "credential": credential}, True


def _verify(arguments: argparse.Namespace) -> _Said:
    heard, keys = _Heard(arguments), _keys(arguments.key, make=False)
    verified = heard.engine.verify(_credential(arguments.credential, keys), arguments.file, **heard.hearing)
    said = {**_members(verified, "score"), "threshold": heard.threshold}
    return said, verified.score >= heard.threshold and heard.live(verified)


def _identify(arguments: argparse.Namespace) -> _Said:
    heard, keys = _Heard(arguments), _keys(arguments.key, make=False)
    credentials = {str(path): _credential(path, keys) for path in arguments.credentials}
    speech = heard.engine.speech(arguments.file, **heard.hearing)
    found, judged = heard.engine.identify(credentials, speech), heard.engine.authenticity(speech)
    said = {**_members(judged), "scores": dict(found), "threshold": heard.threshold}
    return said, found[0][1] >= heard.threshold and heard.live(judged)


def _authenticity(arguments: argparse.Namespace) -> _Said:
    heard = _Heard(arguments)
    judged = heard.engine.authenticity(arguments.file, **heard.hearing)
    return _members(judged, "llr"), heard.live(judged)


def _quality(arguments: argparse.Namespace) -> _Said:
    heard = _Heard(arguments)
    quality = heard.engine.quality(arguments.file, **heard.hearing)
    figures = ("net_speech", "signal_noise_ratio", "clipping", "band", "music", "one_voice")
    said = {name: getattr(quality, name) for name in figures}
    said["shortfalls"] = {shortfall.gate: shortfall.text for shortfall in quality.shortfalls}
    return said, not any(shortfall.action == "refuse" for shortfall in quality.shortfalls)


def _segments(arguments: argparse.Namespace) -> _Said:
    found = _Heard(arguments).engine.speech_segments(arguments.file)
    return {"segments": [(round(float(begin), 3), round(float(end), 3)) for begin, end in found]}, len(found) > 0


def _embed(arguments: argparse.Namespace) -> _Said:
    heard = _Heard(arguments)
    rows = heard.engine.embed(arguments.files, **heard.hearing)
    return {str(file): row.tolist() for file, row in zip(arguments.files, rows)}, True


def _evaluate(arguments: argparse.Namespace) -> _Said:
    scores: list[float] = []
    same: list[bool] = []
    with open(arguments.scores, newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            try:
                score, truth = row
                scores.append(float(score))
                same.append({"1": True, "0": False}[truth.strip()])
            except (ValueError, KeyError):
                raise ValueError(f"{arguments.scores}, line {number}: {','.join(row)!r}; a score and 1 or 0 expected") from None
    found = evaluate(scores, same)
    costs = {f"min_dcf_{prior}": found.min_dcf(prior) for prior in _PRIORS}
    return {"trials": len(scores), "eer": found.eer, "cllr": found.cllr, "min_cllr": found.min_cllr, **costs}, True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m peakstream", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    loading = argparse.ArgumentParser(add_help=False)
    loading.add_argument("--models", type=pathlib.Path, help="folder of the models [default: found]")
    loading.add_argument("--precision", choices=("f32", "int8"), default="f32", help="of the speaker network [default: f32]")
    loading.add_argument("--channel-type", choices=("telephone", "microphone"), default="telephone")
    loading.add_argument("--threshold", default="far=1%", help="accept from the score that so many impostors reach [default: far=1%%]")
    loading.add_argument("--authenticity", type=float, default=0.8, help="least authenticity [default: 0.8]")
    key = argparse.ArgumentParser(add_help=False)
    key.add_argument("--key", type=pathlib.Path, required=True, help="key file")

    def command(name: str, run: Any, *parents: argparse.ArgumentParser, **files: str | None) -> None:
        one = commands.add_parser(name, parents=list(parents))
        one.set_defaults(run=run)
        for file, count in files.items():
            one.add_argument(file, type=pathlib.Path, nargs=count)

    command("install-models", _install_models, folder="?")
    command("models", _models, loading)
    command("compare", _compare, loading, one=None, other=None)
    command("register", _register, loading, key, file=None)
    command("verify", _verify, loading, key, credential=None, file=None)
    command("identify", _identify, loading, key, file=None, credentials="+")
    command("authenticity", _authenticity, loading, file=None)
    command("quality", _quality, loading, file=None)
    command("segments", _segments, loading, file=None)
    command("embed", _embed, loading, files="+")
    command("evaluate", _evaluate, scores=None)
    return parser


def main(words: list[str] | None = None) -> int:
    """Runs a command; returns its exit status."""
    arguments = _parser().parse_args(words)
    try:
        said, yes = arguments.run(arguments)
    except (Error, OSError, ValueError) as error:
        print(f"peakstream: {error}", file=sys.stderr)
        return 2
    print(json.dumps(said))
    return 0 if yes else 1


if __name__ == "__main__":
    sys.exit(main())
