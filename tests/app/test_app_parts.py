"""The parts of the local page that need no framework."""

import asyncio
import json
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from spektron_jax.app import fields, found, guard, jobs, names, packed, words
from spektron_jax.app.jobs import Busy, Job, Jobs
from spektron_jax.app.visits import LEFT_S, MOST_VISITS, SILENCE_S, TooMuch, Visits
from spektron_jax.commands import app, workdir_lock
from spektron_jax.commands.prompt import run, typed
from spektron_jax.commands.prompt.parser import build
from spektron_jax.commands.prompt.settings import leaves
from spektron_jax.commands.prompt.table import SUBCOMMANDS
from spektron_jax.errors import SpektronError

TOKEN, PORT = "a-token", 8765
OWN = {"host": f"127.0.0.1:{PORT}", "origin": f"http://127.0.0.1:{PORT}"}
HOSTILE = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/absolute.csv",
    "C:\\corn.csv",
    "a\0b.csv",
    "<img src=x onerror=alert(1)>.csv",
    "\u202egpj.csv",
    "-rf.csv",
    ".hidden",
    "CON.csv",
    "lpt1",
    "..",
    "",
    "   ",
    "x" * 500 + ".csv",
    "a.csv\n--out=/",
    "é" * 300,
    "~/.ssh/id",
    "$(id);`id`|id&.csv",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_in_its_folder(tmp_path, name):
    safe = names.safe_name(name)
    assert (tmp_path / safe).resolve().parent == tmp_path.resolve()
    assert safe == Path(safe).name and safe.isprintable() and safe[0] not in "-. "
    assert not set(safe) & set("<>:\"/\\|?*$`;&'~") and len(safe) <= 100
    assert safe.partition(".")[0].lower() not in names.DEVICES
    (tmp_path / safe).write_text("it can be written")


def test_a_good_name_stays_as_it_is(tmp_path):
    for name in ("corn m5 (2).csv", "Weizen_äöü.h5", "scan.0", "a.b.csv"):
        assert names.safe_name(name) == name
    (tmp_path / "a.csv").touch()
    assert names.free_name(tmp_path, "a.csv").name == "a 2.csv"


def refusal(method="GET", path=f"/{TOKEN}/", **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items() if v is not None}
    return guard.refusal(method, path, {**OWN, **headers}, TOKEN, PORT)


def test_the_page_itself_may_ask():
    assert refusal() is None and refusal("POST", f"/{TOKEN}/visit") is None
    local = {"host": f"localhost:{PORT}", "origin": f"http://localhost:{PORT}"}
    assert refusal("POST", **local, sec_fetch_site="same-origin") is None
    bare = {"host": OWN["host"], "sec-fetch-site": "none"}  # typed by the user
    assert guard.refusal("GET", f"/{TOKEN}/", bare, TOKEN, PORT) is None


@pytest.mark.parametrize(
    "headers, word",
    [
        ({"host": "evil.example"}, "own name"),  # DNS bound anew to 127.0.0.1
        ({"host": f"evil.example:{PORT}"}, "own name"),
        ({"host": f"127.0.0.1.evil.example:{PORT}"}, "own name"),
        ({"host": "127.0.0.1:80"}, "own name"),
        ({"host": ""}, "own name"),
        ({"origin": "http://evil.example"}, "another page"),
        ({"origin": "null"}, "another page"),
        ({"origin": f"https://127.0.0.1:{PORT}"}, "another page"),
        ({"origin": f"http://localhost:{PORT}"}, "another page"),
        ({"sec_fetch_site": "cross-site"}, "another page"),
        ({"sec_fetch_site": "same-site"}, "another page"),
    ],
)
def test_others_may_not_ask(headers, word):
    assert word in refusal("POST", **headers)
    assert word in refusal("GET", **headers)


def test_a_change_needs_an_origin_and_all_need_the_token():
    without = {"host": OWN["host"]}
    assert "Origin" in guard.refusal("POST", f"/{TOKEN}/visit", without, TOKEN, PORT)
    for path in ("/", "", "/other/visit", f"/{TOKEN}x/", f"//{TOKEN}/", "/é/", "x"):
        assert "token" in refusal(path=path)
    assert len({guard.new_token() for _ in range(9)}) == 9
    assert all(len(guard.new_token()) >= 32 for _ in range(9))


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def visits(tmp_path, clock):
    return Visits(tmp_path, 100, lambda: clock[0])


