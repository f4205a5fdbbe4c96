"""Tables of `benchmarks.data_checks`: what checks name, and false alarms."""

from benchmarks.result_files import load, markdown


def data_checks() -> str:
    """Faults and how many of them are named."""
    return fault_rows(load("data_checks"))


def data_alarms() -> str:
    """False alarms of each check on clean data."""
    return alarm_rows(load("data_checks"))


def data_new() -> str:
    """Warnings at prediction."""
    return new_rows(load("data_checks"))


def fault_rows(content: dict) -> str:
    """One row a fault."""
    rows = [
        [row["fault"], str(row["n"]), f"{row['right']:.0%}", f"{row['any']:.0%}"]
        for row in content["faults"]
    ]
    return markdown(["planted", "fits", "named", "not called calibrated"], rows)


def alarm_rows(content: dict) -> str:
    """One row a check."""
    sizes = content["fits"][0]
    rows = [
        [row["check"], f"{row['chose']:.1%}", f"{row['others']:.1%}"]
        for row in content["alarms"]
    ]
    head = ["check", f"sets that chose limits, {sizes['chose']:,} fits"]
    return markdown([*head, f"other sets, {sizes['others']:,} fits"], rows)


def new_rows(content: dict) -> str:
    """One row a kind of new spectra."""
    rows = [
        [row["new"] or "test spectra as they are", str(row["n"])]
        + [f"{row[key]:.0%}" for key in ("warned", "spectra", "domain", "range")]
        for row in content["new"]
    ]
    head = ["new spectra", "predictions", "warned", "of the spectra themselves"]
    head += ["unlike the calibration's", "outside its labels"]
    return markdown(head, rows)


MAKERS = (data_checks, data_alarms, data_new)
