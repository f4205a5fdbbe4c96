"""What the result files say of time and memory, a function for each table."""

import math

from benchmarks.result_files import load, markdown

OSCILLATOR = {
    "published design": "published design",
    "stream": "**stream** (`dlinoss`, the default on a CPU)",
    "sequential": "sequential scan, every position kept",
    "chunked": "chunked",
    "associative": "associative",
}
ACCURATE = {
    "published design": "published design",
    "sequential": "sequential, stream",
    "associative": "associative",
    "chunked": "chunked",
}
LENGTHS = (2048, 16384)
FILES = {
    "boraden": "QM9S table, {GB:.1f} GB | {rows:,}",
    "qme14s": "QMe14S archives, {GB:.1f} GB | {rows:,} x 2",
}


def oscillator_speed() -> str:
    """One D-LinOSS layer, forward and backward."""
    found = {(row["batch"], row["variant"]): row for row in load("oscillator")["speed"]}
    rows = []
    for name, label in OSCILLATOR.items():
        large, small = found[16, name], found[1, name]
        rows.append(
            [label, f"{large['speedup']:.1f}", f"{small['speedup']:.1f}"]
            + [f"{large['temporary_mb']:.3g} MB", _seconds(large["compile_s"])]
        )
    head = ["", "speed-up, batch 16", "batch 1", "temporary memory, batch 16"]
    return markdown([*head, "compile time"], rows)


def oscillator_error() -> str:
    """Worst error of an oscillator: positions, and the worst of the gradients."""
    found = {
        (row["length"], row["variant"]): row for row in load("oscillator")["accuracy"]
    }
    rows = []
    for name, label in ACCURATE.items():
        cells = []
        for length in LENGTHS:
            row = found[length, name]
            worst = max(row[key] for key in ("sigma", "delta", "force"))
            cells.append(f"{_error(row['x'])}, {_error(worst)}")
        rows.append([label, *cells])
    head = [f"{length:,} points: positions, worst gradient" for length in LENGTHS]
    return markdown(["", *head], rows)


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 1 else f"{value:.1f} s"


def _error(value: float) -> str:
    if math.isnan(value):
        return "not a number"
    return f"{value:.1e}" if value < 1 else "beyond 1"


def base_model() -> str:
    """The whole base model on one CPU thread."""
    rows = [
        [str(row["batch"]), row["scan"], "yes" if row["remat"] else "no"]
        + [f"{row['seconds']:.1f}", f"{row['gigabytes']:.1f} GB"]
        for row in load("base_model")
    ]
    head = ["batch", "scan", "recompute layers", "s / sample", "peak memory"]
    return markdown(head, rows)


def step() -> str:
    """Shares of a pretraining step of the base variant."""
    found = load("step_base")
    whole = found.pop("whole")
    parts = sorted(
        (item for item in found.items() if item[1] > 0), key=lambda item: -item[1]
    )
    return markdown(
        [name for name, _ in parts], [[f"{spent / whole:.0%}" for _, spent in parts]]
    )


def library_scale() -> str:
    """Search in libraries, a column a size."""
    known = sorted(load("library_scale").items(), key=lambda item: item[1]["size"])
    found = [size for _, size in known]
    labels = {
        "prepare_s": "prepare, once (CPU s)",
        "query_s": "one query (CPU s)",
        "fifty_s": "50 queries at once (CPU s)",
        "known_first": "right entry first, queries that are entries",
        "cosine_s": "plain cosine: one query (CPU s)",
        "cosine_fifty_s": "plain cosine: 50 queries (CPU s)",
        "cosine_known_first": "plain cosine: right entry first",
        "load_s": "load what was prepared (CPU s)",
        "file_gb": "file (GB)",
        "peak_gb_prepared": "highest memory of preparing (GB)",
        "recall": "best hit is the exact search's",
    }
    rows = [
        [label, *(_two(size[key]) if key in size else "-" for size in found)]
        for key, label in labels.items()
    ]
    names = [
        name.replace(str(size["size"]), f"{size['size']:,}") for name, size in known
    ]
    return markdown(["", *names], rows)


def _two(value: float) -> str:
    """Two digits at least, without a power of ten."""
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def other_layers() -> str:
    """The oscillator layer beside layers of others."""
    labels = {
        "published design": "D-LinOSS, published design",
        "stream": "**ours** (`dlinoss`, stream)",
        "S5": "S5, 128 complex states",
        "FFT": "our layer by convolution with FFT",
    }
    rows = [
        [labels[row["variant"]], f"{row['cpu_ms']:,.0f}", f"{row['speedup']:.1f}"]
        + [f"{row['temporary_mb']:.3g} MB"]
        for row in load("other_layers")
    ]
    return markdown(["", "CPU ms", "speed-up", "temporary memory"], rows)


def conversion() -> str:
    """Published tables into files for training."""
    rows = []
    for name, found in load("conversion").items():
        cells = FILES[name].format(**found).split(" | ")
        rows.append([*cells, f"{found['cpu_s']:.0f} s", f"{found['peak_MB']:.0f} MB"])
    head = ["synthetic file of its layout", "rows", "CPU"]
    return markdown([*head, "peak memory, Python included"], rows)


def reading() -> str:
    """Rows a second by format."""
    found = sorted(load("reading")["rows_per_s"].items(), key=lambda item: -item[1])
    rows = [[name, f"{speed:,.0f}"] for name, speed in found]
    return markdown(["format", "rows/s, 700 points"], rows)


def transfer_cost() -> str:
    """A calibration transfer without the network."""
    return transfer_rows(load("transfer_cost")["rows"])


def transfer_rows(found: list[dict]) -> str:
    """One row for each size: `benchmarks.transfer_cost`."""
    rows = []
    for row in found:
        ours, pls, pds = (row.get(name) for name in ("ours", "PLS", "PDS"))
        spent, classical = (one["fit_s"] + one["interval_s"] for one in (ours, pls))
        known = "{pairs} pairs" if row["pairs"] else "{unlabelled:,} unlabelled"
        label = "{source:,} x {points:,}, " + known
        rows.append(
            [label.format(**row), f"{spent:.3g} s", f"{classical:.3g} s"]
            + [f"{spent / classical:.2g}", f"{pds['fit_s']:.2g} s" if pds else "-"]
            + [f"{one['peak_MB']:.0f} MB" for one in (ours, pls)]
            + [", ".join(f"{one['one_ms']:.2g}" for one in (ours, pls)) + " ms"]
            + [", ".join(f"{one['many_s']:.2g}" for one in (ours, pls)) + " s"]
        )
    head = ["source, target", "fit and intervals", "PLS", "ours / PLS", "PDS, fit"]
    head += ["peak memory", "PLS", "one spectrum: ours, PLS", "10,000: ours, PLS"]
    return markdown(head, rows)


MAKERS = (oscillator_speed, oscillator_error, base_model, step, library_scale)
MAKERS += (other_layers, conversion, reading, transfer_cost)
