"""Deliberate faults: where, what stands there, what is put in its place.

Each is one that a hand could make: an exchanged view, a lost term, a sign. The checks
that are given must refuse it; `QUICK` are tried in every test run.
"""

from typing import NamedTuple

NETWORK = "spektron_jax/training/network.py"
STEPS = "spektron_jax/training/steps.py"
SIMULATOR = "spektron_jax/training/simulator.py"
SCHEDULES = "spektron_jax/training/schedules.py"
OBJECTIVE = "spektron_jax/losses/objective.py"
LOSSES = "spektron_jax/losses/"
MODELS = "spektron_jax/models/"
TEST_TIME = "spektron_jax/encoder/test_time.py"


class Fault(NamedTuple):
    """A replacement of text in one file."""

    name: str
    file: str
    old: str
    new: str


# Seen by the step's values and gradients. The networks themselves are as they were.
OF_THE_STEP = (
    # The reversal
    Fault(
        "reversal never applied",
        NETWORK,
        "return jnp.where(error < np.log(logits.shape[-1]), alpha, 0.0)",
        "return jnp.where(error < np.log(logits.shape[-1]), 0.0, 0.0)",
    ),
    Fault(
        "reversal on the wrong side of chance",
        NETWORK,
        "error < np.log(logits.shape[-1])",
        "error > np.log(logits.shape[-1])",
    ),
    Fault(
        "reversal for all examples",
        NETWORK,
        "return jnp.where(error < np.log(logits.shape[-1]), alpha, 0.0)",
        "return jnp.full_like(error, alpha)",
    ),
    Fault(
        "strength of the reversal is a constant",
        STEPS,
        "outputs = network.outputs(params, inputs, target, alpha(state.step))",
        "outputs = network.outputs(params, inputs, target, 1.0)",
    ),
    Fault(
        "strength of the reversal is beta",
        STEPS,
        "outputs = network.outputs(params, inputs, target, alpha(state.step))",
        "outputs = network.outputs(params, inputs, target, beta(state.step))",
    ),
    Fault(
        "adversary switched off",
        NETWORK,
        'if self.adversary == "none"',
        'if self.adversary == "z_chem"',
    ),
    Fault(
        "adversary reads z_inst",
        NETWORK,
        'arguments = views[f"z_{name}"], table',
        'arguments = views["z_inst" if name == "none" else "chem_mean"], table',
    ),
    Fault(
        "z_inst classifier cut off",
        NETWORK,
        'return adversary("chem"), views["inst_instrument"] @ table.T',
        'return adversary("chem"), '
        'jax.lax.stop_gradient(views["inst_instrument"]) @ table.T',
    ),
    Fault(
        "z_inst classifier reversed too",
        NETWORK,
        'if self.adversary == "all":',
        'if self.adversary == "z_chem":',
    ),
    Fault(
        "labels of the two views exchanged",
        OBJECTIVE,
        "jnp.repeat(inputs.instrument, size)",
        "jnp.repeat(inputs.instrument[::-1], size)",
    ),
    Fault(
        "labels alternate instead of standing in blocks",
        OBJECTIVE,
        "jnp.repeat(inputs.instrument, size)",
        "jnp.tile(inputs.instrument, size)",
    ),
    Fault(
        "labels of the adversary exchanged",
        NETWORK,
        "label = jnp.repeat(inputs.instrument, len(inputs.clean))",
        "label = jnp.repeat(inputs.instrument[::-1], len(inputs.clean))",
    ),
    # Swap
    Fault(
        "no swap: own z_chem with own z_inst",
        NETWORK,
        'jnp.roll(views["z_chem"], len(inputs.clean), axis=0)',
        'views["z_chem"]',
    ),
    Fault(
        "swap with the neighbour",
        NETWORK,
        'jnp.roll(views["z_chem"], len(inputs.clean), axis=0)',
        'jnp.roll(views["z_chem"], 1, axis=0)',
    ),
    Fault(
        "swap teaches z_chem nothing",
        NETWORK,
        'jnp.roll(views["z_chem"], len(inputs.clean), axis=0)',
        'jnp.roll(jax.lax.stop_gradient(views["z_chem"]), len(inputs.clean), axis=0)',
    ),
    Fault(
        "swap teaches z_inst nothing",
        NETWORK,
        'views["z_inst"],\n                axis',
        'jax.lax.stop_gradient(views["z_inst"]),\n                axis',
    ),
    Fault(
        "swap towards the other view",
        OBJECTIVE,
        "            outputs.swapped,\n",
        "            jnp.roll(outputs.swapped, size, axis=0),\n",
    ),
    # Contrastive
    Fault(
        "contrastive against the own view",
        LOSSES + "contrastive.py",
        "distance(prediction_a, target_b) + distance(prediction_b, target_a)",
        "distance(prediction_a, target_a) + distance(prediction_b, target_b)",
    ),
    Fault(
        "targets of the network in training",
        STEPS,
        "network.target(state.target_params, inputs)",
        "network.target(state.params, inputs)",
    ),
    Fault(
        "targets standardised over both instruments",
        NETWORK,
        "standardise(cloud, parallel.gather(cloud))",
        "standardise(cloud, parallel.gather(target))",
    ),
    Fault(
        "targets standardised on one device alone",
        NETWORK,
        "standardise(cloud, parallel.gather(cloud))",
        "standardise(cloud, cloud)",
    ),
    Fault(
        "targets from masked spectra",
        NETWORK,
        "z_chem, _ = self.apply(params, values, axis, valid, modality, "
        'method="encode")',
        "z_chem, _ = self.apply(params, values, axis, valid, modality, "
        'inputs.hidden[both], method="encode")',
    ),
    Fault(
        "the target network stands still",
        STEPS,
        "optax.incremental_update(params, state.target_params, 1 - ema)",
        "optax.incremental_update(params, state.target_params, 0.0)",
    ),
    Fault(
        "the target network follows the wrong way round",
        STEPS,
        "optax.incremental_update(params, state.target_params, 1 - ema)",
        "optax.incremental_update(params, state.target_params, ema)",
    ),
    # Reconstruction and denoising
    Fault(
        "reconstruction on all points",
        OBJECTIVE,
        "reconstruction(decoded[both], values, inputs.hidden[both])",
        "reconstruction(decoded[both], values, everywhere)",
    ),
    Fault(
        "reconstruction of what was visible",
        OBJECTIVE,
        "reconstruction(decoded[both], values, inputs.hidden[both])",
        "reconstruction(decoded[both], values, visible[both])",
    ),
    Fault(
        "reconstruction from the clean channel",
        OBJECTIVE,
        "reconstruction(decoded[both], values, inputs.hidden[both])",
        "reconstruction(clean[both], values, inputs.hidden[both])",
    ),
    Fault(
        "denoising towards the noisy spectrum",
        OBJECTIVE,
        "jnp.tile(inputs.clean, (2, 1))",
        "values",
    ),
    Fault(
        "denoising towards another molecule",
        OBJECTIVE,
        "jnp.tile(inputs.clean, (2, 1))",
        "jnp.repeat(inputs.clean, 2, axis=0)",
    ),
    Fault(
        "denoising of hidden points",
        OBJECTIVE,
        "clean[both], jnp.tile(inputs.clean, (2, 1)), visible[both]",
        "clean[both], jnp.tile(inputs.clean, (2, 1)), inputs.hidden[both]",
    ),
    # Physics
    Fault(
        "Beer-Lambert share reversed",
        OBJECTIVE,
        "            inputs.share,\n",
        "            1 - inputs.share,\n",
    ),
    Fault(
        "Beer-Lambert of view b's spectra",
        OBJECTIVE,
        "            clean[:size],\n",
        "            clean[size : 2 * size],\n",
    ),
    Fault(
        "Beer-Lambert of the measured channel",
        OBJECTIVE,
        "            clean[mixed],\n",
        "            decoded[mixed],\n",
    ),
    Fault(
        "Beer-Lambert at hidden points",
        OBJECTIVE,
        "            visible[mixed],\n",
        "            inputs.hidden[mixed],\n",
    ),
    Fault(
        "positive values punished, not negative ones",
        LOSSES + "physics.py",
        "jnp.minimum(spectra, 0.0) ** 2",
        "jnp.maximum(spectra, 0.0) ** 2",
    ),
    Fault(
        "smoothness left out",
        LOSSES + "physics.py",
        "positive + SMOOTHNESS * smooth + SYMMETRY",
        "positive + 0.0 * smooth + SYMMETRY",
    ),
    Fault(
        "symmetry left out",
        LOSSES + "physics.py",
        "smooth + SYMMETRY * symmetric",
        "smooth + 0.0 * symmetric",
    ),
    # Transport and balance
    Fault(
        "transport between a cloud and itself",
        NETWORK,
        'tuple(map(parallel.gather, jnp.split(views["chem_mean"], 2)))',
        'tuple(map(parallel.gather, [views["chem_mean"][: len(inputs.clean)]] * 2))',
    ),
    Fault(
        "transport of z_inst",
        NETWORK,
        'tuple(map(parallel.gather, jnp.split(views["chem_mean"], 2)))',
        'tuple(map(parallel.gather, jnp.split(views["inst_mean"], 2)))',
    ),
    Fault(
        "transport moves one instrument's cloud alone",
        LOSSES + "transport.py",
        "return sinkhorn(a, b, epsilon)",
        "import jax\n\n    return sinkhorn(a, jax.lax.stop_gradient(b), epsilon)",
    ),
    Fault(
        "transport not debiased",
        LOSSES + "transport.py",
        "    return value, {",
        "    value = value + jnp.mean(a[:, None] * b[None])\n    return value, {",
    ),
    Fault(
        "balance of one device",
        NETWORK,
        # Of one of the two alone the mean over devices is the same: it is a product.
        '            load=parallel.mean(jnp.mean(out["load"], 0)),\n'
        '            importance=parallel.mean(jnp.mean(out["importance"], 0)),',
        '            load=jnp.mean(out["load"], 0),\n'
        '            importance=jnp.mean(out["importance"], 0),',
    ),
    Fault(
        "balance teaches nothing",
        LOSSES + "balance.py",
        "jax.lax.stop_gradient(load) * importance",
        "load * jax.lax.stop_gradient(importance)",
    ),
    # KL
    Fault(
        "KL a mean over dimensions",
        LOSSES + "bottleneck.py",
        "kl = jnp.sum(kl_chem, -1) + jnp.sum(kl_inst, -1)",
        "kl = jnp.mean(kl_chem, -1) + jnp.mean(kl_inst, -1)",
    ),
    Fault(
        "KL of z_chem alone",
        LOSSES + "bottleneck.py",
        "kl = jnp.sum(kl_chem, -1) + jnp.sum(kl_inst, -1)",
        "kl = jnp.sum(kl_chem, -1)",
    ),
    Fault(
        "KL upside down",
        LOSSES + "bottleneck.py",
        "jnp.exp(log_variance) - 1 - log_variance",
        "jnp.exp(log_variance) - 1 + log_variance",
    ),
    # Weights and schedules
    Fault(
        "beta frozen",
        STEPS,
        "lambda step: weights_of(losses, beta(step))",
        "lambda step: weights_of(losses, beta(0))",
    ),
    Fault(
        "beta not in the loss",
        OBJECTIVE,
        '{"kl": beta, "adversary": 1.0',
        '{"kl": 1.0, "adversary": 1.0',
    ),
    Fault(
        "alpha falls instead of rising",
        SCHEDULES,
        "jnp.tanh(0.5 * gamma * step / steps)",
        "jnp.tanh(0.5 * gamma * (steps - step) / steps)",
    ),
    Fault(
        "the swap's weight forgotten",
        OBJECTIVE,
        '"swap": losses.swap}',
        '"swap": 1.0}',
    ),
    Fault(
        "the bottleneck's weight forgotten",
        OBJECTIVE,
        "whole = losses.bottleneck",
        "whole = 1.0",
    ),
    Fault(
        "one loss not in the sum",
        OBJECTIVE,
        'sum(log[f"weighted/{name}"] for name in NAMES)',
        'sum(log[f"weighted/{name}"] for name in NAMES if name != "physics")',
    ),
    Fault(
        "gradients not averaged over devices",
        STEPS,
        "gradient, log = parallel.mean((gradient, log))",
        "log = parallel.mean(log)",
    ),
    Fault(
        "views mixed up when microbatches merge",
        NETWORK,
        "kinds = jnp.split(x, [size, 2 * size], axis=1)",
        "kinds = jnp.split(x, [size // 2, 2 * size], axis=1)",
    ),
)

