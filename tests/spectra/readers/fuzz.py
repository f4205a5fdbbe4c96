"""Reads damaged files of every format and notes what goes wrong.

    python tests/spectra/readers/fuzz.py COUNT SEED

Prints one line of JSON: how many files were refused, read as before, or read with
other values, and every failure: an exception that is no SpektronError, a reading that
took seconds or hundreds of megabytes, a file that changed. Memory is limited to 4 GB.
"""

import json
import pickle
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

import instrument_files as written
import numpy as np
import spectra_files as files
from test_exports import FILES as EXPORTS

import spektron_jax
from spektron_jax.spectra import spectra_file

SECONDS = 20.0  # of CPU time: the machine may be busy with other things
MEGABYTES = 300  # that one reading may take
NM, CM1 = files.NM, files.CM1


class TooSlow(BaseException):
    """No OSError, as TimeoutError is: readers turn those into refusals."""


def originals(folder):
    """One small, valid file of each kind."""
    nm, cm1, names = files.bands(NM), files.bands(CM1), files.ids()
    made = []

    def add(name, writer, *arguments, **options):
        made.append(folder / name)
        writer(made[-1], *arguments, **options)

    add("wide.csv", files.wide_csv, NM, nm, names)
    add("comma.csv", files.wide_csv, NM, nm, names, ";", ",")
    add("long.tsv", files.long_csv, NM, nm, names, "\t")
    add("tidy.csv", files.tidy_csv, NM, nm[:2], names[:2])
    add("book.xlsx", files.xlsx, NM, nm, names)
    for form in ("AFFN", "PAC", "SQZ", "DIFDUP", "XY"):
        add(f"{form}.jdx", files.jcamp, CM1, cm1[:2], names[:2], form)
    add("float.spc", files.spc, CM1, cm1)
    add("whole.spc", files.spc, CM1, cm1, kind="i4", own_x=True)
    add("old.spc", files.old_spc, CM1, cm1[0])
    add("pill.0", files.opus, CM1, cm1[0])
    add("corn.mat", files.corn_mat, NM, nm)
    add("plain.mat", files.mat, NM, nm, names)
    add("arrays.npz", files.npz, NM, nm, names)
    add("plain.h5", files.plain_hdf5, NM, nm, names)
    add("film.spa", written.omnic, CM1, cm1[0])
    add("films.spg", written.omnic, CM1, cm1[:3], names[:3])
    add("map.wdf", written.wdf, CM1, cm1, spot=([0, 1, 2, 3, 4], [0, 0, 0, 0, 0]))
    add("film.sp", written.perkinelmer, CM1, cm1[0])
    add("soil.asd", written.asd, NM, nm[0], reference=nm[1])
    add("leaf.sig", written.svc, NM, 100 * nm[0])
    add("lamp.trm", written.avantes, NM, 100 * nm[0])
    add("lamp.ProcSpec", written.procspec, NM, 100 * nm[0])
    for name in ("jasco.txt", "bwspec.txt", "avasoft.txt"):
        made.append(folder / name)
        made[-1].write_bytes(EXPORTS[name][0].encode("cp1252"))
    made.append(folder / "set.h5")
    found = spektron_jax.read(folder / "wide.csv", unit="nm")
    spectra_file.save(made[-1], found)
    return made


def damaged(data, rng):
    """A copy with one to three kinds of damage."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        size = len(data)
        if size < 8:
            break
        at = int(rng.integers(size))
        length = int(min(rng.geometric(0.05), size - at))
        kind = rng.integers(7)
        if kind == 0:  # flipped bits
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:  # other bytes
            data[at : at + length] = rng.bytes(length)
        elif kind == 2:  # cut off
            del data[at:]
        elif kind == 3:  # a piece lost
            del data[at : at + length]
        elif kind == 4:  # a piece twice
            data[at:at] = data[at : at + length]
        elif kind == 5:  # an extreme number
            value = rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
            data[at : at + 4] = int(value).to_bytes(4, rng.choice(["little", "big"]))
        else:  # a digit or sign of a text
            data[at] = rng.choice(list(b"0123456789.,;-+eE \n\t\"'#"))
    return bytes(data)


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


def values_of(found):
    return [np.nan_to_num(one.spectra) for one in found.instruments.values()]


def run(count, seed, folder):
    """Read `count` damaged files; return the tally."""

    def too_slow(*_):
        raise TooSlow(f"more than {SECONDS} s of CPU time")

    def forbidden(*_, **__):
        raise AssertionError("unpickled")

    signal.signal(signal.SIGPROF, too_slow)
    kept = pickle.load, pickle.loads, pickle.Unpickler
    pickle.load = pickle.loads = pickle.Unpickler = forbidden
    tally = {"refused": 0, "same": 0, "other": 0, "failures": [], "slowest": [0.0]}
    try:
        paths = originals(folder)
        whole = {p: p.read_bytes() for p in paths}
        right = {p: values_of(spektron_jax.read(p, unit=_unit(p))) for p in paths}
        place = folder / "damaged"
        place.mkdir()
        for number in range(count):
            rng = np.random.default_rng([seed, number])
            path = paths[number % len(paths)]
            data = damaged(whole[path], rng)
            file = place / path.name
            file.write_bytes(data)
            start, memory = time.process_time(), peak_megabytes()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    found = spektron_jax.read(
                        file, unit=_unit(path), strict=bool(number // len(paths) % 4)
                    )
                got = values_of(found)
                same = len(got) == len(right[path]) and all(
                    map(np.array_equal, got, right[path])
                )
                tally["same" if same else "other"] += 1
                found.describe()
            except spektron_jax.SpektronError as error:
                tally["refused"] += 1
                if str(file) not in str(error):
                    tally["failures"].append([path.name, number, f"no name: {error}"])
            except BaseException as error:
                text = f"{type(error).__name__}: {error}"
                tally["failures"].append([path.name, number, text[:200]])
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            seconds = round(time.process_time() - start, 3)
            tally["slowest"] = max(tally["slowest"], [seconds, path.name, number])
            if peak_megabytes() - memory > MEGABYTES:
                text = f"took {peak_megabytes() - memory} MB"
                tally["failures"].append([path.name, number, text])
            if file.read_bytes() != data or len(list(place.iterdir())) != 1:
                tally["failures"].append([path.name, number, "something was written"])
            file.unlink()
    finally:
        pickle.load, pickle.loads, pickle.Unpickler = kept
    return tally


def _unit(path):
    return "nm" if path.name in ("wide.csv", "comma.csv", "long.tsv") else None


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]), Path(name))))
