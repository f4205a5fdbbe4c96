"""Every public name has an example in its docstring, and every example runs."""

import copy
import doctest
import functools
import inspect
import os
import warnings
from types import ModuleType

import pytest

import spektron_jax
from spektron_jax import demo

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# What classes have from scikit-learn and from Python itself is explained there.
OURS = "spektron_jax."
# Modules that are public names, and the public names in them.
INSIDE = {
    "corrections": spektron_jax.corrections,
    "lab": spektron_jax.lab,
    "oscillators": spektron_jax.oscillators,
}


def names_of(module: ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None)
    return listed or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
    ]


def public() -> dict[str, object]:
    """Dotted name -> object, of everything that is public."""
    found: dict[str, object] = {}
    for name in spektron_jax.__all__:
        value = getattr(spektron_jax, name)
        if name == "transfer":
            from spektron_jax.from_files import FileTransfer, transfer

            found |= {"transfer": transfer, "FileTransfer": FileTransfer}
            found |= {
                f"demo.{one}": getattr(demo, one) for one in ("paths", "transferred")
            }
        elif name in INSIDE:
            module = INSIDE[name]
            found |= {f"{name}.{one}": getattr(module, one) for one in names_of(module)}
        elif name != "__version__":
            found[name] = value
    from spektron_jax.encoder.load import Encoder
    from spektron_jax.transfer.monitor import Monitor

    found |= {"Encoder": Encoder, "Monitor": Monitor}
    for name, value in list(found.items()):
        if inspect.isclass(value):
            found |= {f"{name}.{k}": v for k, v in methods_of(value).items()}
    # Those of FileTransfer that CalibrationTransfer has are the same.
    found = dict(
        {id(value): (name, value) for name, value in reversed(found.items())}.values()
    )
    return found


def methods_of(owner: type) -> dict[str, object]:
    found = {}
    for name in dir(owner):
        value = inspect.getattr_static(owner, name)
        value = getattr(value, "__func__", value)
        value = getattr(value, "fget", None) or value
        ours = getattr(value, "__module__", "") or ""
        if not name.startswith("_") and callable(value) and ours.startswith(OURS):
            found[name] = inspect.unwrap(value)
    return found


PUBLIC = public()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example(name):
    doc = getattr(PUBLIC[name], "__doc__", None) or ""
    assert ">>> " in doc, f"{name}: add an example to its docstring"


@pytest.fixture(scope="module")
def once():
    """The demo's transfer and the encoder as examples get them: each made once.

    Thirty examples begin with the same fit; each has a copy of its own to change.
    """
    fitted = functools.cache(demo.transferred)
    return {
        (demo, "transferred"): lambda **settings: copy.deepcopy(fitted(**settings)),
        (spektron_jax, "load_encoder"): functools.cache(spektron_jax.load_encoder),
    }


@pytest.mark.parametrize("name", PUBLIC)
def test_examples_run(name, once, tmp_path, monkeypatch):
    for (owner, shared), made in once.items():
        monkeypatch.setattr(owner, shared, made)
    monkeypatch.chdir(tmp_path)
    doc = inspect.getdoc(PUBLIC[name]) or ""
    parsed = doctest.DocTestParser().get_doctest(doc, {}, name, None, None)
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runner = doctest.DocTestRunner(optionflags=FLAGS)
        failed = runner.run(parsed, out=said.append).failed
    assert not failed, "".join(said)


def test_the_examples_use_files_that_ship():
    assert all(os.path.exists(path) for path in demo.paths())
