"""From the table of subcommands and their configs to parsers of argparse.

Only the subcommand that is typed gets its options, since its config file takes longer
to load than all the rest.
"""

import argparse
import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from spektron_jax.commands.prompt.table import SUBCOMMANDS, Subcommand
from spektron_jax.errors import SpektronError

ABOUT = "Calibration transfer between spectrometers, and what belongs to it."
EXIT_CODES = """exit codes:
  0    done
  1    a fault of the program: please report it
  2    something you can put right: one line says what
  3    monitor: the answer is not "in control"
  130  interrupted (Ctrl-C); 141 whoever read the output closed it"""
END = f"""{EXIT_CODES}

spektron COMMAND --help lists the settings of a command with their defaults;
spektron --config=configs/NAME.py runs any task by its config file."""


class Parser(argparse.ArgumentParser):
    """Ends in a SpektronError of one line, with the nearest option."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print with its usage."""
        if found := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            names = re.findall(r"[\w-]+", found[2])
            near = difflib.get_close_matches(found[1], names, n=1)
            wanted = f"did you mean {near[0]}?" if near else "choose from "
            message = f"{found[1]}: no such command; {wanted}"
            message += "" if near else ", ".join(names)
        raise SpektronError(f"{message}; see {self.prog} --help")

    def refuse(self, word: str) -> NoReturn:
        """Raise for an option or argument that is none of this command's."""
        name, known = word.partition("=")[0], self._option_string_actions
        setting = re.sub(r"^--(no)?config\.", "", name)
        near = [k for k, one in known.items() if one.dest == setting]
        near = near or difflib.get_close_matches(name, known, n=1)
        what = "no such option" if word.startswith("-") else "one argument too many"
        hint = f"; did you mean {near[0]}?" if near else ""
        self.error(f"{name}: {what}{hint}")


def build(names: Sequence[str]) -> Parser:
    """The parser of `spektron`, with the options of subcommands `names`."""
    from spektron_jax import __version__

    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser("spektron", description=ABOUT, epilog=END, formatter_class=raw)
    parser.add_argument("--version", action="version", version=__version__)
    several = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, one in SUBCOMMANDS.items():
        listed = "\n".join(f"  {example}" for example in one.examples)
        places = [p.shown if p.needed else f"[{p.shown}]" for p in one.places]
        sub = several.add_parser(
            name,
            usage=" ".join(["spektron", name, *places, "[settings]"]),
            help=one.summary,
            description=f"{one.summary[0].upper()}{one.summary[1:]}. {one.more}",
            epilog=f"examples:\n{listed}\n\n{EXIT_CODES}" if listed else EXIT_CODES,
            formatter_class=_Wrapped,
        )
        sub.prog = f"spektron {name}"
        sub.set_defaults(parser=sub)
        if name in names:
            _fill(sub, one, name)
    shells = several.add_parser("completion", help="completion of a shell by the Tab")
    shells.set_defaults(parser=shells)
    shells.add_argument("shell", choices=("bash", "zsh", "fish", "powershell"))
    return parser


class _Wrapped(argparse.RawDescriptionHelpFormatter):
    """Wraps the description, keeps the lines of examples and exit codes."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


def _fill(parser: Parser, one: Subcommand, name: str) -> None:
    for place in one.places:
        count = None if place.needed else "?"
        dest, shown = place.setting or "variant", place.shown
        parser.add_argument(dest, metavar=shown, nargs=count, help=place.text)
    from spektron_jax.commands.prompt.settings import settings_of
    from spektron_jax.commands.prompt.typed import config_of, options, source_of

    config = config_of(one)
    typed = options(one, config)
    group = parser.add_argument_group("settings")
    for setting in settings_of(config, source_of(one)):
        option = typed[setting.name]
        if option.startswith("--"):
            _add(group, option, setting.name, setting.default, setting.text)
    if one.writes:
        told = f"folder for all that is written (default: runs/{name})"
        names, dest = ("--out", "--workdir"), "folder written to"
        parser.add_argument(*names, dest=dest, metavar="DIR", help=told)
    told = "print results as JSON on standard output, the rest on standard error"
    parser.add_argument("--json", action="store_true", help=told)
    told = "show the traceback of an error"
    parser.add_argument("--debug", action="store_true", help=told)


def _add(group: Any, option: str, dest: str, default: Any, text: str) -> None:
    """One setting as an option; what is not typed stays as the config has it."""
    shown: Mapping[str, Any] = {"dest": dest, "default": argparse.SUPPRESS}
    told = f"{text} " if text else ""
    told = f"{told}(default: {_shown(default)})".replace("%", "%%")
    if isinstance(default, bool):
        action = argparse.BooleanOptionalAction
        group.add_argument(option, action=action, help=told, **shown)
        return
    read, kind = type(default), {int: "N", float: "X"}.get(type(default), "TEXT")
    if isinstance(default, tuple):
        read, kind = _values(type(default[0])), "A,B"
    group.add_argument(option, type=read, metavar=kind, help=told, **shown)


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "none" if default == "" else str(default)


def _values(kind: type) -> Any:
    def values(text: str) -> tuple:
        cells = [cell.strip(" '\"") for cell in text.strip("()[] ").split(",")]
        return tuple(kind(cell) for cell in cells if cell)

    return values
