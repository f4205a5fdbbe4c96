"""Runs a subcommand: settings, the task, the answer as text or JSON, the exit code."""

import contextlib
import json
import logging
import math
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spektron_jax.commands.prompt.parser import build
from spektron_jax.commands.prompt.table import SUBCOMMANDS
from spektron_jax.errors import ADD_NETWORK, SpektronError, has_network

PIPE_CLOSED = 141  # as a shell calls the end by SIGPIPE
NOT_GOOD = 3  # the answer, where a task has one that a script may ask for


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line, without the program's name, and returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if any(word.startswith("--config") for word in argv[:1]):
        from spektron_jax.main import main as by_config

        return by_config(argv)
    words = _Said()
    try:
        code = _run(argv, words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read the output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("interrupted: run the same command again to resume", file=sys.stderr)
        return 130
    except SpektronError as error:
        if "--debug" in argv:
            traceback.print_exc()
        text = words.say(" ".join(str(error).split()))
        if "--json" in argv:
            print(json.dumps({"error": text}))
        print(f"error: {text}", file=sys.stderr)
        return error.exit_code


class _Said:
    """How messages are worded, once it is known which subcommand speaks."""

    say: Callable[[str], str] = staticmethod(str)


def _run(argv: list[str], words: _Said) -> int:
    completing = "_ARGCOMPLETE" in os.environ
    parser = build(list(SUBCOMMANDS) if completing else argv[:1])
    if completing:
        import argcomplete  # the shell asks for it only where it is installed

        argcomplete.autocomplete(parser)
    given, unknown = parser.parse_known_args(argv)
    if unknown:
        getattr(given, "parser", parser).refuse(unknown[0])
    if given.command is None:
        parser.print_help()
        return 0
    if given.command == "completion":
        return _completion(given.shell)
    logging.basicConfig(format="%(levelname)s: %(message)s")
    return _task(given, words)


def _task(given: Namespace, words: _Said) -> int:
    from spektron_jax import compile_cache
    from spektron_jax.commands import runner, workdir_lock
    from spektron_jax.commands.prompt import typed
    from spektron_jax.main import writable

    one, values = SUBCOMMANDS[given.command], dict(vars(given))
    config = typed.fill(one, values)
    words.say = typed.Words(typed.options(one, config))
    if one.needs_network and not has_network():
        raise SpektronError(
            f"spektron {given.command} needs JAX, which is not installed; {ADD_NETWORK}"
        )
    compile_cache.use()
    compile_cache.trace_quickly()
    runner.check(config)
    with contextlib.ExitStack() as stack:
        workdir = Path.cwd()
        if one.writes:
            named = vars(given)["folder written to"]  # no setting is called so
            workdir = writable(named or f"runs/{given.command}")
            stack.enter_context(workdir_lock.held(workdir))
        if given.json:
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        found = runner.run(config, workdir, words.say)
    if given.json:
        print(json.dumps(_plain(found), indent=1, ensure_ascii=False))
    return NOT_GOOD if found.get("not_good") else 0


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: null."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _completion(shell: str) -> int:
    try:
        import argcomplete
    except ModuleNotFoundError as error:
        raise SpektronError(
            f"completion of {shell} needs argcomplete, which is not installed; "
            'pip install "spektron-jax[completion]"'
        ) from error
    print(argcomplete.shellcode(["spektron"], shell=shell))
    return 0
