"""Tests of what the library does: facts, examples, and tests/suite.c as it is, with sanitizers, under valgrind."""

import json
import os
import shlex
import shutil
import subprocess
from subprocess import PIPE

from harness import CRATE, DEMO, DESCRIBED, HERE, INSTALLED, PREFIX, STRICT, WORK, Failed, NotRun, facts, run, scratch

RECORDINGS = ("allison-en-enrol.wav", "allison-en-verify.wav", "other-man-it.wav")
VALGRIND_NEEDED = "PEAKSTREAM_NEEDS_VALGRIND"


def the_facts_are_those_of_rust():
    flags = [f"-I{PREFIX / 'include'}", f"-L{PREFIX / 'lib'}", "-lpeakstream", "-lm"]
    run("cc", "-std=c99", "-O2", *STRICT, HERE / "facts.c", "-o", WORK / "facts", *flags)
    all_facts, lines = facts.load(), []
    numbers = {fact["name"]: number for number, fact in enumerate(all_facts)}
    for number, fact in enumerate(all_facts):
        file, call = WORK / f"fact-{number}", fact["open"]
        file.write_bytes(facts.call_bytes(fact))
        fields = [call.get("container", "raw"), call["codec"], call["sample_rate"], call.get("channel_type", "telephone")]
        fields += [call["seconds"], fact["frame"], file, numbers.get(fact.get("against"), -1)]
        lines.append("\t".join(map(str, fields)) + "\n")
    (WORK / "facts.tsv").write_text("".join(lines))
    with open(WORK / "facts.tsv") as stdin:
        found = [json.loads(line) for line in run(WORK / "facts", stdin=stdin, **INSTALLED).splitlines()]
    wrong = [facts.difference(fact["name"], one) for fact, one in zip(all_facts, found)]
    if any(wrong) or len(found) != len(all_facts):
        raise Failed("\n".join(filter(None, wrong)) or f"{len(found)} facts of {len(all_facts)}")


def mulaw(name):
    file = WORK / (name + ".ulaw")
    file.write_bytes(bytes(map(facts.encode_mulaw, facts.samples(name))))
    return file


def the_examples_decide_rightly():
    flags = run("pkg-config", "--cflags", "--libs", "peakstream", **DESCRIBED).split()
    examples = CRATE / "examples"
    decide, compare, credential = WORK / "decide", WORK / "compare", WORK / "allison.credential"
    run("cc", "-std=c99", "-O2", *STRICT, examples / "decide.c", "-o", decide, *flags)
    run("c++", "-std=c++17", "-O2", *STRICT, examples / "compare.cpp", "-o", compare, *flags)
    enrol, same, other = (mulaw(name) for name in RECORDINGS)
    for command, call, status, word in (
        ("register", enrol, 0, "registered: "),
        ("verify", same, 0, "accepted: "),
        ("verify", other, 1, "refused: "),
        ("verify", os.devnull, 2, "too_little_speech"),
    ):
        with open(call, "rb") as stdin:
            said = run(decide, command, credential, expect=status, stdin=stdin, **INSTALLED)
        if word not in said:
            raise Failed(f"decide {command} < {call} said {said!r}")
    run(compare, enrol, same, **INSTALLED)
    run(compare, enrol, other, expect=1, **INSTALLED)