def test_a_visit_ends_by_silence_or_soon_after_it_is_left(visits, clock, tmp_path):
    silent, left, loaded = (visits.begin().name for _ in range(3))
    visits.leave(left)
    visits.leave(loaded)
    visits.of(loaded)  # speaks again
    clock[0] = LEFT_S
    assert visits.over() == [left]
    visits.end(left)
    with pytest.raises(SpektronError, match="ended"):
        visits.of(left)
    clock[0] = SILENCE_S
    assert set(visits.over()) == {silent, loaded}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([silent, loaded])
    visits.end(silent), visits.end(loaded)
    assert not list(tmp_path.iterdir())


def test_visits_and_their_files_are_limited(visits, clock):
    visit = visits.begin()
    visit.count("old", 60)
    with pytest.raises(TooMuch, match="--megabytes"):
        visit.count("new", 41)
    visit.clear("new")
    visit.count("new", 40)
    for _ in range(MOST_VISITS - 1):
        visits.begin()
    with pytest.raises(SpektronError, match="close one"):
        visits.begin()


def test_one_file_is_a_path_and_several_are_a_folder(visits):
    visit = visits.begin()
    assert visit.given("old") == ""
    visit.new_file("old", "../a.csv").write_text("1")
    assert visit.given("old") == "old/a.csv"
    visit.new_file("old", "a.csv").write_text("2")
    assert visit.given("old") == "old"
    assert {p.name for p in visit.slot("old").iterdir()} == {"a.csv", "a 2.csv"}


def test_a_model_comes_back_from_its_zip(tmp_path):
    model, home = tmp_path / "model", tmp_path / "home"
    for folder in (model, home):
        folder.mkdir()
    for name in ("manifest.json", "model.json", "model.npz"):
        (model / name).write_text(name)
    packed.pack(model, home / "model.zip")
    packed.unpack(home / "model.zip")
    assert {p.name: p.read_text() for p in home.iterdir()} == {
        name: name for name in ("manifest.json", "model.json", "model.npz")
    }


