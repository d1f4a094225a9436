#!/usr/bin/env python3
"""Tests the C library as programs use it: one command, standard library only, with the system's compilers.

  packaging.py   installs the built archive into target/bindings/c as `make install-c` does; programs by pkg-config, by CMake, static ones;
                 Debian packages
  interface.py   the header as C99, C11 and C++17 with gcc and clang; exported names; signatures beside the committed ones
  behaviour.py   the facts of bindings/facts.json to the bit; the examples; tests/suite.c (every function, allocations of a push, threads,
                 random calls in random order) as it is, with AddressSanitizer, under valgrind

A tool that is not on this machine leaves its test out, and that is said; PEAKSTREAM_NEEDS_C_TOOLS=1 and PEAKSTREAM_NEEDS_VALGRIND=1 make
it a failure.

arguments: words, of which the name of a test must have one

exit status: 0 all is well; 1 a test failed; 2 something that the tests need is missing
"""

import argparse
import shutil
import sys
import time

import behaviour
import interface
import packaging
from harness import DEMO, Failed, NotRun, facts

TESTS = (
    packaging.it_installs_as_make_says,
    interface.the_header_compiles_as_every_standard,
    interface.the_header_compiles_as_every_standard_with_clang,
    interface.nothing_but_the_list_is_exported,
    interface.the_signatures_are_the_committed_ones,
    interface.a_signature_that_changes_is_noticed,
    packaging.a_program_is_built_by_what_pkg_config_says,
    packaging.a_program_is_built_by_cmake,
    packaging.debian_packages_install_and_serve,
    packaging.debian_packages_are_as_debian_wants_them,
    behaviour.the_facts_are_those_of_rust,
    behaviour.the_examples_decide_rightly,
    behaviour.the_example_decides_in_asterisk,
    behaviour.the_suite_passes,
    behaviour.the_suite_passes_with_address_sanitizer,
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="run only the tests whose names have one of these")
    parser.add_argument("--valgrind", action="store_true", help="also run the suite under valgrind: half an hour")
    arguments = parser.parse_args()
    words = arguments.words
    missing = [tool for tool in ("cc", "c++", "nm", "readelf", "objcopy", "pkg-config", "make") if shutil.which(tool) is None]
    missing += [str(file) for file in (DEMO / "calls.json", facts.FOUND_BY_RUST) if not file.is_file()]
    if missing:
        print(f"run.py: not here: {', '.join(missing)} (make demo-audio, cargo test -p peakstream-bindings)", file=sys.stderr)
        return 2
    first, *others = TESTS + ((behaviour.the_suite_passes_under_valgrind,) if arguments.valgrind else ())
    passed = failed = left_out = 0
    for test in (first, *(test for test in others if not words or any(word in test.__name__ for word in words))):
        name, begun = test.__name__.replace("_", " "), time.monotonic()
        try:
            test()
            passed += 1
            print(f"ok {name} ({time.monotonic() - begun:.1f} s)", flush=True)
        except NotRun as why:
            left_out += 1
            print(f"NOT RUN {name}: {why}", flush=True)
        except Failed as error:
            failed += 1
            print(f"FAILED {name}\n{error}", file=sys.stderr, flush=True)
            if test is first:
                break
    print(f"{passed} passed, {failed} failed, {left_out} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
