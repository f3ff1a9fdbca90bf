"""The JSON files that evaluations and ablations leave: where they are in a run's folder, and reading them."""

import json
import os
from fnmatch import fnmatch

from detectron2.utils.file_io import PathManager

from vost_sgg.evaluation.ablation import ABLATION_FILE

RESULTS_PATTERN = "scene_graph_recall_*.json"
_LAST_STAGE = "temporal"


def find_results(place: str, stage: str | None) -> str:
    """The real path of the one file of results that ``place`` is or has.

    Args:
        place: the file; or a folder that has it, be it an ablation's, a stage's, or that of a run with its stages.
        stage: of a run with several stages; None: the last, "temporal".

    Raises:
        FileNotFoundError: there is none.
        ValueError: there are several, or none of this stage.
    """
    if PathManager.isfile(place):
        return os.path.realpath(PathManager.get_local_path(place))
    if not PathManager.isdir(place):
        raise FileNotFoundError(f"no file or folder {place}")
    files = _results_in(place) or _results_of_stage(place, stage)
    if len(files) > 1:
        raise ValueError(f"{place} has several results; name one of them: {', '.join(files)}")
    return os.path.realpath(PathManager.get_local_path(files[0]))


def _results_in(folder: str) -> list[str]:
    names = PathManager.ls(folder)
    if ABLATION_FILE in names:
        return [os.path.join(folder, ABLATION_FILE)]
    return [os.path.join(folder, name) for name in sorted(names) if fnmatch(name, RESULTS_PATTERN)]


def _results_of_stage(folder: str, stage: str | None) -> list[str]:
    found = {}
    for name in sorted(PathManager.ls(folder)):
        path = os.path.join(folder, name)
        if PathManager.isdir(path) and _results_in(path):
            found[name] = _results_in(path)
    if not found:
        raise FileNotFoundError(
            f"{folder} has no {RESULTS_PATTERN}, nor has a stage in it: evaluate the model by tools/train_net.py"
        )
    if stage is None:
        stage = _LAST_STAGE if _LAST_STAGE in found or len(found) > 1 else next(iter(found))
    if stage not in found:
        folders = ", ".join(os.path.join(folder, name) for name in found)
        raise ValueError(
            f"{folder} has no results of stage {stage!r}; name what to take: {folders}"
        )
    return found[stage]


def read_json(path: str) -> dict:
    """The fields of a JSON file. Raises ValueError if it is no JSON object, OSError if it cannot be read."""
    try:
        with PathManager.open(path, "r", encoding="utf-8") as file:
            document = json.load(file)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} holds a {type(document).__name__}, not fields with names")
    return document
