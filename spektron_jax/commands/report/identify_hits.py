"""What unknown spectra were found to be: the answer, its scores, and the overlay.

q = queries, p = points.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from spektron_jax.commands.report import identify_figures as figures
from spektron_jax.commands.result import (
    Finding,
    Headline,
    Part,
    Plot,
    Section,
    Table,
    Text,
)
from spektron_jax.identification.search import HitRow
from spektron_jax.identification.sources import Side

SAID = 10  # queries in the verdict
LISTED = 50  # in the table
DRAWN = 6
OTHERS = 2  # further hits named beside the first
YES = "yes"

Answer = Sequence[HitRow]  # the hits of one query, best first


def answers(rows: Sequence[HitRow]) -> list[Answer]:
    """The hits of each query, in the order of the search."""
    one = [list(hits) for _, hits in groupby(rows, lambda row: row[:3])]
    return [hits for hits in one if hits]


def verdict(found: Sequence[Answer]) -> list[Finding]:
    """A finding for each query: what it is, how sure, and what else it may be."""
    said = []
    for hits in found[:SAID]:
        first, *others = hits
        sure = first.accepted == YES
        text = f"{first.name}, score {first.score}"
        text += ": accepted" if sure else ": not accepted, no firm answer"
        if others:
            names = "; ".join(f"{hit.name} ({hit.score})" for hit in others[:OTHERS])
            text += f". Next: {names}"
        said.append(Finding(True if sure else None, first.query_id, f"{text}."))
    if len(found) > SAID:
        text = f"{len(found) - SAID} more queries: see the table and hits.csv."
        said.append(Finding(None, "further queries", text))
    return said


def headline(found: Sequence[Answer], precision: float) -> Headline:
    """How many were identified."""
    accepted = sum(hits[0].accepted == YES for hits in found)
    what = "Spectra whose first hit is accepted"
    note = f"accepted: as sure as hits of which {precision:.0%} were right in searches "
    note += "of this library measured again on virtual instruments. The others have a "
    note += "best hit, but no firm answer."
    return Headline(what, f"{accepted} of {len(found)}", note=note)


def sections(
    found: Sequence[Answer], pairs: Sequence[tuple[Side, Side]]
) -> list[Section]:
    """The hits as a table, and the first of them drawn over their queries."""
    header = ["query", "hit", "score", "accepted", "probability", "next hits"]
    rows = []
    for first, *others in found[:LISTED]:
        names = "; ".join(f"{hit.name} ({hit.score})" for hit in others[:OTHERS])
        cells = first.score, first.accepted, first.probability
        rows.append((first.query_id, first.name, *cells, names))
    caption = ""
    if len(found) > LISTED:
        caption = f"The first {LISTED} of {len(found)} queries; all are in hits.csv."
    note = "Score: a sum of similarities of several kinds; it compares hits of one "
    note += "query. Probability: that the first hit is right."
    parts: list[Part] = [Table(header, rows, caption), Text(note, note=True)]
    if drawn := overlays(found, pairs):
        text = (
            "Each query (black) over the library's spectrum of its first hit (blue), "
        )
        text += "both from 0 to 1. Look whether every strong band has its partner."
        if len(found) > len(drawn):
            text += f" The first {len(drawn)} of {len(found)}."
        parts.append(Plot(figures.overlays(drawn), text))
    return [Section("hits", "Hits", parts)]


def overlays(
    found: Sequence[Answer], pairs: Sequence[tuple[Side, Side]]
) -> list[figures.Overlay]:
    """Query and hit of the first answers, each on its own axis."""
    sides = {(library.name, query.name): (library, query) for library, query in pairs}
    drawn = []
    for hits in found[:DRAWN]:
        first = hits[0]
        library, query = sides[first.library, first.query_instrument]
        row = np.flatnonzero(query.ids.astype(str) == first.query_id)[0]
        same = np.flatnonzero(library.labels.astype(str) == first.name)
        on_axis = np.interp(library.axis_cm1, query.axis_cm1, query.spectra[row])
        inside = (library.axis_cm1 >= query.axis_cm1.min()) & (
            library.axis_cm1 <= query.axis_cm1.max()
        )
        alike = [_cosine(on_axis[inside], library.spectra[k][inside]) for k in same]
        title = f"{first.query_id}: {first.name}, score {first.score}"
        title += "" if first.accepted == YES else " (not accepted)"
        drawn.append(
            figures.Overlay(
                title,
                (query.axis_cm1, query.spectra[row]),
                (library.axis_cm1, library.spectra[same[int(np.argmax(alike))]]),
            )
        )
    return drawn


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of two spectra (p,), each about its mean."""
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) or 1.0))
