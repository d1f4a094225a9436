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
import concurrent.futures
import shutil
import sys
import time
import traceback

import behaviour
import interface
import packaging
from harness import DEMO, Failed, NotRun, facts

FIRST = packaging.it_installs_as_make_says
TESTS = (
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
LONGEST = behaviour.the_suite_passes_under_valgrind


def done(test):
    """Runs a test and says what came of it."""
    name, begun, result, why = test.__name__.replace("_", " "), time.monotonic(), "ok", ""
    try:
        test()
    except NotRun as error:
        result, why = "NOT RUN", f": {error}"
    except Failed as error:
        result, why = "FAILED", f"\n{error}"
    except Exception:
        # Said now, and not when the longest is done.
        result, why = "FAILED", f"\n{traceback.format_exc()}"
    print(f"{result} {name} ({time.monotonic() - begun:.1f} s){why}", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="run only the tests whose names have one of these")
    words = parser.parse_args().words
    missing = [tool for tool in ("cc", "c++", "nm", "readelf", "objcopy", "pkg-config", "make") if shutil.which(tool) is None]
    missing += [str(file) for file in (DEMO / "calls.json", facts.FOUND_BY_RUST) if not file.is_file()]
    if missing:
        print(f"run.py: not here: {', '.join(missing)} (make demo-audio, cargo test -p peakstream-bindings)", file=sys.stderr)
        return 2
    wanted = [test for test in (*TESTS, LONGEST) if not words or any(word in test.__name__ for word in words)]
    results = [done(FIRST)]
    if results[0] == "ok":
        # Three minutes of one core, beside the others.
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            longest = beside.submit(done, LONGEST) if LONGEST in wanted else None
            results += [done(test) for test in wanted if test is not LONGEST]
            results += [longest.result()] if longest else []
    passed, failed, left_out = (results.count(result) for result in ("ok", "FAILED", "NOT RUN"))
    print(f"{passed} passed, {failed} failed, {left_out} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
