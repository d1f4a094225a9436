"""The published description: valid by its standards' own validators, and its examples run as they stand on the page."""

import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import jsonschema
import openapi_spec_validator
import pytest
import requests

from support import audio
from support.server import SOON

#: A recording in real time, and what the programs take to start on a loaded machine.
CALL_SECONDS = 90


@pytest.fixture(scope="module")
def page(server):
    return requests.get(server.base + "/docs", timeout=SOON)


@pytest.fixture()
def examples(server, page, tmp_path):
    """A folder with the programs of the page, and the environment that the page asks for."""
    for file, text in re.findall(r'<pre data-file="([^"]+)"><code>(.*?)</code></pre>', page.text, re.DOTALL):
        (tmp_path / file).write_text(html.unescape(text))
    known = server.first_run
    python = pathlib.Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
        "PEAKSTREAM_URL": server.base,
        "PEAKSTREAM_API_KEY": known["api_key"],
        "PEAKSTREAM_CLIENT_ID": known["client_id"],
        "PEAKSTREAM_CLIENT_SECRET": known["client_secret"],
    }
    return tmp_path, environment


def begin(examples, *command):
    folder, environment = examples
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def sent_with(examples, program, call_id, recording):
    """Runs a program of the page that waits for its audio, and then the sender; what the program printed."""
    first = program.stdout.readline()
    assert "info-consumer-ready" in first, first
    sender = begin(examples, "python3", "send_audio.py", call_id, recording)
    rest, _ = program.communicate(timeout=CALL_SECONDS)
    told, _ = sender.communicate(timeout=CALL_SECONDS)
    assert program.returncode == 0 and "closed with 1000 enough audio" in told, (rest, told)
    return first + rest


def test_the_openapi_document_is_valid(server):
    document = requests.get(server.base + "/docs/openapi.json", timeout=SOON).json()
    assert document["openapi"].startswith("3.1")
    openapi_spec_validator.validate(document)


def test_the_asyncapi_document_is_valid(server, javascript):
    document = requests.get(server.base + "/docs/asyncapi.json", timeout=SOON).json()
    schema = javascript / "node_modules" / "@asyncapi" / "specs" / "schemas" / f"{document['asyncapi']}.json"
    jsonschema.validate(document, json.loads(schema.read_text()))


def test_the_page_needs_nothing_but_itself(server, page):
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    links = set(re.findall(r'(?:href|src)="([^"#]+)', page.text))
    assert links == {"/docs/openapi.json", "/docs/asyncapi.json"}
    assert server.base in page.text


def test_the_curl_example_registers(server, examples):
    if not shutil.which("curl"):
        pytest.skip("not run: there is no curl")
    program = begin(examples, "sh", "rest.sh", audio.files("enrol")[0])
    printed, _ = program.communicate(timeout=CALL_SECONDS)
    assert program.returncode == 0, printed
    assert "event: info-consumer-ready" in printed and "event: result-success" in printed
    resource = next(json.loads(line[line.index("{") :]) for line in printed.splitlines() if '"finished":true' in line)
    server.private.update({resource["credential"], resource["call_id"]})
    assert (resource["status"], resource["finished"]) == ("success", True)


def test_the_python_example_registers_and_the_javascript_example_verifies(server, examples, javascript):
    folder, _ = examples
    recording = audio.files("enrol")[0]
    program = begin(examples, "python3", "register.py", "page-call-1")
    printed = sent_with(examples, program, "page-call-1", recording)
    assert "'event': 'result-success'" in printed, printed
    server.private.add((folder / "credential.txt").read_text())
    assert audio.open_wav((folder / "speech.wav").read_bytes())

    # Node looks for packages beside the program.
    (folder / "node_modules").symlink_to(javascript / "node_modules")
    program = begin(examples, "node", "verify.mjs", "page-call-2")
    printed = sent_with(examples, program, "page-call-2", audio.english_files()[0])
    assert '"event":"result-success"' in printed, printed