# The networks are asked anew, since they or their inputs are at fault.
OF_THE_INPUTS = (
    Fault(
        "clean is what an instrument measured",
        SIMULATOR,
        "clean=path * clean / self.scale",
        "clean=a.measured",
    ),
    Fault(
        "both views from one instrument",
        SIMULATOR,
        "self.view(batch, pool.at(i), clean",
        "self.view(batch, pool.at(chosen[0]), clean",
    ),
    Fault(
        "both views share their noise",
        SIMULATOR,
        "[fold(keys, draws.VIEW + k) for k in range(2)]",
        "[fold(keys, draws.VIEW) for k in range(2)]",
    ),
    Fault("no noise", SIMULATOR, "View(ideal + noise, ideal", "View(ideal, ideal"),
    Fault(
        "no baseline",
        SIMULATOR,
        "(path * spectra + drift) / self.scale",
        "path * spectra / self.scale",
    ),
    Fault(
        "the instrument shifts nothing",
        SIMULATOR,
        "self.render(batch, shift, sigma)",
        "self.render(batch, 0.0, sigma)",
    ),
    Fault(
        "the instrument broadens nothing",
        SIMULATOR,
        "self.render(batch, shift, sigma)",
        "self.render(batch, shift)",
    ),
    Fault(
        "shares of a mixture exchanged",
        SIMULATOR,
        "share[:, None] * a.measured[0::2] + (1 - share[:, None]) * a.measured[1::2]",
        "(1 - share[:, None]) * a.measured[0::2] + share[:, None] * a.measured[1::2]",
    ),
    Fault(
        "a mixture shows what one part hides",
        SIMULATOR,
        "a.hidden[0::2] | a.hidden[1::2]",
        "a.hidden[0::2] & a.hidden[1::2]",
    ),
    Fault(
        "IR and Raman widths exchanged",
        SIMULATOR,
        "jnp.where(raman, self.fwhm_raman_cm1, self.fwhm_ir_cm1)",
        "jnp.where(raman, self.fwhm_ir_cm1, self.fwhm_raman_cm1)",
    ),
    Fault(
        "the same draw at every step",
        "spektron_jax/training/draws.py",
        "key = jax.random.fold_in(jax.random.wrap_key_data(seed), step)",
        "key = jax.random.fold_in(jax.random.wrap_key_data(seed), 0)",
    ),
    Fault(
        "a smaller share is hidden",
        SIMULATOR,
        "hidden_share=mask.share",
        "hidden_share=0.15",
    ),
    Fault(
        "noise is louder than said",
        "spektron_jax/lab/instruments.py",
        "10 ** (-snr_db / 20)",
        "10 ** (-snr_db / 10)",
    ),
)