@pytest.mark.parametrize(
    "entries, word",
    [
        ({"a.txt": "x"}, "0 model folders"),
        ({"a/manifest.json": "", "b/manifest.json": ""}, "2 model folders"),
        ({"manifest.json": "", "run.py": "x"}, "other files"),
        ({"m/manifest.json": "", "m/..\\x.npz": "x"}, "other files"),
        ({"m/manifest.json": "", **{f"m/{k}.npz": "" for k in range(20)}}, "other"),
        ({"m/manifest.json": "0" * 80_000_000}, "claims"),
        (None, "no zip"),
    ],
)
def test_a_hostile_zip_writes_nothing(tmp_path, entries, word):
    path = tmp_path / "model.zip"
    path.write_bytes(b"PK not really")
    if entries is not None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in entries.items():
                archive.writestr(name, text)
    with pytest.raises(SpektronError, match=word):
        packed.unpack(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.zip"]


def test_a_zip_with_folders_upwards_stays_inside(tmp_path):
    inside = tmp_path / "visit" / "model"
    inside.mkdir(parents=True)
    with zipfile.ZipFile(inside / "m.zip", "w") as archive:
        archive.writestr("../../manifest.json", "up")
        archive.writestr("../../model.json", "up")
    packed.unpack(inside / "m.zip")
    assert {p.name for p in inside.iterdir()} == {"manifest.json", "model.json"}
    assert [p.name for p in tmp_path.iterdir()] == ["visit"]


def given(slot):
    return f"{slot}/a.csv"


def command(name, settings=None, given=given, there=lambda path: True):
    return words.command(fields.TASKS[name], settings or {}, given, there)


def changed(field):
    """A value that is not the default."""
    values = {"number": "7", "date": "2026-11-29", "flag": not field.default}
    text = "x" if field.name not in ("n",) else "7"
    if field.kind == "choice":
        text = next(v for v, _ in field.choices if v not in ("", field.default))
    return values.get(field.kind, text)


@pytest.mark.parametrize("name", fields.TASKS)
def test_every_setting_of_the_page_is_an_option_of_the_command(name):
    task = fields.TASKS[name]
    settings = {field.name: changed(field) for field in task.fields}
    argv = command(name, settings)
    parsed, unknown = build([name]).parse_known_args(argv)
    assert not unknown and parsed.json
    config = typed.fill(SUBCOMMANDS[name], dict(vars(parsed)))
    flat = json.dumps(config.to_dict())
    for field in task.fields:
        if field.kind != "flag":
            assert changed(field) in flat, field.name
    assert vars(parsed)["folder written to"] == f"out/{name}"


@pytest.mark.parametrize("name", fields.TASKS)
def test_defaults_of_the_page_are_those_of_the_command(name):
    config = typed.config_of(SUBCOMMANDS[name])
    setting = {v: k for k, v in typed.options(SUBCOMMANDS[name], config).items()}
    defaults = dict(leaves(config))
    for field in fields.TASKS[name].fields:
        option = field.option.replace("--no-", "--").rstrip("=")
        if field.kind == "flag":
            assert bool(defaults[setting[option]]) is field.default
        else:
            assert str(defaults[setting[option]]) == field.default


def test_exports_and_readings_are_command_lines_too():
    for argv in (*map(words.exporting, fields.EXPORTS), words.reading("a", "b", {})):
        assert not build([argv[0]]).parse_known_args(argv)[1]
    with pytest.raises(SpektronError, match="choose from"):
        words.exporting("../../x.html")


def test_a_setting_cannot_become_another_option():
    argv = command("transfer", {"property": "--out=/etc -x"})
    assert "--property=--out=/etc -x" in argv
    for settings in (
        {"property": "a\nb"},
        {"property": "x" * 999},
        {"property": ["a"]},
        {"n": "-1"},
        {"n": "1e9"},
        {"regime": "other"},
        {"compare": "yes"},
        {"out": "/"},
        {"unit": None},
    ):
        with pytest.raises(SpektronError):
            command("transfer", settings)
    with pytest.raises(SpektronError, match="date"):
        command("monitor", {"when": "=1+1 today"})


def test_what_stands_in_for_files():
    def only(*slots):
        return lambda slot: f"{slot}/a.csv" if slot in slots else ""

    argv = command("predict", given=only("spectra"))
    assert argv[1] == "out/transfer/model"
    with pytest.raises(SpektronError, match="Model"):
        command("predict", given=only("spectra"), there=lambda path: False)
    with pytest.raises(SpektronError, match="New instrument: give"):
        command("transfer", given=only("old"))
    assert "--log=log/control.csv" in command(
        "monitor", given=only("model", "control"), there=lambda path: False
    )


READ = {
    "numbered": False,
    "samples": ["a", "b"],
    "modality": "NIR",
    "instruments": {
        "m5": {
            "spectra": 2,
            "points": 3,
            "first": 1.0,
            "last": 3.0,
            "unit": "nm",
            "quantity": "unknown",
            "unlike": ["b"],
        }
    },
    "targets": {"fat": 2},
    "labels": [],
    "notes": ["n"] * 30,
    "problems": ["p"],
}


def test_what_is_told_of_a_file():
    shown = found.shown(READ)
    assert ("Unlike the others", "b") in shown["rows"]
    assert dict(shown["rows"])["fat"] == "2 values"
    assert shown["notes"][0] == "p" and shown["notes"][-1] == "and 11 more"


@pytest.mark.parametrize(
    "samples, targets, labels, regime",
    [
        (["b", "c"], {}, False, "paired"),
        (["x"], {"fat": 1}, False, "unpaired"),
        (["x"], {}, True, "unpaired"),
        (["x"], {"fat": 0}, False, "unlabelled"),
    ],
)
def test_what_is_offered_first(samples, targets, labels, regime):
    offered = found.offered(
        READ, {**READ, "samples": samples, "targets": targets}, labels
    )
    assert offered["settings"]["regime"] == regime
    assert offered["settings"]["property"] == "fat" and offered["settings"]["n"] == "1"
    assert ("need the same name" in offered["said"]) is (regime != "paired")


@pytest.mark.parametrize(
    "rows, targets, regime, said",
    [
        ("12", {}, "paired", "their 2 rows are paired in order"),
        (
            "1",
            {"fat": 0},
            "unlabelled",
            "Neither file names its samples: samples measured",
        ),
        (
            "1",
            {"fat": 1},
            "unpaired",
            "Neither file names its samples: samples measured",
        ),
    ],
)
def test_row_numbers_are_no_names(rows, targets, regime, said):
    """Catches: an offer to pair files whose transfer is refused."""
    bare = {**READ, "numbered": True}
    old, new = bare | {"samples": ["1", "2"]}, bare | {"samples": list(rows)}
    offered = found.offered(old, new | {"targets": targets}, False)
    assert offered["settings"]["regime"] == regime and said in offered["said"]


@pytest.mark.parametrize("task", ["transfer", "monitor"])
def test_scans_of_a_sample_have_a_field(task):
    """Catches: the page showed --replicates, which nobody can type there."""
    text = "S_1, S_2: taken as 2 samples; --replicates _ averages them"
    told = words.in_page_words(text, fields.TASKS[task].fields)
    assert "--" not in told and "“Scans of a sample” _ averages" in told


def test_messages_speak_of_the_page():
    text = "a: no unit; give --unit nm, --no-strict or --other"
    told = words.in_page_words(text, (fields.UNIT, fields.STRICT))
    unit, strict = fields.UNIT.label, fields.STRICT.label
    assert told == f"a: no unit; give “{unit}” nm, “{strict}” or --other"


def test_a_job_runs_a_command_and_keeps_its_answer(tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemExit('a file of a visit ran')")
    job = Job(["formats", "--json"], tmp_path, 60)
    answer = asyncio.run(job.run())
    assert job.state == "done" and answer["formats"]
    job = Job(["read", "absent.csv", "--json"], tmp_path, 60)
    assert "no such file" in asyncio.run(job.run())["error"] and job.state == "failed"


def test_a_bar_is_progress_and_lines_are_kept(tmp_path):
    job = Job(["transfer"], tmp_path, 60)
    for line in ("trials:  35%|███▌ | 21/60 [00:48<00:24]", "first answer: use it"):
        job.hear(line)
    assert job.percent == 35 and list(job.lines) == ["first answer: use it"]


async def _endless(job):
    """As a job runs its child, which has a child of its own and no end."""
    sleeper = "import time; time.sleep(99)"
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleeper!r}])"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{code}\nprint('on', flush=True)\n{sleeper}"),
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    job.group = process.pid
    try:
        await process.stdout.readline()
        job.hear("both run")
        await process.wait()
    finally:
        await jobs.end(process)


