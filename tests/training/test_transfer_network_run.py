"""The transfer network: trained on virtual tasks, resumed, restored, and in effect."""

import json
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy import special

from spektron_jax import CalibrationTransfer, archive, load_encoder, main
from spektron_jax.errors import SpektronError
from spektron_jax.training.transfer_network import (
    lessons,
    member_network,
    run,
    transfer_task,
)
from spektron_jax.training.transfer_network.member_network import MemberNetwork
from spektron_jax.transfer.ensemble import Ensemble, recipe, weighted
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.network_inputs import Inputs, inputs_of
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.task_inputs import task_inputs
from spektron_jax.transfer.transfer_network import (
    TransferNetwork,
    gain_on,
    load_network,
    missed,
    offsets,
)

REGIMES = [Regime("unlabelled", 10), Regime("paired", 8), Regime("unpaired", 8)]


@pytest.fixture(scope="module")
def found():
    """A virtual task and its lessons, one for each regime."""
    task = lessons.powder_task(7, False)
    return task, lessons.lessons_of(task, REGIMES)


@pytest.fixture(scope="module")
def packed(found):
    return lessons.stacked(found[1])


def random_network(arrays, seed=0):
    """As training starts, but with an output that is not zero."""
    scales = member_network.standardised(arrays)
    model, base = MemberNetwork(8), np.zeros(len(arrays["base"][0]), np.float32)
    inputs = arrays["members"][0], arrays["task"][0], base
    params = model.init(jax.random.key(seed), *inputs)["params"]
    kernel = params["out_1"]["kernel"]
    noise = jax.random.normal(jax.random.key(seed + 1), kernel.shape)
    params = params | {"out_1": params["out_1"] | {"kernel": noise}}
    return model, params, scales, member_network.exported(params, scales)


def test_a_lesson_holds_the_recipe_of_the_estimator(found):
    task, made = found
    for regime, lesson in zip(REGIMES, made, strict=True):
        trial = task.trial(regime)
        fitted = Ensemble("combination", task.modality).fit(trial.data)
        weights = special.softmax(lesson.base)
        shown = [part.weight for part in fitted.members]
        np.testing.assert_allclose(weights, shown, atol=4e-4)  # cut off at exp(-8)
        count = lesson.errors.shape[1]
        expected = (fitted(trial.X) - trial.y)[:count] / trial.y.std()
        np.testing.assert_allclose(weights @ lesson.errors, expected, atol=2e-3)


@pytest.mark.parametrize("regime", transfer_task.REGIMES, ids=str)
def test_in_double_precision_training_sees_what_the_estimator_predicts(found, regime):
    """What is trained on, weights by Flax, against the estimator with that network."""
    task, trial = found[0], found[0].trial(regime)
    lesson = lessons.lesson_of(trial, task.modality, {})
    with jax.enable_x64(True):
        model, params, scales, flat = random_network(lessons.stacked([lesson]))
        ready = member_network.applied(lesson._asdict(), scales)
        rows = ready["members"], ready["task"], lesson.base
        logs = lesson.base + model.apply({"params": params}, *rows)
        mine = float(member_network.missed(logs, lesson.errors))
    data, known = trial.data, slice(lessons.MOST_TEST)
    groups = data.groups()
    members = Ensemble("combination", "NIR").members(Workspace.of(data), groups)
    fitted = weighted(members, data, groups, acting(flat), "NIR")
    assert fitted.moved > 1e-3
    squares = (fitted(trial.X[known]) - trial.y[known]) ** 2
    share = squares.mean() / trial.y.var()
    assert abs(mine - np.log(share + 0.003)) < 1e-8


def test_numpy_computes_what_flax_does(packed):
    model, params, scales, flat = random_network(packed)
    ready = member_network.applied(packed, scales)
    for number, base in enumerate(packed["base"]):
        there = np.isfinite(base)
        padded = np.where(there, base, member_network.MISSING)
        rows = ready["members"][number], ready["task"][number], padded
        expected = np.asarray(model.apply({"params": params}, *rows))[there]
        own = Inputs(packed["members"][number][there], packed["task"][number], base)
        found = offsets(flat, own._replace(base=base[there]))
        assert np.abs(found).max() > 0.05
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_loss_is_the_change_of_the_log_error(packed):
    model, params, scales, flat = random_network(packed)
    loss = member_network.make_loss(model, member_network.Restraint())
    ready = member_network.applied(packed, scales)
    mean = float(loss(params, ready, jax.random.key(0)))
    changes = []
    for number, base in enumerate(packed["base"]):
        there = np.isfinite(base)
        errors = packed["errors"][number][there]
        errors = errors[:, np.isfinite(errors[0])]
        own = packed["members"][number][there], packed["task"][number], base[there]
        logs = base[there], base[there] + offsets(flat, Inputs(*own))
        before, after = (
            np.log(np.mean((special.softmax(one) @ errors) ** 2) + 0.003)
            for one in logs
        )
        changes.append(after - before)
    assert mean == pytest.approx(np.mean(changes), abs=1e-5)
    assert gain_on(flat, packed)[0] == pytest.approx(np.mean(changes), abs=1e-6)


