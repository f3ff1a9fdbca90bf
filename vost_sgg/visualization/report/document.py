"""The scene graphs of a video as the report reads them: checked, rounded, and matched with the ground truth."""

import math
from collections.abc import Mapping

from vost_sgg.visualization.report.matching import counterparts, matches

FORMAT = "vost_sgg scene graphs"
VERSION = 1
GROUPS = ("attention", "spatial", "contacting")
# A tenth of a pixel and a thousandth of a score are finer than can be seen, and halve the file.
BOX_DIGITS = 1
SCORE_DIGITS = 3


def report_frames(document: Mapping) -> list[dict]:
    """The document's frames, ready for the report.

    Args:
        document: the content of a ``scene_graphs.json``; docs/report.md describes it.

    Returns:
        A dict a frame, with the document's keys; where there is a ground truth also ``matches``, the row of the
        ground truth's relation that each predicted relation is a hit of, or None, and in ``ground_truth``
        ``counterparts``, the row of the predicted object that each annotated object was found as, or None.

    Raises:
        ValueError: the document is of another format, or a frame of it is broken; the message names frame and key.
    """
    if document.get("format") != FORMAT or document.get("version") != VERSION:
        found = f"format {document.get('format')!r}, version {document.get('version')!r}"
        raise ValueError(f"the report needs format {FORMAT!r}, version {VERSION}, not {found}")
    frames = [_frame(frame, place) for place, frame in enumerate(document["frames"])]
    times = [frame["time"] for frame in frames]
    if not frames:
        raise ValueError("the document has no frames: there is nothing to report")
    if any(late <= early for early, late in zip(times, times[1:], strict=False)):
        raise ValueError("the document's frames must be in the order of time, each time once")
    return frames


def _frame(frame: Mapping, place: int) -> dict:
    where = f"frames[{place}]"
    checked = {"index": frame["index"], "time": _number(frame["time"], f"{where}.time")}
    checked.update(_graph(frame, where, scored=True))
    if frame.get("ground_truth") is not None:
        truth = _graph(frame["ground_truth"], f"{where}.ground_truth", scored=False)
        checked["matches"] = matches(checked, truth)
        checked["ground_truth"] = {**truth, "counterparts": counterparts(checked, truth)}
    return checked


def _graph(graph: Mapping, where: str, *, scored: bool) -> dict:
    objects = [
        _object(item, f"{where}.objects[{row}]", scored)
        for row, item in enumerate(graph["objects"])
    ]
    relations = [
        _relation(item, f"{where}.relations[{row}]", len(objects), scored)
        for row, item in enumerate(graph["relations"])
    ]
    return {"objects": objects, "relations": relations}


def _object(item: Mapping, where: str, scored: bool) -> dict:
    if len(item["box"]) != 4:
        raise ValueError(f"{where}.box: 4 numbers x0, y0, x1, y1 are needed, not {item['box']!r}")
    box = [round(_number(edge, f"{where}.box"), BOX_DIGITS) for edge in item["box"]]
    return {"class": str(item["class"]), "box": box, **_score(item, where, scored)}


def _relation(item: Mapping, where: str, objects: int, scored: bool) -> dict:
    for end in ("subject", "object"):
        if item[end] not in range(objects):
            raise ValueError(f"{where}.{end}: {item[end]!r} is no row of the {objects} objects")
    if item["group"] not in GROUPS:
        raise ValueError(f"{where}.group: {item['group']!r} is none of {', '.join(GROUPS)}")
    ends = {"subject": item["subject"], "object": item["object"]}
    names = {"group": item["group"], "predicate": str(item["predicate"])}
    return {**ends, **names, **_score(item, where, scored)}


def _score(item: Mapping, where: str, scored: bool) -> dict:
    return (
        {"score": round(_number(item["score"], f"{where}.score"), SCORE_DIGITS)} if scored else {}
    )


def _number(value: float, where: str) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{where}: a finite number is needed, not {value!r}")
    return float(value)