def gone(group):
    """Whether no process of a group is left, apart from the dead."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, number = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(number) == group and state != "Z":
            return False
    return True


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc to look at processes")
def test_a_job_that_is_stopped_leaves_no_process(tmp_path, monkeypatch):
    async def scene():
        all_jobs = Jobs(600)
        job = all_jobs.start("a", tmp_path, ["transfer"], True)
        while not job.lines:
            await asyncio.sleep(0.01)
        assert not gone(job.group)
        # A child of the child that lives on keeps the pipe open until it ends.
        await asyncio.wait_for(all_jobs.stop("a", "transfer"), 50)
        return job

    monkeypatch.setattr(Job, "_run", _endless)
    job = asyncio.run(scene())
    assert job.state == "stopped"
    for _ in range(100):  # the killed need a moment; the sleepers would sleep 99 s
        if gone(job.group):
            return
        time.sleep(0.05)
    raise AssertionError("a process of the job still runs")


def test_a_job_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    async def forever(job):
        await asyncio.Event().wait()

    monkeypatch.setattr(Job, "_run", forever)
    job = Job(["transfer"], tmp_path, 0.01)
    assert "--minutes" in asyncio.run(job.run())["error"] and job.state == "failed"


def test_one_heavy_job_at_a_time(tmp_path, monkeypatch):
    async def forever(self):
        await asyncio.sleep(99)

    async def scene():
        desk = Jobs(60)
        first = desk.start("a", tmp_path, ["transfer"], True)
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="on another page"):
            desk.start("b", tmp_path, ["identify"], True)
        with pytest.raises(Busy, match="here"):
            desk.start("a", tmp_path, ["transfer"], True)
        second = desk.start("b", tmp_path, ["predict"], False)
        third = desk.start("c", tmp_path, ["predict"], False)
        await asyncio.sleep(0.01)
        assert (second.state, third.state) == ("running", "waiting")
        await desk.stop("c", "predict")
        await desk.forget("a")
        assert first.state == third.state == "stopped"
        desk.start("b", tmp_path, ["identify"], True)
        await desk.forget("b")

    monkeypatch.setattr(Job, "_run", forever)
    asyncio.run(scene())


def test_the_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    assert run.main(["app"]) == 2
    assert 'pip install "spektron-jax[app]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["--port=70000", "--port=-1", "--megabytes=0", "--minutes=-1"]
)
def test_settings_that_cannot_work_are_refused(capsys, option):
    assert run.main(["app", option]) == 2
    assert option[2:].partition("=")[0] in capsys.readouterr().err


def test_what_a_killed_app_left_is_removed_at_the_next_start(tmp_path):
    for name in ("spektron-app-dead", "spektron-app-alive", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "corn.csv").touch()
    with workdir_lock.held(tmp_path / "spektron-app-alive"):
        app.remove_left(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"spektron-app-alive", "other"}


def test_the_page_names_no_address_but_its_own():
    for path in (Path(fields.__file__).parent / "page").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"//\w|@import|url\(", text), path
        assert not re.search(r"(inner|outer)HTML|insertAdj|eval\(|\.write\(", text), (
            path
        )
