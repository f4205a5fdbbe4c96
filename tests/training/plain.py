"""The losses of pretraining once more: float64, loops, from their descriptions alone.

Nothing of the package is used here, so that what is wrong there is not wrong here too.

B molecules, each on instruments a and b; B / 2 mixtures; L points, Z latent width.
"""

import math

import numpy as np
from scipy.special import voigt_profile


def square(predicted, wanted, points):
    """Mean squared difference over the chosen points of one spectrum."""
    total = count = 0.0
    for p, w, chosen in zip(predicted, wanted, points, strict=True):
        if chosen:
            total, count = total + (p - w) ** 2, count + 1
    return total / count if count else 0.0


def mean(values):
    """Of any numbers, one by one."""
    values = list(values)
    return sum(values) / len(values)


def cosine(x, y):
    """Of the angle between two vectors."""
    return float(x @ y / math.sqrt((x @ x) * (y @ y)))


def entropy_loss(logits, label):
    """- log softmax(logits)[label]."""
    top = max(logits)
    return top + math.log(sum(math.exp(v - top) for v in logits)) - logits[label]


def nats(average, log_variance):
    """KL of a diagonal normal to the standard normal, summed over its dimensions."""
    return sum(
        0.5 * (m * m + math.exp(v) - 1 - v)
        for m, v in zip(average, log_variance, strict=True)
    )


def reconstruction(seen, said):
    """What was hidden, of both views."""
    return mean(
        square(said[view]["spectra"][i, :, 0], seen[view][i], seen[f"hidden_{view}"][i])
        for view in "ab"
        for i in range(len(seen["a"]))
    )


def denoising(seen, said):
    """The spectrum without instrument, where the measured one was visible."""
    return mean(
        square(
            said[view]["spectra"][i, :, 1], seen["clean"][i], ~seen[f"hidden_{view}"][i]
        )
        for view in "ab"
        for i in range(len(seen["a"]))
    )


def contrastive(seen, said):
    """Each view predicts the other's target, standardised by instrument."""
    target = {
        view: (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-6)
        for view, x in ((view, said[view]["target"]) for view in "ab")
    }
    return mean(
        2 - 2 * cosine(said[view]["prediction"][i], target[other][i])
        for view, other in ("ab", "ba")
        for i in range(len(seen["a"]))
    )


def physics(seen, said):
    """Of the clean spectra that view a and the mixtures were decoded to."""
    clean, mixed = said["a"]["spectra"][..., 1], said["mixture"]["spectra"][..., 1]
    values = []
    for i, spectrum in enumerate(clean):
        pair, share = i // 2, seen["share"][i // 2]
        expected = share * clean[2 * pair] + (1 - share) * clean[2 * pair + 1]
        visible = ~(seen["hidden_a"][2 * pair] | seen["hidden_a"][2 * pair + 1])
        linear = square(mixed[pair], expected, visible)
        negative = mean(min(v, 0.0) ** 2 for v in spectrum)
        bend = mean(
            (spectrum[j + 1] - 2 * spectrum[j] + spectrum[j - 1]) ** 2
            for j in range(1, len(spectrum) - 1)
        )
        values.append(linear + negative + 0.1 * bend + 0.1 * asymmetry(spectrum))
    return mean(values)


def asymmetry(spectrum):
    """Left against right within 3 points of every maximum above 0.5."""
    found = []
    for j in range(3, len(spectrum) - 3):
        around = [spectrum[j + k] for k in (-3, -2, -1, 1, 2, 3)]
        if spectrum[j] > 0.5 and spectrum[j] > max(around):
            sides = [(spectrum[j - k] - spectrum[j + k]) ** 2 for k in (1, 2, 3)]
            found.append(mean(sides))
    return mean(found) if found else 0.0


def kl(seen, said):
    """Nats of both latents."""
    return mean(
        nats(said[view]["chem_mean"][i], said[view]["chem_log_variance"][i])
        + nats(said[view]["inst_mean"][i], said[view]["inst_log_variance"][i])
        for view in "ab"
        for i in range(len(seen["a"]))
    )


