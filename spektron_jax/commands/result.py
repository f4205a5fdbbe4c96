"""What a task returns: numbers for programs, and a page's content for people.

A task knows nothing of files or HTML, and the page nothing of any task:

    Result   title, facts, headline, verdict, sections; data and arrays to be kept
    Section  an id, a heading, and parts: Text, Bullets, Table, Plot, Code

All text is plain text; the template escapes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # takes a second to import
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Finding:
    """One line of a verdict.

    Attributes:
      good: True or False; None: neither, or a plain fact
      label: a word or two
      text: the sentence
    """

    good: bool | None
    label: str
    text: str


@dataclass(frozen=True)
class Headline:
    """The one thing to remember, above the verdict.

    Attributes:
      what: the sentence above the number
      after: the number as it is shown; "": the sentence alone
      before: what it was, shown with an arrow
      unit: of both
      note: below, what it rests on
    """

    what: str
    after: str = ""
    before: str = ""
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph; `note` sets it in small grey type, `strong` leads it in bold."""

    text: str
    note: bool = False
    strong: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, with a line above it."""

    items: Sequence[str]
    lead: str = ""


@dataclass(frozen=True)
class Table:
    """Rows start with their heading; row `marked` is set off."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    marked: int | None = None


@dataclass(frozen=True)
class Plot:
    """A figure and what to look at in it; numbers: columns of a CSV beside it."""

    figure: "Figure"
    caption: str
    numbers: Mapping[str, Sequence] = field(default_factory=dict)


@dataclass(frozen=True)
class Code:
    """Text as it is typed; with a summary it is folded away below that."""

    text: str
    summary: str = ""


Part = Text | Bullets | Table | Plot | Code


@dataclass(frozen=True)
class Section:
    """A heading with an id, and the parts below it."""

    name: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Result:
    """Everything that a task found.

    Attributes:
      title: of the page
      verdict: most important first
      sections: of the page, in order
      facts: one line below the title: what the numbers rest on
      headline: the one thing to remember
      data: JSON-ready, for results.json
      arrays: for results.npz; empty: no such file
      files: path or name of an input -> SHA-256
      written: other files that the task wrote, by what they are
      page: name of the HTML file
      told: warnings to print before the verdict
    """

    title: str
    verdict: Sequence[Finding] = ()
    sections: Sequence[Section] = ()
    facts: str = ""
    headline: Headline | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, Path] = field(default_factory=dict)
    page: str = "report.html"
    told: Sequence[str] = ()
