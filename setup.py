"""Packaging: names, versions and what a wheel carries besides the code.

The top-level `configs/` folder is shipped as `spektron_jax/configs`, so that an
installed package finds its config files from any folder. Tool settings are in
pyproject.toml, requirements in requirements.txt, the version in
spektron_jax/__init__.py; each fact has one home.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
# Where this copy lives; whoever publishes fills it in: "https://host/owner/name".
REPOSITORY = ""
# Of requirements.txt, what the encoder and the virtual laboratory alone need; the rest
# is the core: read, transfer, identify, report.
NETWORK = {"jax", "flax", "optax", "orbax-checkpoint", "ott-jax", "chex", "jaxtyping"}
EXPORT = ["onnx>=1.19"]  # docs/export.md
APP = ["starlette>=0.47", "uvicorn>=0.34"]  # docs/app.md
PREPROCESSING = ["chemotools>=0.5", "pybaselines>=1.2"]  # docs/preprocessing.md


def requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    stripped = [line.split("#", 1)[0].strip() for line in lines]
    return [line for line in stripped if line]


def project_urls() -> dict[str, str]:
    pages = {"Source": "", "Issues": "/issues", "Changelog": "/blob/main/CHANGELOG.md"}
    return {name: REPOSITORY + page for name, page in pages.items() if REPOSITORY}


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0]


def version() -> str:
    """Reads `__version__` as text: an import would need the requirements."""
    text = (ROOT / "spektron_jax" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE).group(1)


def long_description() -> str:
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


EVERYTHING = requirements()
CORE = [one for one in EVERYTHING if name_of(one) not in NETWORK]
NETWORK_EXTRA = [one for one in EVERYTHING if name_of(one) in NETWORK]
DOCS = ["mkdocs-material>=9.7,<10", "mkdocstrings[python]>=1.0"]
COMPLETION = ["argcomplete>=3.5"]  # of a shell, by the Tab
SEARCH = ["faiss-cpu>=1.10"]  # libraries of more than 100,000 spectra
CORPUS = ["rdkit>=2026.9", "tblite>=0.8"]  # line lists of own molecules

setup(
    name="spektron-jax",
    version=version(),
    description="Calibration transfer between spectrometers, and a foundation model "
    "of vibrational spectra in JAX",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    author="The spektron_jax developers",
    keywords="chemometrics, calibration transfer, NIR, infrared, Raman, spectroscopy, "
    "multivariate calibration, PLS, JAX",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Chemistry",
        "Typing :: Typed",
    ],
    project_urls=project_urls(),
    python_requires=">=3.11",
    packages=[*find_packages(include=["spektron_jax*"]), "spektron_jax.configs"],
    package_dir={"spektron_jax.configs": "configs"},
    package_data={
        "spektron_jax": [
            "py.typed",
            "commands/report/*.j2",
            "demo/*.csv",
            "spectra/*.md",
            "corpus/files/*",
            "identification/*.json",
            "transfer/*.md",
            "transfer/*.npz",
            "transfer/export/*",
            "app/page/*",
            "weights/**",
        ]
    },
    entry_points={
        "console_scripts": ["spektron = spektron_jax.commands.prompt.run:main"]
    },
    include_package_data=False,
    install_requires=CORE,
    extras_require={
        "network": NETWORK_EXTRA,
        "app": APP,
        # of `launch/test.sh --browser`, which drives a chromium
        "browser": ["axe-playwright-python>=0.1.8", "playwright>=1.50"],
        "completion": COMPLETION,
        "docs": DOCS,
        "corpus": CORPUS,
        "export": EXPORT,
        "preprocessing": PREPROCESSING,
        "search": SEARCH,
        "test": [
            *NETWORK_EXTRA,
            *APP,
            *COMPLETION,
            *EXPORT,
            *SEARCH,
            *PREPROCESSING,  # also an independent DS, PDS, SST and EPO
            "beartype>=0.20",  # checks the shapes that jaxtyping states
            "brukeropus>=1.4,<1.5",  # an independent reader to compare with
            "build>=1.2",
            "formulas>=1.3",  # calculates exported workbooks
            "httpx>=0.27",  # asks the app
            "hypothesis>=6.100",
            "jcamp>=1.3",  # an independent reader of what is written
            "mypy>=1.15",
            "onnxruntime>=1.20",  # runs exported graphs
            "pandas>=2.2",  # tables as users of scikit-learn give them
            "pytest>=8.2",
            "pytest-xdist>=3.6",
            "ruff>=0.12",
            "setuptools>=70.1",  # the first that builds wheels by itself
            "spc-io>=0.2.1",  # an independent reader of what is written
            "tensorboardX>=2.6",
        ],
        "notebooks": [*NETWORK_EXTRA, "jupytext>=1.16", "notebook>=7.2"],
        "tensorboard": ["tensorboardX>=2.6"],
    },
)
