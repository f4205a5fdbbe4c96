"""train(config, workdir): what a run writes, how it goes on, and when it refuses.

All runs here have equal settings as far as the state goes, so they share one compiled
step per number of devices; the evaluation is replaced (see test_evaluate), and so is
the network, of which the loop knows nothing: tests/multidevice and test_evaluate train
a real one.
"""

import json
import shutil

import h5py
import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.errors import SpektronError
from spektron_jax.losses.objective import NAMES, TERMS
from spektron_jax.training import checkpoint, loop, parallel, progress
from spektron_jax.training.curves import CURVES
from spektron_jax.training.state import build_model, build_optimizer, create
from tests.training import toy_model

TIMINGS = ("samples_per_s", "minutes")
STEPS, SAVED = 20, 10


@pytest.fixture(scope="module", autouse=True)
def shared(micro):
    """Compiles each program once for all runs, and counts how often it is traced."""
    made, mapped, traces = {}, {}, {}
    make, data_parallel = loop.make_pretrain_step, parallel.data_parallel

    def shared_make(config, model, optimizer, heads_alone=False):
        assert not heads_alone  # runs of both phases: test_separate.py
        key = frozenset(
            (name, str(value))
            for name, value in flatten_dict(config.to_dict(), sep=".").items()
            if not name.startswith(loop.FREE)
        )
        if key not in made:
            step, traces[key] = make(config, model, optimizer), 0

            def counted(state, batch):
                traces[key] += 1
                return step(state, batch)

            made[key] = counted
        return made[key]

    def shared_map(function, devices, donate=True):
        key = function, tuple(devices)
        if key not in mapped:
            mapped[key] = data_parallel(function, devices, donate)
        return mapped[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "make_pretrain_step", shared_make)
        patch.setattr(parallel, "data_parallel", shared_map)
        patch.setattr(loop.evaluate, "run", lambda *inputs: None)
        toy_model.take_its_place(patch.setattr, micro().data.points)
        yield traces


@pytest.fixture(scope="module")
def settings(micro):
    """The settings of every run here, on one device unless changed."""
    return lambda **changes: micro({"train.devices": 1} | changes)


@pytest.fixture(scope="module")
def unbroken(settings, shared, tmp_path_factory):
    """A run of 20 steps in one go."""
    workdir = tmp_path_factory.mktemp("unbroken")
    loop.train(settings(), workdir)
    assert list(shared.values()) == [1], "one trace for a run of 20 steps"
    return workdir


@pytest.fixture
def half(unbroken, tmp_path):
    """A copy of the run as it stood after 10 steps."""
    workdir = tmp_path / "run"
    shutil.copytree(unbroken, workdir)
    shutil.rmtree(folder(workdir, STEPS))
    return workdir


def folder(workdir, step):
    return workdir / "checkpoints" / f"{step:08d}"


def rows(workdir):
    return [json.loads(x) for x in (workdir / "metrics.jsonl").read_text().splitlines()]


def without_timings(workdir):
    return [
        {key: value for key, value in row.items() if key not in TIMINGS}
        for row in rows(workdir)
    ]


def stored(settings, workdir, step=STEPS):
    config = settings()
    state = create(config, build_model(config), build_optimizer(config))
    _, params, rest, _, position = checkpoint.restore(
        workdir, loop.rest_of(state), state.params, step
    )
    assert position["step"] == step
    return {"params": params, **rest}


def assert_same_run(settings, workdir, other):
    """Equal bit for bit: the whole state after the last step, and every row."""
    found, expected = stored(settings, workdir), stored(settings, other)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
    assert without_timings(workdir) == without_timings(other)


def assert_nothing_half_written(workdir):
    for path in workdir.rglob("*"):
        assert not path.name.endswith(".tmp") and "unfinished" not in path.name
    rows(workdir)
    for step in checkpoint.steps(workdir):
        checkpoint.verify(folder(workdir, step))


# What a run writes


