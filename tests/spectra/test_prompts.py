"""What the commands read, and how they ask for what a file does not say."""

import pytest

from spektron_jax import SpektronError
from spektron_jax.commands import config_file
from spektron_jax.spectra.samples import read_samples


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("id,{axis}\na,{row}\nb,{row}\n", "--config.data.unit=nm, um or cm-1"),
        ("id,{axis} nm\na,{row}\nb,{row},7\n", "--noconfig.data.strict"),
    ],
)
def test_what_a_file_does_not_say_is_asked_as_it_is_typed(tmp_path, text, asked):
    path = tmp_path / "new.csv"
    axis = ",".join(str(1100 + 7 * i) for i in range(200))
    row = ",".join(f"{0.3 + i / 1000:.4f}" for i in range(200))
    path.write_text(text.format(axis=axis, row=row))
    config = config_file.load("configs/predict.py")
    config.data.path = str(path)
    if asked.startswith("--no"):
        config.data.unit = "nm"
    with pytest.raises(SpektronError) as error:
        read_samples(config.data)
    assert asked in str(error.value) and "strict=False" not in str(error.value)


def test_light_of_nothing_has_no_absorbance(tmp_path):
    """Catches: at the prompt, the advice of an argument that only Python has."""
    rows = [
        "# spektron_jax spectra",
        "# quantity: %T",
        "sample,1000 nm,1002 nm,1004 nm",
    ]
    (tmp_path / "a.csv").write_text("\n".join([*rows, "s1,50,0,40", "s2,50,60,40"]))
    config = config_file.load("configs/predict.py")
    config.data.path = str(tmp_path / "a.csv")
    with pytest.raises(SpektronError, match="a.csv: %T of 0 or less") as error:
        read_samples(config.data).converted("absorbance", "the model")
    assert str(error.value).endswith("leave them out")
