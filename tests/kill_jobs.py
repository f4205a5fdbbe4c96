"""What the processes do that `test_kills.py` kills, each in a folder of its own.

`work` does its job from wherever the last process left it and then ends; `look` loads
all that stands under a final name; `result` is what must come out, killed or not.
"""

import hashlib
import json
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spektron_jax import CalibrationTransfer, SpectralLibrary
from spektron_jax.commands import config_file
from spektron_jax.corpus import lines_file
from spektron_jax.main import main
from spektron_jax.training import checkpoint, evaluate, loop

MICRO_CONFIG = Path(__file__).parent / "training" / "micro_config.py"
AXIS = np.linspace(500.0, 1500.0, 300)
SAVES, STEPS, MOLECULES = 12, 8, 40


class Job(NamedTuple):
    """Functions of a folder, and how many kills of the hundred are its."""

    work: object
    look: object
    result: object
    kills: int


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


# One name that is written again and again, with two contents in turn


def fitted(seed):
    """A model without network, and spectra to predict."""
    source = numbers(seed, 20, 40).cumsum(axis=1)
    target, y = 0.9 * source[:8] + 0.1, source[:, 20]
    model = CalibrationTransfer(weights=None)
    axis = np.linspace(1100, 2300, 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(source[8:], y[8:], axis, target, y_target=y[:8])


def prediction(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.predict(numbers(9, 3, 40).cumsum(axis=1)).tobytes()


def prepare_models(folder):
    for number in range(2):
        fitted(number).save(folder.parent / f"model{number}")


def both_models(folder):
    return [CalibrationTransfer.load(folder.parent / f"model{n}") for n in range(2)]


def save_models(folder):
    models = both_models(folder)
    for number in range(SAVES):
        models[number % 2].save(folder / "model")
        models[number % 2].save_adapter(folder / "b.npz", "B", "2026-01-01")


def look_at_models(folder):
    models = both_models(folder)
    right = [*map(prediction, models)]
    if (folder / "model").exists():
        assert prediction(CalibrationTransfer.load(folder / "model")) in right
    if (folder / "b.npz").exists():
        with np.load(folder / "b.npz") as file:
            assert file.files


def last_model(folder):
    return prediction(CalibrationTransfer.load(folder / "model"))


def library(seed):
    names = [f"c{number}" for number in range(60)]
    return SpectralLibrary(numbers(seed, 60, 300).cumsum(axis=1), AXIS, names).prepare()


def save_libraries(folder):
    libraries = [library(0), library(1)]
    for number in range(SAVES):
        libraries[number % 2].save(folder / "known.npz")


def look_at_library(folder):
    if (folder / "known.npz").exists():
        found = SpectralLibrary.load(folder / "known.npz").spectra
        assert any((found == library(n).spectra).all() for n in range(2))


def last_library(folder):
    return SpectralLibrary.load(folder / "known.npz").spectra.tobytes()


# Work that resumes


def state(step):
    params = {"a": {"w": np.full((64, 64), 1.0, np.float32)}}
    for done in range(step):
        params["a"]["w"] = np.float32(1.01) * params["a"]["w"] + np.float32(done)
    return params, {"step": np.int32(step)}


def save_checkpoints(folder):
    step = checkpoint.latest(folder) or 0
    params, rest = state(step)
    if step:
        step, params, rest, *_ = checkpoint.restore(folder, rest, params)
    while step < STEPS:
        w = np.float32(1.01) * params["a"]["w"] + np.float32(step)
        step, params = step + 1, {"a": {"w": w}}
        rest = {"step": np.int32(step)}
        checkpoint.save(folder, step, params, rest, {"x": 1}, {"step": step})


def look_at_checkpoints(folder):
    for step in checkpoint.steps(folder):
        params, rest = state(step)
        found = checkpoint.restore(folder, rest, params, step)
        assert found[1]["a"]["w"].tobytes() == params["a"]["w"].tobytes()


def last_checkpoint(folder):
    assert len(checkpoint.steps(folder)) == 3
    params, rest = state(STEPS)
    return checkpoint.restore(folder, rest, params)[1]["a"]["w"].tobytes()


def train(folder):
    evaluate.run = lambda *inputs: None
    loop.train(config_file.load(str(MICRO_CONFIG)), folder)


def look_at_training(folder):
    for step in checkpoint.steps(folder):
        checkpoint.verify(folder / "checkpoints" / f"{step:08d}")
    if (folder / "metrics.jsonl").exists():
        text = (folder / "metrics.jsonl").read_text()
        rows = [json.loads(row)["step"] for row in text.splitlines(True) if "\n" in row]
        assert rows == sorted(set(rows))


def trained(folder):
    import jax

    params, _ = checkpoint.restore_params(folder)
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    losses = [(row["step"], row["loss/total"]) for row in rows if "loss/total" in row]
    return [leaf.tobytes() for leaf in jax.tree.leaves(params)], losses


def molecule(settings, entry):
    """In place of a computation: lines that the SMILES decides, or a refusal."""
    if len(entry.smiles) % 7 == 0:
        return False, "no"
    rng = np.random.default_rng(len(entry.smiles))
    found = {name: rng.random(1) for name in lines_file.MOLECULE_DTYPES}
    found["natoms"] = np.array([3])
    found |= {name: rng.random(2) for name in lines_file.LINE_FIELDS}
    found |= {name: rng.random(1) for name in lines_file.BOND_FIELDS}
    found["xh_share"] = np.zeros((2, 6), np.uint8)
    found["xh_type"] = np.zeros(1, np.uint8)
    return True, found


def compute_shares(folder):
    """Both shares of a list, and the file that joins them."""
    from spektron_jax.corpus.builder import line_lists, structures

    source = folder.parent / "list.smi"
    source.write_text("".join("C" * (n + 1) + "\n" for n in range(MOLECULES)))
    structures.canonical = lambda text, *how: text
    line_lists.gfn2.require = lambda *names: None
    line_lists.version = lambda name: "0"
    line_lists.worker_pool.run = lambda work, tasks, *how: (
        (task, *molecule(None, task)) for task in tasks
    )
    config = config_file.load("configs/lines.py")
    config.lines.update({"path": str(source), "progress": False})
    for number in (1, 2):
        config.lines.shard = f"{number}/2"
        (folder / "shares" / str(number)).mkdir(parents=True, exist_ok=True)
        line_lists.run(config, folder / "shares" / str(number))
    config.lines.update({"source": "shards", "path": str(folder / "shares")})
    config.lines.shard = ""
    line_lists.run(config, folder)


def look_at_shares(folder):
    for path in folder.rglob("*.h5"):
        if not path.name.startswith("."):
            lines_file.read_lines(path)
    for path in folder.glob("shares/*/molecules/*/[!.]*.npz"):
        assert lines_file.load_arrays(path) is not None, path


def joined(folder):
    found, names, _ = lines_file.read_lines(folder / "lines.h5")
    failed = (folder / "failures.csv").read_bytes()
    return names, failed, {name: found[name].tobytes() for name in sorted(found)}


def identify(folder):
    """The demo's spectra in a library that is kept."""
    run(
        folder,
        "--config=configs/identify.py",
        f"--config.data.path={DEMO / 'old_instrument.csv'}",
        f"--config.data.query_path={DEMO / 'new_samples.csv'}",
        "--config.identify.weights=",
        "--noconfig.identify.progress",
        f"--config.identify.keep={folder / 'known.npz'}",
    )


def look_at_kept(folder):
    if (folder / "known.npz").exists():
        SpectralLibrary.load(folder / "known.npz")
    results(folder, "hits.csv")


def hits(folder):
    return (folder / "hits.csv").read_bytes(), last_library(folder)


def transfer(folder):
    """The demo's transfer with a short comparison, which resumes."""
    run(
        folder,
        "--config=configs/transfer.py",
        f"--config.data.source_path={DEMO / 'old_instrument.csv'}",
        f"--config.data.target_path={DEMO / 'new_instrument.csv'}",
        "--config.data.property=Moisture",
        "--config.transfer.weights=",
        "--config.transfer.repeats=2",
        "--config.transfer.curve=(3,5)",
        "--noconfig.transfer.progress",
    )


def look_at_transfer(folder):
    if (folder / "model").exists():
        CalibrationTransfer.load(folder / "model")
    results(folder, "predictions.csv")


def compared(folder):
    data = json.loads((folder / "results.json").read_text())
    del data["command"]  # which names the folder
    model = hashlib.sha256((folder / "predictions.csv").read_bytes()).hexdigest()
    return model, json.dumps(data, sort_keys=True)


DEMO = Path(main.__code__.co_filename).parent / "demo"


def run(folder, *flags):
    """The command line; its exit code is the process's."""
    code = main([*flags, f"--workdir={folder}"])
    if code:
        raise SystemExit(code)


def results(folder, table):
    if (folder / "results.json").exists():
        json.loads((folder / "results.json").read_text())
    if (folder / table).exists():
        assert (folder / table).read_text().endswith("\n")


JOBS = {
    "models and adapters": Job(save_models, look_at_models, last_model, 16),
    "libraries": Job(save_libraries, look_at_library, last_library, 16),
    "checkpoints": Job(save_checkpoints, look_at_checkpoints, last_checkpoint, 18),
    "line shards and their join": Job(compute_shares, look_at_shares, joined, 18),
    "transfer with comparison": Job(transfer, look_at_transfer, compared, 12),
    "identify and keep": Job(identify, look_at_kept, hits, 10),
    "training": Job(train, look_at_training, trained, 10),
}
