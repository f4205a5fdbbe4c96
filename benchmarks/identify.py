"""Identification on measured sets: every ordered pair of instruments.

    python -m benchmarks.identify --data=DIR --json=benchmarks/results/identify.json

DIR holds raman_biomolecules.h5, raman_reference.h5 and ir_meats.h5. Runs the task
"identify" as a user would, and keeps its tables.
"""

import argparse
import json
import tempfile
from pathlib import Path

from spektron_jax import main as program

SETS = {
    "raman_biomolecules": ["--config.data.path={}/raman_biomolecules.h5"],
    "raman_reference": [
        "--config.data.path={}/raman_reference.h5",
        "--config.data.label=material",
        "--config.data.low_cm1=200.0",
    ],
    "ir_meats": [
        "--config.data.path={}/ir_meats.h5",
        "--config.data.label=species",
        "--config.identify.mode=classify",
    ],
}
KEPT = ("verdict", "methods", "network", "pairs", "reject", "shots", "files")
LEFT_OUT = ("curves",)


def main():
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--weights", default="nano")
    parser.add_argument("--json")
    given = parser.parse_args()
    found = {}
    for name in given.sets.split(","):
        with tempfile.TemporaryDirectory() as folder:
            arguments = [each.format(given.data) for each in SETS[name]]
            arguments += [
                "--config=configs/identify.py",
                f"--workdir={folder}",
                f"--config.identify.weights={given.weights}",
            ]
            print(f"## {name}")
            if program.main(arguments):
                raise SystemExit(f"{name}: failed")
            results = json.loads((Path(folder) / "results.json").read_text())
        found[name] = {key: results[key] for key in KEPT if results.get(key)}
        for key in LEFT_OUT:
            found[name].get("reject", {}).pop(key, None)
        found["versions"] = results["versions"]
        if given.json:
            content = {"command": "python -m benchmarks.identify --data=DIR"} | found
            Path(given.json).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
