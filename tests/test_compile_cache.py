"""What was compiled is kept for the next process, and nothing depends on it."""

import os
import subprocess
import sys

from spektron_jax import compile_cache

PROGRAM = """
import sys
from spektron_jax import compile_cache
print(compile_cache.use())
import jax
hits = []
jax.monitoring.register_event_listener(
    lambda name, **more: hits.append(name) if name.endswith("cache_hits") else None
)
print(float(jax.jit(lambda x: x * 3 + 1)(2.0)), len(hits))
"""


def run(home, **more):
    """(folder, answer, entries that were found) of a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    environment |= {"HOME": str(home), **more}
    environment.pop("XDG_CACHE_HOME", None)
    found = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    folder, answer = found.stdout.splitlines()
    return folder, *answer.split(), found.stderr


def test_a_second_process_compiles_nothing_and_damage_is_compiled_again(tmp_path):
    folder, answer, hits, _ = run(tmp_path)
    assert folder.startswith(str(tmp_path / ".cache" / "spektron_jax"))
    assert (answer, hits) == ("7.0", "0")
    assert os.stat(folder).st_mode & 0o077 == 0
    assert run(tmp_path)[1] == "7.0" and run(tmp_path)[2] != "0"
    entries = [path for path in compile_cache.Path(folder).iterdir() if path.is_file()]
    assert entries
    for path in entries:
        path.write_bytes(b"damaged" + path.read_bytes()[7:100])
    assert run(tmp_path)[1] == "7.0"


def test_without_a_writable_home_or_with_an_open_one_nothing_is_kept(tmp_path):
    (tmp_path / "file").write_text("")
    folder, answer, *_ = run(tmp_path / "file")
    assert (folder, answer) == ("None", "7.0")
    shared = tmp_path / ".cache" / "spektron_jax"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    assert run(tmp_path)[0] == "None"


def test_the_oldest_go_first(tmp_path):
    for number in range(4):
        path = tmp_path / "key" / str(number)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"0" * 10)
        os.utime(path, (number, 100 - number))
    compile_cache.trim(tmp_path, 25)
    assert sorted(p.name for p in (tmp_path / "key").iterdir()) == ["2", "3"]


def test_whoever_named_a_folder_keeps_it(monkeypatch):
    monkeypatch.setenv(compile_cache.OWN, "elsewhere")
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    assert compile_cache.use() is None
    assert os.environ[compile_cache.OWN] == "elsewhere"


def test_another_version_begins_anew(monkeypatch):
    keys = set()
    for one in ("0.10.0", "0.10.1"):
        monkeypatch.setattr(compile_cache, "version", lambda package, one=one: one)
        keys.add(compile_cache._key())
    assert len(keys) == 2
