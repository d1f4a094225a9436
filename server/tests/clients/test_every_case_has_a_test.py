"""The specification's list of cases for audio channels: each is in the name of a test, in Rust or Python."""

import pathlib
import re

#: `audio-channels.md`, section G. AudioHook's are 1 to 72.
CASES = range(1, 121)
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
NAMED = re.compile(r"\b(?:fn|def) (?:test_)?((?:case(?:_\d{3})+_)+)\w+\(")


def test_every_case_of_the_list_is_in_the_name_of_a_test():
    found = set()
    for folder in ["server/src", "server/tests", "core/src"]:
        for path in (REPOSITORY / folder).rglob("*"):
            if path.suffix in (".rs", ".py"):
                for numbers in NAMED.findall(path.read_text()):
                    found.update(map(int, re.findall(r"\d{3}", numbers)))
    missing = sorted(set(CASES) - found)
    assert not missing, f"no test is named after case {', '.join(map(str, missing))}"
