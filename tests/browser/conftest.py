"""A real browser, and what is tried in it: pages, a server, a model.

`bash launch/test.sh --browser` sets it up. Every tab is watched: a message on the
console, a dialog or a request outside fails its test.
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spektron_jax import demo
from spektron_jax.app import packed
from spektron_jax.commands.prompt.run import main

ROOT = Path(__file__).parents[2]
HOSTILE = '=1+1"><img src=x onerror=alert(1)><script>alert(1)</script>'
SERIOUS = ("serious", "critical")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def playwright():
    reason = "playwright is not installed: bash launch/test.sh --browser"
    sync = pytest.importorskip("playwright.sync_api", reason=reason)
    with sync.sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def start_browser(playwright):
    """Starts the system's chromium, or the one of playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    path = path or playwright.chromium.executable_path
    if not Path(path).exists():
        pytest.skip(
            "no chromium: apt-get install chromium, or playwright install chromium"
        )
    started = []

    def start(*arguments):
        launched = playwright.chromium.launch(executable_path=path, args=arguments)
        started.append(launched)
        return launched

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def browser(start_browser):
    return start_browser()


@pytest.fixture(params=[400, 1400], ids=["narrow", "wide"])
def width(request):
    return request.param


class Watched:
    """A tab, and all that it said and asked.

    Attributes:
      page: of playwright
      said: messages, errors and dialogs
      asked: addresses
      allowed: starts of addresses that it may ask
      expected: parts of messages that the test is about
    """

    def __init__(self, context, allowed):
        self.page, self.allowed = context.new_page(), ["data:", "blob:", *allowed]
        self.said, self.asked, self.expected = [], [], ()
        self.page.on("console", lambda one: self.said.append(one.text))
        self.page.on("pageerror", lambda one: self.said.append(str(one)))
        self.page.on("dialog", self._dialog)
        context.on("request", lambda one: self.asked.append(one.url))
        context.on("requestfailed", self._failed)

    def _dialog(self, dialog):
        self.said.append(f"dialog {dialog.type}: {dialog.message}")
        dialog.dismiss()

    def _failed(self, request):
        if request.failure == "csp":  # it never left the browser
            self.asked.remove(request.url)

    def check(self):
        """Nothing was said that was not expected, nothing asked outside."""
        said = [
            one for one in self.said if not any(map(one.__contains__, self.expected))
        ]
        assert not said
        start = tuple(self.allowed)
        assert not [url for url in self.asked if not url.startswith(start)]

    def fits(self):
        page = self.page
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= page.viewport_size["width"]

    def accessible(self):
        """axe-core has no serious finding."""
        reason = "axe-playwright-python is not installed"
        axe = pytest.importorskip(
            "axe_playwright_python.sync_playwright", reason=reason
        )
        options = {"resultTypes": ["violations"], "iframes": False}
        found = axe.Axe().run(self.page, options=options).response["violations"]
        assert not [
            (one["id"], [node["target"] for node in one["nodes"]][:5])
            for one in found
            if one["impact"] in SERIOUS
        ]

    def tab_to(self, wanted, most=60):
        """Press Tab until the focus is on what matches a selector."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("s => document.activeElement.matches(s)", wanted):
                return
        raise AssertionError(f"{wanted} cannot be reached by the Tab key")


@pytest.fixture
def open_tab(browser):
    """Opens a watched tab; when the test is over, it is checked."""
    tabs = []

    def open_one(address, width=1400, scheme="light", allowed=(), by=None, **settings):
        size = {"width": width, "height": 900}
        context = (by or browser).new_context(
            viewport=size, color_scheme=scheme, **settings
        )
        tab = Watched(context, [address, *allowed])
        tab.context = context
        tabs.append(tab)
        tab.page.goto(address)
        return tab

    yield open_one
    for tab in tabs:
        tab.check()
        tab.context.close()


@pytest.fixture(scope="session")
def transferred(tmp_path_factory):
    """A folder with the demo's files, a transfer, and its model as a zip."""
    folder = tmp_path_factory.mktemp("transferred")
    for name in demo.FILES:
        shutil.copyfile(demo.path_of(name), folder / name)
    files = [str(folder / f"{name}_instrument.csv") for name in ("old", "new")]
    settings = ["--property=Moisture", "--no-compare", "--weights="]
    assert main(["transfer", *files, *settings, f"--out={folder / 'out'}"]) == 0
    packed.pack(folder / "out" / "model", folder / "model.zip")
    return folder


def serve(folder, *settings):
    """A running `spektron app` and its address."""
    command = [sys.executable, "-m", "spektron_jax", "app", "--no-browser", *settings]
    environment = os.environ | {"TMPDIR": str(folder)}
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    return server, re.search(r"http://\S+", server.stdout.readline())[0]


@pytest.fixture(scope="session")
def app(tmp_path_factory):
    """Address of a running app, and the folder where its files are."""
    missing = [
        name for name in ("starlette", "uvicorn") if not importlib.util.find_spec(name)
    ]
    if missing:
        pytest.skip(f"{' and '.join(missing)}: pip install spektron-jax[app]")
    folder = tmp_path_factory.mktemp("app")
    server, address = serve(folder, "--megabytes=20")
    with server:
        yield address, folder
        server.send_signal(signal.SIGINT)
    assert not list(folder.iterdir()), "files are left"


@pytest.fixture
def open_app(app, open_tab):
    """Opens the app; its visit ends with the test."""
    tabs = []

    def open_one(width=1400, task="", **settings):
        tab = open_tab(app[0], width, **settings)
        tab.page.wait_for_selector("h1:visible")
        if task:
            tab.page.get_by_role("navigation").get_by_role("link", name=task).click()
        tabs.append(tab)
        return tab

    yield open_one
    for tab in tabs:
        tab.page.evaluate("began && endVisit()")
