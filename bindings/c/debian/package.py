#!/usr/bin/env python3
"""Makes Debian packages of the library: package.py ARCHIVE FOLDER. `make deb` calls it; standard library and dpkg-dev.

  FOLDER/libpeakstreamN_…deb      the shared library, for programs; N is the version of the interface
  FOLDER/libpeakstream-dev_…deb   headers, static library, examples, descriptions for pkg-config and CMake

What the library needs is found out by dpkg-shlibdeps, what it offers is held against libpeakstream.symbols.in by dpkg-gensymbols.

environment: DEBFULLNAME, DEBEMAIL (who makes them), SOURCE_DATE_EPOCH (when; default: the last commit). The same sources give the same bytes.

exit status: 0 made; 1 not, and the message says why
"""

import email.utils
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CRATE = HERE.parent
REPOSITORY = CRATE.parents[1]
NOTICES = ("license", "licence", "copying", "notice", "copyright")


def said(*command, **how):
    """Output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, universal_newlines=True, **how)
    if done.returncode != 0:
        sys.exit(f"package.py: {command[0]} ended with {done.returncode}")
    return done.stdout.strip()


def compressed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(path, "wb", compresslevel=9, mtime=0) as file:
        file.write(text.encode())


def third_parties():
    """Names, licences and notices of what is linked into the library."""
    host = next(line.split()[1] for line in said("rustc", "-vV").splitlines() if line.startswith("host: "))
    metadata = json.loads(said("cargo", "metadata", "--format-version", 1, "--locked", "--filter-platform", host, cwd=REPOSITORY))
    crates = {(crate["name"], crate["version"]): crate for crate in metadata["packages"] if crate["source"]}
    tree = said("cargo", "tree", "--locked", "-p", "peakstream-c", "-e", "normal,no-proc-macro", "--prefix", "none", "-f", "{p}", cwd=REPOSITORY)
    linked = sorted({tuple(line.split()[:2]) for line in tree.splitlines()})
    parts = ["What libpeakstream links, beside the standard library of Rust (Apache-2.0 OR MIT, The Rust Project Contributors).\n"]
    for name, version in linked:
        crate = crates.get((name, version.removeprefix("v")))
        if crate is None:
            continue  # of this repository
        folder = pathlib.Path(crate["manifest_path"]).parent
        notices = [file for file in sorted(folder.iterdir()) if file.name.lower().startswith(NOTICES) and file.is_file()]
        parts.append(f"{'=' * 72}\n{name} {crate['version']}: {crate['license']}\n{', '.join(crate['authors'])}\n")
        # Of licences to choose from, the one that asks for its text to be kept with the program is MIT; the other stands in every Debian.
        chosen = [file for file in notices if "apache" not in file.name.lower()] or notices
        parts += [file.read_text(errors="replace") for file in chosen]
    return "\n".join(parts)


class Packages:
    def __init__(self, archive, folder):
        self.archive, self.folder = archive.resolve(), folder.resolve()
        self.version, self.abi = said(CRATE / "version.sh"), said(CRATE / "version.sh", "abi")
        self.multiarch = said("dpkg-architecture", "-qDEB_HOST_MULTIARCH")
        self.libdir = f"usr/lib/{self.multiarch}"
        self.runtime, self.dev = f"libpeakstream{self.abi}", "libpeakstream-dev"
        name = os.environ.get("DEBFULLNAME", "The peakstream authors")
        self.maintainer = f"{name} <{os.environ.get('DEBEMAIL', 'peakstream@example.org')}>"
        os.environ.setdefault("SOURCE_DATE_EPOCH", said("git", "log", "-1", "--format=%ct", cwd=REPOSITORY))
        self.date = email.utils.formatdate(int(os.environ["SOURCE_DATE_EPOCH"]))
        self.work = self.folder / "work"

    def root(self, package):
        return self.work / package

    def filled_in(self, template):
        text = (HERE / template).read_text()
        return text.replace("@ABI@", self.abi).replace("@MAINTAINER@", self.maintainer)

    def source(self):
        """The folder that Debian's own tools read."""
        shutil.rmtree(self.folder, ignore_errors=True)
        debian = self.work / "debian"
        debian.mkdir(parents=True)
        (debian / "control").write_text(self.filled_in("control.in"))
        (debian / f"{self.runtime}.symbols").write_text(self.filled_in("libpeakstream.symbols.in"))
        head = f"peakstream ({self.version}) unstable; urgency=medium"
        self.changelog = f"{head}\n\n  * Built from the repository; its CHANGELOG.md says what is new.\n\n -- {self.maintainer}  {self.date}\n"
        (debian / "changelog").write_text(self.changelog)

    def files(self):
        """What install.sh installs, in the package where it belongs."""
        dev, runtime = self.root(self.dev), self.root(self.runtime)
        environment = {**os.environ, "DESTDIR": str(dev), "LIBDIR": f"lib/{self.multiarch}"}
        said(CRATE / "install.sh", self.archive, "/usr", env=environment)
        (runtime / self.libdir).mkdir(parents=True)
        for library in (dev / self.libdir).glob("libpeakstream.so.*"):
            library.rename(runtime / self.libdir / library.name)
            if not library.is_symlink():
                said("strip", "--strip-all", "--remove-section=.comment", runtime / self.libdir / library.name)
        said("strip", "--strip-debug", "--enable-deterministic-archives", "--remove-section=.comment", dev / self.libdir / "libpeakstream.a")
        for package in (self.dev, self.runtime):
            doc = self.root(package) / "usr" / "share" / "doc" / package
            doc.mkdir(parents=True)
            shutil.copy(HERE / "copyright", doc)
            compressed(doc / "changelog.gz", self.changelog)
            compressed(doc / "THIRD-PARTY.gz", third_parties())
        shutil.copy(CRATE / "README.md", dev / "usr" / "share" / "doc" / self.dev)
        shutil.copytree(CRATE / "examples", dev / "usr" / "share" / "doc" / self.dev / "examples")

    def control(self, package):
        """Everything in DEBIAN/."""
        root = self.root(package)
        (root / "DEBIAN").mkdir()
        substitutions = f"debian/{package}.substvars"
        if package == self.runtime:
            library = root / self.libdir / f"libpeakstream.so.{self.abi}.{self.version}"
            said("dpkg-gensymbols", f"-p{package}", f"-P{root}", f"-v{self.version}", "-c4", f"-e{library}", cwd=self.work)
            said("dpkg-shlibdeps", f"-T{substitutions}", library, cwd=self.work)
            (root / "DEBIAN" / "shlibs").write_text(f"libpeakstream {self.abi} {package} (>= {self.version})\n")
            (root / "DEBIAN" / "triggers").write_text("activate-noawait ldconfig\n")
        # Installed-Size and the dependencies come of it.
        said("dpkg-gencontrol", f"-p{package}", f"-P{root}", f"-T{substitutions}", cwd=self.work)
        sums = [
            f"{hashlib.md5(file.read_bytes()).hexdigest()}  {file.relative_to(root)}\n"
            for file in sorted(root.rglob("*"))
            if file.is_file() and not file.is_symlink() and "DEBIAN" not in file.parts
        ]
        (root / "DEBIAN" / "md5sums").write_text("".join(sums))

    def make(self):
        self.source()
        self.files()
        for package in (self.runtime, self.dev):
            self.control(package)
            for path in self.root(package).rglob("*"):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() else 0o644)
            said("dpkg-deb", "--root-owner-group", "-Zxz", "--build", self.root(package), self.folder)
        shutil.rmtree(self.work)
        return sorted(self.folder.glob("*.deb"))


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: package.py ARCHIVE FOLDER")
    os.umask(0o022)
    for package in Packages(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])).make():
        print(package)


if __name__ == "__main__":
    main()