def called_by_asterisk(program, arguments, pcm):
    """What a program does to a channel that EAGI gave it: its status, the variables that it set, and how much of the call it heard.

    As res_agi does it: variables and an empty line on standard input, 20 ms of 16-bit samples at a time on descriptor 3, an answer to
    each command; the end of the call is the end of both.
    """
    hears, speaks = os.pipe()
    here = {**os.environ, **{name: str(value) for name, value in INSTALLED.items()}}
    close = f"{hears}<&-" if hears != 3 else ""
    command = ["sh", "-c", f'exec "$@" 3<&{hears} {close}', "sh", program, *arguments, "eagi"]
    asterisk = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, universal_newlines=True, bufsize=1, env=here, pass_fds=[hears])
    os.close(hears)
    asterisk.stdin.write("agi_network: no\nagi_request: decide\nagi_channel: SIP/alice-00000001\nagi_enhanced: 1.0\n\n")
    frames = [pcm[begin : begin + 320] for begin in range(0, len(pcm), 320)]
    sent = 0
    try:
        for frame in frames:
            os.write(speaks, frame)
            sent += 1
    except BrokenPipeError:
        pass
    os.close(speaks)
    variables = {}
    for line in asterisk.stdout:
        words = shlex.split(line)
        if words[:2] != ["SET", "VARIABLE"] or len(words) != 4:
            raise Failed(f"Asterisk does not know {line!r}")
        variables[words[2]] = words[3]
        asterisk.stdin.write("200 result=1\n")
    asterisk.stdin.close()
    said = asterisk.stderr.read()
    return asterisk.wait(), variables, sent < len(frames), said


def the_example_decides_in_asterisk():
    """EAGI(decide,…,eagi): the same decisions, before the call is over; a caller who hangs up is heard no further."""
    decide, credential = WORK / "decide", WORK / "eagi.credential"
    enrol, same, other = (facts.samples(name).tobytes() for name in RECORDINGS)
    for command, pcm, status, result, before_the_end in (
        ("register", enrol, 0, "registered", True),
        ("verify", same, 0, "accepted", True),
        ("verify", other, 1, "refused", True),
        ("verify", same[:16_000], 2, None, False),
    ):
        found, variables, early, said = called_by_asterisk(decide, [command, credential], pcm)
        if (found, variables.get("PEAKSTREAM_RESULT")) != (status, result) or early != before_the_end:
            raise Failed(f"{command} ended with {found} {'early' if early else ''}: {variables}\n{said}")
        if command == "verify" and result and not 0 <= float(variables["PEAKSTREAM_SCORE"]) <= 1:
            raise Failed(f"no score: {variables}")


def suite(name, *options):
    program = WORK / name
    source = HERE / "suite.c"
    flags = [f"-I{PREFIX / 'include'}", f"-L{PREFIX / 'lib'}", "-lpeakstream", "-lpthread", "-lm"]
    run("cc", "-std=gnu11", "-g", *STRICT, *options, source, "-o", program, *flags)
    return [program, *(DEMO / recording for recording in RECORDINGS)]


def the_suite_passes():
    print(run(*suite("suite", "-O1"), **INSTALLED), end="")


def the_suite_passes_with_address_sanitizer():
    run(*suite("suite-asan", "-O1", "-fsanitize=address,undefined", "-DWITHOUT_COUNTING"), **INSTALLED)


def models_with_few_golden_vectors():
    """The installed models, proved by the first vector of each."""
    folder = scratch("models")
    for path in DEMO.parent.iterdir():
        if path.name != "golden":
            (folder / path.name).symlink_to(path)
    (folder / "golden").mkdir()
    for path in (DEMO.parent / "golden").iterdir():
        golden = json.loads(path.read_text())
        golden["cases"] = golden["cases"][:1]
        (folder / "golden" / path.name).write_text(json.dumps(golden))
    return folder


def the_suite_passes_under_valgrind():
    """All of it, with less of what takes long and is the same again: shorter speech, fewer golden vectors, fewer random calls.

    Some three minutes of a core; as it is, the suite takes half an hour. Valgrind does not know AVX-512, and emulates fused
    multiplications slowly. NOTES-valgrind.md beside this file says what it reports of other builds, and why nothing is wrong there.
    """
    if shutil.which("valgrind") is None:
        raise (Failed if os.environ.get(VALGRIND_NEEDED) else NotRun)("not here: valgrind")
    # "Possibly lost" is what Rust keeps only a pointer into, such as the name of its first thread.
    checked = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]
    program = suite("suite-valgrind", "-O1", "-DWITHOUT_COUNTING")
    brief = {"PEAKSTREAM_MODELS": models_with_few_golden_vectors(), "PEAKSTREAM_SECONDS": 3, "PEAKSTREAM_STEPS": 500}
    run(*checked, *program, **{**INSTALLED, **brief, "PEAKSTREAM_CPU": "portable"})
