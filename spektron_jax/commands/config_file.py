"""From the command line to a config: find the file, run it, apply the overrides.

`configs/pretrain.py:tiny` names a file and a variant. A file that does not exist here
is looked for among those shipped with the package, so the same command works from any
folder. `--config.section.field=value` then changes single settings; ml_collections
parses each value by the type of the default.
"""

import difflib
import importlib.util
import re
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from spektron_jax.errors import SpektronError

# An installed package holds configs/ inside itself, a source tree beside itself.
_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = (_PACKAGE / "configs", _PACKAGE.parent / "configs")


def find(name: str) -> Path:
    """The config file called `name`, here or among those of the package."""
    inside = name.removeprefix("configs/")
    for path in (Path(name), *(folder / inside for folder in _FOLDERS)):
        if path.is_file():
            return path
    shipped = sorted({p.name for f in _FOLDERS for p in f.glob("[!_]*.py")})
    raise SpektronError(
        f"{name}: no such config file; give its path, or one of ours: configs/"
        + ", ".join(shipped)
    )


def load(argument: str) -> ConfigDict:
    """Runs `get_config(variant)` of `argument`, which is `file.py:variant`."""
    name, _, variant = argument.partition(":")
    path = find(name)
    try:
        spec = importlib.util.spec_from_file_location("spektron_config", path)
        assert spec and spec.loader  # a file ending in .py always has both
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.get_config(variant).lock()
    except SpektronError:
        raise
    except Exception as error:  # whatever a user's own config file may raise
        # ml_collections wraps its message twice, and lists every other field in it.
        detail = error
        while isinstance(detail, AttributeError | KeyError) and detail.args:
            detail = detail.args[0]
        text = re.sub(r"Other fields present.*\n", "", str(detail))
        raise SpektronError(
            f"{path}: {type(error).__name__}: {text}; correct this config file"
        ) from error


def override(config: ConfigDict, arguments: list[str]) -> None:
    """Sets fields from `--config.field=value`; any other argument is an error."""
    fields = _fields(config)
    for argument in arguments:
        match = re.match(r"--?(?:no)?config\.([^=]*)", argument)
        if match and match[1] not in fields:
            near = difflib.get_close_matches(match[1], fields, n=1)
            sections = sorted({name.split(".")[0] for name in fields})
            hint = (
                f"did you mean config.{near[0]}?"
                if near
                else f"choose from the sections {', '.join(sections)}"
            )
            raise SpektronError(f"config.{match[1]}: no such setting; {hint}")
    argv = ["", *arguments]  # absl takes the first one for the program's name
    values = flags.FlagValues()
    values.set_gnu_getopt(True)
    try:
        config_flags.DEFINE_config_dict(
            "config", config, flag_values=values, sys_argv=argv
        )
        unused = values(argv)[1:]
    except flags.IllegalFlagValueError as error:
        _, name, value = re.split(r"flag --config\.|=", str(error), maxsplit=2)
        default = fields[name]
        raise SpektronError(
            f"config.{name} = {value.split(': ')[0]}: must be of type "
            f"{type(default).__name__}, such as {default!r}"
        ) from error
    except flags.Error as error:
        raise SpektronError(f"{error}; see --help") from error
    # A name that is no Python name, such as that of an ablation's variant.
    except (ValueError, TypeError, SyntaxError, AttributeError, KeyError) as error:
        raise SpektronError(
            f"{' '.join(arguments)[:200]}: cannot be set here ({error}); change it in "
            "a copy of the config file"
        ) from error
    for name, value in _fields(config).items():
        default = fields[name]
        kinds = {type(one) for one in default} if isinstance(default, tuple) else set()
        kinds |= {int} if float in kinds else set()
        strange = kinds and not {type(one) for one in value or ()} <= kinds
        if strange or (value is None and default is not None):
            raise SpektronError(
                f"config.{name} = {value!r}: must be of type "
                f"{type(default).__name__}, such as {default!r}"
            )
    if unused:
        raise SpektronError(f"{unused[0]}: not a flag; settings start with --config.")


def _fields(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Every setting by its dotted name."""
    fields: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            fields |= _fields(value, f"{prefix}{name}.")
        else:
            fields[prefix + name] = value
    return fields
