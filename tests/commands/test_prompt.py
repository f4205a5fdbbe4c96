"""The command `spektron`: options from the config files, messages, JSON, exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, demo
from spektron_jax.commands import config_file
from spektron_jax.commands.prompt import run, typed
from spektron_jax.commands.prompt.parser import build
from spektron_jax.commands.prompt.settings import leaves, settings_of
from spektron_jax.commands.prompt.table import SUBCOMMANDS

WRITING = [name for name, one in SUBCOMMANDS.items() if one.writes]


def spektron(capsys, *argv):
    """Exit code, standard output, standard error."""
    code = run.main([str(word) for word in argv])
    return code, *capsys.readouterr()


def help_of(capsys, *argv):
    with pytest.raises(SystemExit) as ended:
        run.main([*argv, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in demo.FILES:
        (tmp_path / name).write_bytes(demo.path_of(name).read_bytes())
    return tmp_path


def test_help_lists_every_command(capsys):
    text = help_of(capsys)
    for name, one in SUBCOMMANDS.items():
        assert name in text and " ".join(one.summary.split()) in " ".join(text.split())
    assert "exit codes" in text


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_of_a_command_lists_its_settings_with_defaults(capsys, name):
    one = SUBCOMMANDS[name]
    text = " ".join(help_of(capsys, name).split())
    config = typed.config_of(one)
    options = typed.options(one, config)
    listed = settings_of(config, typed.source_of(one))
    assert {one.name for one in listed} == {n for n, _ in leaves(config)} - {"task"}
    for setting in listed:
        assert options[setting.name] in text
        assert setting.default == dict(leaves(config))[setting.name]
        if name != "pretrain":
            assert setting.text, f"configs/{one.config}: {setting.name} has no comment"
            if options[setting.name].startswith("--"):
                assert setting.text in text
    assert len(set(options.values())) >= len(options) - len(one.alone)


def test_help_loads_nothing_heavy():
    code = """
import sys
from spektron_jax.commands.prompt import run
try:
    run.main(sys.argv[1:])
except SystemExit:
    pass