def test_rows_hold_every_metric_of_the_design(unbroken):
    found = rows(unbroken)
    assert [row["step"] for row in found] == [4, 8, 10, 12, 16, 20]
    for row in found:
        assert list(row)[0] == "step"
        assert all(isinstance(value, int | float) for value in row.values())
        assert row.keys() >= {
            *("loss/total", "lr", "beta", "alpha", *TIMINGS),
            *("norm/gradient", "norm/update", "norm/parameter"),
            *(f"loss/{name}" for name in TERMS),
            *(f"weighted/{name}" for name in TERMS),
        }
        total = sum(row[f"weighted/{name}"] for name in NAMES)
        assert row["loss/total"] == pytest.approx(total, rel=1e-5)
        assert row["samples_per_s"] > 0 and row["minutes"] > 0
    minutes = [row["minutes"] for row in found]
    assert minutes == sorted(minutes)


def test_what_the_codes_know_is_logged_along_the_way(settings, tmp_path, shared):
    """At 6, 12 and 18, each time on the same spectra, without another trace."""
    loop.train(settings(**{"eval.curve_every_steps": 6}), tmp_path)
    found = {row["step"]: row for row in rows(tmp_path)}
    points = {
        step: {name: row[name] for name in row if name.startswith("curve/")}
        for step, row in found.items()
    }
    assert [step for step, point in points.items() if point] == [6, 12, 18]
    assert list(found) == [4, 6, 8, 10, 12, 16, 18, 20]
    for point in filter(None, points.values()):
        assert list(point) == [f"curve/{code}_{what}" for code, what in CURVES]
        assert all(0 <= value <= 1 for value in point.values())
    assert set(shared.values()) == {1}


def test_the_workdir_of_a_run(settings, unbroken):
    assert checkpoint.steps(unbroken) == [SAVED, STEPS]
    assert json.loads((unbroken / "config.json").read_text()) == json.loads(
        settings().to_json()
    )
    assert {path.name for path in folder(unbroken, STEPS).iterdir()} == {
        *("params", "rest", "config.json", "position.json", "manifest.json")
    }
    state = stored(settings, unbroken)
    assert state["step"] == STEPS
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state))
    assert_nothing_half_written(unbroken)


def test_what_is_printed(settings, half, capsys):
    loop.train(settings(), half)
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("parameters on 1 cpu device(s); 21,818 training examples")
    assert out[1].startswith("steps 10 to 20 of 8 examples")
    assert out[2].startswith("step     12  loss ") and out[-1].startswith("step     20")


# Going on


def test_a_resumed_run_is_the_unbroken_run(settings, unbroken, half, shared):
    loop.train(settings(), half)
    assert_same_run(settings, half, unbroken)
    assert set(shared.values()) == {1}


def test_a_time_limit_stops_with_a_whole_checkpoint(
    settings, unbroken, tmp_path, capsys
):
    """The same command, again and again, ends at the state of an unbroken run."""
    config = settings(**{"train.max_minutes": 1e-9})
    for stop in (4, 8, 10, 12, 16):
        loop.train(config, tmp_path)
        assert checkpoint.steps(tmp_path)[-1] == stop
        assert_nothing_half_written(tmp_path)
        out = capsys.readouterr().out
        assert f"stopped by train.max_minutes at step {stop} of 20" in out
        assert ("beta annealing" in out) == (stop < 12)
        assert "reversal strength, learning-rate decay" in out
    loop.train(config, tmp_path)
    assert "stopped" not in capsys.readouterr().out
    assert_same_run(settings, tmp_path, unbroken)


def test_a_stop_during_warm_up_says_so(settings):
    config = settings(**{"optim.warmup_fraction": 0.5})
    assert "learning-rate warm-up" in progress.stopped_early(config, 9)
    assert "learning-rate warm-up" not in progress.stopped_early(config, 10)


def test_an_interrupted_run_goes_on(settings, unbroken, tmp_path, monkeypatch):
    """Interrupted after the row of step 12, which the resumed run writes again."""
    make_writers = progress.make_writers

    def interrupting(*inputs, **keywords):
        writers = make_writers(*inputs, **keywords)
        write = writers.write

        def interrupt(step, row):
            write(step, row)
            if step == 12:
                raise KeyboardInterrupt

        writers.write = interrupt
        return writers

    monkeypatch.setattr(progress, "make_writers", interrupting)
    with pytest.raises(KeyboardInterrupt):
        loop.train(settings(), tmp_path)
    assert checkpoint.steps(tmp_path) == [SAVED]
    assert rows(tmp_path)[-1]["step"] == 12
    assert_nothing_half_written(tmp_path)
    monkeypatch.setattr(progress, "make_writers", make_writers)
    loop.train(settings(), tmp_path)
    assert_same_run(settings, tmp_path, unbroken)


