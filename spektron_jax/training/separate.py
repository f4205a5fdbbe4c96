"""The bottleneck in closed form: what tells samples apart and not instruments.

The same samples on many instruments of the training pool, modality by modality, split
the summary h of a spectrum (what both latents read) into

    h = mean + sample + instrument + rest,   covariances B, I, W

and both latents are found from generalised eigenvectors, scaled to unit variance,

    z_chem:  B u = l (W + c I) u        z_inst:  I u = l (W + B) u

the linear discriminants of Fisher (Annals of Eugenics 7 (1936) 179), which for normal
variables are the optimum of the information bottleneck (Chechik, Globerson, Tishby &
Weiss, Journal of Machine Learning Research 6 (2005) 165). c > 1, since what a probe
adds up over many spectra of an instrument is its mean, not the rest. z_inst takes the
leading ones. Among LEADING of z_chem, those combinations are chosen that show least of
the instrument: beside means, instruments differ in how codes spread (`directions.py`).

How many directions of z_chem a modality can keep without its instruments showing, the
probes of `probes/` say, on validation molecules and instruments that no pool holds. The
directions of the modalities are turned towards each other (Schoenemann, Psychometrika
31 (1966) 1): the same molecule comes as near to itself as a rotation can bring it.
Which modality it was is a matter of z_inst. A latent has more numbers than there are
directions, so they are spread over all of them by a fixed random rotation: distances
are those of the few.

It is the last phase of a run: after it the heads alone are trained, which have to learn
to read the new latents. Gradients of an adversary come to the same end only
slowly: it would have to fool every classifier, and sees two instruments in a step.

N = instruments, M = molecules, F = length of h, Z = latent width, R = directions.
"""

from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from scipy.linalg import eigh, orthogonal_procrustes
from tqdm import tqdm

from spektron_jax.errors import SpektronError
from spektron_jax.lab.instruments import training_pool
from spektron_jax.models.vib import LOG_VARIANCE
from spektron_jax.probes.probes import instrument_probe
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.directions import least_instrument
from spektron_jax.training.evaluator import (
    INSTRUMENTS,
    choose_molecules,
    make_evaluator,
)

BLOCK, MOLECULES = 8, 50  # instruments of a block at most, its training molecules
INSTRUMENT_WEIGHT = 3.0  # c
LEADING = 40  # directions that those of z_chem are combined from
RANKS = (24, 20, 16, 14, 12, 10, 8, 6, 4)  # of z_chem, in the order they are tried
INST_RANK = 16
VARIANCE_FLOOR = 1e-5  # share of the mean variance, added to what is divided by
SPANNED = 0.1  # of a direction's variance, at most, may be that floor
DRAWS, VALIDATION = 8, 200  # of unseen instruments; validation molecules on them
PROBES = ("linear", "mlp")
AT_CHANCE = 0.045  # accuracy of a probe above chance, mean over draws; the audit: 0.05


class Parts(NamedTuple):
    """Summaries of a modality, and their covariances."""

    mean: np.ndarray  # (F,)
    samples: np.ndarray  # (M, F), means over instruments less that of their block
    covariances: tuple  # B, I, W (F, F)


def separated(params, config, model, source, progress=True):
    """Parameters with both latents in closed form; the rest as it was.

    Args:
      params, config, model: weights and what they are weights of.
      source: of molecules.
      progress: whether to show a bar.

    Raises:
      SpektronError: fewer than 3 molecules or instruments.
    """
    evaluator = make_evaluator(config, model, params, source, fluorescence=False)
    blocks = measured(evaluator, config, progress)
    parts = {name: parts_of(its) for name, its in blocks.items()}
    room = {name: params[name]["kernel"].shape[-1] for name in ("chem", "inst")}
    inst_rank = min(INST_RANK, room["inst"] - len(MODALITIES))
    unseen = validation(evaluator, config, progress)
    chem, inst = {}, {}
    for name, part in parts.items():
        B, I, W = part.covariances  # noqa: E741
        leading = discriminants(B, W + INSTRUMENT_WEIGHT * I, LEADING)
        leading = leading[:, np.any(leading != 0, axis=0)]
        most = min(room["chem"], leading.shape[1])
        of_rank = partial(told_apart, leading, part, blocks[name])
        found = at_chance(of_rank, most, unseen[name])
        if progress:
            print(f"{name}: z_chem keeps {found.shape[1]} directions", flush=True)
        chem[name] = scaled(found, part)
        inst[name] = scaled(discriminants(I, W + B, inst_rank), part)
    chem = turned(chem, parts)
    parts["unknown"] = of_all(parts)
    B, I, W = parts["unknown"].covariances  # noqa: E741
    pairs = (chem, B, W + INSTRUMENT_WEIGHT * I), (inst, I, W + B)
    for its, kept, hidden in pairs:
        rank = min(np.linalg.matrix_rank(known) for known in its.values())
        found = scaled(discriminants(kept, hidden, rank), parts["unknown"])
        most = next(iter(its.values())).shape[1]
        its["unknown"] = np.pad(found, ((0, 0), (0, most - rank)))
    return params | {
        "chem": latent(params["chem"], chem, parts, 0),
        "inst": latent(params["inst"], inst, parts, 1, tell=True),
    }


