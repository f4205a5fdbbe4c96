"""Tables of `data_checks`, `transfer_risk` and `network_transfer`."""

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


def network_transfer() -> str:
    """What the transfer network changes, by sets and regime."""
    found = load("network_transfer")["rows"]
    rows = [
        [regime, *(_change(found[name].get(regime)) for name in found)]
        for regime in found["semi-real"]
    ]
    return markdown(["", *(f"{x}, {found[x]['all'][2]} trials" for x in found)], rows)


def network_cells() -> str:
    """R2 of all cells of tablets and sugarcane, by regime."""
    rows = [
        [regime, *(f"{x:.3f}" for x in one["r2"]), _change(one["change"])]
        for regime, one in load("network_transfer")["cells"].items()
    ]
    return markdown(["34 cells, 2 splits", "recipe", "with network", "R2"], rows)


def network_curve() -> str:
    """The same for networks of other sizes and numbers of tasks."""
    curve = load("network_transfer")["curve"]
    groups = [name for name in curve[0] if isinstance(curve[0][name], list)]
    rows = [
        [*(f"{row[x]:,}" for x in ("tasks", "parameters"))]
        + [_change(row[name]) for name in groups]
        for row in curve
    ]
    return markdown(["tasks", "parameters", *groups], rows)


def task_prior() -> str:
    """The table of the documentation."""
    rows = load("task_prior")["rows"]
    forms = [name for name in rows[-1] if name not in ("step", "recipe")]
    cells = [
        [f"{row['step']}, {row['recipe'][2]} tasks", f"{row['recipe'][0]:.3f}"]
        + ["{:+.3f} ± {:.3f}".format(*row[x]) if x in row else "-" for x in forms]
        for row in rows
    ]
    return markdown(["", "recipe", *(f"{x} minus that" for x in forms)], cells)


def _change(found: list | None) -> str:
    return "-" if found is None else f"{found[0]:+.3f} ± {found[1]:.3f}"


MAKERS = (data_checks, data_alarms, data_new, transfer_risk)
MAKERS += (network_transfer, network_cells, network_curve, task_prior)