def test_a_finished_run_only_evaluates(settings, unbroken, tmp_path, monkeypatch):
    shutil.copytree(unbroken, tmp_path / "run")
    evaluated = []
    monkeypatch.setattr(
        loop.evaluate,
        "run",
        lambda config, model, state, *others: evaluated.append(state),
    )
    loop.train(settings(), tmp_path / "run")
    assert int(evaluated[0].step) == STEPS
    assert rows(tmp_path / "run") == rows(unbroken)


def test_a_run_goes_on_with_another_number_of_devices(settings, unbroken, half, capsys):
    """Parameters are compared in tests/multidevice, losses here."""
    loop.train(settings(**{"train.devices": 2}), half)
    assert "on 2 cpu device(s)" in capsys.readouterr().out
    assert stored(settings, half)["step"] == STEPS
    for row, expected in zip(rows(half), rows(unbroken), strict=True):
        assert row["step"] == expected["step"]
        for name in (*TERMS, "total"):
            name = f"loss/{name}"
            assert row[name] == pytest.approx(expected[name], rel=1e-3), name


def test_a_damaged_checkpoint_is_stepped_over(settings, unbroken, tmp_path, caplog):
    workdir = tmp_path / "run"
    shutil.copytree(unbroken, workdir)
    victim = max(
        (x for x in folder(workdir, STEPS).rglob("*") if x.is_file()),
        key=lambda path: path.stat().st_size,
    )
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    loop.train(settings(), workdir)
    assert "checkpoint of step 20 is damaged" in caplog.text
    assert victim.name in caplog.text
    assert_same_run(settings, workdir, unbroken)


# Refusing


@pytest.mark.parametrize(
    "field, value, old",
    [
        ("optim.learning_rate", 1e-3, 3e-3),
        ("seed", 1, 0),
        ("train.steps", 30, 20),
        ("lab.pool", 5, 4),
    ],
)
def test_a_run_with_other_settings_is_refused(settings, half, field, value, old):
    before = {path: path.stat().st_mtime_ns for path in half.rglob("*")}
    with pytest.raises(SpektronError) as failure:
        loop.train(settings(**{field: value}), half)
    assert f"config.{field} = {old!r}, not {value!r}" in str(failure.value)
    assert str(half) in str(failure.value)
    assert {path: path.stat().st_mtime_ns for path in half.rglob("*")} == before


def test_a_run_of_an_older_version_goes_on(settings, half, monkeypatch):
    """Its settings lack what this version has added."""
    read = checkpoint.settings

    def older(workdir, step):
        saved = read(workdir, step)
        del saved["lab"]["fluorescence"], saved["eval"]
        return saved

    monkeypatch.setattr(checkpoint, "settings", older)
    config = settings()
    state = create(config, build_model(config), build_optimizer(config))
    assert loop.resume(config, half, state).step == SAVED


def test_settings_that_do_not_touch_the_state_may_change(settings, half, unbroken):
    changes = {"log.every_steps": 10, "checkpoint.keep": 1, "train.max_minutes": 60.0}
    loop.train(settings(**changes), half)
    assert checkpoint.steps(half) == [STEPS]
    a, b = stored(settings, half), stored(settings, unbroken)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.tobytes() == y.tobytes()


def test_a_value_that_is_not_finite_stops_the_run(
    settings, unbroken, tmp_path, monkeypatch
):
    """Step 12 meets an infinite line; the checkpoint of step 10 goes on without it."""
    fetch, calls = LineCorpus.fetch, []

    def faulty(self, molecule, modality):
        found = fetch(self, molecule, modality)
        calls.append(1)
        if len(calls) == 12:
            found["strength"][0, 0] = np.inf
        return found

    monkeypatch.setattr(LineCorpus, "fetch", faulty)
    with pytest.raises(SpektronError) as failure:
        loop.train(settings(**{"log.every_steps": 7}), tmp_path)
    message = str(failure.value)
    assert message.startswith("step 12: loss/") and "is not finite" in message
    assert message.split()[2].removeprefix("loss/") in TERMS
    assert [row["step"] for row in rows(tmp_path)] == [7, 10]
    assert checkpoint.steps(tmp_path) == [SAVED]
    assert_nothing_half_written(tmp_path)

    monkeypatch.setattr(LineCorpus, "fetch", fetch)
    loop.train(settings(), tmp_path)
    a, b = stored(settings, tmp_path), stored(settings, unbroken)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.tobytes() == y.tobytes()


