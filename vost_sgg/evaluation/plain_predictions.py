"""Other people's predictions: from plain JSON to what a prediction file holds (docs/prediction_file.md)."""

import json
from collections.abc import Iterable, Iterator, Sequence

from detectron2.utils.file_io import PathManager

from vost_sgg.evaluation.prediction_file import stored
from vost_sgg.evaluation.protocols import Protocol
from vost_sgg.evaluation.slots import predicted_slots
from vost_sgg.registry import nearest
from vost_sgg.structures import FramePrediction

_FIELDS = ("boxes", "classes", "scores", "pairs", "attention", "spatial", "contacting")


def read_plain(path: str) -> tuple[dict, Iterator[dict]]:
    """What is said of all frames, and the frames: of a ``.json``, or line by line of a ``.jsonl``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON, or ``task``, ``dataset``, ``predicates`` or, in a ``.json``, ``frames`` is missing.
    """
    if not PathManager.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    by_line = path.endswith(".jsonl")
    if by_line:
        frames = _lines(path)
        head = next(frames, None)
    else:
        with PathManager.open(path, "r", encoding="utf-8") as file:
            head = _parsed(file.read(), path)
    needed = ("task", "dataset", "predicates") + (() if by_line else ("frames",))
    lacking = [name for name in needed if not isinstance(head, dict) or name not in head]
    if lacking:
        raise ValueError(
            f"{path} lacks {', '.join(lacking)}: docs/prediction_file.md lists what is needed"
        )
    if not by_line:
        if not isinstance(head["frames"], list):
            raise ValueError(f"{path}: frames must be a list, one entry a frame")
        frames = iter(head["frames"])
    Protocol(head["task"])
    return head, frames


def check_predicates(path: str, names: Sequence[str], expected: Sequence[str]) -> None:
    """Raises ValueError unless ``names``, the columns of a file's scores, are ``expected``, in this order."""
    if list(names) != list(expected):
        pairs = zip(names, expected, strict=False)
        wrong = next((f"{a!r} where {b!r} belongs" for a, b in pairs if a != b), "their number")
        raise ValueError(
            f"{path}: predicates must be the {len(expected)} of the data set in its order, the columns of attention, "
            f"spatial and contacting; it has {wrong}"
        )


def plain_predictions(
    frames: Iterable[dict], objects: Sequence[str], path: str
) -> Iterator[tuple[str, FramePrediction]]:
    """Yields the image id and the prediction of each frame, checked.

    Args:
        objects: names of the classes, person first.
        path: of the file, for messages.

    Raises:
        ValueError: a field is missing, has a wrong shape, holds NaN or is no probability; a class is outside the
            vocabulary; a frame is there twice. The message names the frame.
    """
    ids = {name: label for label, name in enumerate(objects)}
    seen = set()
    for number, frame in enumerate(frames):
        lacking = [
            n for n in ("image_id", *_FIELDS) if not isinstance(frame, dict) or n not in frame
        ]
        name = "image_id" not in lacking and frame["image_id"]
        where = f"{path}, frame {name or f'number {number}'}"
        if lacking:
            raise ValueError(f"{where} lacks {', '.join(lacking)}")
        if name in seen:
            raise ValueError(f"{where} is there twice")
        seen.add(name)
        try:
            yield name, _prediction(frame, ids)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{where}: {error}") from None


def _prediction(frame: dict, ids: dict[str, int]) -> FramePrediction:
    for name in frame["classes"]:
        if name not in ids:
            raise ValueError(f"unknown object class {name!r}; {nearest(str(name), ids)}")
    fields = {name: frame[name] for name in _FIELDS}
    prediction = stored(FramePrediction(**fields | {"classes": [ids[n] for n in frame["classes"]]}))
    predicted_slots(prediction)
    return prediction


def _lines(path: str) -> Iterator[dict]:
    with PathManager.open(path, "r", encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _parsed(line, f"{path}, line {number}")


def _parsed(text: str, where: str):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where} is no JSON, or is cut short ({error})") from None
