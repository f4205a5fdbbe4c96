"""Memory and time of converting published data sets, on files written in their layout.

    python -m benchmarks.conversion [--gigabytes 2.1] [--molecules 5000]

QM9S: one table of 3,501 wavenumbers, as ir_boraden.csv. QMe14S: two archives with a
file for each molecule. Each conversion runs in a process of its own; memory is that
process's largest resident size, Python and libraries included, and time is CPU time.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from configs.convert import get_config
from spektron_jax.archive import replacing
from spektron_jax.commands import convert

AXIS = np.arange(500.0, 4001.0)
KINDS = 50  # different spectra in a file
RESULT = Path(__file__).parent / "results" / "conversion.json"


def bodies():
    """Values of KINDS spectra, as the files hold them."""
    rng = np.random.default_rng(0)
    for centre, height in zip(
        rng.uniform(600, 3900, KINDS), rng.uniform(1, 99, KINDS), strict=True
    ):
        values = height / (1 + ((AXIS - centre) / 7.5) ** 2) + 0.01
        yield ",".join(f"{value:.6f}" for value in values)


def write_table(path, gigabytes):
    """Table of QM9S; the number of rows."""
    lines, rows = list(bodies()), 0
    with path.open("w") as file:
        file.write("," + ",".join(map(str, AXIS)) + "\n")
        while file.tell() < 1e9 * gigabytes:
            for line in lines:
                file.write(f"{rows},{line}\n")
                rows += 1
    return rows


def write_archives(folder, molecules):
    """Archives of QMe14S, of which only the triple bonds are wrong: there are none."""
    lines, paths = list(bodies()), {}
    for kind, name in (("ir", "IR"), ("raman", "Raman")):
        paths[kind] = folder / f"{name}_broaden.zip"
        with zipfile.ZipFile(
            paths[kind], "w", zipfile.ZIP_DEFLATED, compresslevel=1
        ) as archive:
            for i in range(molecules):
                atoms = "6,0.123456,-1.234567,0.000012\n" * 18
                text = f"{'C' * (i % 9 + 1)}O\n{atoms}\n{lines[i % KINDS]}\n"
                archive.writestr(f"{name}_broaden/{name}_{i:06d}.csv", text)
    return paths


def run(settings, folder):
    """Peak MB and CPU seconds of a conversion, in this process."""
    config = get_config()
    config.convert.update({"progress": False, **settings})
    begun = time.process_time()
    convert.run(config, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"cpu_s": time.process_time() - begun, "peak_MB": peak}


def main():
    """Print the table and write it to RESULT."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.1)
    parser.add_argument("--molecules", type=int, default=5000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "ir_boraden.csv"
        rows = {"boraden": write_table(table, given.gigabytes)}
        archives = write_archives(folder, given.molecules)
        rows["qme14s"] = given.molecules
        jobs = {
            "boraden": {"ir": str(table)},
            "qme14s": {kind: str(path) for kind, path in archives.items()},
        }
        sizes = {"boraden": table.stat().st_size}
        sizes["qme14s"] = sum(path.stat().st_size for path in archives.values())
        found = {}
        for source, settings in jobs.items():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                taken = pool.apply(run, ({"source": source, **settings}, folder))
            found[source] = {"GB": sizes[source] / 1e9, "rows": rows[source], **taken}
    with replacing(RESULT) as draft:
        draft.write_text(json.dumps(found, indent=1) + "\n")
    print("| source | GB | rows | CPU s | peak MB |\n|---|---|---|---|---|")
    for source, row in found.items():
        print(
            f"| {source} | {row['GB']:.2f} | {row['rows']:,} | {row['cpu_s']:.1f} | "
            f"{row['peak_MB']:.0f} |"
        )


if __name__ == "__main__":
    main()
