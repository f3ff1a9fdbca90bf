"""Prints what vost_sgg runs on here: versions, devices and data sets, and for all that is missing, the remedy.

Every needed package is imported, not only looked up, so that a torchvision built for another torch or an OpenCV without
its system libraries is found too. Exit status 1 if something that is needed is missing or too old.
"""

import argparse
import ast
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Oldest and newest version that the tests have run on. The oldest is needed; a newer one is used and remarked on.
TESTED = {"python": ((3, 11), (3, 12)), "torch": ((2, 11), (2, 15))}
# Packages whose module has another name.
MODULES = {
    "pillow": "PIL",
    "open_clip_torch": "open_clip",
    "Jinja2": "jinja2",
    "hydra-core": "hydra",
}
INSTALL_DETECTRON2 = "python tools/install_detectron2.py"
SEE_DATASETS = "see datasets/README.md"


@dataclass
class Finding:
    """One line of the table. ``remedy`` is None when all is well; ``needed`` says whether nothing works without it."""

    name: str
    found: str
    remedy: str | None = None
    needed: bool = False


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: "2.15.0+cu130" -> (2, 15, 0)."""
    return tuple(int(part) for part in re.match(r"[\d.]*", version).group().split(".") if part)


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def within_tested(name: str, version: str) -> Finding:
    """The finding about ``version`` of python or torch."""
    oldest, newest = TESTED[name]
    finding = Finding(name, version)
    if numbers(version) < oldest:
        finding.remedy = f"{name} {dotted(oldest)} to {dotted(newest)} is needed"
        finding.needed = True
    elif numbers(version)[:2] > newest:
        finding.remedy = f"newer than what is tested ({dotted(oldest)} to {dotted(newest)}); if it fails, use that"
    return finding


def install_requires() -> list[str]:
    """The requirements that setup.py states: it is parsed, not run."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "INSTALL_REQUIRES":
            return ast.literal_eval(node.value)
    raise LookupError(f"{ROOT / 'setup.py'} has no INSTALL_REQUIRES")


def check_package(requirement: str, remedy: str | None = None) -> Finding:
    """Imports the package of ``requirement``, "name" or "name>=version", and compares its version."""
    name, _, minimum = requirement.partition(">=")
    module_name = MODULES.get(name, name)
    remedy = remedy or f"pip install '{requirement}'"
    if importlib.util.find_spec(module_name) is None:
        return Finding(name, "missing", remedy, needed=True)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever a half-working package raises is what is to be shown
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Finding(name, "installed, but cannot be imported", f"{reason} ({remedy})", True)
    version = version_of(name, module)
    if name in TESTED:
        return within_tested(name, version)
    if minimum and numbers(version) and numbers(version) < numbers(minimum):
        return Finding(name, version, remedy, needed=True)
    return Finding(name, version)


def version_of(name: str, module) -> str:
    """The installed version; that of the module itself if the package carries another name (OpenCV, detectron2)."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(module, "__version__", "version unknown"))


def packages() -> Iterator[Finding]:
    yield within_tested("python", platform.python_version())
    for requirement in install_requires():
        yield check_package(requirement)
    # Found, not imported: without detectron2 it refuses to be imported.
    if importlib.util.find_spec("vost_sgg") is None:
        yield Finding("vost_sgg", "missing", f"pip install -e {ROOT}", needed=True)
    # Only one of OpenCV's rival packages may be installed, so setup.py does not ask for one.
    yield check_package("cv2", "pip install opencv-python-headless")
    yield check_package("detectron2", INSTALL_DETECTRON2)
    if importlib.util.find_spec("pkg_resources") is None:
        remedy = "only detectron2.model_zoo needs it: pip install 'setuptools<82'"
        yield Finding("pkg_resources", "missing", remedy)


def devices() -> Iterator[Finding]:
    yield Finding("CPU", f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores usable")
    torch = sys.modules.get("torch")
    if torch is None:
        return
    yield Finding("threads", f"{torch.get_num_threads()} in torch")
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        memory = f"{gpu.total_memory / 2**30:.0f} GiB"
        found = f"{gpu.name}, {memory}, compute capability {gpu.major}.{gpu.minor}, CUDA {torch.version.cuda}"
        yield Finding(f"cuda:{index}", found)
    if not torch.cuda.is_available():
        finding = Finding("CUDA", "no device; the CPU is used (MODEL.DEVICE cpu)")
        if shutil.which("nvidia-smi"):
            cuda = torch.version.cuda or "none: a CPU build"
            finding.remedy = (
                f"nvidia-smi is there: is the driver new enough for torch's CUDA ({cuda})?"
            )
        yield finding


def datasets() -> Iterator[Finding]:
    """Which data sets are under $DETECTRON2_DATASETS. None has to be there: the sample is generated on first use."""
    root = Path(os.environ.get("DETECTRON2_DATASETS", "datasets"))
    yield Finding("DETECTRON2_DATASETS", str(root.resolve()))
    official = root / "action_genome"
    annotations = any((official / name).is_dir() for name in ("annotations", "action_genome_v1.0"))
    if not official.is_dir():
        yield Finding("action_genome", "missing", f"{SEE_DATASETS} to get it under {official}")
    elif not annotations:
        yield Finding(
            "action_genome", "no annotations", f"unpack them in {official}; {SEE_DATASETS}"
        )
    elif not (official / "frames").is_dir():
        remedy = "tools/prepare_action_genome.py dumps them from the videos"
        yield Finding("action_genome", "annotations, no frames", remedy)
    else:
        yield Finding("action_genome", "annotations and frames")
    sample = (root / "ag_sample").is_dir()
    yield Finding("ag_sample", "generated" if sample else "not there; generated on first use")


def print_table(title: str, findings: list[Finding]) -> None:
    print(f"\n{title}")
    for finding in findings:
        mark = " " if finding.remedy is None else "!" if finding.needed else "?"
        print(f" {mark} {finding.name:<22} {finding.found}")


def main(arguments: list[str] | None = None) -> int:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    findings = []
    for section in (packages, devices, datasets):
        found = list(section())
        print_table(section.__name__.capitalize().replace("Datasets", "Data sets"), found)
        findings += found
    remedies = [finding for finding in findings if finding.remedy]
    print("\nWhat to do" if remedies else "\nNothing is missing.")
    for finding in remedies:
        kind = "needed" if finding.needed else "if you want it"
        print(f" - {finding.name} ({kind}): {finding.remedy}")
    return int(any(finding.needed for finding in remedies))


if __name__ == "__main__":
    sys.exit(main())