heavy = {"jax", "numpy", "scipy", "sklearn", "matplotlib", "h5py", "pandas"}
assert not heavy & {*sys.modules}, heavy & {*sys.modules}
"""
    for argv in (["--help"], ["transfer", "--help"], ["pretrain", "--help"], []):
        subprocess.run([sys.executable, "-c", code, *argv], check=True, stdout=-3)


@pytest.mark.parametrize(
    "argv, message",
    [
        (["tranfer", "a", "b"], "tranfer: no such command; did you mean transfer?"),
        (["xyz"], "xyz: no such command; choose from demo, transfer"),
        (["transfer"], "the following arguments are required: OLD"),
        (["predict", "model"], "the following arguments are required: FILE"),
        (["transfer", "a", "b", "--regme", "none"], "did you mean --regime?"),
        (["transfer", "a", "b", "c"], "c: one argument too many"),
        (["transfer", "a", "b", "--n", "ten"], "argument --n: invalid int value"),
        (
            ["transfer", "a", "b", "--config.transfer.n=3"],
            "--config.transfer.n: no such option; did you mean --n?",
        ),
        (
            ["predict", "a", "b", "--noconfig.data.strict"],
            "did you mean --strict?",
        ),
        (["transfer", "a", "b", "--repeats", "1"], "--repeats 1: must be 2 or more"),
        (["transfer", "a", "b", "--coverage=2"], "--coverage 2.0: must lie between"),
        (["transfer", "a", "b", "--regime", "x"], "--regime 'x': must be one of none,"),
        (["identify", "a", "b", "--mode", "x"], "--mode 'x': must be one of search"),
        (["read", "absent.csv"], "absent.csv: no such file; check the name"),
        (["read", ""], "FILE: give a file of spectra"),
        (["demo", "--property", "x"], "--property 'x': must be one of Moisture"),
        (["pretrain", "huge"], "configs/pretrain.py:huge: no such variant"),
    ],
)
def test_mistakes_end_in_one_line_in_the_words_of_the_prompt(
    capsys, tmp_path, monkeypatch, argv, message
):
    monkeypatch.chdir(tmp_path)
    code, out, err = spektron(capsys, *argv)
    assert code == 2 and out == "" and err.count("\n") == 1
    assert err.startswith("error: ") and message in err
    assert list(tmp_path.iterdir()) == []


def test_units_and_strictness_are_asked_for_as_options(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head = "sample," + ",".join(str(1100 + 2 * k) for k in range(40))
    rows = [f"s{i}," + ",".join(f"0.{i}{k:02d}" for k in range(40)) for i in range(5)]
    Path("bare.csv").write_text("\n".join([head, *rows]) + "\n")
    Path("torn.csv").write_text("\n".join([head, *rows, "s6,0.1,x" + ",1" * 38]) + "\n")
    for argv in (
        ["read", "bare.csv"],
        ["transfer", "bare.csv", "bare.csv"],
        ["identify", "bare.csv", "bare.csv"],
    ):
        code, _, err = spektron(capsys, *argv)
        assert code == 2 and "--unit nm" in err
        assert "unit=" not in err and "config" not in err
    code, out, _ = spektron(capsys, "read", "bare.csv", "--unit", "nm", "--rows", "2")
    assert code == 0 and "2 spectra of 40 points" in out
    code, _, err = spektron(capsys, "read", "torn.csv", "--unit", "nm")
    assert code == 2 and "strict=" not in err


@pytest.mark.parametrize(
    "spelt", ["unlabelled", "unlabeled", "Unlabeled", "UNLABELLED"]
)
def test_british_and_american_regimes(files, capsys, spelt):
    argv = ["transfer", *demo.FILES[:2], "--property", "Moisture", "--weights", ""]
    code, out, err = spektron(
        capsys, *argv, "--no-compare", "--regime", spelt, "--no-progress"
    )
    assert code == 0, err
    results = json.loads(Path("runs/transfer/results.json").read_text())
    assert "unlabelled" in results["regime"]


@pytest.mark.parametrize(
    "found, wanted",
    [
        ("Fibre", "fiber"),
        ("Color", "colour"),
        ("Sulphur", "sulfur (%)"),
        ("Moisture", "MOISTURE"),
        ("aluminium", "Aluminum"),
    ],
)
def test_properties_are_found_in_either_spelling(found, wanted):
    from spektron_jax.spectra.labels import Labels

    labels = Labels(np.array(["a"]), np.array([[1.0]]), (found,), ("",), "file")
    assert labels.only(wanted).names == (found,)


def test_from_files_to_predictions_and_a_monitor(files, capsys):
    argv = ["transfer", *demo.FILES[:2], "--property", "moisture", "--n", "8"]
    argv += ["--weights", "", "--no-compare", "--json"]
    code, out, err = spektron(capsys, *argv)
    assert code == 0 and "first answer: use this model" in err
    found = json.loads(out)
    assert found["samples"]["target"] == 8 and found["left_out"]["n"] == 8
    assert Path(found["written"]["report"]).exists()
    assert "--compare" in found["verdict"][0]["text"]
    page = Path("runs/transfer/report.html").read_text()
    assert "config.transfer" not in page and "spektron" in page

    code, out, _ = spektron(capsys, "predict", "runs/transfer", "new_samples.csv")
    assert code == 0 and "30 spectra predicted" in out
    code, out, _ = spektron(
        capsys, "predict", "runs/transfer/model", "new_samples.csv", "--json"
    )
    rows = json.loads(out)["predictions"]
    assert len(rows) == 30 and {"sample_id", "prediction", "low", "flag"} <= {*rows[0]}

    code, out, err = spektron(capsys, "export", "runs/transfer", "calc.html")
    assert code == 0 and Path("calc.html").stat().st_size > 10_000, err
    code, out, _ = spektron(capsys, "export", "runs/transfer", "--format", "csv")
    assert code == 0 and Path("runs/export/calibration.csv").exists()
    code, _, err = spektron(capsys, "export", "runs/transfer", "calc.docx")
    assert code == 2 and "is no form of export" in err

    argv = ["monitor", "runs/transfer", "new_samples.csv", "--log", "control.csv"]
    for day in ("2026-11-28", "2026-11-29"):
        code, out, _ = spektron(capsys, *argv, "--when", day)
        assert code in (0, 3) and "30 control samples entered, 30 with" in out
    assert Path("control.csv").read_text().count("2026-11-2") == 2


def test_fewer_transfer_samples_than_the_default_are_all_used(files, capsys):
    lines = Path("new_instrument.csv").read_text().splitlines()
    Path("few.csv").write_text("\n".join(lines[:8]) + "\n")
    argv = ["transfer", "old_instrument.csv", "few.csv", "--property", "Moisture"]
    argv += ["--weights", "", "--no-compare"]
    code, out, err = spektron(capsys, *argv)
    assert code == 0, err
    assert "7 paired target samples in the files: all are used" in out
    code, _, err = spektron(capsys, *argv, "--n", "9")
    assert code == 2 and "--n 9: only 7 samples can be used" in err


def test_a_monitor_that_is_out_of_control_has_an_exit_code_of_its_own(files, capsys):
    argv = ["transfer", *demo.FILES[:2], "--property", "Moisture", "--weights", ""]
    assert spektron(capsys, *argv, "--no-compare")[0] == 0
    lines = Path("new_samples.csv").read_text().splitlines()
    shifted = [
        re.sub(r"^(\w+),([\d.]+)", lambda m: f"{m[1]},{float(m[2]) + 5}", line)
        for line in lines[1:]
    ]
    Path("off.csv").write_text("\n".join([lines[0], *shifted]) + "\n")
    code, out, _ = spektron(capsys, "monitor", "runs/transfer", "off.csv", "--json")
    assert code == 3 and json.loads(out)["status"] == "look"


def test_one_file_with_both(files, capsys):
    import spektron_jax
    from spektron_jax.spectra.spectra_set import SpectraSet

    old, new = (spektron_jax.read(name, modality="NIR") for name in demo.FILES[:2])
    rows = np.isin(old.sample_ids, new.sample_ids)
    both = old.take(rows)
    (a,), (b,) = both.instruments.values(), new.instruments.values()
    joined = SpectraSet(
        {"m5": a, "mp6": b}, both.sample_ids, "NIR", both.targets, both.target_names
    )
    spektron_jax.write(joined, "both.h5")
    argv = ["transfer", "both.h5", "--source", "m5", "--target", "mp6", "--property"]
    code, out, err = spektron(
        capsys, *argv, "protein", "--n", "5", "--weights", "", "--no-compare"
    )
    assert code == 0, err
    code, _, err = spektron(capsys, "transfer", "both.h5", "--property", "protein")
    assert code == 2 and "--source, --target: name two instruments of m5, mp6" in err


def test_json_of_a_mistake(capsys):
    code, out, err = spektron(capsys, "read", "absent.csv", "--json")
    assert code == 2 and json.loads(out) == {
        "error": "absent.csv: no such file; check the name"
    }
    assert "absent.csv" in err


@pytest.mark.parametrize("option", ["--write", "--figure"])
def test_read_does_not_write_over_its_file(files, capsys, option):
    """Catches: a lossy version of a file takes the file's place."""
    before = Path("old_instrument.csv").read_bytes()
    for name in ("old_instrument.csv", "./old_instrument.csv"):
        code, _, err = spektron(capsys, "read", "old_instrument.csv", option, name)
        assert code == 2 and f"{option} '{name}': is the file that is read" in err
    assert Path("old_instrument.csv").read_bytes() == before


