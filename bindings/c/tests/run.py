#!/usr/bin/env python3
"""Tests the C library as programs use it: one command, standard library only, with the system's compilers.

  1. installs the built archive (cargo build -p peakstream-c) into target/bindings/c, as `make install-c` does
  2. the header as C99, C11 and C++17, without a warning; with the static library and the shared one
  3. what the library exports, its SONAME and its versions, beside the committed list (bindings/c/symbols.txt)
  4. the facts of bindings/facts.json give what the engine gives in Rust, to the bit
  5. the examples on the demonstration calls, compiled by what pkg-config says
  6. tests/suite.c: every function, allocations of a push, threads, random calls in random order; again with AddressSanitizer

--valgrind runs the suite a third time, under valgrind: some minutes.

exit status: 0 all is well; 1 a test failed; 2 something that the tests need is missing
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
import facts  # noqa: E402  beside the bindings

CRATE = HERE.parent
REPOSITORY = CRATE.parents[1]
DEMO = facts.DEMO
WORK = REPOSITORY / "target" / "bindings" / "c"
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
RECORDINGS = ("allison-en-enrol.wav", "allison-en-verify.wav", "other-man-it.wav")


class Failed(Exception):
    """A test that is not as it should be; the text says how."""


def run(*command, expect=0, stdin=None, **environment):
    """Output of a command, which must end with that status."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        cwd=REPOSITORY,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
    )
    if done.returncode != expect:
        shown = " ".join(str(part) for part in command)
        raise Failed(f"{shown}\n  ended with {done.returncode}, not {expect}:\n{done.stdout[-4000:]}")
    return done.stdout


def installed(archive):
    shutil.rmtree(WORK, ignore_errors=True)
    prefix = WORK / "prefix"
    run(CRATE / "install.sh", archive, prefix)
    return prefix


def the_header_compiles_everywhere(prefix, _):
    source = '#include <peakstream.h>\nint main(void) { return (int)peakstream_abi_version() - PEAKSTREAM_ABI_VERSION; }\n'
    include = f"-I{prefix / 'include'}"
    static = [prefix / "lib" / "libpeakstream.a", "-lgcc_s", "-lpthread", "-ldl", "-lm"]
    for compiler, ending, standard in (("cc", "c", "c99"), ("cc", "c", "c11"), ("c++", "cpp", "c++17")):
        file = WORK / f"header.{ending}"
        file.write_text(source)
        program = WORK / f"header-{standard}"
        run(compiler, f"-std={standard}", *STRICT, include, file, "-o", program, *static)
        run(program)
    wrapper = WORK / "wrapper.cpp"
    wrapper.write_text("#include <peakstream.hpp>\n#include <peakstream.hpp>\nint main() {}\n")
    for option in ("-fexceptions", "-fno-exceptions"):
        run("c++", "-std=c++17", *STRICT, option, include, "-fsyntax-only", wrapper)


def nothing_but_the_list_is_exported(prefix, _):
    wanted = set((CRATE / "symbols.txt").read_text().split())
    library = prefix / "lib" / "libpeakstream.so"
    lines = [line.split() for line in run("nm", "-D", "--defined-only", library).splitlines()]
    exported = {words[2] for words in lines if words[1] != "A"}
    if exported != {f"{name}@@PEAKSTREAM_1" for name in wanted}:
        raise Failed(f"exported and listed differ: {sorted(exported ^ wanted)}")
    lines = [line.split() for line in run("nm", "-g", "--defined-only", prefix / "lib" / "libpeakstream.a").splitlines()]
    static = {words[2] for words in lines if len(words) == 3}
    if static != wanted:
        raise Failed(f"the static library shows {sorted(static ^ wanted)[:10]}")
    if "Library soname: [libpeakstream.so.0]" not in run("readelf", "-d", library):
        raise Failed("the SONAME is not libpeakstream.so.0")