@pytest.mark.parametrize(
    "bad, named",
    [
        (("loss/physics", "weighted/physics", "loss/total"), "loss/physics"),
        (("norm/gradient", "loss/total"), "loss/total"),
        (("norm/update", "norm/gradient"), "norm/gradient"),
    ],
)
def test_the_first_bad_step_and_term_are_named(bad, named):
    names = ("loss/total", "loss/physics", "weighted/physics", "norm/gradient")
    good = dict.fromkeys((*names, "norm/update"), np.float32(1))
    worse = good | dict.fromkeys(bad, np.float32(np.nan))
    devices = parallel.local_devices(1)
    window = [parallel.replicate(row, devices) for row in (good, worse, worse)]
    with pytest.raises(SpektronError, match=f"^step 9: {named} is not finite"):
        progress.read_window(window, 10)


def test_a_row_is_the_mean_of_its_window():
    devices = parallel.local_devices(1)
    window = [parallel.replicate({"x": np.float32(v)}, devices) for v in (1, 2, 6)]
    assert progress.read_window(window, 3) == {"x": 3.0}


def test_collapse_is_warned_of_once(caplog):
    row = {"kl/collapsed": 0.4}
    assert not progress.warn_of_collapse(progress.COLLAPSE_STEP - 1, row)
    assert not progress.warn_of_collapse(progress.COLLAPSE_STEP, {"kl/collapsed": 0.3})
    assert caplog.text == ""
    assert progress.warn_of_collapse(progress.COLLAPSE_STEP, row)
    assert "40 % of the z_chem dimensions" in caplog.text
    assert "posterior collapse" in caplog.text


def test_a_workdir_that_is_gone_is_not_made_anew(settings, tmp_path):
    with pytest.raises(SpektronError, match="gone since the run began; put it back"):
        loop.save_state(settings(), tmp_path / "gone", 1, None)
    assert not (tmp_path / "gone").exists()


def test_what_cannot_be_written_is_one_line(settings, tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(SpektronError, match="config.json: cannot be written"):
        loop.write_config(settings(), gone)
    with pytest.raises(SpektronError, match="evaluation.*: cannot be written"):
        loop.evaluate.write(gone, {"step": 1}, {"z_chem": np.zeros(2)})


# QM9S-style files


def write_qm9s(path, points, low_cm1=500.0, high_cm1=4000.0, molecules=40):
    rng = np.random.default_rng(0)
    axis = np.linspace(low_cm1, high_cm1, points)
    bands = rng.uniform(700, 3800, (molecules, 5, 1))
    shapes = 1 / (1 + ((axis - bands) / 30) ** 2)
    with h5py.File(path, "w") as file:
        for name in ("ir", "raman"):
            heights = rng.uniform(1, 50, (molecules, 5, 1))
            file[name] = (heights * shapes).sum(1).astype(np.float32)
        file["axis"] = axis
        file["split"] = ["train"] * 30 + ["validation"] * 4 + ["test"] * 6
    return str(path)


def qm9s(path):
    return {"data.kind": "qm9s", "data.path": path, "train.steps": 2}


def test_a_qm9s_file_trains_through_the_same_loop(settings, tmp_path):
    path = write_qm9s(tmp_path / "qm9s.h5", settings().data.points)
    loop.train(settings(**qm9s(path)), tmp_path)
    (row,) = rows(tmp_path)
    assert row["step"] == 2
    assert all(np.isfinite(value) for value in row.values())
    assert all(row[f"loss/{name}"] > 0 for name in TERMS)


def test_a_qm9s_file_on_another_axis_is_refused(settings, tmp_path):
    """The step takes its axis from the settings: the file must agree with them."""
    path = write_qm9s(tmp_path / "qm9s.h5", settings().data.points, 600.0, 3000.0)
    with pytest.raises(SpektronError, match="600.*3000.*config.data.low_cm1"):
        loop.train(settings(**qm9s(path)), tmp_path)
