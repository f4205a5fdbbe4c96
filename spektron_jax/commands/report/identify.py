"""Words, tables and figures for what a search or a classification found."""

from collections.abc import Mapping, Sequence

from spektron_jax.commands.report import identify_figures as figures
from spektron_jax.commands.report.wording import interval, share
from spektron_jax.commands.result import Bullets, Finding, Plot, Section, Table, Text
from spektron_jax.identification.classify import WITH_NETWORK as LDA_WITH_NETWORK
from spektron_jax.identification.classify import ClassifyResults, PairAccuracy
from spektron_jax.identification.engines import COMBINATION, WITH_NETWORK
from spektron_jax.identification.search import PairScore, SearchResults

HEADLINE = (COMBINATION, "cosine", "derivative", WITH_NETWORK)  # in the verdict


def search_verdict(results: SearchResults, precision: float) -> list[Finding]:
    """How often the right name came first, what the network adds, what is rejected."""
    if not results.methods:
        text = f"{results.queries} queries searched; their true names are not in the "
        text += "library's labels, so how often such hits are right was not measured"
        return [Finding(None, "search", text)]
    scores = {score.method: score for score in results.methods}
    found = []
    for score in (scores[name] for name in HEADLINE if name in scores):
        text = f"top-1 {score.top1['share']:.3f} {interval(score.top1, _three)}, "
        text += f"top-5 {score.top5['share']:.3f}, {score.top1['n']} queries"
        found.append(Finding(None, score.method, text))
    if change := results.network:
        said = "no clear difference"
        if change["low"] > 0:
            said = "it helps"
        elif change["high"] < 0:
            said = "it harms"
        text = f"top-1 {_change(change)}: {said}"
        found.append(Finding(None, "what the network adds", text))
    if reject := results.reject:
        text = f"{reject.accepted_known:.0%} of the hits for compounds in the library "
        text += "accepted; "
        if reject.absent:
            text += f"{reject.absent_accepted} of {reject.absent} for absent ones; "
        if reject.accuracy is None:
            text += "none accepted"
        else:
            text += f"{reject.accuracy:.0%} of all accepted hits are right "
            text += f"(asked for: {precision:.0%}, in virtual searches)"
        found.append(Finding(None, "reject option", text))
    if results.unscored:
        text = f"{results.unscored} of {results.queries} queries: the library has no "
        text += "such name. They count as unknown, not as absent; true names are those "
        text += "of a label column (config.data.label)"
        found.append(Finding(None, "not scored", text))
    return found


def search_sections(results: SearchResults) -> list[Section]:
    """The page below the verdict."""
    sections = warnings_section(results.warnings)
    if results.methods:
        sections.append(_methods(results))
    if reject := results.reject:
        caption = "Accuracy of the hits that are kept, the least confident rejected "
        caption += "first. The confidence was learnt inside each library, by measuring "
        caption += "it again on virtual instruments; no query was used."
        plot = Plot(figures.rejection(reject.curves, reject.accepted), caption)
        sections.append(Section("reject", "When to reject a hit", [plot]))
    return sections + _pairs(results.pairs, [str(p.queries) for p in results.pairs])


def classify_verdict(results: ClassifyResults) -> list[Finding]:
    """The best method for each number of labelled spectra, and the network's part."""
    found = []
    for score in results.shots:
        best = max(score.methods, key=lambda name: score.methods[name]["share"])
        value = score.methods[best]
        text = f"best is {best}, {value['share']:.3f} {interval(value, _three)}"
        if LDA_WITH_NETWORK in score.methods:
            change = score.methods[LDA_WITH_NETWORK]["minus_lda"]
            text += f"; what the network adds to LDA: {_change(change)}"
        found.append(Finding(None, f"{score.shots} spectra of each class", text))
    return found


def classify_sections(results: ClassifyResults) -> list[Section]:
    """The page below the verdict."""
    methods = list(results.shots[0].methods)
    header = ("method", *(f"{score.shots} per class" for score in results.shots))
    rows, curves = [], {}
    for name in methods:
        values = [score.methods[name] for score in results.shots]
        rows.append((name, *map(_with_interval, values)))
        curves[name] = [
            (score.shots, value["share"], value["low"], value["high"])
            for score, value in zip(results.shots, values, strict=True)
        ]
    caption = "Share of spectra on the query instrument put into the right class, "
    caption += "against the number of labelled spectra of each class."
    plot, table = Plot(figures.learning(curves), caption), Table(header, rows)
    shots = [str(pair.shots) for pair in results.pairs]
    return [
        *warnings_section(results.warnings),
        Section("shots", "Few-shot classification", [plot, table]),
        *_pairs(results.pairs, shots, "shots"),
    ]


def warnings_section(warnings: Sequence[str]) -> list[Section]:
    """A section with the warnings, if there are any."""
    if not warnings:
        return []
    return [Section("warnings", "Warnings", [Bullets(warnings)])]


def _methods(results: SearchResults) -> Section:
    header = ("method", "top-1", "top-5", "combination without network minus this")
    rows = [
        (
            score.method,
            _with_interval(score.top1),
            _with_interval(score.top5),
            _points(score.combination_minus),
        )
        for score in results.methods
    ]
    note = f"{results.methods[0].top1['n']} queries whose compound is in the library. "
    note += "Intervals: 95 %, compounds resampled."
    return Section("methods", "Methods", [Table(header, rows), Text(note, note=True)])


def _pairs(
    pairs: Sequence[PairScore | PairAccuracy],
    numbers: Sequence[str],
    what: str = "queries",
) -> list[Section]:
    if not pairs:
        return []
    names = list(pairs[0].top1)
    header = ("query instrument", "library", what, *names)
    rows = [
        (pair.query, pair.library, number, *(f"{pair.top1[n]:.2f}" for n in names))
        for pair, number in zip(pairs, numbers, strict=True)
    ]
    table = Table(header, rows, caption="Top-1")
    return [Section("pairs", "Pairs of instruments", [table])]


def _with_interval(value: Mapping[str, float]) -> str:
    return f"{share(value['share'])} {interval(value, share)}"


def _three(value: float) -> str:
    return f"{value:.3f}"


def _change(change: Mapping[str, float]) -> str:
    signed = "{:+.3f}".format
    return f"{signed(change['difference'])} {interval(change, signed)}"


def _points(change: Mapping[str, float]) -> str:
    low, high = (f"{100 * change[end]:+.1f}" for end in ("low", "high"))
    return f"{100 * change['difference']:+.1f} [{low}, {high}] points"
