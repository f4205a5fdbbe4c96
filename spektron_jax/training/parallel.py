"""Data parallelism: the only file that names pmap and its axis.

Every function here also serves one device; the step itself is a plain function.
"""

import jax
import numpy as np
from jax.experimental import multihost_utils

from spektron_jax.errors import SpektronError

AXIS = "batch"


def local_devices(count):
    """The first `count` local devices, all for 0."""
    devices = jax.local_devices()
    if count > len(devices):
        raise SpektronError(
            f"config.train.devices = {count}: only {len(devices)} local "
            f"{devices[0].platform} devices; lower it or use 0 for all"
        )
    return devices[: count or len(devices)]


def part():
    """(index, number) of this process."""
    return jax.process_index(), jax.process_count()


def is_primary():
    """True in the process that writes files and prints."""
    return jax.process_index() == 0


def as_primary(answer):
    """The first process's answer to a yes-or-no question, in every process.

    For what a process decides by its own clock: one that goes on alone would wait for
    ever. All must ask, and none while a step is being computed.
    """
    if jax.process_count() == 1:
        return answer
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(answer)))


def meet():
    """Connect all processes, while they start and none waits for a compilation.

    On CPU the first collective gives the others 30 s to come to it, later ones more.
    """
    as_primary(True)


def replicate(tree, devices):
    """A copy of the tree on every device, with a leading device axis."""
    stacked = jax.tree.map(
        lambda x: np.broadcast_to(np.asarray(x)[None], (len(devices), *np.shape(x))),
        tree,
    )
    # The step's own axis name: another one would make it compile twice.
    return jax.pmap(lambda x: x, AXIS, devices=_everywhere(devices))(stacked)


def unreplicate(tree):
    """Host numpy of the first local copy."""
    return jax.device_get(jax.tree.map(lambda x: x.addressable_shards[0].data[0], tree))


def data_parallel(function, devices, donate=True):
    """function(state, batch) on all devices.

    donate: the state may be overwritten, since the function returns the next one.
    """
    given = (0,) if donate else ()
    return jax.pmap(function, AXIS, donate_argnums=given, devices=_everywhere(devices))


def _everywhere(devices):
    """As many devices of every process: pmap reduces over those it is given."""
    return [
        device
        for process in range(jax.process_count())
        for device in jax.local_devices(process_index=process)[: len(devices)]
    ]


def mean(tree):
    """Mean over all devices of all processes."""
    return jax.lax.pmean(tree, AXIS)


def gather(x):
    """Concatenation of every device's x along the first axis."""
    return jax.lax.all_gather(x, AXIS, tiled=True)