def test_json_of_read_and_formats(files, capsys):
    code, out, _ = spektron(capsys, "read", "old_instrument.csv", "--json")
    found = json.loads(out)
    assert code == 0 and found["targets"] == {"Moisture": 50, "Protein": 50}
    code, out, _ = spektron(capsys, "formats", "--json")
    assert code == 0 and "OPUS" in [one["name"] for one in json.loads(out)["formats"]]


def test_read_draws_and_writes(files, capsys):
    argv = ["--figure", "a.png", "--write", "a.jdx", "--modality", "NIR"]
    code, out, _ = spektron(capsys, "read", "new_samples.csv", *argv)
    assert code == 0 and Path("a.png").stat().st_size > 1000
    assert "warning: " in out or "a.jdx" in out
    code, out, _ = spektron(capsys, "read", "a.jdx")
    assert code == 0 and "30 spectra of 700 points" in out


def test_a_figure_is_told_which_spectra_are_unlike_the_others(files, capsys):
    header, *rows = Path("old_instrument.csv").read_text().splitlines()
    cells = rows[7].split(",")
    cells[300:340] = ["0.9"] * 40  # as of a hair in the light
    rows[7] = ",".join(cells)
    Path("hair.csv").write_text("\n".join([header, *rows]))
    argv = ["read", "hair.csv", "--figure", "a.png", "--json"]
    (one,) = json.loads(spektron(capsys, *argv)[1])["instruments"].values()
    assert one["unlike"] == [cells[0]]


