"""Instruments' own binary files that are not read here: what they are, what to export.

Each is told by its first bytes, else by the suffix.
"""

_SPA = "Thermo OMNIC ({}): save it as SPC, JCAMP-DX or CSV in OMNIC"
_PE = "PerkinElmer Spectrum ({}): save it as ASCII (.asc), CSV or JCAMP-DX"
_AVANTES = "Avantes AvaSoft (binary): export it as text (.ttt) in AvaSoft"
_MAGIC = {
    b"PEPE": _PE.format("an image, a time base or another kind"),
    b"Spectral Exte File": _SPA.format(".srs series or .map"),
    b"\0\0\x8cB": _AVANTES,
    b"AVS8": _AVANTES,
    b"Gwyddion Simple Field": "Gwyddion (.gsf): an image, not spectra",
    b"Andor Technology": "Andor Solis (.sif): export it as ASCII",
    b"WIT_PR": "WITec (.wip): export it as ASCII table or SPC",
    b"%PDF": "a PDF: export the numbers",
    b"\x1f\x8b": "compressed (gzip): unpack it first",
    b"\x80\x04": "a Python pickle, which can run code and is never opened",
    b"\x80\x05": "a Python pickle, which can run code and is never opened",
}
_SUFFIXES = {
    ".sp": _PE.format(".sp"),
    ".fsm": _PE.format(".fsm"),
    ".spa": _SPA.format(".spa"),
    ".spg": _SPA.format(".spg"),
    ".asd": "ASD FieldSpec: export it as text with ViewSpec Pro",
    ".srs": _SPA.format(".srs series"),
    ".map": _SPA.format(".map"),
    ".wdf": "Renishaw WiRE: save it as text or SPC in WiRE",
    ".wxd": "Renishaw WiRE: save it as text or SPC in WiRE",
    ".wip": "WITec: export it as ASCII table or SPC",
    ".wid": "WITec: export it as ASCII table or SPC",
    ".l6s": "Horiba LabSpec 6: save it as .txt or SPC in LabSpec",
    ".ngs": "Horiba LabSpec: save it as .txt or SPC in LabSpec",
    ".tvf": "Horiba LabSpec: save it as .txt or SPC in LabSpec",
    ".jws": "Jasco Spectra Manager: save it as text or JCAMP-DX",
    ".ispd": "Shimadzu LabSolutions IR: export it as text or JCAMP-DX",
    ".spe": "Princeton Instruments: export it as ASCII or CSV",
    ".sif": "Andor Solis: export it as ASCII",
    ".nir": "FOSS WinISI: export it as text, CSV or JCAMP-DX",
    ".cal": "FOSS WinISI: export it as text, CSV or JCAMP-DX",
    ".da": "FOSS: export it as text, CSV or JCAMP-DX",
    ".unsb": "The Unscrambler: export it as CSV or MATLAB",
    ".dmt": "Agilent: export a table of spectra as CSV, or SPC",
    ".seq": "Agilent: export a table of spectra as CSV, or SPC",
    ".roh": _AVANTES,
    ".abs": _AVANTES,
    ".rfl": _AVANTES,
    ".irr": _AVANTES,
    ".drk": _AVANTES,
    ".ref": _AVANTES,
    ".rfl8": _AVANTES,
    ".trm8": _AVANTES,
    ".abs8": _AVANTES,
    ".raw8": _AVANTES,
    ".rwd8": _AVANTES,
    ".rir8": _AVANTES,
    ".rds": "an R object: write.csv() it",
    ".rda": "an R workspace: write.csv() the spectra",
    ".parquet": "Parquet: save it as CSV",
}
_OLE = b"\xd0\xcf\x11\xe0"  # container of old Office and of several instruments


def describe(head: bytes, suffix: str) -> str | None:
    """Return what a file that cannot be read is and what to do, if that is known."""
    for magic, text in _MAGIC.items():
        if head.startswith(magic):
            return text
    if head.startswith(_OLE) and suffix == ".spc":
        return "Shimadzu UVProbe (.spc): export it as text (ASCII)"
    if head.startswith(_OLE) and suffix not in _SUFFIXES:
        return "an old Excel workbook (.xls): save it as .xlsx"
    return _SUFFIXES.get(suffix) if b"\0" in head else None