def test_members_in_another_order_get_the_same_weights(packed):
    _, _, _, flat = random_network(packed)
    base = packed["base"][1]
    there = np.isfinite(base)
    own = Inputs(packed["members"][1][there], packed["task"][1], base[there])
    order = np.random.default_rng(0).permutation(there.sum())
    turned = Inputs(own.members[order], own.task, own.base[order])
    expected = offsets(flat, own)[order]
    np.testing.assert_allclose(offsets(flat, turned), expected, atol=1e-5)


def acting(flat, gain=(-0.1, 0.01)):
    return TransferNetwork("planted", None, flat, gain)


def test_weights_without_a_group_do_not_know_its_errors(found, packed):
    """Else the errors of samples left out, and so the intervals, would be too small."""
    network = acting(random_network(packed)[3])
    data = found[0].trial(REGIMES[1]).data
    groups = data.groups()
    members = Ensemble("combination", "NIR").members(Workspace.of(data), groups)
    _, bases, (errors, group), _ = recipe(members, data, groups)
    weights = [
        network.reweighted(members, data, "NIR", bases, changed, group)
        for changed in (errors, np.where(group == 1, errors + 0.7, errors))
    ]
    same = [np.allclose(*pair) for pair in zip(*weights, strict=True)]
    assert same == [number == 2 for number in range(1 + len(groups))]


def test_without_a_group_it_reads_the_fits_without_it(found):
    data = found[0].trial(REGIMES[1]).data
    groups = data.groups()
    members = Ensemble("combination", "NIR").members(Workspace.of(data), groups)
    _, bases, (errors, group), _ = recipe(members, data, groups)
    whole = np.append(5.0, np.zeros(len(groups)))  # moves the fit on everything alone
    other = [replace(one, intercepts=one.intercepts + whole) for one in members]
    task = task_inputs(data, "NIR")
    for fit, same in ((0, False), (1, True)):
        known = errors[:, group != fit - 1] if fit else errors
        rows = [
            inputs_of(m, data, task, bases[fit], known, fit) for m in (members, other)
        ]
        assert np.allclose(rows[0].members, rows[1].members) == same


def test_what_is_held_out_is_not_learned_from():
    def made(*pairs):
        rows = np.zeros((1, 1)), np.zeros(1), np.zeros(1), np.zeros((1, 1))
        return [lessons.Lesson(*rows, {"set": s, "task": t}) for s, t in pairs]

    sets = made(*((f"s{i % 9}", f"t{i}") for i in range(900)))
    alone = made(*(("virtual", f"t{i % 20}") for i in range(100)))
    for unit, given in (("set", sets), ("task", alone)):
        known, probes = run.divided(given, 0.25)
        names = [{one.about[unit] for one in part} for part in (known, probes)]
        assert names[0] and names[1] and not names[0] & names[1]
        assert len(probes) <= run.MOST_PROBES
    assert len(run.divided(sets, 0.25)[1]) == run.MOST_PROBES


def test_a_network_moves_weights_only_where_it_was_found_to_help(found, packed):
    trial = found[0].trial(REGIMES[1])
    flat = random_network(packed)[3]
    plain = Ensemble("combination", "NIR").fit(trial.data)
    helps = Ensemble("combination", "NIR", acting(flat)).fit(trial.data)
    useless = acting(flat, (-0.01, 0.01))
    kept = Ensemble("combination", "NIR", useless).fit(trial.data)
    assert helps.moved > 0.01 and kept.moved == plain.moved == 0
    np.testing.assert_array_equal(kept(trial.X), plain(trial.X))
    weights = [part.weight for part in helps.members]
    assert sum(weights) == pytest.approx(1)
    assert not np.allclose(helps(trial.X), plain(trial.X), atol=1e-3)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("network")
    assert main.main(command(path)) == 0
    return path


