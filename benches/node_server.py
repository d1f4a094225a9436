"""The server in Node (benches/node) that ours stands beside: Socket.IO, and a carrier's messages over WebSockets."""

import json
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


class NodeServer:
    """It, on the measured core; none where there is no Node, and the table then says nothing of it."""

    def __init__(self, cores, folder):
        self.flags, self.node, self.process, self.cores, self.folder = [], None, None, cores, folder / "node"

    def __enter__(self):
        if shutil.which("node") is None or shutil.which("npm") is None:
            print("node and npm are not installed, so no server in Node stands beside these figures", flush=True)
            return self
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "server.js"):
            shutil.copy(HERE / "node" / name, folder / name)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
        command = ["node", "server.js"]
        command = ["taskset", "-c", str(self.cores.measured), *command] if self.cores.bound else command
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, universal_newlines=True)
        told = json.loads(self.process.stdout.readline())
        self.node = told["node"]
        self.flags = ["--other", f"http://127.0.0.1:{told['port']}", "--other-process", str(self.process.pid)]
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def name(self, package):
        """What stands beside ours, with its versions; None if nothing does."""
        if self.node is None:
            return None
        version = json.loads((self.folder / "node_modules" / package / "package.json").read_text())["version"]
        return f"{package} {version}, Node {self.node}"
