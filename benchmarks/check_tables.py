"""Tables of `benchmarks.data_checks` and `benchmarks.transfer_risk`."""

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


def transfer_risk() -> str:
    """What is said of a transfer without labels, and what came of it."""
    rows = []
    for row in load("transfer_risk")["groups"]:
        bins = (
            f"{said:.2f}: {found:.2f} ({n})" for n, said, found in row["reliability"]
        )
        area = "-" if row["auc_after"] is None else f"{row['auc_after']:.2f}"
        shares = f"{row['poor_before']:.0%}", f"{row['poor_after']:.0%}"
        rows.append([row["group"], str(row["trials"]), *shares, area, "; ".join(bins)])
    head = ["", "trials", "R2 below 0.5 without transfer", "with it", "AUC"]
    return markdown([*head, "said: found (trials)"], rows)


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


MAKERS = (data_checks, data_alarms, data_new, transfer_risk)
