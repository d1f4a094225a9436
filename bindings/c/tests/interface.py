"""Tests of what the library shows: the header for every compiler and standard, the exported names, signatures beside the committed ones."""

import os
import re

from harness import CRATE, PREFIX, STRICT, WORK, Failed, needs, run, scratch

SIGNATURES = CRATE / "libpeakstream.abi"
HEADER = CRATE / "include" / "peakstream.h"


def compiles_everywhere(c, cpp):
    source = '#include <peakstream.h>\nint main(void) { return (int)peakstream_abi_version() - PEAKSTREAM_ABI_VERSION; }\n'
    include = f"-I{PREFIX / 'include'}"
    static = [PREFIX / "lib" / "libpeakstream.a", "-lpthread", "-ldl", "-lm"]
    for compiler, ending, standard in ((c, "c", "c99"), (c, "c", "c11"), (cpp, "cpp", "c++17")):
        file = WORK / f"header.{ending}"
        file.write_text(source)
        program = WORK / f"header-{standard}"
        run(compiler, f"-std={standard}", *STRICT, include, file, "-o", program, *static)
        run(program)
    wrapper = WORK / "wrapper.cpp"
    wrapper.write_text("#include <peakstream.hpp>\n#include <peakstream.hpp>\nint main() {}\n")
    for option in ("-fexceptions", "-fno-exceptions"):
        run(cpp, "-std=c++17", *STRICT, option, include, "-fsyntax-only", wrapper)


def the_header_compiles_as_every_standard():
    compiles_everywhere("cc", "c++")


def the_header_compiles_as_every_standard_with_clang():
    needs("clang", "clang++")
    compiles_everywhere("clang", "clang++")


def nothing_but_the_list_is_exported():
    wanted = set((CRATE / "symbols.txt").read_text().split())
    version = run(CRATE / "version.sh", "abi").strip()
    library = PREFIX / "lib" / "libpeakstream.so"
    lines = [line.split() for line in run("nm", "-D", "--defined-only", library).splitlines()]
    exported = {words[2] for words in lines if words[1] != "A"}
    versioned = {f"{name}@@PEAKSTREAM_{version}" for name in wanted}
    if exported != versioned:
        raise Failed(f"exported and listed differ: {sorted(exported ^ versioned)}")
    lines = [line.split() for line in run("nm", "-g", "--defined-only", PREFIX / "lib" / "libpeakstream.a").splitlines()]
    static = {words[2] for words in lines if len(words) == 3}
    if static != wanted:
        raise Failed(f"the static library shows {sorted(static ^ wanted)[:10]}")
    if f"Library soname: [libpeakstream.so.{version}]" not in run("readelf", "-d", library):
        raise Failed(f"the SONAME is not libpeakstream.so.{version}")


# ---- signatures: libabigail reads them from a library that has the header's declarations, each with an empty body


def described(header, name):
    """A library of the header's text, as an XML file of its functions and types."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    folder = scratch(f"signatures/{name}")
    (folder / "declared.h").write_text(header)
    code = ['#include "declared.h"']
    for declaration in re.findall(r"^\w[^;{}#]*\bpeakstream_\w+\([^;]*\);", text, flags=re.MULTILINE):
        code.append(declaration[:-1] + " { __builtin_trap(); }")
    # Numbers that programs were compiled with, but that no declaration mentions: each in a function of its own, so that more of them are
    # additions.
    for name in re.findall(r"^enum (peakstream_\w+)", text, flags=re.MULTILINE):
        code.append(f"void one_of_{name}(enum {name} one) {{ (void)one; }}")
    for name in re.findall(r"^#define (PEAKSTREAM_\w+) \d", text, flags=re.MULTILINE):
        if name != "PEAKSTREAM_ABI_VERSION":
            code.append(f"void room_of_{name}(const char (*room)[{name}]) {{ (void)room; }}")
    (folder / "code.c").write_text("\n".join(code) + "\n")
    soname = "libpeakstream.so." + re.search(r"^#define PEAKSTREAM_ABI_VERSION (\d+)", header, flags=re.MULTILINE).group(1)
    run("cc", "-g", "-shared", "-fPIC", f"-Wl,-soname,{soname}", "code.c", "-o", "declared.so", cwd=folder)
    options = ["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--type-id-style", "hash"]
    run("abidw", *options, "--out-file", folder / "signatures.abi", folder / "declared.so")
    return folder / "signatures.abi"


def changes(before, after):
    """What a program that was compiled for the one will not find in the other; new functions are no matter."""
    try:
        run("abidiff", "--no-added-syms", before, after)
    except Failed as failed:
        return str(failed)
    return None


def soname(description):
    return re.search(r"soname='([^']+)'", description.read_text()).group(1)


def the_signatures_are_the_committed_ones():
    """Function by function, field by field. After new functions: PEAKSTREAM_WRITE=1. After anything else, a new ABI_VERSION first."""
    needs("abidw", "abidiff")
    found = described(HEADER.read_text(), "found")
    if SIGNATURES.exists() and soname(SIGNATURES) == soname(found) and (changed := changes(SIGNATURES, found)):
        raise Failed(f"programs compiled before would break; ABI_VERSION in src/version.rs has to be another one\n{changed}")
    if os.environ.get("PEAKSTREAM_WRITE"):
        SIGNATURES.write_text(found.read_text())
    run("abidiff", SIGNATURES, found)


def a_signature_that_changes_is_noticed():
    """The test above, on headers that are changed in ways that a list of names does not show."""
    needs("abidw", "abidiff")
    header = HEADER.read_text()
    before = described(header, "before")
    harmful = {
        "a parameter of another type": ("double attack_rate,", "float attack_rate,"),
        "a parameter more": ("double attack_rate,", "double attack_rate, int more,"),
        "a field less": ("double authenticity_llr;", ""),
        "fields in another order": ("uint16_t channels;", "bool channels;"),
        "a field that is wider": ("uint32_t percentage;", "uint64_t percentage;"),
        "a result with another number": ("PEAKSTREAM_RESULT_BUSY = 17", "PEAKSTREAM_RESULT_BUSY = 18"),
        "room for more": ("CREDENTIAL_TEXT_BYTES 16385", "CREDENTIAL_TEXT_BYTES 20000"),
        "a function less": ("peakstream_compare(", "peakstream_compared("),
    }
    unnoticed = []
    for name, (old, new) in harmful.items():
        if old not in header:
            raise Failed(f"the header has no {old!r} any more")
        if not changes(before, described(header.replace(old, new), "after")):
            unnoticed.append(name)
    more = header.replace("PEAKSTREAM_RESULT_INTERNAL = 20,", "PEAKSTREAM_RESULT_INTERNAL = 20, PEAKSTREAM_RESULT_MORE = 21,")
    added = "#define PEAKSTREAM_ROOM 64\nenum peakstream_kind { PEAKSTREAM_KIND_ONE = 0 };\nint peakstream_more(int);\n"
    more = more.replace("uint32_t peakstream_abi_version(void);", added + "uint32_t peakstream_abi_version(void);")
    if changes(before, described(more, "after")):
        unnoticed.append("a function, a result, an enumeration and a constant more, which are no change for programs that exist")
    if unnoticed:
        raise Failed(f"not told apart: {unnoticed}")
