"""An exported calibration as a workbook whose formulas predict.

    Result        what a person reads: a row for each pasted spectrum
    Spectra       where positions (column A) and spectra (columns B to K) are pasted
    Steps         scores, SD and sums, a column for each spectrum
    Points        weighted sums of neighbours, where the model needs them
    Calibration   the numbers
    About         settings and how to use it

With several properties, each has columns of its own in Result; Steps2, Calibration2,
... are of the second. Results are #N/A, and the check says why, unless the pasted axis
is the calibration's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spektron_jax.archive import replacing
from spektron_jax.transfer.export.definition import NOT_KNOWN, names, size_of
from spektron_jax.transfer.export.table import settings

SPECTRA = 10
FIRST = 2  # row of the first point
OWN = 6  # columns of a property in Result
SPARE = 5000  # rows below that must be empty
HOW = (
    'Paste positions and values into the sheet "Spectra": positions into column A '
    "from row 2, one spectrum into each column from B, names into row 1. Read the "
    'sheet "Result". Every position must be the calibration\'s.'
)


def write_workbook(path: Path, found: Sequence[dict[str, Any]]) -> None:
    """Write the workbook."""
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "Result"
    for name in ("Spectra", "Steps", "Calibration", "About"):
        book.create_sheet(name)
    rows = [*settings(found), ("how to use it", HOW)]
    for place, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            _write_text(book["About"], place, column, value)
    check = OWN * len(found) + 2
    for number, (name, one) in enumerate(zip(names(found), found, strict=True)):
        _Sheets(book, one, number, f"{name} ".lstrip(), check).fill()
    with replacing(path) as draft:
        book.save(draft)


class _Sheets:
    """The sheets of one property while they are filled; ranges of numbers by name."""

    def __init__(
        self, book: Any, found: dict[str, Any], number: int, name: str, check: int
    ):
        from openpyxl.utils import get_column_letter

        self.letter, self.found, self.book = get_column_letter, found, book
        self.number, self.name, self.check = number, name, check
        self.result, self.spectra = book["Result"], book["Spectra"]
        self.steps, self.numbers = self._sheet("Steps"), self._sheet("Calibration")
        self.columns = 0
        self.step_rows: dict[str, int] = {}
        self.q, self.L = len(found["raw"]), size_of(found)
        self.place = OWN * number + 2  # of the value in Result

    def _sheet(self, name: str) -> Any:
        """One that belongs to the property."""
        title = f"{name}{self.number + 1}" if self.number else name
        known = title in self.book.sheetnames
        return self.book[title] if known else self.book.create_sheet(title)

    def fill(self) -> None:
        """All sheets."""
        found = self.found
        unit = found["axis"]["unit"]
        _write_text(self.spectra, 1, 1, f"position ({unit})")
        axis = self._numbers("position", found["axis"]["positions"])
        self.raw = self._numbers("raw", found["raw"])
        self._headings()
        rows = f"A{FIRST}:A{self.q + FIRST - 1}"
        below = f"A{self.q + FIRST}:A{self.q + FIRST + SPARE}"
        right = (
            f"AND(COUNT(Spectra!{rows})={self.q},COUNTA(Spectra!{below})=0,"
            f"SUMPRODUCT((ABS(Spectra!{rows}-{axis})>"
            f"{found['axis']['tolerance']!r})*1)=0)"
        )
        self._vectors()
        for number in range(SPECTRA):
            self._spectrum(number, self.letter(number + 2), f"IFERROR({right},FALSE)")

    def _headings(self) -> None:
        """The first row of the sheet Result, and its widths."""
        about = self.found["about"]
        value = f"{about.get('property') or 'value'} {about.get('unit', '')}".strip()
        own = ("low", "high", "T2 / limit", "Q / limit", "flag")
        texts = ["spectrum", value, *(f"{self.name}{each}" for each in own), "check"]
        places = [1, *range(self.place, self.place + OWN), self.check]
        widths = (18, *[14] * (OWN - 1), 18, 34)
        for place, text, width in zip(places, texts, widths, strict=True):
            _write_text(self.result, 1, place, text)
            self.result.column_dimensions[self.letter(place)].width = width

    def _vectors(self) -> None:
        """Everything on the model's points."""
        found = self.found
        self.snv = found["snv"] and self._numbers("snv", found["snv"])
        interval, domain = found["interval"], found["domain"]
        self.centre, self.mean = "", ""
        self.axes, self.loadings = list[str](), list[str]()
        if interval["fixed"] is None:
            self.centre = self._numbers("centre", interval["centre"])
            rows = enumerate(interval["axes"], 1)
            self.axes = [self._numbers(f"axis {k}", each) for k, each in rows]
        if domain is not None:
            self.mean = self._numbers("mean", domain["mean"])
            rows = enumerate(domain["loadings"], 1)
            self.loadings = [self._numbers(f"loading {k}", each) for k, each in rows]
        if (points := found["points"]) is not None:
            self.points, self.weights = self._sheet("Points"), self._sheet("Weights")
            for j, row in enumerate(points["weights"], 1):
                for k, value in enumerate(row, 1):
                    self.weights.cell(k, j, value)

    def _spectrum(self, k: int, column: str, right: str) -> None:
        """Formulas of the spectrum in one column of the sheet Spectra."""
        found, row = self.found, k + 2
        end = self.q + FIRST - 1
        x = f"Spectra!{column}${FIRST}:{column}${end}"
        z = self._z(column)
        _write_text(self.spectra, 1, k + 2, f"spectrum {k + 1}")
        whole = (
            f"AND(COUNT({x})={self.q},COUNTA(Spectra!{column}{end + 1}:"
            f"{column}{end + 1 + SPARE})=0,MAX({x})<={found['largest']!r},"
            f"MIN({x})>=-{found['largest']!r})"
        )
        axis_right = self._step(column, "axis is right", f"={right}")
        complete = self._step(column, "spectrum is whole", f"=IFERROR({whole},FALSE)")
        value = f"{found['intercept']!r}+SUMPRODUCT({self.raw},{x})"
        if self.snv:
            sd = self._step(column, "SD of the points", f"=STDEV({z})")
            part = f"({found['snv_constant']!r}+SUMPRODUCT({self.snv},{x}))"
            value += f"+{part}/IF({sd}>0,{sd},1)"
        value = self._step(column, "value", f"={value}")
        half = self._step(column, "half the interval", self._half(column, z))
        t2, q = self._distances(column, z)
        if (domain := found["domain"]) is not None and domain["ends"]:
            low, high = domain["ends"]
            cut = f"MAX({low!r},MIN({high!r},{value}))"
            cut = f"=IF({q}>{domain['unlike']!r},{cut},{value})"
            value = self._step(column, "value within the labels", cut)
        steps = self.steps.title
        good = f"AND({steps}!{axis_right},{steps}!{complete})"
        ends = f"{value}-{steps}!{half}", f"{value}+{steps}!{half}"
        for place, what in enumerate((value, *ends, t2, q), self.place):
            shown = f"{steps}!{what}" if what else "NA()"
            self.result.cell(row, place, f"=IF({good},{shown},NA())")
        flag = f'"{NOT_KNOWN}"'
        if domain is not None:
            inside, outside, unlike = (f'"{name}"' for name in domain["flags"])
            T2, Q = (f"{self.letter(self.place + k)}{row}" for k in (3, 4))
            flag = f"IF({Q}>{domain['unlike']!r},{unlike},"
            flag += f"IF(AND({T2}<=1,{Q}<=1),{inside},{outside}))"
        self.result.cell(row, self.place + 5, f'=IF({good},{flag},"no prediction")')
        if self.number:
            return
        self.result.cell(row, 1, f"=Spectra!{column}1")
        said = f'IF(Steps!{complete},"ok","paste {self.q} values, none missing")'
        wrong = "wrong axis: paste the calibration's positions"
        self.result.cell(row, self.check, f'=IF(Steps!{axis_right},{said},"{wrong}")')

    def _z(self, column: str) -> str:
        """The range with the model's points of a spectrum."""
        points = self.found["points"]
        if points is None:
            return f"Spectra!{column}${FIRST}:{column}${self.q + FIRST - 1}"
        width = len(points["weights"][0])
        for j, (first, constant) in enumerate(
            zip(points["first"], points["constant"], strict=True)
        ):
            own = self.letter(j + 1)
            weights = f"{self.weights.title}!${own}$1:${own}${width}"
            begin = first + FIRST
            neighbours = f"Spectra!{column}{begin}:{column}{begin + width - 1}"
            formula = f"={constant!r}+SUMPRODUCT({weights},{neighbours})"
            self.points[f"{column}{j + FIRST}"] = formula
        end = self.L + FIRST - 1
        return f"{self.points.title}!{column}${FIRST}:{column}${end}"

    def _half(self, column: str, z: str) -> str:
        interval = self.found["interval"]
        if interval["fixed"] is not None:
            return f"={interval['fixed']!r}"
        rows = [
            self._step(column, f"axis {k}", f"=SUMPRODUCT({axis},{z}-{self.centre})")
            for k, axis in enumerate(self.axes, 1)
        ]
        h = f"{interval['floor']!r}+SUMSQ({rows[0]}:{rows[-1]})"
        return f"={interval['scale']!r}*SQRT(SQRT({h}))"

    def _distances(self, column: str, z: str) -> tuple[str, str]:
        """Cells of T2 and Q over their limits; empty without a domain."""
        if (domain := self.found["domain"]) is None:
            return "", ""
        rows = [
            self._step(column, f"score {k}", f"=SUMPRODUCT({loading},{z}-{self.mean})")
            for k, loading in enumerate(self.loadings, 1)
        ]
        parts = zip(rows, domain["variances"], strict=True)
        t2 = "+".join(f"{row}^2/{variance!r}" for row, variance in parts)
        q = f"SUMXMY2({z},{self.mean})-SUMSQ({rows[0]}:{rows[-1]})"
        return (
            self._step(column, "T2 / limit", f"=({t2})/{domain['t2_limit']!r}"),
            self._step(column, "Q / limit", f"=MAX({q},0)/{domain['q_limit']!r}"),
        )

    def _step(self, column: str, name: str, formula: str) -> str:
        """A cell of the sheet Steps; its name stands in column A."""
        if name not in self.step_rows:
            self.step_rows[name] = len(self.step_rows) + 2
            _write_text(self.steps, self.step_rows[name], 1, name)
        cell = f"{column}{self.step_rows[name]}"
        self.steps[cell] = formula
        return cell

    def _numbers(self, name: str, values: list[float]) -> str:
        """The range of one more column of the sheet Calibration."""
        self.columns += 1
        _write_text(self.numbers, 1, self.columns, name)
        for row, value in enumerate(values, FIRST):
            self.numbers.cell(row, self.columns, value)
        letter = self.letter(self.columns)
        end = len(values) + FIRST - 1
        return f"{self.numbers.title}!${letter}${FIRST}:${letter}${end}"


def _write_text(sheet: Any, row: int, column: int, value: object) -> None:
    """A cell that is no formula, whatever a user called things."""
    cell = sheet.cell(row, column, value)
    if isinstance(value, str):
        cell.data_type = "s"
        cell.quotePrefix = value.startswith(("=", "+", "-", "@"))
