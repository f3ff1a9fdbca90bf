"""Packaging of vost_sgg. Bounds are loose, so that `pip install -e .` keeps a user's own torch, CUDA and detectron2;
the exact versions that are tested are in requirements/requirements.lock."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent

# tools/check_env.py reads this list too, so it stays a literal. detectron2 is not in it: nobody owns that name on the
# package index, so an installer would find nothing today and could find a stranger's package tomorrow.
# tools/install_detectron2.py installs it, without its dependencies, which are the last group here.
# OpenCV is in the extra "opencv": its builds are rival packages that overwrite each other.
INSTALL_REQUIRES = [
    "torch>=2.11",
    "torchvision>=0.26",
    "numpy>=1.26",
    "pillow>=10.0",
    "scipy>=1.11",
    "fvcore>=0.1.5",
    "iopath>=0.1.9",
    "open_clip_torch>=2.24",
    "transformers>=5.0",
    "peft>=0.17",
    "safetensors>=0.4",
    "pycocotools>=2.0.7",
    "av>=12.0",
    "matplotlib>=3.8",
    "networkx>=3.0",
    "tensorboard>=2.14",
    "tabulate>=0.9",
    "tqdm>=4.65",
    "Jinja2>=3.1",
    # carries d3, which the HTML report has in it
    "mpld3>=0.5.10",
    # what detectron2 imports
    "black",
    "cloudpickle",
    "hydra-core>=1.1",
    "omegaconf>=2.1",
    "packaging",
    "termcolor>=1.1",
    "yacs>=0.1.8",
]


def version() -> str:
    source = (ROOT / "vost_sgg" / "__init__.py").read_text()
    return re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE).group(1)


def long_description() -> str:
    readme = ROOT / "README.md"
    return readme.read_text() if readme.exists() else ""


setup(
    name="vost_sgg",
    version=version(),
    description="Spatio-temporal scene graph generation on detectron2: VOST-SGG, OED and DSQI",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["vost_sgg", "vost_sgg.*"]),
    package_data={
        "vost_sgg": ["**/*.json", "**/*.txt", "**/*.yaml", "**/*.jinja", "**/*.css", "**/*.js"]
    },
    install_requires=INSTALL_REQUIRES,
    extras_require={
        "dev": [
            "hypothesis>=6.100",
            "pandas>=2.0",
            "playwright>=1.50",
            "pytest>=8.0",
            "pytest-xdist>=3.5",
            "ruff>=0.9",
        ],
        "opencv": ["opencv-python-headless>=4.8"],
    },
)
