"""The seam to pmap: copies, means over devices, and one trace for a whole run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.training import parallel

TREE = {"a": np.arange(3, dtype=np.float32), "b": (np.int32(7), np.ones((2, 2)) > 0)}


def test_a_tree_comes_back_from_the_devices_as_it_went():
    devices = parallel.local_devices(2)
    copies = parallel.replicate(TREE, devices)
    for leaf in jax.tree.leaves(copies):
        assert leaf.shape[0] == 2 and set(leaf.sharding.device_set) == set(devices)
    back = parallel.unreplicate(copies)
    assert jax.tree.structure(back) == jax.tree.structure(TREE)
    for old, new in zip(jax.tree.leaves(TREE), jax.tree.leaves(back), strict=True):
        assert not isinstance(new, jax.Array)
        assert new.dtype == old.dtype and new.shape == old.shape
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("count", [1, 2])
def test_the_step_is_traced_once_whatever_the_number_of_steps(count):
    """The output of a step must look to JAX like the state that it started from."""
    traces = []

    def step(state, batch):
        traces.append(1)
        return state + parallel.mean(batch), {"metric": parallel.mean(batch)}

    devices = parallel.local_devices(count)
    mapped = parallel.data_parallel(step, devices)
    state = parallel.replicate(np.float32(0), devices)
    for _ in range(3):
        state, metrics = mapped(state, np.arange(count, dtype=np.float32))
    assert len(traces) == 1
    assert parallel.unreplicate(state) == 3 * (count - 1) / 2
    assert parallel.unreplicate(metrics) == {"metric": (count - 1) / 2}


def test_mean_and_gather_cross_devices():
    devices = parallel.local_devices(2)

    def both(state, batch):
        return state, {"mean": parallel.mean(batch), "all": parallel.gather(batch)}

    batch = np.array([[[1.0, 2.0]], [[3.0, 5.0]]], np.float32)
    _, found = parallel.data_parallel(both, devices)(
        parallel.replicate(np.zeros(()), devices), batch
    )
    for device in range(2):
        np.testing.assert_array_equal(found["mean"][device], [[2.0, 3.5]])
        np.testing.assert_array_equal(found["all"][device], batch[:, 0])


def test_gradients_through_gather_are_those_of_the_whole_batch():
    """A loss of the gathered batch, as on one device, gives the same mean gradient."""

    def loss(weight, whole):
        return jnp.var(jnp.tanh(weight * whole))

    def step(weight, batch):
        gradient = jax.grad(lambda w: jnp.var(parallel.gather(jnp.tanh(w * batch))))
        return weight, parallel.mean(gradient(weight))

    devices = parallel.local_devices(2)
    batch = np.array([[0.1, 0.7], [-1.2, 2.0]], np.float32)
    weight = np.float32(0.8)
    _, gradient = parallel.data_parallel(step, devices)(
        parallel.replicate(weight, devices), batch
    )
    expected = jax.grad(loss)(weight, batch.ravel())
    np.testing.assert_allclose(np.asarray(gradient), [expected] * 2, rtol=1e-5)


def test_local_devices():
    assert len(parallel.local_devices(0)) == jax.local_device_count() == 2
    assert parallel.local_devices(1) == jax.local_devices()[:1]
    with pytest.raises(SpektronError, match=r"devices = 3: only 2 local cpu devices"):
        parallel.local_devices(3)


def test_one_process_is_the_primary():
    assert parallel.part() == (0, 1) and parallel.is_primary()
    assert parallel.as_primary(True) and not parallel.as_primary(False)