def measured(evaluator, config, progress=True):
    """Summaries of every modality, (N, M, F) a block of the pool's instruments.

    Each block has molecules of its own, the same on all of its instruments.
    """
    pool = evaluator.simulator.instruments(training_pool, config.lab.pool)
    molecules, blocks = choose(config, evaluator.source)
    size = config.lab.pool // blocks
    found = {name: [] for name in evaluator.modalities}
    steps = [(name, block) for name in found for block in range(blocks)]
    for name, block in tqdm(steps, unit="block", disable=not progress):
        some = slice(block * size, (block + 1) * size)
        evaluator.instruments = jax.tree.map(lambda x, some=some: x[some], pool)
        found[name].append(summaries(evaluator, molecules[block::blocks], name))
    return found


def summaries(evaluator, molecule, name):
    """Of molecules in a modality on every instrument of an evaluator, (N, M, F)."""
    code = np.full(len(molecule), MODALITIES.index(name), np.int32)
    rows = []
    for one in evaluator.all_instruments(molecule, code):
        _, out = evaluator.apply(*one.inputs, method="encode")
        rows.append(np.asarray(out["summary"])[: one.real])
    return np.concatenate(rows).reshape(evaluator.count, len(molecule), -1)


def choose(config, source):
    """Training molecules, and into how many blocks of instruments they are shared out.

    Raises:
      SpektronError: fewer than 3 molecules or instruments in a block.
    """
    blocks = -(-config.lab.pool // BLOCK)
    molecules = choose_molecules(
        source, config.data.modalities, "train", blocks * MOLECULES, config.seed
    )
    if min(len(molecules), config.lab.pool) // blocks < 3:
        raise SpektronError(
            f"{len(molecules)} training molecules on {config.lab.pool} instruments: "
            "the bottleneck in closed form needs 3 or more of both; give more, or set "
            "config.train.head_steps=0"
        )
    return molecules, blocks


def parts_of(blocks):
    """Parts from the summaries of blocks, (N, M, F) each."""
    total, samples = [0.0, 0.0, 0.0], []
    for h in blocks:
        centred = h - h.mean(axis=(0, 1), dtype=np.float64)
        instrument = centred.mean(axis=1, keepdims=True)
        sample = centred.mean(axis=0, keepdims=True)
        rest = centred - instrument - sample
        samples.append(sample[0])
        for place, term in enumerate((sample, instrument, rest)):
            rows = term.reshape(-1, h.shape[-1])
            total[place] = total[place] + rows.T @ rows / len(rows) / len(blocks)
    mean = np.mean([h.mean(axis=(0, 1), dtype=np.float64) for h in blocks], axis=0)
    return Parts(mean, np.concatenate(samples), tuple(total))


def of_all(parts):
    """Parts for a spectrum of which nobody says what it is: all modalities pooled."""
    means, _, covariances = zip(*parts.values(), strict=True)
    pooled = tuple(np.mean(its, axis=0) for its in zip(*covariances, strict=True))
    return Parts(np.mean(means, axis=0), np.zeros((0, len(means[0]))), pooled)


def discriminants(kept, hidden, rank):
    """Directions of the largest kept over hidden variance, best first, (F, R).

    Zero where they would lie outside what the summaries span: scaled to unit variance
    there, a latent of other molecules would be any number.
    """
    size = len(hidden)
    floor = VARIANCE_FLOOR * np.trace(hidden + kept) / size
    last = size - min(rank, size), size - 1
    known = hidden + floor * np.eye(size)
    found = eigh(kept, known, subset_by_index=last)[1][:, ::-1]
    seen = np.einsum("fr,fg,gr->r", found, kept + hidden, found)
    return np.where(floor * np.sum(found**2, axis=0) < SPANNED * seen, found, 0.0)


def scaled(directions, part):
    """Directions (F, R) along which the summaries of a modality have unit variance."""
    whole = sum(part.covariances)
    variance = np.einsum("fr,fg,gr->r", directions, whole, directions)
    return directions / np.sqrt(np.where(variance > 0, variance, 1.0))


def validation(evaluator, config, progress=True):
    """Summaries of validation molecules on unseen instruments, DRAWS for each name."""
    found = {name: [] for name in evaluator.modalities}
    for draw in tqdm(range(DRAWS), unit="draw", disable=not progress):
        evaluator.audit(INSTRUMENTS, config.seed + 100 + draw)
        molecule = evaluator.choose("validation", VALIDATION)
        for name, its in found.items():
            its.append(summaries(evaluator, molecule, name))
    return found


def told_apart(leading, part, blocks, rank):
    """Directions of z_chem in a modality, the best first, (F, `rank`).

    Args:
      leading: what they are combined from, (F, K).
      part: of the modality.
      blocks: its summaries, as from `measured`.
      rank: how many.
    """
    B, I, W = part.covariances  # noqa: E741
    some = least_instrument(leading, blocks, rank)
    hidden = some.T @ (W + INSTRUMENT_WEIGHT * I) @ some
    return some @ eigh(some.T @ B @ some, hidden)[1][:, ::-1]


def at_chance(of_rank, most, draws):
    """The most directions with which every instrument probe is at chance, (F, R).

    Args:
      of_rank: from a number to as many directions.
      most: of them.
      draws: summaries of one modality, as from `validation`.
    """
    for rank in dict.fromkeys(min(rank, most) for rank in RANKS):
        found = of_rank(rank)
        # The linear probe first: it is the quicker one.
        if all(above_chance(found, draws, kind) <= AT_CHANCE for kind in PROBES):
            break
    return found


def above_chance(directions, draws, kind):
    """Accuracy of a probe of the instrument above chance, mean over draws."""
    gains = []
    for h in draws:
        count, molecules, size = h.shape
        z = h.reshape(-1, size) @ directions
        instrument = np.repeat(np.arange(count), molecules)
        molecule = np.tile(np.arange(molecules), count)
        found = instrument_probe(z, instrument, molecule, 0, kind)
        gains.append(found["accuracy"] - found["chance"])
    return np.mean(gains)


def turned(directions, parts):
    """Directions of every modality, turned within themselves towards the first one's.

    All of as many columns as the most; those that a modality lacks are zero before.
    """
    most = max(its.shape[1] for its in directions.values())
    wide = {
        name: np.pad(its, ((0, 0), (0, most - its.shape[1])))
        for name, its in directions.items()
    }
    first = next(name for name in wide if directions[name].shape[1] == most)
    codes = {name: parts[name].samples @ its for name, its in wide.items()}
    return {
        name: its @ orthogonal_procrustes(codes[name], codes[first])[0]
        for name, its in wide.items()
    }


def latent(old, directions, parts, seed, tell=False):
    """Parameters of a latent that reads each modality along its `directions`.

    Args:
      old: its parameters; tell its sizes.
      directions: name -> (F, R).
      parts: name -> Parts; the W of theirs that is left is the latent's variance.
      seed: of the rotation.
      tell: whether the latent holds the modality, too.
    """
    new = {name: np.zeros(old[name].shape) for name in ("centre", "kernel", "offset")}
    width = old["mean"]["bias"].size
    rank = next(iter(directions.values())).shape[1]
    noise = []
    for name, its in directions.items():
        code = MODALITIES.index(name)
        new["centre"][code], new["kernel"][code, :, :rank] = parts[name].mean, its
        if tell:
            new["offset"][code, rank + code] = 1.0
        rest = parts[name].covariances[-1]
        noise.append(np.einsum("fr,fg,gr->r", its, rest, its).sum() / rank)
    used = rank + tell * len(MODALITIES)
    draw = np.random.default_rng(seed).normal(size=(width, used))
    rotation = np.zeros((old["kernel"].shape[-1], width))
    rotation[:used] = np.linalg.qr(draw)[0].T * np.sqrt(width / rank)
    bias = np.full(width, np.clip(np.log(np.mean(noise)), *LOG_VARIANCE))
    new |= {
        "mean": {"kernel": rotation, "bias": np.zeros(width)},
        "log_variance": {"kernel": np.zeros_like(rotation), "bias": bias},
    }
    return jax.tree.map(np.float32, new)
