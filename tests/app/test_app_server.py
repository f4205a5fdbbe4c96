"""The local page by HTTP, without a browser: doors, limits, journeys, removal."""

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from spektron_jax import demo
from spektron_jax.app import fields
from spektron_jax.app.visits import Visits

WHY = 'pip install "spektron-jax[app]" httpx'
testclient = pytest.importorskip("starlette.testclient", reason=WHY)
pytest.importorskip("uvicorn", reason=WHY)

from starlette.websockets import WebSocketDisconnect  # noqa: E402

from spektron_jax.app.server import App  # noqa: E402  needs the extra

TOKEN, PORT = "a-random-word", 8765
HOME = f"http://127.0.0.1:{PORT}"
HOSTILE = '"><img src=x onerror=alert(1)>'
QUICK = {"compare": False, "network": False}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def page(root):
    """A client of a page whose files may be 1 MB together."""
    server = App(root, megabytes=1, minutes=1).server(TOKEN, PORT)
    with testclient.TestClient(server, HOME, headers={"origin": HOME}) as client:
        yield Page(client)


class Page:
    """What the page's script asks."""

    def __init__(self, client):
        self.client = client
        self.visit = self.post("visit").json()["visit"]

    def post(self, path, body=None, status=200, **kwargs):
        json_body = {"json": body} if body is not None else {}
        answer = self.client.post(f"/{TOKEN}/{path}", **json_body, **kwargs)
        assert answer.status_code == status, answer.text
        return answer

    def ask(self, path, body=None, status=200):
        return self.post(f"visit/{self.visit}/{path}", body, status).json()

    def get(self, path, status=200):
        answer = self.client.get(f"/{TOKEN}/visit/{self.visit}/{path}")
        assert answer.status_code == status, answer.text
        return answer

    def send(self, slot, name, content, status=200):
        path = f"visit/{self.visit}/file/{slot}"
        given = {"params": {"name": name}, "content": content}
        return self.post(path, status=status, **given).json()

    def run(self, task, settings=None):
        """Start a task and wait for its end."""
        self.ask(f"start/{task}", settings or {}, 202)
        while (job := self.get(f"job/{task}").json())["state"] in (
            "waiting",
            "running",
        ):
            time.sleep(0.1)
        return job


def content(name):
    return demo.path_of(name).read_bytes()


def test_the_page_comes_sealed(page):
    for name, kind in (("", "html"), ("app.js", "javascript"), ("app.css", "css")):
        answer = page.client.get(f"/{TOKEN}/{name}")
        assert answer.status_code == 200 and kind in answer.headers["content-type"]
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    for name in ("server.py", "..%2Fserver.py", "page", "app.js/"):
        assert page.client.get(f"/{TOKEN}/{name}").status_code == 404


@pytest.mark.parametrize(
    "path, headers",
    [
        ("/", {}),
        ("/wrong/", {}),
        (f"/{TOKEN}", {}),
        (f"/{TOKEN}/", {"host": "evil.example"}),
        (f"/{TOKEN}/", {"origin": "http://evil.example"}),
        (f"/{TOKEN}/", {"sec-fetch-site": "cross-site"}),
    ],
)
def test_doors_are_shut(page, path, headers):
    for method in ("GET", "POST", "OPTIONS", "PUT"):
        answer = page.client.request(method, path, headers=headers)
        assert answer.status_code == 403 and TOKEN not in answer.text
        assert "access-control-allow-origin" not in answer.headers


def test_a_websocket_is_closed(page):
    with pytest.raises(WebSocketDisconnect) as closed:
        with page.client.websocket_connect(f"/{TOKEN}/"):
            pass
    assert closed.value.code == 1008


def test_too_large_a_file_is_refused_and_leaves_nothing(page, root):
    told = page.send("old", "large.csv", b"1" * 1_100_000, 413)
    assert "--megabytes" in told["error"]
    page.send("old", "a.csv", b"1" * 900_000)
    page.send("new", "b.csv", b"1" * 200_000, 413)
    assert [p.name for p in root.glob("*/*/*")] == ["a.csv"]
    page.ask("clear/old")
    page.send("new", "b.csv", b"1" * 200_000)
    page.ask("start/transfer", {"property": "x" * 30_000}, 413)


def test_a_file_whose_sending_ends_early_does_not_count(page, root):
    def parts():
        yield b"1" * 700_000
        yield b"1" * 700_000

    page.send("old", "large.csv", parts(), 413)
    page.send("old", "a.csv", b"1" * 900_000)
    assert [p.name for p in root.glob("*/*/*")] == ["a.csv"]


def test_hostile_names_and_addresses_stay_inside(page, root):
    for name in ("../../../../tmp/evil.csv", "..\\..\\evil.csv", "/etc/evil.csv", ""):
        page.send("old", name, b"1")
    assert {p.parent.name for p in root.rglob("*") if p.is_file()} == {"old"}
    page.post(f"visit/{page.visit}/file/..%2F..", status=404)
    assert "no such place" in page.ask("file/out", None, 400)["error"]
    for path in (
        "out/transfer/..%2F..%2Fold%2Fevil.csv",
        "out/transfer/results.npz",
        "out/look/..%2Fold.png",
        "out/look/evil.png",
        "out/transfer/report.html",
    ):
        page.get(path, 404)
    for path in ("out/old/evil.csv", "job/old", "job/transfer"):
        page.get(path, 400)
    other = page.client.get(f"/{TOKEN}/visit/..%2F{page.visit}/job/transfer")
    assert other.status_code == 404


