"""The examples do what they say."""

import csv
import json
import pathlib

import pytest
from programs import python

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def run(demo):
    """Runs an example with the demonstration's models."""
    return lambda name, *arguments, **how: python(EXAMPLES / name, *arguments, PEAKSTREAM_MODELS=demo("x").parents[1], **how)


def test_every_example_is_run_here():
    here = pathlib.Path(__file__).read_text()
    assert [file.name for file in EXAMPLES.iterdir() if f'"{file.name}"' not in here] == []


def test_two_recordings_have_a_score(run, demo):
    said = run("score.py", demo("allison-en-enrol"), demo("allison-en-verify"))
    assert float(said.split()[1]) > 0.5


def test_a_folder_of_calls_becomes_a_table(run, demo):
    table = {row["recording"]: row for row in csv.DictReader(run("folder.py", demo("x").parent).splitlines())}
    assert sorted(table) == sorted(file.name for file in demo("x").parent.glob("*.wav"))
    one = table["allison-en-enrol.wav"]
    assert one["most_alike"] == "allison-en-verify.wav" and float(one["score"]) > 0.5 and float(one["net_speech"]) > 5


def test_the_scores_of_a_folder_have_error_rates(run, demo, tmp_path):
    for speaker, recordings in {"allison": ("en-enrol", "en-verify", "es-verify"), "other": ("man-it",), "third": ("woman-fr",)}.items():
        (tmp_path / speaker).mkdir()
        for name in recordings:
            (tmp_path / speaker / f"{name}.wav").symlink_to(demo(f"{speaker.replace('third', 'other')}-{name}"))
    first, *rest = run("curves.py", tmp_path).splitlines()
    assert first == "Evaluation(EER 0.00 %, 3 trials of one speaker, 7 of two)"
    assert len(rest) == 11 and rest[-1].split() == ["inf", "false", "accepts", "0.0%", "false", "rejects", "100.0%"]


def test_the_asyncio_server_answers_while_the_caller_speaks(run, demo):
    *told, decided = map(json.loads, run("live.py", demo("allison-en-enrol")).splitlines())
    assert len(told) > 8 and told[-1]["percentage"] >= 100 and decided["score"] > 0.5 and decided["authenticity"] > 0.8
    assert [one["net_speech"] for one in told] == sorted(one["net_speech"] for one in told)


def test_the_client_follows_a_verification(run, demo, access):
    (address,), secrets = access
    environment = {f"PEAKSTREAM_{name.upper()}": value for name, value in secrets.items()}
    said = run("client.py", address, demo("allison-en-enrol"), demo("allison-en-verify"), **environment)
    assert "s of speech" in said and said.splitlines()[-1].endswith("accepted")
    rejected = run("client.py", address, demo("allison-en-enrol"), demo("other-man-it"), status=1, **environment)
    assert rejected.splitlines()[-1].endswith("score")


def test_the_notebook_runs_and_is_kept_without_what_it_said(run, demo, tmp_path):
    notebook = EXAMPLES / "decisions.ipynb"
    kept = json.loads(notebook.read_text())
    assert all(cell.get("outputs", []) == [] and cell.get("execution_count") is None for cell in kept["cells"])
    executed = tmp_path / "executed.ipynb"
    folders = {name: tmp_path for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "MPLCONFIGDIR")}
    models = demo("x").parents[1]
    execute = (
        "import sys, nbclient, nbformat; notebook = nbformat.read(sys.argv[1], 4);"
        "nbclient.NotebookClient(notebook).execute(); nbformat.write(notebook, sys.argv[2])"
    )
    python("-c", execute, notebook, executed, PEAKSTREAM_MODELS=models, **folders)
    cells = json.loads(executed.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    said = "".join("".join(output.get("text", [])) for output in outputs)
    assert "accepted" in said and "rejected" in said and "false accepts" in said
