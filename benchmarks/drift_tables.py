"""The table of `benchmarks.drift_monitor`."""

from benchmarks.result_files import load, markdown


def drift_monitor() -> str:
    """False alarms and drifts found."""
    return monitor_rows(load("drift_monitor"))


def monitor_rows(content: dict) -> str:
    """One row for each number of left-out errors."""
    rows = []
    for n in dict.fromkeys(row["errors"] for row in content["bias"]):
        found = [row for row in content["bias"] if row["errors"] == n]
        alarms = ", ".join(f"{row['alarms']:.2f}" for row in found)
        soon = [
            ", ".join(f"{row[key]:.0%}" for row in found)
            for key in ("found_0", "found_20")
        ]
        rows.append([str(n) if n else "SD and mean known", alarms, *soon])
    sizes = ", ".join(str(row["samples"]) for row in found)
    head = [f"left-out errors (each for {sizes} samples a control)"]
    head += ["false alarms in 200 controls", "drift from the start found within 10"]
    return markdown([*head, "drift after 20 controls found within 10"], rows)


MAKERS = (drift_monitor,)
