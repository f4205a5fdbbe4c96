"""One Python that imports once and then forks for each piece of code it is given.

A Python of its own takes a second to import what the transfer needs, of which a fork
takes nothing; each fork still begins from the same state and ends by itself.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER = """
import json, os, sys, tempfile
for line in sys.stdin:
    code, folder = json.loads(line)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1), os.dup2(errors.fileno(), 2), os.chdir(folder)
            exec(code, {"__name__": "__main__"})
            sys.exit()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0), errors.seek(0)
        print(json.dumps([code, out.read(), errors.read()]), flush=True)
"""


@contextmanager
def python(first: str) -> Iterator[Callable[..., subprocess.CompletedProcess]]:
    """run(code, folder): code in a folder, by a fork of a Python that has run `first`.

    JAX may be imported in `first` but not be used: its threads survive no fork.
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", first + SERVER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as server:

        def run(code, folder):
            print(json.dumps([code, str(folder)]), file=server.stdin, flush=True)
            answer = json.loads(server.stdout.readline())
            return subprocess.CompletedProcess(code, *answer)

        yield run
        server.stdin.close()
