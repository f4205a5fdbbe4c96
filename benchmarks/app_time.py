"""Seconds from two dropped files to the verdict in `spektron app`, by its own requests.

    python -m benchmarks.app_time --data ../shared/data/corn.h5

The files are two instruments of the set as CSV, one with all properties. One thread;
wall time, and CPU time of the server and its commands together: on a computer that does
nothing else the first comes near the second.
"""

import argparse
import contextlib
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import spektron_jax
from benchmarks.reading import write_spectra


def table(spectra, name, folder):
    """The CSV of an instrument."""
    path = Path(folder) / f"{name}.csv"
    write_spectra(path, spectra, name)
    return path


class Page:
    """What the page's script asks.

    Args:
      address: that the app printed
    """

    def __init__(self, address):
        self.address = address
        self.origin = address.rsplit("/", 2)[0]
        self.visit = json.loads(self.ask("visit", b""))["visit"]

    def ask(self, path, content=None):
        """The answer to a request; with content it is a POST."""
        request = urllib.request.Request(self.address + path, data=content)
        request.add_header("Origin", self.origin)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def of_visit(self, path, content=None):
        """The answer to a request of this visit, from JSON."""
        return json.loads(self.ask(f"visit/{self.visit}/{path}", content))


def journey(page, files, name):
    """Files sent and read, the transfer begun, its first report fetched; each step."""
    began, steps = time.monotonic(), {}
    for slot, path in files.items():
        page.of_visit(f"file/{slot}?name={path.name}", path.read_bytes())
        page.of_visit(f"look/{slot}", b"{}")
        steps[f"{slot} read"] = time.monotonic() - began
    settings = page.of_visit("offer", b"")["settings"] | {"property": name}
    page.of_visit("start/transfer", json.dumps(settings).encode())
    while not (job := page.of_visit("job/transfer"))["report"]:
        assert job["state"] == "running", job
        time.sleep(0.1)
    page.ask(f"visit/{page.visit}/out/transfer/report.html")
    steps["verdict"] = time.monotonic() - began
    page.of_visit("end", b"")
    return steps


def main(argv=None):
    """Print the seconds of each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--source", default="m5")
    parser.add_argument("--target", default="mp6")
    parser.add_argument("--property", default="moisture")
    given = parser.parse_args(argv)
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "spektron_jax", "app", "--no-browser"]
    with tempfile.TemporaryDirectory() as folder:
        spectra = spektron_jax.read(given.data)
        with contextlib.redirect_stdout(io.StringIO()):
            names = {"old": given.source, "new": given.target}
            files = {slot: table(spectra, name, folder) for slot, name in names.items()}
        environment = os.environ | one_thread
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as server:
            address = re.search(r"http://\S+", server.stdout.readline())[0]
            steps = journey(Page(address), files, given.property)
            server.send_signal(signal.SIGINT)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{len(spectra)} samples; load {os.getloadavg()[0]:.1f}")
    for name, seconds in steps.items():
        print(f"{seconds:6.1f} s  {name}")
    print(
        f"{used.ru_utime + used.ru_stime:6.1f} s  CPU, of all commands to the verdict"
    )


if __name__ == "__main__":
    main()