def the_facts_are_those_of_rust(prefix, shared):
    flags = [f"-I{prefix / 'include'}", f"-L{prefix / 'lib'}", "-lpeakstream", "-lm"]
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
        found = [json.loads(line) for line in run(WORK / "facts", stdin=stdin, **shared).splitlines()]
    wrong = [facts.difference(fact["name"], one) for fact, one in zip(all_facts, found)]
    if any(wrong) or len(found) != len(all_facts):
        raise Failed("\n".join(filter(None, wrong)) or f"{len(found)} facts of {len(all_facts)}")


def mulaw(name):
    file = WORK / (name + ".ulaw")
    file.write_bytes(bytes(map(facts.encode_mulaw, facts.samples(name))))
    return file


def the_examples_decide_rightly(prefix, shared):
    flags = run("pkg-config", "--cflags", "--libs", "peakstream", PKG_CONFIG_PATH=prefix / "lib" / "pkgconfig").split()
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
            said = run(decide, command, credential, expect=status, stdin=stdin, **shared)
        if word not in said:
            raise Failed(f"decide {command} < {call} said {said!r}")
    run(compare, enrol, same, **shared)
    run(compare, enrol, other, expect=1, **shared)


def suite(prefix, name, *options):
    program = WORK / name
    source = HERE / "suite.c"
    flags = [f"-I{prefix / 'include'}", f"-L{prefix / 'lib'}", "-lpeakstream", "-lpthread", "-lm"]
    run("cc", "-std=gnu11", "-g", *STRICT, *options, source, "-o", program, *flags)
    return [program, *(DEMO / recording for recording in RECORDINGS)]


def the_suite_passes(prefix, shared):
    print(run(*suite(prefix, "suite", "-O1"), **shared), end="")


def the_suite_passes_with_address_sanitizer(prefix, shared):
    run(*suite(prefix, "suite-asan", "-O1", "-fsanitize=address,undefined", "-DWITHOUT_COUNTING"), **shared)


def the_suite_passes_under_valgrind(prefix, shared):
    checked = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"]
    run(*checked, *suite(prefix, "suite-valgrind", "-O1", "-DWITHOUT_COUNTING"), PEAKSTREAM_STEPS=1000, **shared)


TESTS = (
    the_header_compiles_everywhere,
    nothing_but_the_list_is_exported,
    the_facts_are_those_of_rust,
    the_examples_decide_rightly,
    the_suite_passes,
    the_suite_passes_with_address_sanitizer,
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=pathlib.Path, default=REPOSITORY / "target" / "debug" / "libpeakstream_c.a")
    parser.add_argument("--valgrind", action="store_true", help="also run the suite under valgrind")
    arguments = parser.parse_args()
    tests = TESTS + ((the_suite_passes_under_valgrind,) if arguments.valgrind else ())
    needed = ["cc", "c++", "nm", "readelf", "objcopy", "pkg-config"] + (["valgrind"] if arguments.valgrind else [])
    missing = [tool for tool in needed if shutil.which(tool) is None]
    missing += [str(file) for file in (arguments.archive, DEMO / "calls.json", facts.FOUND_BY_RUST) if not file.is_file()]
    if missing:
        print(f"run.py: not here: {', '.join(missing)} (make demo-audio, cargo build -p peakstream-c, cargo test -p peakstream-bindings)", file=sys.stderr)
        return 2
    failed = 0
    try:
        prefix = installed(arguments.archive)
        shared = {"LD_LIBRARY_PATH": prefix / "lib", "PEAKSTREAM_MODELS": DEMO.parent}
    except Failed as error:
        print(f"FAILED the library cannot be installed\n{error}", file=sys.stderr)
        return 1
    for test in tests:
        name = test.__name__.replace("_", " ")
        try:
            test(prefix, shared)
            print(f"ok {name}", flush=True)
        except Failed as error:
            failed += 1
            print(f"FAILED {name}\n{error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
