"""A stand-in for the network with all its parts and next to nothing in them.

It compiles in no time, so that many copies of the training can be judged; it has the
methods, the names of parameters and the outputs of `Spektron`, and no layers.

B batch, L points, D = 5 numbers of a spectrum, Z latent width.
"""

import jax
import jax.numpy as jnp
import numpy as np

WIDTH, CHEM, INST, EXPERTS = 5, 6, 4, 4


def parameters(points, instrument_embedding):
    """Of the sizes that there are, drawn from a fixed seed."""
    rng = np.random.default_rng(5)

    def drawn(*shape):
        return jnp.asarray(rng.normal(size=shape) / np.sqrt(shape[0]))

    return {
        "embedding": drawn(2 * points, WIDTH),
        "backbone": drawn(WIDTH, WIDTH),
        "moe": drawn(WIDTH, EXPERTS),
        "chem": {"mean": drawn(WIDTH, CHEM), "log_variance": drawn(WIDTH, CHEM)},
        "inst": {"mean": drawn(WIDTH, INST), "log_variance": drawn(WIDTH, INST)},
        "reconstruction": drawn(WIDTH + CHEM + INST, 2 * points),
        "transfer_head": drawn(CHEM + INST, points),
        "chem_classifier": drawn(CHEM, instrument_embedding),
        "inst_classifier": drawn(INST, instrument_embedding),
        "projector": drawn(CHEM, WIDTH),
        "predictor": drawn(WIDTH, WIDTH),
    }


def take_its_place(put, points):
    """Runs of the training train the stand-in from here on.

    put: setattr, or that of a pytest.MonkeyPatch.
    """
    from spektron_jax.training import instrument_pool, loop, progress, state

    def made(model, seed):
        return parameters(points, instrument_pool.INSTRUMENT_EMBEDDING)

    for module in (loop, progress, state):
        put(module, "build_model", lambda config: ToyModel())
    put(state, "init_params", made)


class ToyModel:
    """What `Spektron.apply` says, from products of matrices."""

    def apply(self, variables, *inputs, method="predict_all", rngs=None):
        return getattr(self, method)(variables["params"], *inputs)

    def encode(self, p, values, axis, valid, modality, hidden=None, keys=None):
        hidden = jnp.zeros_like(valid) if hidden is None else hidden
        visible = jnp.where(hidden, 0.0, values)
        h = jnp.tanh(jnp.concatenate([visible, hidden], -1) @ p["embedding"])
        h = jnp.tanh(h @ p["backbone"])
        gate = jax.nn.softmax(h @ p["moe"])
        load = (gate > 0.25).astype(h.dtype)
        out = {"tokens": h, "importance": gate, "load": load}
        for number, name in enumerate(("chem", "inst")):
            mean, spread = h @ p[name]["mean"], h @ p[name]["log_variance"] - 1
            out[f"{name}_mean"], out[f"{name}_log_variance"] = mean, spread
            z = mean
            if keys is not None:
                some = jax.vmap(lambda key, n=number: jax.random.fold_in(key, n))(keys)
                shape = mean.shape[1:]
                noise = jax.vmap(lambda key, s=shape: jax.random.normal(key, s))(some)
                z = mean + jnp.exp(0.5 * spread) * noise
            out[f"z_{name}"] = z
        return out["z_chem"], out

    def project(self, p, z_chem):
        return jnp.tanh(z_chem @ p["projector"])

    def transfer(self, p, z_chem, z_inst, axis):
        return jnp.concatenate([z_chem, z_inst], -1) @ p["transfer_head"]

    def instrument_logits(self, p, z, table, alpha, latent="chem"):
        from spektron_jax.models.vib import reverse_gradient

        reversed_z = reverse_gradient(z, alpha[:, None])
        return reversed_z @ p[f"{latent}_classifier"] @ table.T

    def predict_all(self, p, values, axis, valid, modality, hidden=None, keys=None):
        z_chem, out = self.encode(p, values, axis, valid, modality, hidden, keys)
        read = jnp.concatenate([out["tokens"], z_chem, out["z_inst"]], -1)
        spectra = (read @ p["reconstruction"]).reshape(*values.shape, 2)
        projection = self.project(p, z_chem)
        stopped = jax.lax.stop_gradient(z_chem)
        return spectra + 0.1 * values[..., None] * ~hidden[..., None], out | {
            "chem_instrument": stopped @ p["chem_classifier"],
            "inst_instrument": out["z_inst"] @ p["inst_classifier"],
            "prediction": projection @ p["predictor"],
        }
