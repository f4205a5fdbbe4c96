"""Every query in every other instrument's library, judged where answers are known.

n = queries, m = library spectra.
"""

import numpy as np
from tqdm import tqdm

from spektron_jax.errors import SpektronError
from spektron_jax.identification.library import (
    COMBINATION,
    WITH_NETWORK,
    SpectralLibrary,
)
from spektron_jax.identification.metrics import (
    hits,
    rejection_curve,
    share,
    share_difference,
)

TOP = (1, 5)
CURVE_POINTS = 60


def search(pairs, given, seed):
    """Results, and rows of hits.csv; (library, query) pairs of `sources.read_pairs`."""
    rows, judged, table, libraries, warnings = [], [], [], {}, []
    for library, query in tqdm(pairs, desc="pairs", disable=not given.progress):
        key = library.name
        if key not in libraries:
            libraries = {key: _library(library, given, seed, warnings)}
        held = libraries[key]
        found, scores = held.search_and_compare(
            query.spectra, query.axis_cm1, given.k, "cm-1"
        )
        rows += _rows(library, query, found)
        known = np.isin(query.labels, library.labels)
        if not known.any():
            continue
        truth = query.labels[known]
        right = {
            name: np.stack([hits(each[known], library.labels, truth, k) for k in TOP])
            for name, each in scores.items()
        }
        judged.append((truth, right, known, query.labels, library.labels, found))
        table.append(_pair_row(library, query, right, truth))
    results = {"pairs": table, "methods": [], "warnings": sorted(set(warnings))}
    results["queries"] = len({(row[1], row[2]) for row in rows})
    results |= _judged(judged) if judged else {}
    results["verdict"] = _verdict(results, given)
    return results, rows


def _library(side, given, seed, warnings):
    library = SpectralLibrary(
        side.spectra,
        side.axis_cm1,
        side.labels,
        modality=side.modality,
        weights=given.weights or None,
    )
    try:
        library.calibrate(given.precision, seed)
    except SpektronError as error:
        warnings.append(f"{side.name}: hits are not rejected ({error})")
    if library.weights and not library.has_encoder_weights:
        warnings.append(
            f"the encoder {given.weights!r} has no part in the search: its "
            "similarities were not weighted (benchmarks/identify_learn.py --write)"
        )
    if library.threshold_ is not None and library.threshold_ > 1:
        warnings.append(
            f"{side.name}: no threshold reaches the precision asked for in virtual "
            "searches; every hit is rejected"
        )
    return library


def _rows(library, query, found):
    rows = []
    for i, sample in enumerate(query.ids.tolist()):
        for rank in range(found.names.shape[1]):
            probability = f"{found.p_correct[i]:.4f}" if rank == 0 else ""
            rows.append(
                (
                    library.name,
                    query.name,
                    sample,
                    rank + 1,
                    str(found.names[i, rank]),
                    f"{found.score[i, rank]:.4f}",
                    probability.replace("nan", ""),
                    ("yes" if found.accepted[i] else "no") if rank == 0 else "",
                )
            )
    return rows


def _pair_row(library, query, right, truth):
    return {
        "query": query.name,
        "library": library.name,
        "queries": len(truth),
        "entries": len(library.labels),
        "top1": {name: float(each[0].mean()) for name, each in right.items()},
    }


def _judged(judged):
    truth = np.concatenate([each[0] for each in judged])
    methods = {
        name: np.concatenate([each[1][name] for each in judged], axis=1)
        for name in judged[0][1]
    }
    table = [
        {
            "method": name,
            **{f"top{k}": share(right[i], truth) for i, k in enumerate(TOP)},
            "combination_minus": share_difference(
                methods[COMBINATION][0], right[0], truth
            ),
        }
        for name, right in methods.items()
    ]
    # Whether to believe a hit, also for queries that no entry answers.
    confidence = np.concatenate([each[5].p_correct for each in judged])
    correct = np.concatenate([e[5].names[:, 0] == e[3] for e in judged])
    answered = np.concatenate([each[2] for each in judged])
    accepted = np.concatenate([each[5].accepted for each in judged])
    found = {"methods": table, "reject": None}
    if np.isfinite(confidence).all():
        curves = {}
        for name, use in (("in the library", answered), ("all queries", answered >= 0)):
            rejected, accuracy = rejection_curve(confidence[use], correct[use])
            some = np.unique(np.linspace(0, use.sum() - 1, CURVE_POINTS).astype(int))
            curves[name] = [rejected[some].tolist(), accuracy[some].tolist()]
        found["reject"] = {
            "accepted": float(accepted.mean()),
            "accepted_known": float(accepted[answered].mean()),
            "accuracy": float(correct[accepted].mean()) if accepted.any() else None,
            "absent": int((~answered).sum()),
            "absent_accepted": int((accepted & ~answered).sum()),
            "queries": int(answered.size),
            "curves": curves,
        }
    if WITH_NETWORK in methods:
        found["network"] = share_difference(
            methods[WITH_NETWORK][0], methods[COMBINATION][0], truth
        )
    return found


def _verdict(results, given):
    lines = []
    if not results["methods"]:
        text = f"{results['queries']} queries searched; their answers are not known, "
        return [{"label": "search", "text": text + "so nothing is judged"}]
    entries = {entry["method"]: entry for entry in results["methods"]}
    for name in (COMBINATION, "cosine", "derivative", WITH_NETWORK):
        if name in entries:
            one, five = entries[name]["top1"], entries[name]["top5"]
            text = f"top-1 {one['share']:.3f} [{one['low']:.3f}, {one['high']:.3f}], "
            text += f"top-5 {five['share']:.3f}, {one['n']} queries"
            lines.append({"label": name, "text": text})
    if "network" in results:
        change = results["network"]
        said = "no clear difference"
        if change["low"] > 0:
            said = "it helps"
        elif change["high"] < 0:
            said = "it harms"
        text = f"top-1 {change['difference']:+.3f} [{change['low']:+.3f}, "
        text += f"{change['high']:+.3f}]: {said}"
        lines.append({"label": "what the network adds", "text": text})
    if reject := results["reject"]:
        text = f"{reject['accepted_known']:.0%} of the hits for compounds in the "
        text += f"library accepted; {reject['absent_accepted']} of {reject['absent']} "
        text += "for absent ones; "
        if reject["accuracy"] is None:
            text += "none accepted"
        else:
            text += f"{reject['accuracy']:.0%} of all accepted hits are right "
            text += f"(asked for: {given.precision:.0%}, in virtual searches)"
        lines.append({"label": "reject option", "text": text})
    return lines
