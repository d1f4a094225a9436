"""peakstream on recordings, without a server: python -m peakstream COMMAND

  install-models                      fetches, converts and checks the models
  compare ONE OTHER                   calibrated similarity of two recordings, and the authenticity of both
  register FILE --key K > CREDENTIAL  a sealed credential of the voice in a recording
  verify CREDENTIAL FILE --key K      whether it is the voice of a credential

Recordings are WAV, FLAC, MP3 or Ogg Opus. A key file is that of `peakstream register --key-file`; the first registration makes it.
Exit status: 0 yes; 1 no; 2 something went wrong."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
from typing import Any

from . import Credential, CredentialKey, Engine, Error, __version__, install_models

_HEADER = "# peakstream credential keys: the first seals, all open"


def _keys(path: pathlib.Path, make: bool) -> list[CredentialKey]:
    if make and not path.exists():
        key = CredentialKey.generate()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{_HEADER}\n{key.id.hex()} {key.secret.hex()}\n")
    lines = [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return [CredentialKey(bytes.fromhex(identity), bytes.fromhex(secret)) for identity, secret in lines]


def _members(found: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("authenticity", "unjudged", "net_speech", *names)}


def _run(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    if arguments.command == "install-models":
        return {"models": str(install_models(arguments.folder))}, True
    engine = Engine(arguments.models)
    hearing = {"channel_type": arguments.channel_type}
    threshold = engine.calibration(arguments.channel_type).threshold(arguments.threshold)

    def live(*voices: Any) -> bool:
        return all(voice.authenticity >= arguments.authenticity for voice in voices)

    if arguments.command == "compare":
        one, other = (engine.register(file, **hearing) for file in (arguments.one, arguments.other))
        score = engine.compare(one.credential, other.credential)
        said = {"score": score, "threshold": threshold, "one": _members(one), "other": _members(other)}
        return said, score >= threshold and live(one, other)
    if arguments.command == "register":
        registered = engine.register(arguments.file, **hearing)
        if not live(registered):
            return _members(registered), False
        credential = registered.credential.seal(_keys(arguments.key, make=True))
        return {**_members(registered), "credential": credential}, True
    text = arguments.credential.read_text().strip()
    if text.startswith("{"):
        text = json.loads(text)["credential"]
    verified = engine.verify(Credential.open(text, _keys(arguments.key, make=False)), arguments.file, **hearing)
    return {**_members(verified, "score"), "threshold": threshold}, verified.score >= threshold and live(verified)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m peakstream", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install-models")
    install.add_argument("folder", nargs="?", type=pathlib.Path)
    hearing = argparse.ArgumentParser(add_help=False)
    hearing.add_argument("--models", type=pathlib.Path, help="folder of the models [default: found]")
    hearing.add_argument("--channel-type", choices=("telephone", "microphone"), default="telephone")
    hearing.add_argument("--threshold", default="far=1%", help="accept from the score that so many impostors reach [default: far=1%%]")
    hearing.add_argument("--authenticity", type=float, default=0.8, help="least authenticity [default: 0.8]")
    compare = commands.add_parser("compare", parents=[hearing])
    compare.add_argument("one", type=pathlib.Path)
    compare.add_argument("other", type=pathlib.Path)
    register = commands.add_parser("register", parents=[hearing])
    verify = commands.add_parser("verify", parents=[hearing])
    verify.add_argument("credential", type=pathlib.Path)
    for command in (register, verify):
        command.add_argument("file", type=pathlib.Path)
        command.add_argument("--key", type=pathlib.Path, required=True, help="key file")
    return parser


def main(words: list[str] | None = None) -> int:
    """Runs a command; returns its exit status."""
    arguments = _parser().parse_args(words)
    try:
        said, yes = _run(arguments)
    except (Error, OSError, ValueError) as error:
        print(f"peakstream: {error}", file=sys.stderr)
        return 2
    print(json.dumps(said))
    return 0 if yes else 1


if __name__ == "__main__":
    sys.exit(main())