def named(seen, said, latent):
    """Cross-entropy of naming the instrument, by example: view a, then view b."""
    return [
        entropy_loss(said[view][f"{latent}_logits"][i], seen["instrument"][k])
        for k, view in enumerate("ab")
        for i in range(len(seen["a"]))
    ]


def swap(seen, said):
    """z_chem of the other view with z_inst of one's own gives one's own spectrum."""
    return mean(
        square(said[view]["swapped"][i], seen[view][i], [True] * len(seen[view][i]))
        for view in "ab"
        for i in range(len(seen["a"]))
    )


def transport(said):
    """Debiased Sinkhorn divergence, epsilon 1, of clouds of unit length."""
    a, b = (
        np.array([z / math.sqrt(z @ z) for z in said[view]["chem_mean"]])
        for view in "ab"
    )
    return regularised(a, b) - 0.5 * regularised(a, a) - 0.5 * regularised(b, b)


def regularised(a, b, rounds=500):
    """Entropic transport cost (epsilon 1) of two even clouds, squared distances."""
    cost = np.array([[float((x - y) @ (x - y)) for y in b] for x in a])
    kernel = np.exp(-cost) / (len(a) * len(b))
    u, v = np.ones(len(a)), np.ones(len(b))
    for _ in range(rounds):
        u = 1 / (len(a) * kernel @ v)
        v = 1 / (len(b) * kernel.T @ u)
    return float(np.log(u).mean() + np.log(v).mean())


def balance(said, load):
    """Experts times the sum of load and importance; all rows, mixtures too.

    load: held fixed, since no gradient passes.
    """
    importance = np.concatenate(
        [said[kind]["importance"] for kind in ("a", "b", "mixture")]
    )
    return sum(
        importance.shape[1] * load[e] * mean(importance[:, e])
        for e in range(importance.shape[1])
    )


def terms(seen, said, load):
    """All ten, by name."""
    return {
        "reconstruction": reconstruction(seen, said),
        "contrastive": contrastive(seen, said),
        "denoising": denoising(seen, said),
        "physics": physics(seen, said),
        "transport": transport(said),
        "balance": balance(said, load),
        "kl": kl(seen, said),
        "adversary": mean(named(seen, said, "chem")),
        "instrument": mean(named(seen, said, "inst")),
        "swap": swap(seen, said),
    }


def weights(settings, step, steps):
    """Of the ten terms at a step, beta by its cosine."""
    share = min(step / (settings["beta_fraction"] * steps), 1.0)
    low, high = settings["beta_end"], settings["beta_start"]
    beta = low + 0.5 * (high - low) * (1 + math.cos(math.pi * share))
    whole = settings["bottleneck"]
    found = {"kl": whole * beta, "adversary": whole, "instrument": whole}
    found["swap"] = whole * settings["swap"]
    names = "reconstruction contrastive denoising physics transport balance".split()
    return found | {name: settings[name] for name in names}


def reversal_strength(settings, step, steps):
    """Ganin's curve times the strength that it rises to."""
    p = settings["reversal_gamma"] * step / steps
    return settings["reversal"] * (2 / (1 + math.exp(-p)) - 1)


def spectrum(position_cm1, strength, axis_cm1, fwhm_cm1, sigma_cm1=0.0):
    """Lorentzian lines through a Gaussian instrument: a sum of Voigt profiles."""
    total = np.zeros(len(axis_cm1))
    for place, area in zip(position_cm1.tolist(), strength.tolist(), strict=True):
        if area:
            total += area * voigt_profile(axis_cm1 - place, sigma_cm1, fwhm_cm1 / 2)
    return total


def legendre(coefficients, axis_cm1):
    """A baseline over the axis from -1 to 1."""
    return np.polynomial.legendre.legval(
        np.linspace(-1, 1, len(axis_cm1)), coefficients
    )
