"""What a training logged: detectron2's ``metrics.json`` of each of its stages."""

import json
import os
import re

from detectron2.utils.file_io import PathManager

METRICS_FILE = "metrics.json"
# Quantity -> iteration -> value.
Curves = dict[str, dict[int, float]]

# A loss of an earlier layer of the decoder ends in the layer's number.
_AUXILIARY = re.compile(r"_\d+$")


def read_training(folder: str) -> dict[str, Curves]:
    """The curves of each stage of a run.

    Args:
        folder: of a run with its stages, or of one stage, whose name is then "".

    Returns:
        Stage -> quantity -> iteration -> value, in the order of the iterations. A run that was resumed has logged some
        iterations twice, and the later value is kept; of one that goes on, the line that is being written is left out.

    Raises:
        FileNotFoundError: the folder has no metrics.json, nor has a folder in it.
        ValueError: a file is damaged, or says nothing yet.
    """
    names = PathManager.ls(folder) if PathManager.isdir(folder) else []
    if METRICS_FILE in names:
        return {"": _read(os.path.join(folder, METRICS_FILE))}
    paths = {name: os.path.join(folder, name, METRICS_FILE) for name in sorted(names)}
    stages = {name: _read(path) for name, path in paths.items() if PathManager.isfile(path)}
    if not stages:
        raise FileNotFoundError(
            f"{folder} has no {METRICS_FILE}, nor has a stage in it: tools/train_net.py writes one while it trains"
        )
    return stages


def losses(curves: Curves) -> list[str]:
    """Names of the weighted losses, their total first. Those of earlier decoder layers are only part of the total."""
    names = [n for n in curves if n.startswith("loss_") and not _AUXILIARY.search(n)]
    return [n for n in ("total_loss",) if n in curves] + sorted(names)


def _read(path: str) -> Curves:
    with PathManager.open(path, "r", encoding="utf-8") as file:
        lines = [line for line in file if line.endswith("\n")]
    curves: dict[str, dict[int, float]] = {}
    for number, line in enumerate(lines, 1):
        try:
            values = json.loads(line)
            iteration = int(values.pop("iteration"))
            for name, value in values.items():
                curves.setdefault(name, {})[iteration] = float(value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}, line {number} is damaged: {error}") from None
    if not curves:
        raise ValueError(f"{path} says nothing yet: detectron2 writes a line every 20 iterations")
    return {name: dict(sorted(points.items())) for name, points in curves.items()}
