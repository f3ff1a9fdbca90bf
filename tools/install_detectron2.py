"""Installs detectron2, which is not on the package index under its own name. One that is already installed is kept.

By default its Python code comes from one wheel of the index, pinned by hash: sal-detectron2 0.7.2, detectron2's main
branch of August 2024. That wheel cannot be installed as it is: it is tagged for CPython 3.10 because of a compiled
module that nothing here needs, brings along a stray top-level package named ``tools``, wants numpy < 2, and is called
sal-detectron2, so that no installer would see it as detectron2. So it is repacked: the Python and YAML files are taken
over byte by byte, the compiled module and the stray package are left out, the metadata is put right. The result is
the same to the last bit wherever it is made, and its hash is checked too.

With --from-git it is built from the official repository at a pinned commit; that needs a C++ compiler, and takes
minutes. Its metadata asks for iopath < 0.1.10, but it runs with the newer one.

Neither way touches any other package: detectron2's requirements are among those of vost_sgg.
"""

import argparse
import base64
import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

SOURCE = "sal-detectron2==0.7.2"
SOURCE_SHA256 = "491af0c7f79bdb2d178e46f6cb16a97c4ac968d45c41ea3f6b6435d59bbee561"
SOURCE_INFO = "sal_detectron2-0.7.2.dist-info"

VERSION = "0.6+sal0.7.2"
WHEEL = f"detectron2-{VERSION}-py3-none-any.whl"
WHEEL_SHA256 = "22d1f164995a107c1dc73de6038417fc9f9770b452f4493d97cecb7e6a5b0ae5"
WHEEL_INFO = f"detectron2-{VERSION}.dist-info"
# Archive times are part of the hash.
WHEEL_TIME = (2024, 8, 5, 0, 0, 0)

GIT_REPOSITORY = "https://github.com/facebookresearch/detectron2.git"
GIT_COMMIT = "02b5c4e295e990042a714712c21dc79b731e8833"  # main of 2026-06-06


class InstallError(Exception):
    """detectron2 could not be installed; the message says why and what to do."""


def pip(*arguments: str) -> None:
    """Runs the pip of this Python. Raises InstallError if it fails."""
    command = [sys.executable, "-m", "pip", *arguments]
    if subprocess.run(command).returncode != 0:
        raise InstallError(
            f"this failed: {' '.join(command)}\n"
            "Its message stands above. Any detectron2 that you install by other means is used as well."
        )


def download(folder: Path) -> Path:
    """Downloads the source wheel into ``folder``; pip refuses one of another hash."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{SOURCE} --hash=sha256:{SOURCE_SHA256}\n")
    # pip would otherwise leave out a wheel that is tagged for another Python than the running one.
    tags = "--python-version 3.10 --implementation cp --abi none --platform any".split()
    options = "--quiet --no-deps --require-hashes --only-binary=:all:".split()
    pip("download", *options, *tags, "--dest", str(folder), "--requirement", str(requirement))
    return next(folder.glob("sal_detectron2-*.whl"))


def repacked_files(source: Path) -> dict[str, bytes]:
    """What the repacked wheel holds: file names to contents, the RECORD of their hashes included."""
    with zipfile.ZipFile(source) as archive:
        files = {
            name: archive.read(name)
            for name in archive.namelist()
            if name.startswith("detectron2/") and name.endswith((".py", ".yaml"))
        }
        metadata = archive.read(f"{SOURCE_INFO}/METADATA").decode()
        files[f"{WHEEL_INFO}/LICENSE"] = archive.read(f"{SOURCE_INFO}/LICENSE")
    files[f"{WHEEL_INFO}/METADATA"] = corrected_metadata(metadata).encode()
    files[f"{WHEEL_INFO}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: install_detectron2\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{WHEEL_INFO}/top_level.txt"] = b"detectron2\n"
    files[f"{WHEEL_INFO}/RECORD"] = record(files).encode()
    return files


def corrected_metadata(metadata: str) -> str:
    """The source wheel's METADATA with detectron2's name, any numpy, no extras, and the two requirements it lacks."""
    replaced = {"Name:": "Name: detectron2", "Version:": f"Version: {VERSION}"}
    lines = []
    for line in metadata.splitlines():
        if line.startswith("Provides-Extra") or "extra ==" in line:
            continue
        line = replaced.get(line.split(" ")[0], line)
        lines.append(line.replace("Requires-Dist: numpy<2", "Requires-Dist: numpy"))
    last = max(i for i, line in enumerate(lines) if line.startswith("Requires-Dist:"))
    lines[last + 1 : last + 1] = [
        "Requires-Dist: fvcore<0.1.6,>=0.1.5",
        "Requires-Dist: iopath>=0.1.9",
    ]
    return "\n".join(lines) + "\n"


def record(files: dict[str, bytes]) -> str:
    """The RECORD of a wheel with these files."""
    lines = []
    for name, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")
    return "\n".join([*lines, f"{WHEEL_INFO}/RECORD,,"]) + "\n"


def write_wheel(files: dict[str, bytes], folder: Path) -> Path:
    """Writes the wheel into ``folder``. Raises InstallError if it is not the one that was tested."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{WHEEL}.part"
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        # The metadata comes last, as the format recommends.
        for name in sorted(files, key=lambda name: (".dist-info/" in name, name)):
            entry = zipfile.ZipInfo(name, WHEEL_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    found = hashlib.sha256(partial.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        partial.unlink()
        raise InstallError(
            f"the repacked {WHEEL} has the hash {found}, and not {WHEEL_SHA256}, which was tested: "
            "this script or Python's zlib differs. Try --from-git, or install detectron2 by other means."
        )
    return partial.rename(folder / WHEEL)


def install_wheel(wheel_dir: Path | None, install: bool) -> None:
    """Makes the wheel in ``wheel_dir`` (it is kept; None: made elsewhere and not kept), and installs it if asked to."""
    with tempfile.TemporaryDirectory() as temporary:
        wheel = write_wheel(repacked_files(download(Path(temporary))), wheel_dir or Path(temporary))
        print(f"{wheel.name}, sha256 {WHEEL_SHA256}")
        if install:
            pip("install", "--quiet", "--no-deps", "--force-reinstall", str(wheel))


def install_from_git() -> None:
    """Builds and installs the official source, in this environment, since its setup.py imports torch."""
    source = f"detectron2 @ git+{GIT_REPOSITORY}@{GIT_COMMIT}"
    pip("install", "--no-deps", "--no-build-isolation", "--force-reinstall", source)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--from-git", action="store_true", help=f"build the official source, commit {GIT_COMMIT}")
    add("--wheel-dir", type=Path, help="keep the repacked wheel in this folder")
    add("--no-install", action="store_true", help="only make the wheel; needs --wheel-dir")
    add("--force", action="store_true", help="replace a detectron2 that is installed")
    options = parser.parse_args(arguments)
    if options.no_install and not options.wheel_dir:
        parser.error("--no-install makes a wheel only: say where with --wheel-dir")
    if options.from_git and options.wheel_dir:
        parser.error("--wheel-dir keeps the repacked wheel, and --from-git makes none")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    installed = importlib.util.find_spec("detectron2")
    if installed and not options.force and not options.no_install:
        print(f"detectron2 is installed and kept as it is: {installed.origin}")
        return 0
    try:
        if options.from_git:
            install_from_git()
        else:
            install_wheel(options.wheel_dir, install=not options.no_install)
    except InstallError as error:
        print(f"install_detectron2: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
