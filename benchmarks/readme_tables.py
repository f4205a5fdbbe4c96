"""The table of the README: errors in the unit of the property, from result files."""

from benchmarks.result_files import load, markdown


def real_sets() -> str:
    """Every property of the sets that are measured on several instruments."""
    rows = []
    for row in load("real_sets")["rows"]:
        keys = ("sd", "before", "alone", "best", "ours", "without_labels")
        numbers = [f"{row[key]:#.3g}".rstrip(".") for key in keys]
        name = f"{row['set']}, {row['property']} ({row['unit']})"
        rows.append([name, *numbers, f"{row['least']} of {row['directions']}"])
    head = ["RMSEP", "SD of the labels", "no transfer", "the ten samples alone"]
    head += ["best single method", "ours", "ours, ten spectra without labels"]
    return markdown([*head, "ours is least"], rows)


MAKERS = (real_sets,)
