"""The task "identify": search a library, or classify from few labelled spectra.

Writes hits.csv beside the results: every hit of every query, best first.
"""

from dataclasses import asdict
from pathlib import Path

from ml_collections import ConfigDict

from spektron_jax.commands.report import identify as page
from spektron_jax.commands.report import identify_hits as hits_page
from spektron_jax.commands.result import Finding, Result
from spektron_jax.config import COUNT, FRACTION, at_least, check_fields, one_of
from spektron_jax.encoder.weights import left_out
from spektron_jax.errors import ADD_NETWORK
from spektron_jax.identification.classify import classify
from spektron_jax.identification.search import HitRow, search
from spektron_jax.identification.sources import read_pairs
from spektron_jax.spectra.tables import write_table

RULES = {
    "identify.mode": one_of("search", "classify"),
    "identify.k": COUNT,
    "identify.precision": FRACTION,
    "identify.repeats": at_least(2),
}
SHOTS = {
    "identify.shots": (
        lambda shots: len(shots) > 0 and min(shots) >= 2,
        "give numbers of 2 or more; one spectrum says nothing of the spread",
    )
}
WITHOUT_NETWORK = (
    "without the network, since JAX is not installed: it would add similarities that "
    "help across Raman instruments, and virtual ones, by which hits are rejected "
    f"({ADD_NETWORK})"
)


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    check_fields(config, RULES)
    if config.identify.mode == "classify":
        check_fields(config, SHOTS)
    if config.identify.weights and left_out(config.identify.weights):
        config.identify.weights = ""
        print(WITHOUT_NETWORK)


def run(config: ConfigDict, workdir: Path) -> Result:
    """Search or classify, and write hits.csv."""
    given = config.identify
    pairs, files = read_pairs(config.data)
    notes = dict.fromkeys(note for _, query in pairs for note in query.notes)
    weights, how = given.weights or None, (config.seed, given.progress)
    headline = None
    if given.mode == "search":
        keep = Path(given.keep) if given.keep else None
        found, rows = search(pairs, weights, given.k, given.precision, *how, keep)
        if keep is not None:
            print(f"library: {keep}; give it as the library next time")
        verdict = page.search_verdict(found, given.precision)
        sections, data = page.search_sections(found), asdict(found)
        answers = hits_page.answers(rows)
        sections = [*hits_page.sections(answers, pairs), *sections]
        if found.unscored or not found.methods:  # unknown: answers are the verdict
            verdict = [*hits_page.verdict(answers), *verdict]
            headline = hits_page.headline(answers, given.precision)
    else:
        classified, rows = classify(pairs, weights, given.shots, given.repeats, *how)
        verdict = page.classify_verdict(classified)
        sections, data = page.classify_sections(classified), asdict(classified)
    write_table(workdir / "hits.csv", [HitRow._fields, *rows])
    return Result(
        "Identification",
        [*verdict, *(Finding(None, "note", note) for note in notes)],
        sections,
        headline=headline,
        facts=f"{', '.join(files)}; {weights or 'no'} encoder.",
        data={"mode": given.mode, "weights": weights, **data},
        files=files,
        written={"hits": workdir / "hits.csv"},
    )
