"""What a hostile file or a hostile page can do to the local app: nothing."""

import csv
import http.server
import threading
import zipfile

import pytest
from test_browser_app import begin, put, quick, report, result

from spektron_jax import demo

IMAGE = "<img src=x onerror=alert(1)>"
FILE = f"{IMAGE}..%2f..%2f.csv".replace("/", "")


def hostile_tables(folder):
    """The demo's files with hostile names of files, samples and properties."""
    paths = []
    for name in ("old", "new"):
        with demo.path_of(f"{name}_instrument.csv").open() as file:
            header, *rows = csv.reader(file)
        header = [f'{IMAGE}"%' if cell == "Moisture (%)" else cell for cell in header]
        rows = [[f"'\"><script>alert(1)</script>{row[0]}", *row[1:]] for row in rows]
        paths.append(folder / f"{name}{FILE}")
        with paths[-1].open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    return paths


def test_names_of_files_samples_and_properties_are_text(open_app, tmp_path, width):
    tab = open_app(width)
    for place, path in enumerate(hostile_tables(tmp_path)):
        put(tab, place, path)
        slot = tab.page.locator("section:not([hidden]) .slot").nth(place)
        assert "<script>alert(1)</script>" in slot.inner_text()
    assert tab.page.locator("main img").count() == 2  # the pictures alone
    option = tab.page.locator("#transfer-property option").first
    assert option.inner_text().startswith(IMAGE)
    quick(tab)
    begin(tab, "Transfer")
    frame = report(tab)
    assert IMAGE in frame.locator("h1").inner_text()
    assert frame.locator("script").count() == 0
    assert result(tab).startswith("Done in")
    tab.fits()


def test_a_report_could_run_nothing(app, open_app, transferred, width):
    """Were there a script in a report, it would not run."""
    tab = open_app(width)
    for place, name in enumerate(("old", "new")):
        put(tab, place, transferred / f"{name}_instrument.csv")
    quick(tab)
    begin(tab, "Transfer")
    report(tab)
    result(tab)
    visit = tab.page.evaluate("began.visit")
    (path,) = app[1].rglob(f"{visit}/out/transfer/report.html")
    path.write_text(
        "<h2 id=verdict>planted</h2><script>document.title = 'ran'; parent.ran = 1;"
        "fetch('/')</script><img src=https://example.org/x>"
        "<form action='https://example.org'><button>go</button></form>"
    )
    tab.page.evaluate("showReport(tasks.transfer)")
    frame = tab.page.frame_locator("section:not([hidden]) iframe")
    frame.get_by_text("planted").wait_for()
    frame.get_by_role("button", name="go").click()
    tab.page.wait_for_timeout(500)
    assert not tab.page.evaluate("window.ran")
    told = [one for one in tab.said if "Blocked" in one or "Security Policy" in one]
    assert told and tab.said == told
    tab.said.clear()


class Foreign(http.server.BaseHTTPRequestHandler):
    """A page of somebody else."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<link rel=icon href=data:,><title>foreign</title>")

    def log_message(self, *_):
        pass


@pytest.fixture
def foreign():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


ATTEMPTS = """async address => {
  const tried = [];
  for (const given of [{method: "POST"}, {method: "POST", mode: "no-cors"}, {}]) {
    try {
      const answer = await fetch(address + "visit", given);
      tried.push(`${answer.type} ${answer.status}`);
    } catch (error) { tried.push(error.name); }
  }
  const frame = document.createElement("iframe");
  frame.src = address;
  const seen = new Promise(done => { frame.onload = done; setTimeout(done, 3000); });
  document.body.append(frame);
  await seen;
  let inside = null;
  try { inside = frame.contentDocument.body.innerText; } catch { /* another origin */ }
  return { tried, inside };
}"""


def test_another_page_reaches_nothing_though_it_knows_the_token(
    app, open_tab, foreign, width
):
    tab = open_tab(foreign, width, allowed=[app[0]])
    before = {path.name for root in app[1].iterdir() for path in root.iterdir()}
    found = tab.page.evaluate(ATTEMPTS, app[0])
    assert found["tried"] == ["TypeError"] * 3  # the browser shows it no answer
    assert not found["inside"] or "Transfer" not in found["inside"]
    after = {path.name for root in app[1].iterdir() for path in root.iterdir()}
    assert after <= before, "a foreign page began a visit"
    tab.said.clear()  # the browser says that it blocked these


def test_a_name_that_is_bound_anew_to_this_computer(
    app, start_browser, open_tab, width
):
    by = start_browser("--host-resolver-rules=MAP evil.example 127.0.0.1")
    port = app[0].split(":")[2].split("/")[0]
    address = app[0].replace("127.0.0.1", "evil.example")
    assert f"evil.example:{port}" in address
    home = address.split(port)[0]  # the browser asks there for an icon
    tab = open_tab(address, width, by=by, allowed=[home])
    assert tab.page.locator("body").inner_text().startswith("refused: this server")
    tab.expected = ("403", "Cross-Origin-Opener-Policy")


def test_files_that_are_none_and_too_much(open_app, tmp_path, transferred, width):
    tab = open_app(width, "Predict")
    zipped = tmp_path / "model.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../manifest.json", "0" * 100_000_000)
    (tmp_path / "none.csv").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "large.csv").write_bytes(b"1" * 21_000_000)
    for place, path, word in (
        (0, zipped, "claims"),
        (1, tmp_path / "none.csv", "none.csv"),
        (1, tmp_path / "large.csv", "--megabytes"),
    ):
        put(tab, place, path)
        slot = tab.page.locator("section:not([hidden]) .slot").nth(place)
        slot.get_by_role("status").filter(has_text=word).wait_for()
    tab.expected = ("400",)
    tab.accessible()
    put(tab, 0, transferred / "model.zip")
    put(tab, 1, transferred / "new_samples.csv")
    begin(tab, "Predict")
    assert result(tab).startswith("Done in")
