"""The bottleneck in closed form: what tells samples apart and not instruments.

The same samples on many instruments of the training pool, in every modality, split the
summary h of a spectrum (what both latents read) into

    h = mean of the modality + sample + instrument + rest,   covariances B, I, W

and the latents become the leading generalised eigenvectors, scaled to unit variance,

    z_chem:  B u = l (W + c I) u        z_inst:  I u = l (W + B) u

the linear discriminants of Fisher (Annals of Eugenics 7 (1936) 179), which for normal
variables are the optimum of the information bottleneck (Chechik, Globerson, Tishby &
Weiss, Journal of Machine Learning Research 6 (2005) 165). c > 1, since what a probe
adds up over many spectra of an instrument is its mean, not the rest. A latent has more
numbers than there are eigenvectors worth keeping, so they are spread over all of them
by a fixed random rotation: distances are those of the few.

It is the last phase of a run: after it the heads alone are trained, which have to learn
to read the new latents. Gradients of an adversary come to the same end only
slowly: it would have to fool every classifier, and sees two instruments in a step.

N = instruments, M = molecules, F = length of h, Z = latent width, R = kept directions.
"""

import jax
import numpy as np
from scipy.linalg import eigh
from tqdm import tqdm

from spektron_jax.errors import SpektronError
from spektron_jax.lab.instruments import training_pool
from spektron_jax.models.vib import LOG_VARIANCE
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.evaluator import choose_molecules, make_evaluator

INSTRUMENTS, MOLECULES = 64, 100  # of a block, at most; of the training split
INSTRUMENT_WEIGHT = 30.0  # c
# R; for z_chem the most with which every probe of validation molecules on other unseen
# instruments was at chance, by nano.
RANKS = {"chem": 6, "inst": 16}
VARIANCE_FLOOR = 1e-5  # share of the mean variance, added to what is divided by


def separated(params, config, model, source, progress=True):
    """Parameters with both latents in closed form; the rest as it was.

    Args:
      params, config, model: weights and what they are weights of.
      source: of molecules.
      progress: whether to show a bar.

    Raises:
      SpektronError: fewer than 3 molecules or instruments.
    """
    parts = measured(params, config, model, source, progress)
    B, I, W = scatter(parts)  # noqa: E741
    h = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
    against = {"chem": (B, W + INSTRUMENT_WEIGHT * I), "inst": (I, W + B)}
    params = dict(params)
    for number, (name, (kept, hidden)) in enumerate(against.items()):
        rank = min(RANKS[name], params[name]["mean"]["bias"].size)
        directions = discriminants(kept, hidden, rank)
        params[name] = latent(params[name], directions, h, W, number)
    return params


def measured(params, config, model, source, progress=True):
    """Summaries of the same molecules on the same instruments, (N, M, F) each.

    Returns:
      a list, one entry for each modality and each block of instruments of the pool;
      each block has molecules of its own.
    """
    count = config.lab.pool
    evaluator = make_evaluator(config, model, params, source, fluorescence=False)
    pool = evaluator.simulator.instruments(training_pool, count)
    molecules, blocks = choose(config, source)
    size = count // blocks
    found = []
    steps = [(name, block) for block in range(blocks) for name in evaluator.modalities]
    for name, block in tqdm(steps, unit="block", disable=not progress):
        some = slice(block * size, (block + 1) * size)
        evaluator.instruments = jax.tree.map(lambda x, some=some: x[some], pool)
        molecule = molecules[block::blocks]
        code = np.full(len(molecule), MODALITIES.index(name), np.int32)
        rows = []
        for one in evaluator.all_instruments(molecule, code):
            _, out = evaluator.apply(*one.inputs, method="encode")
            rows.append(np.asarray(out["summary"][: one.real], np.float64))
        found.append(np.concatenate(rows).reshape(size, len(molecule), -1))
    return found


def choose(config, source):
    """Training molecules, and into how many blocks of instruments they are shared out.

    Raises:
      SpektronError: fewer than 3 molecules or instruments in a block.
    """
    blocks = -(-config.lab.pool // INSTRUMENTS)
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


def scatter(parts):
    """Covariances of samples, instruments and the rest, (F, F) each; see above."""
    total = [0.0, 0.0, 0.0]
    for h in parts:
        centred = h - h.mean(axis=(0, 1))
        instrument = centred.mean(axis=1, keepdims=True)
        sample = centred.mean(axis=0, keepdims=True)
        rest = centred - instrument - sample
        for place, term in enumerate((sample, instrument, rest)):
            rows = term.reshape(-1, h.shape[-1])
            total[place] = total[place] + rows.T @ rows / len(rows) / len(parts)
    return total


def discriminants(kept, hidden, rank):
    """Directions of the largest kept over hidden variance, best first, (F, R)."""
    floor = VARIANCE_FLOOR * np.trace(hidden + kept) / len(hidden)
    _, directions = eigh(kept, hidden + floor * np.eye(len(hidden)))
    return directions[:, ::-1][:, :rank]


def latent(old, directions, h, rest, seed):
    """Parameters of a latent that reads h along `directions`.

    Args:
      old: its parameters; tells the width Z.
      directions: (F, R).
      h: summaries, (n, F).
      rest: W above; what of it is left becomes the latent's variance.
      seed: of the rotation.
    """
    width = old["mean"]["bias"].shape[0]
    directions = directions / np.std(h @ directions, axis=0)
    noise = np.mean(np.einsum("fr,fg,gr->r", directions, rest, directions))
    rank = directions.shape[1]
    draw = np.random.default_rng(seed).normal(size=(width, rank))
    rotation = np.linalg.qr(draw)[0] * np.sqrt(width / rank)
    kernel = directions @ rotation.T
    bias = np.full(width, np.clip(np.log(noise), *LOG_VARIANCE))
    return {
        "mean": _dense(kernel, -h.mean(axis=0) @ kernel),
        "log_variance": _dense(np.zeros_like(kernel), bias),
    }


def _dense(kernel, bias):
    return {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}
