"""Every query in every other instrument's library, judged where answers are known.

n = queries, m = library spectra.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from spektron_jax.errors import SpektronError
from spektron_jax.identification.engines import COMBINATION, WITH_NETWORK
from spektron_jax.identification.library import Hits, SpectralLibrary
from spektron_jax.identification.metrics import (
    hits,
    rejection_curve,
    share,
    share_difference,
)
from spektron_jax.identification.sources import Side

TOP = (1, 5)
CURVE_POINTS = 60

Estimate = Mapping[str, float]  # a value with low and high, as from `metrics`


class HitRow(NamedTuple):
    """One line of hits.csv; probability and accepted belong to the first rank."""

    library: str
    query_instrument: str
    query_id: str
    rank: int
    name: str
    score: str
    probability: str = ""
    accepted: str = ""


@dataclass(frozen=True)
class PairScore:
    """Top-1 accuracy of every method for queries of one instrument in one library."""

    query: str
    library: str
    queries: int
    entries: int  # of the library
    top1: Mapping[str, float]


@dataclass(frozen=True)
class MethodScore:
    """Accuracy over all pairs, and that of the combination without network minus it."""

    method: str
    top1: Estimate
    top5: Estimate
    combination_minus: Estimate


@dataclass(frozen=True)
class Rejection:
    """Which hits were accepted, and how often these are right.

    Attributes:
      accepted, accepted_known: share of all queries, and of those that the library
        holds
      accuracy: of accepted hits; None: none is accepted
      absent, absent_accepted: queries that the library lacks, accepted ones among them
      queries: all whose true name is known
      curves: which queries -> share rejected, accuracy of the rest
    """

    accepted: float
    accepted_known: float
    accuracy: float | None
    absent: int
    absent_accepted: int
    queries: int
    curves: Mapping[str, tuple[list[float], list[float]]]


@dataclass(frozen=True)
class SearchResults:
    """What a search found; methods are empty where no answer is known.

    Attributes:
      queries: all of them
      unscored: those whose true name nobody gave: their own is none of the library's,
        and is not meant as one (see `Side.declared`); they are not called absent
      network: top-1 with the network minus without
    """

    queries: int
    unscored: int = 0
    pairs: Sequence[PairScore] = ()
    methods: Sequence[MethodScore] = ()
    reject: Rejection | None = None
    network: Estimate | None = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class _Judged:
    """Queries of a pair with true names; right is for those that the library holds."""

    right: Mapping[str, np.ndarray]  # (len(TOP), known queries)
    known: np.ndarray  # (n,) bool, whether the library holds them
    truth: np.ndarray  # (n,)
    p_correct: np.ndarray  # (n,), as in Hits
    accepted: np.ndarray  # (n,) bool
    first: np.ndarray  # (n,) name of the best hit


def search(
    pairs: Sequence[tuple[Side, Side]],
    weights: str | None = None,
    k: int = 5,
    precision: float = 0.95,
    seed: int = 0,
    progress: bool = False,
    keep: Path | None = None,
) -> tuple[SearchResults, list[HitRow]]:
    """Search every query of (library, query) pairs.

    Args:
      pairs: as from `sources.read_pairs`
      weights: of an encoder, None: without the network
      k: hits listed for each query
      precision: of accepted hits, in virtual searches of the library
      seed: of these
      progress: whether to show a bar
      keep: file that receives the first library, prepared
    """
    rows: list[HitRow] = []
    table: list[PairScore] = []
    judged: list[_Judged] = []
    warnings: set[str] = set()
    libraries: dict[str, SpectralLibrary] = {}
    unscored: set[tuple[str, str]] = set()
    for side, query in tqdm(pairs, desc="pairs", disable=not progress):
        if side.name not in libraries:  # pairs of a library follow each other
            libraries = {side.name: _library(side, weights, precision, seed, warnings)}
        held = libraries[side.name]
        if keep is not None:
            held.save(keep)
            keep = None
        found, scores = held.search_and_compare(
            query.spectra, query.axis_cm1, k, "cm-1"
        )
        rows += _rows(side, query, found)
        named = query.labels != ""
        known = np.isin(query.labels, side.labels) & named
        scored = known | (query.declared & named)
        unscored |= {(query.name, name) for name in query.ids[~scored].tolist()}
        if not known.any():
            continue
        truth = query.labels[known]
        right = {
            name: np.stack([hits(each[known], side.labels, truth, k) for k in TOP])
            for name, each in scores.items()
        }
        hit = found.p_correct, found.accepted, found.names[:, 0]
        rows_of = (each[scored] for each in (known, query.labels, *hit))
        judged.append(_Judged(right, *rows_of))
        top1 = {name: float(each[0].mean()) for name, each in right.items()}
        table.append(
            PairScore(query.name, side.name, truth.size, len(side.labels), top1)
        )
    queries = len({(row.query_instrument, row.query_id) for row in rows})
    if not judged:
        return SearchResults(queries, len(unscored), warnings=sorted(warnings)), rows
    methods, network = _methods(judged)
    results = SearchResults(
        *(queries, len(unscored), table, methods),
        *(_rejection(judged), network, sorted(warnings)),
    )
    return results, rows


def _library(
    side: Side, weights: str | None, precision: float, seed: int, warnings: set[str]
) -> SpectralLibrary:
    library = side.library or SpectralLibrary(
        side.spectra,
        side.axis_cm1,
        side.labels,
        modality=side.modality,
        weights=weights,
        quantity=side.quantity,
    )
    weights = library.weights
    try:
        if library.threshold_ is None:
            library.calibrate(precision, seed)
    except SpektronError as error:
        warnings.add(f"{side.name}: hits are not rejected ({error})")
    if library.weights and not library.has_encoder_weights:
        warnings.add(
            f"the encoder {weights!r} has no part in the search: its similarities were "
            "not weighted (benchmarks/identify_learn.py --write)"
        )
    if library.threshold_ is not None and library.threshold_ > 1:
        warnings.add(
            f"{side.name}: no threshold reaches the precision asked for in virtual "
            "searches; every hit is rejected"
        )
    return library


def _rows(library: Side, query: Side, found: Hits) -> list[HitRow]:
    rows = []
    for i, sample in enumerate(query.ids.tolist()):
        for rank, name in enumerate(found.names[i].tolist(), start=1):
            score = f"{found.score[i, rank - 1]:.4f}"
            row = HitRow(library.name, query.name, sample, rank, name, score)
            if rank == 1:
                probability = f"{found.p_correct[i]:.4f}".replace("nan", "")
                accepted = "yes" if found.accepted[i] else "no"
                accepted = accepted if probability else ""  # nothing was learnt
                row = row._replace(probability=probability, accepted=accepted)
            rows.append(row)
    return rows


def _methods(judged: Sequence[_Judged]) -> tuple[list[MethodScore], Estimate | None]:
    """Every method over all pairs, and what the network adds."""
    truth = np.concatenate([each.truth[each.known] for each in judged])
    right = {
        name: np.concatenate([each.right[name] for each in judged], axis=1)
        for name in judged[0].right
    }
    table = [
        MethodScore(
            name,
            share(top1, truth),
            share(top5, truth),
            share_difference(right[COMBINATION][0], top1, truth),
        )
        for name, (top1, top5) in right.items()
    ]
    if WITH_NETWORK not in right:
        return table, None
    network = share_difference(right[WITH_NETWORK][0], right[COMBINATION][0], truth)
    return table, network


def _rejection(judged: Sequence[_Judged]) -> Rejection | None:
    """Whether to believe a hit, also for queries that no entry answers."""
    confidence = np.concatenate([each.p_correct for each in judged])
    if not np.isfinite(confidence).all():
        return None
    correct = np.concatenate([each.first == each.truth for each in judged])
    answered = np.concatenate([each.known for each in judged])
    accepted = np.concatenate([each.accepted for each in judged])
    curves = {}
    everything = np.ones_like(answered)
    for name, use in (("in the library", answered), ("all queries", everything)):
        rejected, accuracy = rejection_curve(confidence[use], correct[use])
        some = np.unique(np.linspace(0, use.sum() - 1, CURVE_POINTS).astype(int))
        curves[name] = rejected[some].tolist(), accuracy[some].tolist()
    return Rejection(
        accepted=float(accepted.mean()),
        accepted_known=float(accepted[answered].mean()),
        accuracy=float(correct[accepted].mean()) if accepted.any() else None,
        absent=int((~answered).sum()),
        absent_accepted=int((accepted & ~answered).sum()),
        queries=int(answered.size),
        curves=curves,
    )
