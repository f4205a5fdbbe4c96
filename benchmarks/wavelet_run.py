"""nano with wavelet coefficients beside the convolution, against the shipped weights.

At commit 5cc9fbc, since the setting is out again:

    python -m spektron_jax.main --config=configs/pretrain.py:nano --workdir=RUN
        --config.model.wavelet_levels=6 --config.train.head_steps=1000
    python -m spektron_jax.main --config=configs/pretrain.py:nano --workdir=FIRST
        --config.train.steps=1500 (stopped after 900)
    python -m spektron_jax.main --config=configs/pretrain.py:nano --workdir=CONTROL
        --config.train.start=FIRST --config.train.separate=true --config.train.steps=1
        "--config.data.modalities=('NIR',)"
    python -m spektron_jax.training.export RUN WEIGHTS
    python -m benchmarks.identify_learn --weights=WEIGHTS --json=VIRTUAL --write
    python -m benchmarks.identify --sets=raman_biomolecules --weights=WEIGHTS
        --data=DIR --json=MEASURED
    python -m spektron_jax.main --config=configs/latent.py --workdir=AUDIT
        --config.weights=WEIGHTS
    python -m benchmarks.retrieval --weights=WEIGHTS --data=corn.h5 --json=RETRIEVAL

and, but for the last, the same of CONTROL, which has the convolution alone, a fifth of
the steps and the bottleneck of one modality. The whole run without wavelets (commit
b0b6452), to the end of its encoder and bottleneck:

    python -m spektron_jax.main --config=configs/pretrain.py:nano --workdir=WHOLE
        --config.eval.curve_every_steps=1000 --config.log.shares_every_steps=500

What they wrote was collected by this file of commit 47808fd, and by hand for the whole
run; what is left of it makes the table. Audit at seed 0 alone.
"""

from benchmarks.result_files import load, markdown

MODALITIES = ("IR", "Raman", "NIR")
COLUMNS = {
    "shipped": "shipped",
    "wavelets": "with wavelets",
    "whole": "whole run without",
    "control": "the same, first part",
}


def numbers(its):
    """A number for each modality, and a dash for what was not measured."""
    cells = (f"{its[each]:.2f}" if each in its else "-" for each in MODALITIES)
    return ", ".join(cells)


def wavelet_run() -> str:
    """The table of the documents."""
    runs = load("wavelet_run")["runs"]
    rows = [["steps of the encoder", *(f"{runs[x]['steps']:,}" for x in COLUMNS)]]
    gaps = (
        "{ratio:.2f} [{low:.2f}, {high:.2f}]".format(**runs[x]["gaps"])
        if "gaps" in runs[x]
        else ""
        for x in COLUMNS
    )
    rows.append(["gaps of 60-100 cm-1 / linear", *gaps])
    for name in runs["shipped"]["audit"]:
        each = (runs[x]["audit"][name] for x in COLUMNS)
        rows.append([name, *(numbers(its) for its in each)])
    for code, places in runs["shipped"]["retrieval"].items():
        for place in places:
            each = (runs[x].get("retrieval", {}) for x in COLUMNS)
            shares = (its[code][place] if its else () for its in each)
            cells = (", ".join(f"{share:.0%}" for share in its) for its in shares)
            rows.append([f"retrieval in the NIR, {place}, {code}", *cells])
    for name in runs["shipped"]["identify"]:
        each = (runs[x]["identify"].get(name, {}).values() for x in COLUMNS)
        cells = (", ".join(f"{value:.3f}" for value in its) for its in each)
        rows.append([f"identification, {name}", *cells])
    return markdown(["", *COLUMNS.values()], rows)


MAKERS = (wavelet_run,)
