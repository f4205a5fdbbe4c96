"""The table of the README: errors in the unit of the property, from result files."""

import numpy as np

from benchmarks.result_files import load, markdown

SHOWN = {  # method on corn -> what a reader calls it
    "none/sg1": "no transfer",
    "target_only/sg1": "the ten samples alone",
    "pds_w5_1@t/sg1": "PDS",
    "pooled_mc_w1@t/sg1": "best single method",
}
PROPERTIES = ("moisture", "oil", "protein", "starch")


def corn_rmsep() -> str:
    """Corn, ten pairs: mean RMSEP over six directions, and how often ours is least."""
    classical, recipes = load("corn_classical"), load("corn_recipe")
    place = recipes["cell_columns"].index("rmsep")
    methods = {
        row["method"]: row["cells"]
        for row in classical["rows"]
        if row["regime"] in ("none", "paired 10")
    }
    (ours,) = (
        row["cells"]
        for row in recipes["rows"]
        if (row["method"], row["regime"]) == ("combination", "paired 10")
    )
    rows = []
    for name in PROPERTIES:
        cells = [cell for cell in ours if cell.endswith(name)]
        errors = {
            method: np.array([methods[method][cell][place] for cell in cells])
            for method in SHOWN
        }
        own = np.array([ours[cell][place] for cell in cells])
        first = int((own < np.min(list(errors.values()), axis=0)).sum())
        means = [f"{one.mean():.3f}" for one in [*errors.values(), own]]
        rows.append([f"{name} (%)", *means, f"{first} of {len(cells)}"])
    return markdown(["RMSEP", *SHOWN.values(), "ours", "ours is least"], rows)


MAKERS = (corn_rmsep,)
