"""Units of reference values: written otherwise, or another."""

import pytest

from spektron_jax.spectra.property_units import is_another, plain


@pytest.mark.parametrize(
    "unit, other",
    [
        *(("mg/L", "mg L-1"), ("mg/L", "mg l^-1"), ("mg/L", "mg·L⁻¹")),
        *(("mg / L", "mg per L"), ("µg/kg", "μg kg-1"), ("g/100g", "g/100 g")),
        *(("%", "percent"), ("[%]", "per cent"), ("mg/L", "mg L^(-1)")),
    ],
)
def test_a_unit_written_otherwise_is_the_same(unit, other):
    assert plain(unit) == plain(other) and not is_another(unit, other)


@pytest.mark.parametrize(
    "unit, other, another",
    [
        *(("g/kg", "%", True), ("mg kg-1", "wt%", True), ("ppm", "% m/m", True)),
        *(("mg/L", "g L-1", True), ("°F", "°C", True), ("MPa", "psi", True)),
        *(("wt%", "%", False), ("% (w/w)", "%", False), ("vol.%", "% v/v", False)),
        *(("g/100 mL", "%", False), ("mg/kg", "ppm", False), ("°Brix", "%", False)),
        *(("% of dm", "g/kg", False), ("", "%", False)),
    ],
)
def test_only_a_unit_of_another_size_is_another(unit, other, another):
    assert is_another(unit, other) is another is is_another(other, unit)
