"""Who may import whom: the arrows that keep the rooms apart, read from the source.

`spectra` and `transfer` stay free of JAX (worker threads, a small install, one judge
for every method), models are built from keyword values, losses take arrays, nobody
imports `commands`, and two files hold the two libraries that change most.
"""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "spektron_jax"
FILES = sorted(PACKAGE.rglob("*.py"))
NUMPY = {"numpy", "scipy"}
JAX = {"jax", "numpy", "flax", "chex", "jaxtyping"}
SAVED = {"archive", "errors"}

# Room -> (modules of the project, third-party packages) that it may import.
ARROWS = {
    "errors": (set(), set()),
    "spelling": (set(), set()),
    "demo": ({"from_files", "spectra"}, set()),
    "shapes": (set(), {"jaxtyping", "numpy"}),
    # starts the commands in children and computes nothing: no NumPy
    "app": (SAVED | {"spectra"}, {"starlette", "uvicorn"}),
    "provenance": ({"__init__"}, set()),
    "compile_cache": ({"__init__"}, set()),
    "partners": ({"errors"}, set()),
    "archive": ({"__init__", "errors"}, set()),
    "metrics": ({"errors"}, NUMPY),
    "corrections": ({"errors"}, NUMPY | {"sklearn", "pybaselines"}),
    "config": ({"errors", "spelling"}, {"numpy", "ml_collections"}),
    "spectra": (
        # which spectra are unlike the others: `spectra_figure` inside a function only
        SAVED | {"spelling", "transfer"},
        NUMPY | {"h5py", "absl", "tqdm", "ml_collections", "openpyxl", "matplotlib"},
    ),
    "corpus": (
        SAVED | {"spectra"},
        NUMPY | {"h5py", "absl", "tqdm", "ml_collections", "rdkit", "tblite"},
    ),
    "lab": (SAVED | {"shapes", "spectra"}, JAX),
    "models": ({"errors", "shapes", "spectra"}, JAX),
    "losses": ({"errors", "metrics", "shapes"}, JAX | {"ott", "optax"}),
    # the encoder inside functions only: see below
    "transfer": (
        SAVED
        | {"__init__", "encoder", "metrics", "probes", "spectra"}
        # what the package does when it is called
        | {"from_files"},
        # charts of a monitor and exported files, loaded when they are asked for
        NUMPY | {"sklearn", "threadpoolctl", "tqdm", "matplotlib", "openpyxl", "onnx"},
    ),
    "encoder": (
        SAVED
        | {"config", "lab", "losses", "models", "spectra", "training"}
        # what a method of the comparison is fitted on
        | {"transfer"},
        JAX | {"optax", "sklearn"},
    ),
    "identification": (
        SAVED | {"encoder", "lab", "metrics", "spectra", "transfer"},
        # faiss where a very large library is searched
        NUMPY | {"jax", "sklearn", "tqdm", "ml_collections", "faiss"},
    ),
    "probes": (
        {"corpus", "encoder", "errors", "lab", "metrics", "models", "spectra"}
        # PLS, the baseline of properties
        | {"transfer"},
        JAX | NUMPY | {"sklearn", "threadpoolctl", "tqdm", "ml_collections"},
    ),
    "training": (
        SAVED
        | {"config", "corpus", "lab", "losses", "metrics", "models", "probes"}
        | {"provenance", "shapes", "spectra"}
        # where weights lie, for train.start
        | {"encoder"}
        # the recipe whose members the transfer network weighs
        | {"transfer"},
        JAX
        | NUMPY
        | {"optax", "orbax", "absl", "tqdm", "tensorboardX", "h5py"}
        # the run's settings travel as a ConfigDict
        | {"ml_collections"},
    ),
}


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a file's syntax tree; its first is the module."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@functools.cache
def imports(path: Path) -> list[tuple[str, list[str], bool]]:
    """(module, imported names, stands at the top of the file) of every import."""
    top = set(map(id, nodes(path)[0].body))
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [(alias.name, [], id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [alias.name for alias in node.names]
            found.append((node.module, names, id(node) in top))
    return found


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def project_modules(module: str, names: list[str]) -> list[str]:
    """The first-level modules of the project that an import reaches."""
    parts = module.split(".")
    if parts[0] != "spektron_jax":
        return []
    if len(parts) > 1:
        return [parts[1]]
    inside = {p.stem for p in PACKAGE.iterdir()}
    return [name if name in inside else "__init__" for name in names or [""]]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_arrows(path):
    if layer(path) not in ARROWS:
        assert layer(path) in {
            "__init__",
            "__main__",
            "main",
            "commands",
            "from_files",
        }, f"{path}: a new layer"
        return
    project, third_party = ARROWS[layer(path)]
    project = project | {layer(path)}
    for module, names, _ in imports(path):
        if module.split(".")[0] == "spektron_jax":
            assert set(project_modules(module, names)) <= project, f"{path}: {module}"
        elif module.split(".")[0] not in sys.stdlib_module_names:
            assert module.split(".")[0] in third_party, f"{path}: {module}"


def test_nobody_but_the_command_line_imports_a_command():
    for path in FILES:
        reached = [project_modules(module, names) for module, names, _ in imports(path)]
        if "commands" in sum(reached, []):
            # `from_files` writes the page that the command writes.
            allowed = {"commands", "main", "__main__", "from_files"}
            assert layer(path) in allowed, path


def test_two_arrows_are_thinner_than_their_rooms():
    """A transfer loads no encoder that it does not use; training needs its weights."""
    for path in FILES:
        for module, names, top in imports(path):
            if "encoder" not in project_modules(module, names):
                continue
            if layer(path) == "transfer":
                assert not top, path
            elif layer(path) == "training":
                assert module == "spektron_jax.encoder.weights", path


def test_the_transfer_reaches_files_only_where_it_is_called():
    for path in FILES:
        for module, names, top in imports(path):
            if "from_files" in project_modules(module, names):
                inside = layer(path) == "demo" or (
                    str(path.relative_to(PACKAGE)) == "transfer/__init__.py"
                )
                typed = path.name == "__init__.py" and layer(path) == "__init__"
                assert (inside or typed) and not top, path


def test_a_figure_alone_takes_spectra_to_the_transfer_and_to_matplotlib():
    for path in FILES:
        if layer(path) != "spectra":
            continue
        for module, names, top in imports(path):
            roots = {module.split(".")[0], *project_modules(module, names)}
            if roots & {"transfer", "matplotlib"}:
                allowed = path.stem == "spectra_figure" and not top
                assert allowed or (path.stem, module) == (
                    "spectra_set",
                    "matplotlib.figure",
                ), path


def test_spectra_and_transfer_load_no_jax():
    """Whatever their imports lead to; imports inside functions are not run here."""
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in FILES
        if layer(path) in {"spectra", "transfer"}
    ]
    code = (
        "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"
    )
    code += "\nassert not {'jax', 'flax', 'optax', 'orbax'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code, *modules], check=True)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_private_names_stay_in_their_file(path):
    for module, names, _ in imports(path):
        if module.startswith("spektron_jax"):
            private = [n for n in names if n.startswith("_") and n != "__version__"]
            assert not private, f"{path}: {module} {private}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_imports_stand_inside_functions(path):
    """ott takes seconds to import; the package and its entry points stay light."""
    for module, _, top in imports(path):
        root = module.split(".")[0]
        assert not (root == "ott" and top), f"{path}: import ott inside a function"
        if (
            layer(path) in {"__init__", "__main__", "main"}
            or path.stem == "config_file"
        ):
            assert not (root in {"jax", "flax", "optax", "orbax"} and top), path


def test_a_calibration_loads_the_encoder_only_where_it_has_weight():
    """An encoder comes into `transfer` inside functions, and JAX with it alone."""
    for path in FILES:
        for module, names, top in imports(path):
            if layer(path) == "transfer" and "encoder" in project_modules(
                module, names
            ):
                assert not top, f"{path}: {module}"


def files_that_name(word: str) -> set[str]:
    """Files with `word` as an identifier, an attribute or a part of an import."""
    found = set()
    for path in FILES:
        names = {getattr(node, "id", None) for node in nodes(path)}
        names |= {getattr(node, "attr", None) for node in nodes(path)}
        for module, imported, _ in imports(path):
            names |= {*module.split("."), *imported}
        if word in names:
            found.add(str(path.relative_to(PACKAGE)))
    return found


def test_two_files_hold_the_two_libraries_that_change_most():
    assert files_that_name("pmap") <= {"training/parallel.py"}
    assert files_that_name("orbax") == {"training/checkpoint.py"}


def test_nothing_runs_code_from_data():
    for path in FILES:
        modules = {module.split(".")[0] for module, _, _ in imports(path)}
        assert not modules & {"pickle", "cloudpickle", "joblib", "marshal"}, path
        for node in nodes(path):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "")
                assert name not in {"eval", "exec", "__import__"}, path


def test_jnp_and_np_are_what_they_say():
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, ast.Import):
                names = {alias.asname: alias.name for alias in node.names}
                assert names.get("np", "numpy") == "numpy", path
                assert names.get("jnp", "jax.numpy") == "jax.numpy", path


def test_a_forbidden_arrow_is_seen(tmp_path):
    file = tmp_path / "example.py"
    file.write_text("from spektron_jax import lab\ndef f():\n    import jax.numpy\n")
    assert imports(file) == [
        ("spektron_jax", ["lab"], True),
        ("jax.numpy", [], False),
    ]
    assert project_modules("spektron_jax", ["lab"]) == ["lab"]
    assert project_modules("spektron_jax.models.vib", ["x"]) == ["models"]


def test_no_two_test_files_share_a_name():
    """pytest imports them by name alone: the second would fail to be collected."""
    names = [path.name for path in PACKAGE.parent.glob("tests/**/test_*.py")]
    assert sorted(set(names)) == sorted(names)