def test_words_of_the_prompt():
    one = SUBCOMMANDS["transfer"]
    words = typed.Words(typed.options(one, typed.config_of(one)))
    for text, wanted in {
        "config.transfer.n = 10: only 3": "--n 10: only 3",
        "config.data.property = 'x': choose": "--property 'x': choose",
        "give --noconfig.data.strict": "give --no-strict",
        "give --config.data.unit=nm": "give --unit nm",
        "give unit='nm', 'um' or 'cm-1'": "give --unit nm, 'um' or 'cm-1'",
        "with strict=False": "with --no-strict",
        "config.data: source is NIR": "source is NIR",
        "choose another --workdir": "choose another --out",
        "(config.data.replicates says": "(--replicates says",
        "config.data.source_path: x": "OLD: x",
        "my/config.data.csv: no such file": "my/config.data.csv: no such file",
        "other='x'": "other='x'",
    }.items():
        assert words(text) == wanted


def test_no_subcommand_hides_a_setting():
    """Every setting has an option or a place, and no two settings share one."""
    for one in SUBCOMMANDS.values():
        config = typed.config_of(one)
        options = typed.options(one, config)
        spelt = [text for text in options.values() if text.startswith("--")]
        assert len(spelt) == len(set(spelt))
        assert set(options) == {name for name, _ in leaves(config)} - {"task"}


def test_values_of_every_type_reach_the_config():
    one = SUBCOMMANDS["transfer"]
    argv = ["transfer", "a", "b", "--curve", "(4,6)", "--adaptation-rate", "1e-4"]
    argv += ["--no-strict", "--n", "7", "--labels", "l.csv", "--seed", "3"]
    config = typed.fill(one, vars(build(["transfer"]).parse_args(argv)))
    assert config.transfer.curve == (4, 6) and config.transfer.n == 7
    assert config.transfer.adaptation.rate == 1e-4 and config.seed == 3
    assert config.data.labels_path == "l.csv" and config.data.strict is False
    assert (config.data.source_path, config.data.target_path) == ("a", "b")
    default = config_file.load("configs/transfer.py")
    assert config.transfer.repeats == default.transfer.repeats


def test_the_config_route_stays(capsys, files):
    argv = ["--config=configs/read.py", "--config.data.path=old_instrument.csv"]
    code, out, _ = spektron(capsys, *argv)
    assert code == 0 and "50 spectra of 700 points" in out
    code, _, err = spektron(capsys, "--config=configs/read.py", "--config.data.pth=x")
    assert code == 2 and "did you mean config.data.path?" in err


def test_completion_of_a_shell(capsys):
    pytest.importorskip("argcomplete", reason="argcomplete is not installed")
    for shell in ("bash", "zsh", "fish", "powershell"):
        code, out, _ = spektron(capsys, "completion", shell)
        assert code == 0 and "spektron" in out


def test_output_that_nobody_reads_is_no_fault():
    code = "from spektron_jax.commands.prompt.run import main; import sys"
    code += "; sys.exit(main(['formats']))"
    program = f'{sys.executable} -c "{code}" | head -1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True)
    assert done.returncode in (0, 141) and "Traceback" not in done.stderr


def test_pairs_without_names_are_warned_of_wherever_one_looks(files, capsys):
    """Catches: a warning that stands in the report alone."""
    for name, last in (("old_instrument.csv", 11), ("new_instrument.csv", 11)):
        lines = Path(name).read_text().splitlines()[:last]
        bare = [line.partition(",")[2] for line in lines]
        Path(name).write_text("\n".join(bare) + "\n")
    argv = ["transfer", *demo.FILES[:2], "--property", "Moisture", "--weights", ""]
    _, out, _ = spektron(capsys, *argv, "--no-compare", "--out", "bare")
    text = "no sample names in old_instrument.csv and new_instrument.csv: paired by row"
    assert f"warning: {text}" in out and "give --regime unpaired if they are" in out
    assert text in Path("bare/report.html").read_text()
    model = CalibrationTransfer.load("bare/model")
    assert any(text in one for one in model.warnings_)
