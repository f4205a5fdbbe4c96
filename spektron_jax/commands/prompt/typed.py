"""What settings are called at the prompt, in options and in messages."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from spektron_jax.commands import config_file
from spektron_jax.commands.prompt.settings import leaves
from spektron_jax.commands.prompt.table import Subcommand

# Options of every subcommand; a setting of such a name keeps its section.
TAKEN = {"out", "workdir", "json", "debug", "help", "version"}


def config_of(one: Subcommand, variant: str = "") -> ConfigDict:
    """The config of a subcommand with its defaults."""
    return config_file.load(f"configs/{one.config}" + (variant and f":{variant}"))


def source_of(one: Subcommand) -> Path:
    """The file in which the defaults stand, with their comments."""
    if one.defaults:
        return Path(__file__).parents[2] / one.defaults
    return config_file.find(f"configs/{one.config}")


def options(one: Subcommand, config: ConfigDict) -> dict[str, str]:
    """Setting -> what is typed for it: --regime for "transfer.regime".

    Sections are left out where the name alone is clear. A setting that an argument
    without a dash fills in is called as the usage line calls it.
    """
    names = [name for name, _ in leaves(config) if name != "task"]
    short = {name: name.split(".", 1)[-1] for name in names}
    count = Counter(short.values())
    found = {}
    for name in names:
        clear = count[short[name]] == 1 and short[name] not in TAKEN
        text = short[name] if clear else name
        found[name] = "--" + text.replace(".", "-").replace("_", "-")
    for place in one.places:
        if place.setting:
            found[place.setting] = place.shown
        if place.setting in one.alone:
            found[one.alone[place.setting]] = place.shown
    return found


class Words:
    """Puts settings in a message as they are typed at the prompt.

    config.transfer.n = 3: ...           --n 3: ...
    --noconfig.data.strict               --no-strict
    give unit='nm'                       give --unit nm
    config.data: source is NIR, ...      source is NIR, ...
    """

    def __init__(self, typed: dict[str, str]):
        self._typed = typed
        # A Python argument is a setting of the data before one of another section.
        inner = {name.split(".")[-1]: name for name in reversed(list(typed))}
        self._arguments = {k: typed[v] for k, v in inner.items() if typed[v][0] == "-"}

    def __call__(self, text: str) -> str:
        """The message in the words of the prompt."""
        setting = (
            r"(?<![\w/.\\-])(--(?:no)?)?config\.([a-z_]\w*(?:\.[a-z_]\w*)*)(=| = |: )?"
        )
        text = re.sub(setting, self._setting, text)
        argument = r"(?<![\w.-])([a-z_]+)=('[^']*'|True|False)"
        text = re.sub(argument, self._argument, text)
        return text.replace("--workdir", "--out")

    def _setting(self, match: re.Match) -> str:
        dashes, name, sign = match.groups(default="")
        if name not in self._typed:
            section = any(known.startswith(f"{name}.") for known in self._typed)
            if section and sign == ": ":
                return ""
            # A setting of another task, such as that which a demo runs.
            return f"--{name.rpartition('.')[2]}{sign}" if dashes else match[0]
        option = self._typed[name]
        if dashes == "--no":
            return option.replace("--", "--no-", 1) + sign
        return option + (" " if sign.strip() == "=" else sign)

    def _argument(self, match: re.Match) -> str:
        name, value = match.groups()
        option = self._arguments.get(name)
        if option is None:
            return match[0]
        if value in ("True", "False"):
            return option if value == "True" else option.replace("--", "--no-", 1)
        return f"{option} {value.strip(chr(39))}"


def fill(one: Subcommand, given: dict[str, Any]) -> ConfigDict:
    """The config with what was typed, by the names of settings."""
    config = config_of(one, given.pop("variant", None) or "")
    names = {name for name, _ in leaves(config)}
    typed = {k: v for k, v in given.items() if k in names and v is not None}
    places = [place.setting for place in one.places if place.setting in typed]
    for place, alone in one.alone.items():
        if places == [place]:
            typed[alone] = typed.pop(place)
    config.update_from_flattened_dict(typed)
    return config
