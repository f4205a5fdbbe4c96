"""The command line: flags, processes, and dispatch on `config.task`.

    python -m spektron_jax.main --config=configs/pretrain.py:tiny --workdir=runs/tiny

Any setting can follow, such as --config.train.steps=100. What the user can put right
ends with one line on stderr and exit code 2.
"""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from absl import flags

from spektron_jax import compile_cache, partners
from spektron_jax.commands import config_file, runner, workdir_lock
from spektron_jax.errors import SpektronError, Stopped

JOIN_S, HEARTBEAT_S = 60.0, 30.0  # a lost process ends the others within a minute
PIPE_CLOSED = 141  # as a shell calls the end by SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line, without the program's name, and returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(format="%(levelname)s: %(message)s")
    try:
        run(argv)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("interrupted: run the same command again to resume", file=sys.stderr)
        return 130
    except SpektronError as error:
        if "--debug" in argv:
            traceback.print_exc()
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    return 0


def run(argv: list[str]) -> None:
    """Reads flags and config, joins the other processes, and starts the task."""
    values = define_flags()
    if {"--help", "-h"} & set(argv):
        return print(__doc__, *(f"--{n}: {t}" for n, (_, t) in FLAGS.items()), sep="\n")
    try:
        overrides = values(["", *argv], known_only=True)[1:]
    except flags.Error as error:
        raise SpektronError(f"{error}; see --help") from error
    if not values.config:
        raise SpektronError("--config is missing; see --help")
    config = config_file.load(values.config)
    config_file.override(config, overrides)
    compile_cache.use()
    compile_cache.trace_quickly()
    runner.check(config)
    workdir = writable(values.workdir or default_workdir(values.config))
    others = join_processes(
        *(values.coordinator, values.num_processes, values.process_id),
        *(values.join_s or JOIN_S, values.heartbeat_s or HEARTBEAT_S),
    )
    # Processes of one run share the workdir.
    lock = workdir_lock.held(workdir) if not values.process_id else nullcontext()
    with lock:
        try:
            runner.run(config, workdir)
        except Exception as error:
            # A collective fails a moment before it is known who is lost.
            if others is not None and not isinstance(error, SpektronError):
                others.lost.wait(others.heartbeat_s)
            elif others is not None and isinstance(error, Stopped):
                others.finish()
            raise
        if others is not None:
            others.finish()


FLAGS: dict[str, tuple[Callable, str]] = {
    "config": (flags.DEFINE_string, "config file and variant, as above"),
    "workdir": (
        flags.DEFINE_string,
        "folder for all that is written; default: runs/CONFIG-VARIANT",
    ),
    "debug": (flags.DEFINE_bool, "show the traceback of an error"),
    "coordinator": (flags.DEFINE_string, "host:port at which process 0 is reached"),
    "num_processes": (flags.DEFINE_integer, "how many processes train together"),
    "process_id": (flags.DEFINE_integer, "which of them this is, from 0"),
    "join_s": (flags.DEFINE_float, "seconds to wait for the others; default: 60"),
    "heartbeat_s": (
        flags.DEFINE_float,
        "seconds of silence after which another one is lost; default: 30",
    ),
}


def define_flags() -> flags.FlagValues:
    """The flags of the command line, apart from absl's global ones."""
    values = flags.FlagValues()
    values.set_gnu_getopt(True)  # lets flags follow `--config.field value`
    for name, (define, text) in FLAGS.items():
        define(name, None, text, flag_values=values)
    return values


def default_workdir(config: str) -> str:
    """runs/pretrain-tiny for configs/pretrain.py:tiny; said, since nobody named it."""
    name, _, variant = config.partition(":")
    workdir = "-".join(filter(None, (f"runs/{Path(name).stem}", variant)))
    print(f"workdir: {workdir}", flush=True)
    return workdir


def writable(workdir: str) -> Path:
    """Makes the workdir, and a file in it, to be sure before hours are spent."""
    path = Path(workdir).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise SpektronError(
            f"{path}: cannot be written ({error.strerror}); choose another --workdir"
        ) from error
    return path


def join_processes(
    address: str | None,
    count: int | None,
    index: int | None,
    join_s: float,
    heartbeat_s: float,
) -> partners.Partners | None:
    """Connects the processes of one run; must come before any other use of JAX.

    JAX's own limits lie beyond ours, which end a process with a line that says why.
    """
    if address is count is index is None:
        return None
    if address is None or count is None or index is None or not 0 <= index < count:
        need = "--coordinator, --num_processes and a smaller --process_id"
        raise SpektronError(f"several processes: give each of them {need}")
    if not (join_s > 0 and heartbeat_s > 0):
        raise SpektronError("--join_s and --heartbeat_s: must be greater than 0")
    others = partners.join(address, count, index, join_s, heartbeat_s)
    import jax

    try:
        jax.distributed.initialize(
            address,
            num_processes=count,
            process_id=index,
            initialization_timeout=int(join_s) + 300,
            heartbeat_timeout_seconds=int(4 * heartbeat_s) + 100,
        )
    except (RuntimeError, ValueError) as error:
        raise SpektronError(f"--coordinator={address}: {error}") from error
    return others


if __name__ == "__main__":
    sys.exit(main())
