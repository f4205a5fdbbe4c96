"""The package once more, imported from changed source text.

In float64 whatever the text, since `wiring.py` takes differences; and with faults, when
`faults.py` asks for them. Nothing is written to disk.
"""

import importlib.abc
import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path

import jax

ROOT = Path(__file__).parents[2]
NAME = "spektron_jax"
WIDE = tuple(f"{NAME}.{part}." for part in ("models", "losses", "training", "lab"))


class Copies(importlib.abc.MetaPathFinder):
    """Finds modules of the package, with the edits of their text."""

    def __init__(self, edits):
        self.edits = edits  # path of a file -> ((old, new), ...)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] != NAME:
            return None
        stem = ROOT.joinpath(*name.split("."))
        is_package = stem.is_dir()
        file = stem / "__init__.py" if is_package else stem.with_suffix(".py")
        if not file.is_file():
            return None
        loader = Loader(name, file, self.edits.get(file.relative_to(ROOT).as_posix()))
        return importlib.util.spec_from_file_location(
            name,
            file,
            loader=loader,
            submodule_search_locations=[str(stem)] if is_package else None,
        )


class Loader(importlib.abc.SourceLoader):
    """Source text, edited."""

    def __init__(self, name, file, edits):
        self.name, self.file, self.edits = name, file, edits or ()

    def get_filename(self, fullname):
        return str(self.file)

    def get_data(self, path):
        text = self.file.read_text()
        for old, new in self.edits:
            text = text.replace(old, new)
        if self.name.startswith(WIDE):
            text = text.replace("jnp.float32", "jnp.float64")
            text = text.replace("np.float32", "np.float64")
        return text.encode()


@contextmanager
def package_copy(edits=None):
    """Imports of the package inside give the copy; the package itself comes back.

    edits: path of a file -> ((old, new), ...); each must find its place exactly once.
    """
    for file, pairs in (edits or {}).items():
        for old, _ in pairs:
            times = (ROOT / file).read_text().count(old)
            if times != 1:
                raise ValueError(f"{file}: {times} times {old!r}")
    kept = {name: m for name, m in sys.modules.items() if name.split(".")[0] == NAME}
    for name in kept:
        del sys.modules[name]
    finder = Copies(edits or {})
    sys.meta_path.insert(0, finder)
    try:
        with jax.enable_x64(True):
            yield
    finally:
        sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if n.split(".")[0] == NAME]:
            del sys.modules[name]
        sys.modules |= kept
