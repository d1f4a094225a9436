"""Tests of the library as it is installed: by make, and programs built with pkg-config, CMake and Debian's packages."""

import os
import shutil

from harness import ARCHIVE, CRATE, DESCRIBED, INSTALLED, PREFIX, STRICT, WORK, Failed, needs, run, scratch, shell

EXAMPLE = CRATE / "examples" / "decide.c"
USAGE = "usage: decide"


def runs(program, **environment):
    """A program that finds all its libraries says how it is used."""
    said = run(program, expect=2, **environment)
    if USAGE not in said:
        raise Failed(f"{program} said {said!r}")


def it_installs_as_make_says():
    shutil.rmtree(WORK, ignore_errors=True)
    run("make", "-s", "install-c", f"PREFIX={PREFIX}", "PROFILE=dev")


def a_program_is_built_by_what_pkg_config_says():
    """The lines of README.md."""
    folder = scratch("by-pkg-config")
    shell(f"cd {folder} && cc {EXAMPLE} $(pkg-config --cflags --libs peakstream)", **DESCRIBED)
    runs(folder / "a.out", **INSTALLED)
    shell(f"cd {folder} && cc -static {EXAMPLE} $(pkg-config --static --cflags --libs peakstream)", **DESCRIBED)
    if "NEEDED" in run("readelf", "-d", folder / "a.out"):
        raise Failed("the static program needs shared libraries")
    runs(folder / "a.out")
    said = run("pkg-config", "--modversion", "peakstream", **DESCRIBED).strip()
    if said != run(CRATE / "version.sh").strip():
        raise Failed(f"pkg-config says version {said}")


def a_program_is_built_by_cmake():
    needs("cmake")
    source, build = CRATE / "examples", scratch("by-cmake")
    strict = [f"-DCMAKE_{language}_FLAGS={' '.join(STRICT)}" for language in ("C", "CXX")]
    # Also after the prefix has been moved.
    moved = build / "elsewhere"
    shutil.copytree(PREFIX, moved, symlinks=True)
    for number, prefix in enumerate((PREFIX, moved)):
        run("cmake", "-S", source, "-B", build / str(number), f"-DCMAKE_PREFIX_PATH={prefix}", *strict)
        run("cmake", "--build", build / str(number))
        # CMake notes the library's folder in the program itself.
        runs(build / str(number) / "decide")
    if "libpeakstream" in run("readelf", "-d", build / "0" / "compare"):
        raise Failed("peakstream::static links the shared library")
    for wanted, status in (("0.0.9", 1), ("0.1", 0), ("0.1.0", 0), ("0.2", 1), ("1", 1)):
        folder = scratch("by-cmake/version")
        (folder / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.15)\nproject(x C)\nfind_package(peakstream {wanted} REQUIRED)\n")
        run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={PREFIX}", expect=status)


def debian_packages_install_and_serve():
    """Into a root of their own, with programs built there by pkg-config and CMake, and out of it again."""
    as_root = [] if os.geteuid() == 0 else ["fakeroot"]
    needs("dpkg", "dpkg-deb", "dpkg-gensymbols", "dpkg-shlibdeps", "cmake", *as_root)
    folder = scratch("deb")
    made = [run(CRATE / "debian" / "package.py", ARCHIVE, folder / str(number), only_output=True).split() for number in range(2)]
    contents = [[open(package, "rb").read() for package in packages] for packages in made]
    if len(made[0]) != 2 or contents[0] != contents[1]:
        raise Failed(f"the same sources do not give the same two packages: {made}")

    root = folder / "root"
    (root / "var/lib/dpkg/updates").mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    # Its dependencies are the system's.
    dpkg = [*as_root, "dpkg", f"--root={root}", "--force-depends"]
    run(*dpkg, "--install", *made[0])
    run(*dpkg, "--verify")
    library = next(root.glob("usr/lib/*/libpeakstream.so"))
    environment = {"LD_LIBRARY_PATH": library.parent, "PKG_CONFIG_LIBDIR": library.parent / "pkgconfig"}
    environment |= {f"PKG_CONFIG_{name}": 1 for name in ("ALLOW_SYSTEM_CFLAGS", "ALLOW_SYSTEM_LIBS")}
    examples = root / "usr/share/doc/libpeakstream-dev/examples"
    sysroot = {"PKG_CONFIG_SYSROOT_DIR": root}
    shell(f"cd {folder} && cc {examples}/decide.c $(pkg-config --cflags --libs peakstream)", **environment, **sysroot)
    runs(folder / "a.out", **environment)
    run("cmake", "-S", examples, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={root / 'usr'}")
    run("cmake", "--build", folder / "build")
    runs(folder / "build" / "decide")

    run(*dpkg, "--purge", "libpeakstream-dev", "libpeakstream" + run(CRATE / "version.sh", "abi").strip())
    left = list((root / "usr").rglob("*"))
    if left:
        raise Failed(f"left behind: {left}")


def debian_packages_are_as_debian_wants_them():
    needs("lintian")
    run("lintian", "--fail-on", "error,warning", "--allow-root", *sorted((WORK / "deb" / "0").glob("*.deb")))