def command(path, *more):
    settings = {"transfer_network.tasks": 4, "transfer_network.width": 8}
    settings |= {"train.steps": 30, "train.batch_size": 4, "checkpoint.every_steps": 10}
    settings |= {"log.every_steps": 10, "checkpoint.keep": 9}
    given = [f"--config.{name}={value}" for name, value in settings.items()]
    given += [f"--workdir={path}", "--noconfig.log.progress", *more]
    return ["--config=configs/pretrain.py:transfer", *given]


def test_the_command_ends_with_a_network_and_a_page(workdir):
    results = json.loads((workdir / "results.json").read_text())
    network = load_network(workdir)
    assert network.gain == pytest.approx(results["gain"], abs=5e-3)  # float16 probes
    assert network.name == workdir.name and network.checksum
    rows = [json.loads(x) for x in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [10, 20, 30]
    assert rows[-1]["change"] < rows[0]["change"] + 0.01
    page = (workdir / "report.html").read_text()
    assert "On sets that it did not see" in page and "CalibrationTransfer" in page


def test_a_resumed_run_ends_with_the_same_bytes(workdir, tmp_path):
    shutil.copytree(workdir, tmp_path / "run")
    for step in ("00000020", "00000030"):
        shutil.rmtree(tmp_path / "run/checkpoints" / step)
    shutil.rmtree(tmp_path / "run/network")
    assert main.main(command(tmp_path / "run")) == 0
    for name in ("network/network.npz", "metrics.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (workdir / name).read_bytes()


def test_a_run_with_other_settings_is_refused(workdir, capsys):
    given = command(workdir, "--config.optim.learning_rate=0.5")
    assert main.main(given) == 2
    assert "config.optim" in capsys.readouterr().err


def test_two_devices_train_on_twice_as_many_lessons(tmp_path, workdir):
    given = command(tmp_path, "--config.train.devices=2")
    shutil.copytree(workdir / "lessons", tmp_path / "lessons")
    assert main.main(given) == 0
    one, two = (np.load(p / "network/network.npz") for p in (workdir, tmp_path))
    assert not np.array_equal(one["out_1/kernel"], two["out_1/kernel"])


def test_a_damaged_network_is_named(workdir, tmp_path, found):
    folder = shutil.copytree(workdir / "network", tmp_path / "mine")
    data = bytearray((folder / "network.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "network.npz").write_bytes(bytes(data))
    with pytest.raises(SpektronError, match="mine: damaged"):
        load_network(folder)


def test_an_edited_network_is_noticed_even_where_its_manifest_fits(workdir, tmp_path):
    source = workdir / "network"
    with archive.writing(tmp_path / "mine", {"format": 1}) as draft:
        shutil.copy(source / "probes.npz", draft)
        with np.load(source / "network.npz") as file:
            arrays = dict(file)
        arrays["out_0/kernel"] = arrays["out_0/kernel"][:3]
        np.savez(draft / "network.npz", **arrays)
    with pytest.raises(SpektronError, match="mine: damaged"):
        load_network(tmp_path / "mine")


def test_an_estimator_takes_the_folder_and_says_what_it_did(workdir, found):
    trial = found[0].trial(REGIMES[1])
    data = trial.data
    axis = np.linspace(1100, 2498, data.X_source.shape[1])
    given = data.X_source, data.y_source, axis, data.X_target, axis
    given += data.y_target, data.paired
    ct = CalibrationTransfer(str(workdir / "network")).fit(*given)
    assert ct.provenance_["weights_sha256"] == load_network(workdir).checksum
    assert ct.network_share_ < 0.05  # 30 steps on three tasks: not found to help
    plain = CalibrationTransfer(None).fit(*given)
    np.testing.assert_array_equal(ct.predict(trial.X), plain.predict(trial.X))
    with pytest.raises(SpektronError, match="needs an object that was fitted with"):
        ct.neighbours(trial.X)


def test_an_encoder_is_not_made_of_a_transfer_network(workdir):
    with pytest.raises(SpektronError, match="a transfer network, not an encoder"):
        load_encoder(workdir / "network")


def test_lost_settings_and_folders_are_named(capsys, tmp_path):
    for setting, words in (
        ("transfer_network.data=/nowhere", "no such folder"),
        ("transfer_network.dropped=1", "must be 0 or more"),
        ("transfer_network.tasks=2", "must be 4 or more"),
    ):
        assert main.main(command(tmp_path, f"--config.{setting}")) == 2
        assert words in capsys.readouterr().err


def test_missed_is_the_share_of_the_variance():
    errors = np.array([[0.2, -0.2], [0.4, 0.0]])
    assert missed(np.array([1.0, 0.0]), errors) == pytest.approx(np.log(0.043))
