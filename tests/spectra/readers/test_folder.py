"""Folders: what files say of themselves holds for the folder too."""

import instrument_files as written
import numpy as np
import pytest
import spectra_files as files

import spektron_jax
from spektron_jax.errors import SpektronError

CM1, SPECTRA = files.CM1, files.bands(files.CM1)


def test_axes_in_other_units_are_refused(tmp_path):
    for i in range(3):
        files.jcamp(tmp_path / f"{i}.jdx", CM1, SPECTRA[i : i + 1], ["a"], XUNITS="EV")
    for asked in ({"modality": "IR"}, {"unit": "cm-1"}):
        with pytest.raises(SpektronError, match="its unit is 'ev'"):
            spektron_jax.read(tmp_path, **asked)
    files.jcamp(tmp_path / "2.jdx", CM1, SPECTRA[2:3], ["a"])
    with pytest.raises(SpektronError, match="2.jdx.*where most files hold ev"):
        spektron_jax.read(tmp_path)


def test_suffixes_that_count_name_the_samples(tmp_path):
    for i in range(3):
        files.opus(tmp_path / f"pill.{i}", CM1, SPECTRA[i])
    files.opus(tmp_path / "other.0", CM1, SPECTRA[3])
    found = spektron_jax.read(tmp_path)
    assert found.sample_ids.tolist() == ["other", "pill.0", "pill.1", "pill.2"]
    np.testing.assert_allclose(
        found.instruments["spectra"].spectra[1:], SPECTRA[:3, ::-1], atol=1e-6
    )


def test_white_references_are_kept(tmp_path):
    axis = np.arange(350.0, 2501.0)
    rows = files.bands(axis, 6)
    for i in range(3):
        written.asd(tmp_path / f"{i}.asd", axis, rows[i], reference=rows[3 + i])
    ids, standards = spektron_jax.read(tmp_path).instruments["spectra"].standards
    assert list(ids) == [f"{i} white reference" for i in range(3)]
    np.testing.assert_allclose(standards, rows[3:], atol=1e-6)


def test_dark_points_of_maps_and_folders_within(tmp_path):
    dark = SPECTRA[:3].copy()
    dark[1] = 0
    for i in range(2):
        written.wdf(tmp_path / f"{i}.wdf", CM1, dark, spot=([0, 1, 2], [0, 0, 0]))
    (tmp_path / "more").mkdir()
    found = spektron_jax.read(tmp_path)
    assert len(found) == 6
    assert "folders within it are not searched" in str(found.notes)