OF_THE_MODEL = (
    Fault(
        "gradient reversal does not reverse",
        MODELS + "vib.py",
        "return -alpha * cotangent",
        "return alpha * cotangent",
    ),
    Fault(
        "z_inst classifier cut off in the model",
        MODELS + "spektron.py",
        '"inst_instrument": self.inst_classifier(z_inst)',
        '"inst_instrument": self.inst_classifier(jax.lax.stop_gradient(z_inst))',
    ),
    Fault(
        "the reconstruction teaches the tokens alone",
        MODELS + "spektron.py",
        "jnp.concatenate([z_chem, z_inst], axis=-1),\n            interpolate",
        "jax.lax.stop_gradient(jnp.concatenate([z_chem, z_inst], axis=-1)),\n"
        "            interpolate",
    ),
    Fault(
        "the contrastive loss teaches the predictor alone",
        MODELS + "spektron.py",
        "projection = self.project(z_chem)",
        "projection = self.project(jax.lax.stop_gradient(z_chem))",
    ),
    Fault(
        "latents without the gradient of their spread",
        MODELS + "vib.py",
        "return mean + jnp.exp(0.5 * log_variance) * noise",
        "return mean + jax.lax.stop_gradient(jnp.exp(0.5 * log_variance)) * noise",
    ),
)

