"""The specification's list of cases for audio channels: each is in the name of a test, in Rust or Python.

Those in which something bad is done to the server are also in a test from outside that is marked `negative`, so that the same
process has decided a good call after each of them (case 120).
"""

import ast
import pathlib
import re

#: `audio-channels.md`, section G. AudioHook's are 1 to 72.
CASES = set(range(1, 121))
#: Of these, the ones in which a client breaks a rule, sends too much or nothing, or breaks off.
NEGATIVE = {8, 9, 10, 12, 13, 14, 18, 19, 20, 21, 22, 23, 27, 37, 38, 43, 44, 49, 50, 53, 56, 60, 66, 68, 69, 70, 75, 76, 77}
NEGATIVE |= {86, 87, 88, 89, 90, 91, 92, 94, 99, 105, 106, 107, 116, 117, 118}
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
NAMED = re.compile(r"\b(?:fn|def) (?:test_)?((?:case(?:_\d{3})+_)+)\w+\(")


def missing(cases, found):
    return ", ".join(map(str, sorted(cases - found)))


def test_every_case_of_the_list_is_in_the_name_of_a_test():
    found = set()
    for folder in ["server/src", "server/tests", "core/src"]:
        for path in (REPOSITORY / folder).rglob("*"):
            if path.suffix in (".rs", ".py"):
                for numbers in NAMED.findall(path.read_text()):
                    found.update(map(int, re.findall(r"\d{3}", numbers)))
    assert found >= CASES, f"no test is named after case {missing(CASES, found)}"


def marked(node):
    """Whether the mark is among a test's decorators, or is what a module's `pytestmark` is."""
    marks = node.decorator_list if isinstance(node, ast.FunctionDef) else [node.value]
    return any(ast.unparse(mark).startswith("pytest.mark.negative") for mark in marks)


def test_a_good_call_follows_every_negative_case():
    found = set()
    for path in pathlib.Path(__file__).parent.glob("test_*.py"):
        body = ast.parse(path.read_text()).body
        assigned = [node for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"]
        whole = any(marked(node) for node in assigned)
        for node in body:
            if isinstance(node, ast.FunctionDef) and "_case_" in node.name and (whole or marked(node)):
                found.update(map(int, re.findall(r"(?<=_)\d{3}(?=_)", node.name)))
    assert found >= NEGATIVE, f"no test from outside that is marked `negative` is named after case {missing(NEGATIVE, found)}"
