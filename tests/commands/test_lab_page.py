"""The page of the virtual laboratory: one command, one self-contained file."""

import re

from spektron_jax import main


def test_one_command_writes_the_page(tmp_path, capsys):
    assert main.main(["--config=configs/lab.py", f"--workdir={tmp_path}"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"lab.html", "results.json"}
    page = (tmp_path / "lab.html").read_text()
    assert page.count("<figure>") == 3
    assert not re.search(r"https?://(?!www\.w3\.org)", page)
    assert len(page) < 3e6
    assert "lab.html" in capsys.readouterr().out


def test_variants_do_not_exist(tmp_path, capsys):
    argv = ["--config=configs/lab.py:huge", f"--workdir={tmp_path}"]
    assert main.main(argv) == 2
    assert "there are no variants" in capsys.readouterr().err
