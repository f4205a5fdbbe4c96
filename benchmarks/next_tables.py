"""The table of `benchmarks.next_samples`."""

from benchmarks.result_files import load, markdown


def next_samples() -> str:
    """Errors by the choice of five samples."""
    return next_rows(load("next_samples"))


def next_rows(content: dict) -> str:
    """One row for each group of tasks."""
    names = ("no labels", "random", "predictions spanned", "Kennard-Stone")
    changes = ("minus random", "minus predictions spanned")
    rows = []
    for row in content["rows"]:
        cells = [f"{row['group']}, {row['tasks']} tasks"]
        cells += [f"{row[name]:.2f}" for name in names]
        for name in changes:
            cells.append("{:+.2f} [{:+.2f}, {:+.2f}]".format(*row[name]))
        rows.append(cells)
    return markdown(["", *names, *(f"Kennard-Stone {name}" for name in changes)], rows)


MAKERS = (next_samples,)