def test_settings_that_are_no_settings(page):
    for slot, name in (("old", "old_instrument.csv"), ("new", "new_instrument.csv")):
        page.send(slot, name, content(name))
    for body in ([], "x", {"out": "/"}, {"property": 3}, {"n": "-1"}):
        assert page.ask("start/transfer", body, 400)["error"]
    assert "no such task" in page.ask("start/demo", {}, 400)["error"]
    assert page.ask("start/monitor", {}, 400)["error"].startswith("Model")


def test_a_visit_that_ends_takes_its_files_along(page, root):
    page.send("old", "a.csv", b"1")
    other = Page(page.client)
    other.send("old", "b.csv", b"1")
    page.ask("end")
    assert {p.name for p in root.glob("*")} == {other.visit}
    assert "ended" in page.ask("alive", None, 400)["error"]
    other.ask("alive")


def test_a_visit_that_is_silent_ends(root, monkeypatch):
    monkeypatch.setattr("spektron_jax.app.server.SWEEP_S", 0.01)
    app, now = App(root), [0.0]
    app.visits = Visits(root, 100, lambda: now[0])
    with testclient.TestClient(
        app.server(TOKEN, PORT), HOME, headers={"origin": HOME}
    ) as client:
        page = Page(client)
        page.send("old", "a.csv", b"1")
        page.ask("leave")
        now[0] = 1000.0
        for _ in range(1000):
            if not list(root.iterdir()):
                break
            time.sleep(0.01)
        assert not list(root.iterdir())
    assert not root.exists()


def test_from_two_files_to_predictions(page, root):
    """The journey of a chemist: read, transfer, report, downloads, predict."""
    for slot, name in (("old", "old_instrument.csv"), ("new", "new_instrument.csv")):
        page.send(slot, name, content(name))
        shown = page.ask(f"look/{slot}", {"strict": True})
        assert any("nm" in text for _, text in shown["rows"])
        picture = page.get(f"out/look/{slot}.png")
        assert picture.content[:4] == b"\x89PNG"
    offered = page.ask("offer")
    assert offered["settings"]["regime"] == "paired"
    job = page.run("transfer", offered["settings"] | QUICK)
    assert job["state"] == "done" and job["report"] and "error" not in job["answer"]
    assert any("first answer" in line for line in job["lines"])
    assert not any(str(root) in line for line in job["lines"])
    report = page.get("out/transfer/report.html")
    assert "<h1>" in report.text and str(root) not in report.text
    assert report.headers["content-security-policy"].startswith("sandbox")
    assert "content-disposition" not in report.headers
    saved = page.get("out/transfer/report.html?save")
    assert "attachment" in saved.headers["content-disposition"]
    packed = page.get("out/transfer/model.zip").content
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert "model/manifest.json" in names
    page.ask("export/calibration.csv")
    exported = page.get("out/transfer/calibration.csv")
    assert "attachment" in exported.headers["content-disposition"]
    assert b"coefficients" in exported.content
    # In another visit, with the model that was taken along.
    later = Page(page.client)
    later.send("model", "model.zip", packed)
    text = content("new_samples.csv").decode()
    first = text.splitlines()[1].partition(",")[0]
    later.send("spectra", HOSTILE, text.replace(f"{first},", f"=1+{first},", 1))
    job = later.run("predict")
    assert job["state"] == "done", job
    rows = job["answer"]["predictions"]
    assert rows[0]["sample_id"] == f"=1+{first}" and len(rows) == 30
    table = later.get("out/predict/predictions.csv").text
    assert list(csv.reader(io.StringIO(table)))[1][0].startswith("'=1+")


def test_a_file_that_cannot_be_read_is_an_answer(page):
    page.send("old", "notes.txt", b"no spectra here")
    told = page.ask("look/old", {})
    assert told["error"].startswith("notes.txt") and "rows" not in told
    assert "first" in page.ask("offer", None, 400)["error"]
    page.send("model", "model.zip", b"no zip", 400)
    assert "give a file" in page.ask("look/model", {}, 400)["error"]


def test_the_command_serves_on_this_computer_alone_and_cleans_up(tmp_path):
    """A real server: where it listens, and that a signal removes all files."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "spektron_jax", "app", "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            address = re.search(r"http://\S+", server.stdout.readline())[0]
            port = int(address.split(":")[2].split("/")[0])
            assert _get(address) == 200 and _get(f"http://127.0.0.1:{port}/") == 403
            assert not _listens(_own_address(), port)
            request = urllib.request.Request(f"{address}visit", method="POST")
            request.add_header("Origin", f"http://127.0.0.1:{port}")
            with urllib.request.urlopen(request) as answer:
                visit = json.load(answer)["visit"]
            (root,) = tmp_path.glob("spektron-app-*")
            assert (root / visit).is_dir() and root.stat().st_mode & 0o77 == 0
        finally:
            server.send_signal(signal.SIGINT)
        assert "removed" in server.stdout.read()
    assert server.returncode == 0 and not list(tmp_path.glob("spektron-app-*"))


def _get(address):
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def _own_address():
    """Of this computer in its network, without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))
            return one.getsockname()[0]
        except OSError:
            return "127.0.0.2"  # another address of the same computer


def _listens(address, port):
    with socket.socket() as one:
        one.settimeout(2)
        return one.connect_ex((address, port)) == 0


def test_files_named_in_the_table_are_those_that_tasks_write():
    for task in fields.TASKS.values():
        assert all(Path(name).name == name for name in task.files)