OF_TEST_TIME = (
    Fault(
        "test-time training without its mask",
        TEST_TIME,
        "model.apply(params, values, wavenumber, valid, modality, hidden)",
        "model.apply(params, values, wavenumber, valid, modality)",
    ),
    Fault(
        "test-time training hides .15",
        "spektron_jax/encoder/adaptation.py",
        "share: float = 0.35",
        "share: float = 0.15",
    ),
    Fault(
        "test-time training on all points",
        TEST_TIME,
        "reconstruction(spectra[..., 0], values, hidden)",
        "reconstruction(spectra[..., 0], values, valid)",
    ),
    Fault(
        "test-time training of the clean channel",
        TEST_TIME,
        "reconstruction(spectra[..., 0], values, hidden)",
        "reconstruction(spectra[..., 1], values, hidden)",
    ),
    Fault(
        "the same points hidden at every step",
        TEST_TIME,
        "jax.random.fold_in(key, number), *inputs",
        "jax.random.fold_in(key, 0), *inputs",
    ),
    Fault(
        "everything moves at test time",
        TEST_TIME,
        "return names[:2] in PROJECTIONS or any(name in NORMS for name in names)",
        "return True",
    ),
    Fault(
        "test-time training in absorbance, not in the model's unit",
        TEST_TIME,
        "tokens.values / np.float32(encoder.config.data.scale)",
        "tokens.values",
    ),
)

QUICK = (
    "no noise",
    "test-time training without its mask",
    "test-time training hides .15",
)
