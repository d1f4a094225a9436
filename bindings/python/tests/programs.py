"""Programs run as a user would run them."""

import os
import subprocess
import sys


def python(*arguments, status=0, **environment):
    """What a Python program says; its exit status has to be this one."""
    command, environment = [sys.executable, *map(str, arguments)], {name: str(value) for name, value in environment.items()}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout
