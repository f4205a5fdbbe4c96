"""JCAMP-DX in every form of ordinates, and the checks that guard against damage."""

import numpy as np
import pytest
import spectra_files as files

import spektron_jax
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.readers import jcamp

CM1, SPECTRA, NAMES = files.CM1, files.bands(files.CM1), files.ids()
FORMS = ["AFFN", "PAC", "SQZ", "SQZDUP", "DIF", "DIFDUP", "XY"]
PLATEAU = SPECTRA.copy()
PLATEAU[:, 20:33] = 0.3  # something to repeat, also across lines
PLATEAU[:, 40] = -0.05


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("spectra", [SPECTRA, PLATEAU], ids=["bands", "plateau"])
def test_every_form(tmp_path, form, count, spectra):
    path = tmp_path / "x.jdx"
    files.jcamp(path, CM1, spectra[:count], NAMES[:count], form)
    found = spektron_jax.read(path)
    one = found.instruments["spectra"]
    np.testing.assert_allclose(one.axis, CM1[::-1])
    np.testing.assert_allclose(one.spectra, spectra[:count, ::-1], atol=1e-7)
    assert found.sample_ids.tolist() == NAMES[:count]
    assert (one.unit, one.quantity, found.modality) == ("cm-1", "absorbance", "IR")


@pytest.mark.parametrize(
    "line, values",
    [
        ("400A50TB00J", [150, 150, 200, 201]),
        ("400 A50 T B00", [150, 150, 200]),
        ("100E23E45", [523, 545]),
        ("100 1E2 2E-1", [100, 0.2]),
        ("100+1-2+3", [1, -2, 3]),
        ("100 1 ? 3", [1, np.nan, 3]),
        ("100A%J1j2", [1, 1, 12, 0]),
        ("5000.03B1399TB1410B1416", [21399, 21399, 21410, 21416]),
        ("2610D769J23m746", [4769, 4892, 146]),
        ("100A5?UB", [15, np.nan, np.nan, np.nan, 2]),
        ("100@VA", [0, 0, 0, 0, 1]),
        ("100b05s", [-205] * 9),
    ],
)
def test_lines_by_hand(line, values):
    packed = bool(jcamp._PACKED.search(line)) or "E45" in line
    np.testing.assert_array_equal(jcamp._line(line, packed, "")[1], values)


@pytest.mark.parametrize(
    "labels, modality, unit, quantity",
    [
        (
            {"DATA TYPE": "RAMAN SPECTRUM", "YUNITS": "COUNTS"},
            "Raman",
            "cm-1",
            "counts",
        ),
        ({"DATA TYPE": "NEAR INFRARED SPECTRUM"}, "NIR", "nm", "log(1/R)"),
        ({"YUNITS": "% TRANSMITTANCE"}, "IR", "um", "%T"),
    ],
)
def test_units_quantities_and_modalities(tmp_path, labels, modality, unit, quantity):
    axis = {"nm": files.NM, "um": np.linspace(2.5, 20, 60), "cm-1": CM1}[unit]
    label = {"nm": "NANOMETERS", "um": "MICROMETERS", "cm-1": "1/CM"}[unit]
    labels = {"XUNITS": label, "YUNITS": "LOG(1/R)"} | labels
    files.jcamp(tmp_path / "x.dx", axis, files.bands(axis)[:1], ["a"], **labels)
    found = spektron_jax.read(tmp_path / "x.dx")
    one = found.instruments["spectra"]
    assert (found.modality, one.unit, one.quantity) == (modality, unit, quantity)


def test_near_infrared_is_known_by_its_axis(tmp_path):
    axis = np.linspace(10000.0, 4000.0, 60)
    files.jcamp(tmp_path / "x.dx", axis, files.bands(axis)[:1], ["a"])
    assert spektron_jax.read(tmp_path / "x.dx").modality == "NIR"


def change_line(text, start, change):
    lines = text.splitlines()
    index = next(i for i, line in enumerate(lines) if line.startswith(start))
    lines[index] = change(lines[index])
    return "\n".join(line for line in lines if line is not None) + "\n"


# form, start of the line to change, its change, message
DAMAGE = [
    ("DIF", "3220.", lambda _: None, "line 15: Y check"),
    ("SQZ", "3160.", lambda _: None, "line 15: X check: 2740, expected 3160"),
    ("AFFN", "3160.", lambda line: line[:-5], "line 16: X check: 2740, expected 2800"),
    ("AFFN", "3160.", lambda line: line + "x", "line 15: text among numbers"),
    ("AFFN", "640.", lambda _: None, "NPOINTS: 61, but 56 were read: cut off"),
    ("SQZ", "3160.", lambda line: line + "!", "line 15: '!' is no part of a number"),
    ("PAC", "3160.", lambda line: line + "+", "line 15: '\\+' is no part|text among"),
    ("XY", "3160.0", lambda _: None, "NPOINTS: 61, but 60 points"),
    ("XY", "3160.0", lambda line: line + ", 5", "line 27: not pairs of numbers"),
    ("AFFN", "##END", lambda _: None, "line 1 .s1.: cut off: the block has no ##END"),
    ("AFFN", "##NPOINTS", lambda _: "##NPOINTS=6O", "NPOINTS: '6O' is not a number"),
    ("AFFN", "##NPOINTS", lambda _: "##NPOINTS=1", "1; must be a whole number, 2"),
    ("AFFN", "##LASTX", lambda _: "##LASTX=4000", "LASTX: equals FIRSTX"),
    ("AFFN", "##LASTX", lambda _: "##DELTAX=-60", "LASTX: '' is not a number"),
    ("AFFN", "##FIRSTX", lambda s: s + "\n##DELTAX=-30", "DELTAX: -30, but FIRSTX"),
    ("AFFN", "##XYDATA", lambda _: "##XYDATA=(R++(A..A))", "is not .X..."),
    ("AFFN", "##XYDATA", lambda _: "##PEAK TABLE=(XY..XY)", "PEAKTABLE: this kind"),
    ("AFFN", "##XUNITS", lambda _: "##XUNITS", "'##XUNITS' has no '='"),
    ("AFFN", "##TITLE", lambda _: "##ORIGIN=x", "line 1: no ##TITLE= before it"),
    ("AFFN", "##XFACTOR", lambda s: f"{s}\n{s}9", "a second XFACTOR in one block"),
]


@pytest.mark.parametrize("form, start, change, message", DAMAGE)
def test_damage_is_found(tmp_path, form, start, change, message):
    path = tmp_path / "x.jdx"
    files.jcamp(path, CM1, SPECTRA[:1], NAMES[:1], form)
    path.write_text(change_line(path.read_text(), start, change))
    with pytest.raises(SpektronError, match=message) as caught:
        spektron_jax.read(path)
    assert str(path) in str(caught.value)
    with pytest.raises(SpektronError):
        spektron_jax.read(path, strict=False)


def test_good_blocks_are_kept(tmp_path):
    path = tmp_path / "x.jdx"
    files.jcamp(path, CM1, SPECTRA, NAMES, "DIFDUP")
    text = path.read_text()
    place = text.index("##TITLE=s3")
    path.write_text(
        text[:place] + text[place:].replace("##NPOINTS=61", "##NPOINTS=60", 1)
    )
    with pytest.raises(SpektronError, match=r"block 3 \(s3\), line"):
        spektron_jax.read(path)
    found = spektron_jax.read(path, strict=False)
    assert found.sample_ids.tolist() == ["s1", "s2", "s4", "s5"]
    assert "block 3 (s3)" in found.describe()


def test_mixed_axes_and_mixed_units(tmp_path):
    path = tmp_path / "x.jdx"
    blocks = [files.jcamp_block(n, CM1, SPECTRA[0]) for n in "ab"]
    blocks.append(files.jcamp_block("c", CM1 + 1, SPECTRA[0]))
    path.write_text("\n".join(sum(blocks, [])))
    with pytest.raises(SpektronError, match="mixed axes: 4001 to 401 .* not 4000 to"):
        spektron_jax.read(path)
    assert len(spektron_jax.read(path, strict=False)) == 2
    blocks[2] = files.jcamp_block("c", CM1, SPECTRA[0], YUNITS="TRANSMITTANCE")
    path.write_text("\n".join(sum(blocks, [])))
    with pytest.raises(SpektronError, match="mixed YUNITS"):
        spektron_jax.read(path, strict=False)


def test_a_wrong_factor_is_told(tmp_path):
    path = tmp_path / "x.jdx"
    files.jcamp(path, CM1, SPECTRA[:1], NAMES[:1])
    path.write_text(change_line(path.read_text(), "##FIRSTY", lambda _: "##FIRSTY=9.5"))
    assert "FIRSTY is 9.5" in spektron_jax.read(path).describe()


@pytest.mark.parametrize("between", ["", " ", "\n"])
def test_concentrations_of_one_line(tmp_path, between):
    """Catches: two groups on a line become one target of both names."""
    path = tmp_path / "x.jdx"
    files.jcamp(path, CM1, SPECTRA[:1], NAMES[:1], "AFFN")
    groups = ("(Moisture, 12.5, %)", "(Oil, 3.5, g/kg)", "(fat (dry)(raw), 2, %)")
    said = f"##CONCENTRATIONS=(NCU)\n{between.join(groups)}\n##XUNITS"
    path.write_text(path.read_text().replace("##XUNITS", said))
    found = spektron_jax.read(path)
    assert found.target_names == ("Moisture", "Oil", "fat (dry)(raw)")
    assert found.target_units == ("%", "g/kg", "%")
    assert found.targets.tolist() == [[12.5, 3.5, 2]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("above", ["", "$$ a comment\n", "Made by a program\n\n"])
def test_what_stands_above_the_title(tmp_path, encoding, above):
    """Eight rows of seven ordinates are no table of seven spectra."""
    path = tmp_path / "x.txt"
    axis = np.linspace(4000, 400, 56)
    spectrum = files.bands(axis, 1)
    text = above + "\n".join(files.jcamp_block("t", axis, spectrum[0]))
    path.write_bytes(text.encode(encoding))
    one = spektron_jax.read(path).instruments["spectra"]
    np.testing.assert_allclose(one.axis, axis[::-1])
    np.testing.assert_allclose(one.spectra, spectrum[:, ::-1], atol=1e-6)


def test_interferograms(tmp_path):
    labels = {"DATA TYPE": "INFRARED INTERFEROGRAM"}
    files.jcamp(tmp_path / "x.jdx", CM1, SPECTRA[:1], ["a"], **labels)
    with pytest.raises(SpektronError, match="interferogram; transform it"):
        spektron_jax.read(tmp_path / "x.jdx")


def test_pairs_that_end_elsewhere(tmp_path):
    path = tmp_path / "x.jdx"
    for labels, told in (
        ({"XFACTOR": "0.5"}, True),
        ({"FIRSTX": "400", "LASTX": "4000"}, False),  # in the other order
        ({"FIRSTX": ""}, False),
        ({"FIRSTX": "10000"}, True),
    ):
        files.jcamp(path, CM1, SPECTRA[:1], ["a"], "XY", **labels)
        assert ("FIRSTX and LASTX say" in str(spektron_jax.read(path).problems)) == told


def test_steps_without_a_sign(tmp_path):
    path = tmp_path / "x.jdx"
    files.jcamp(path, CM1, SPECTRA[:1], ["a"], DELTAX="60")  # the axis runs down
    one = spektron_jax.read(path).instruments["spectra"]
    np.testing.assert_allclose(one.spectra, SPECTRA[:1, ::-1], atol=1e-7)


def test_blocks_of_one_kind_in_other_words(tmp_path):
    path = tmp_path / "x.jdx"
    for labels, mixed in (
        ({"XUNITS": "cm-1", "YUNITS": "Abs"}, None),
        ({"DATA TYPE": "INFRARED SPECTRUM "}, None),
        ({"DATA TYPE": "RAMAN SPECTRUM"}, "DATA TYPE"),
        ({"XUNITS": "?"}, "XUNITS"),
        ({"YUNITS": "KUBELKA-MUNK"}, "YUNITS"),
    ):
        blocks = files.jcamp_block("a", CM1, SPECTRA[0])
        blocks += files.jcamp_block("b", CM1, SPECTRA[1], **labels)
        path.write_text("\n".join(blocks) + "\n")
        if mixed is None:
            assert len(spektron_jax.read(path)) == 2
            continue
        with pytest.raises(SpektronError, match=f"mixed {mixed}; keep one kind"):
            spektron_jax.read(path)
