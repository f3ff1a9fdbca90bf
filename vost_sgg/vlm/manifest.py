"""``manifest.json``: what the answers of one folder depend on; two settings are never mixed in one folder."""

import json
import os

from detectron2.data import MetadataCatalog
from detectron2.utils.file_io import PathManager

from vost_sgg.config import flat_keys
from vost_sgg.vlm.answers import ANSWER_VERSION
from vost_sgg.vlm.backend import VLMBackend
from vost_sgg.vlm.cache import CacheError
from vost_sgg.vlm.parser import PARSER_VERSION
from vost_sgg.vlm.prompts import PROMPT_VERSION

NAME = "manifest.json"


def make_manifest(backend: VLMBackend, dataset_name: str, task: str) -> dict:
    """The manifest of a folder that ``backend`` fills."""
    return {
        "dataset": dataset_name,
        "dataset_version": dataset_version(dataset_name),
        "task": task,
        "backend": type(backend).__name__,
        "tag": backend.tag,
        "weights": backend.fingerprint(),
        "box_frame": backend.box_frame,
        "settings": backend.settings(),
        "prompt_version": PROMPT_VERSION,
        "answer_version": ANSWER_VERSION,
        "parser_version": PARSER_VERSION,
    }


def dataset_version(name: str) -> int | None:
    """That of a generated data set, whose frames and annotations are others under another one; None of real ones."""
    return MetadataCatalog.get(name).get("version")


ANOTHER_FOLDER = "set another MODEL.VLM.TAG or MODEL.VLM.CACHE"


def claim_folder(folder: str, manifest: dict, remedy: str = ANOTHER_FOLDER) -> None:
    """Makes ``folder`` and its manifest, or checks that the one that is there is the same.

    Several processes, also of several machines, may do so at once.

    Args:
        folder: to be filled.
        manifest: JSON values.
        remedy: how to get another folder, for the error.

    Raises:
        CacheError: the folder was filled with another setting; the message names what differs.
    """
    PathManager.mkdirs(folder)
    path = os.path.join(folder, NAME)
    # Through JSON and back, so that tuples and the like compare with what is read.
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    temporary = f"{path}.{os.uname().nodename}.{os.getpid()}.tmp"
    with open(temporary, "w") as file:
        file.write(text)
    try:
        os.link(temporary, path)  # fails if there is one, and is never seen half written
    except FileExistsError:
        check_same(read_manifest(folder), json.loads(text), folder, remedy)
    finally:
        os.remove(temporary)


def read_manifest(folder: str) -> dict:
    """Raises CacheError if there is none, or it cannot be read."""
    path = os.path.join(folder, NAME)
    try:
        with PathManager.open(path) as file:
            manifest = json.load(file)
    except (OSError, ValueError) as error:
        raise CacheError(
            f"{path} cannot be read ({error}): nothing says where its files come from; move the folder away"
        ) from None
    if not isinstance(manifest, dict):
        raise CacheError(f"{path} is no manifest; move the folder away")
    return manifest


def check_same(there: dict, wanted: dict, folder: str, remedy: str = ANOTHER_FOLDER) -> None:
    """Raises CacheError, with what differs, if the manifest ``there`` of ``folder`` is not the ``wanted`` one."""
    old, new = dict(flat_keys(there)), dict(flat_keys(wanted))
    differing = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    if differing:
        changes = ", ".join(f"{k} was {old.get(k)!r}, is {new.get(k)!r}" for k in differing[:4])
        raise CacheError(
            f"{folder}: its files are of another setting ({changes}); {remedy}, or move the folder away"
        )
