"""The scene graphs of a video as the report reads them: checked, rounded, and matched with the ground truth."""

import math
from collections.abc import Mapping
from itertools import pairwise
from numbers import Real

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
        document: the content of a ``scene_graphs.json``; docs/demo.md describes it.

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
    frames = [_frame(frame, f"frames[{row}]") for row, frame in enumerate(document["frames"])]
    if not frames:
        raise ValueError("the document has no frames: there is nothing to report")
    times = [frame["time"] for frame in frames]
    if any(late <= early for early, late in pairwise(times)):
        raise ValueError("the document's frames must be in the order of time, each time once")
    return frames


def _frame(frame: Mapping, where: str) -> dict:
    checked = {"index": _value(frame, "index", where), "time": _number(frame, "time", where)}
    checked.update(_graph(frame, where, scored=True))
    if frame.get("ground_truth") is not None:
        truth = _graph(frame["ground_truth"], f"{where}.ground_truth", scored=False)
        checked["matches"] = matches(checked, truth)
        checked["ground_truth"] = {**truth, "counterparts": counterparts(checked, truth)}
    return checked


def _graph(graph: Mapping, where: str, *, scored: bool) -> dict:
    objects = [
        _object(item, f"{where}.objects[{row}]", scored)
        for row, item in enumerate(_value(graph, "objects", where))
    ]
    relations = [
        _relation(item, f"{where}.relations[{row}]", len(objects), scored)
        for row, item in enumerate(_value(graph, "relations", where))
    ]
    return {"objects": objects, "relations": relations}


def _object(item: Mapping, where: str, scored: bool) -> dict:
    edges = dict(enumerate(_value(item, "box", where)))
    if len(edges) != 4:
        raise ValueError(f"{where}.box: 4 numbers x0, y0, x1, y1 are needed, not {item['box']!r}")
    box = [round(_number(edges, row, f"{where}.box"), BOX_DIGITS) for row in edges]
    return {"class": str(_value(item, "class", where)), "box": box, **_score(item, where, scored)}


def _relation(item: Mapping, where: str, objects: int, scored: bool) -> dict:
    ends = {end: _value(item, end, where) for end in ("subject", "object")}
    for end, row in ends.items():
        if row not in range(objects):
            raise ValueError(f"{where}.{end}: {row!r} is no row of the {objects} objects")
    group = _value(item, "group", where)
    if group not in GROUPS:
        raise ValueError(f"{where}.group: {group!r} is none of {', '.join(GROUPS)}")
    names = {"group": group, "predicate": str(_value(item, "predicate", where))}
    return {**ends, **names, **_score(item, where, scored)}


def _score(item: Mapping, where: str, scored: bool) -> dict:
    return {"score": round(_number(item, "score", where), SCORE_DIGITS)} if scored else {}


def _number(item: Mapping, key, where: str) -> float:
    value = _value(item, key, where)
    if not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{where}.{key}: a finite number is needed, not {value!r}")
    return float(value)


def _value(item: Mapping, key, where: str):
    if key not in item:
        raise ValueError(f"{where}.{key} is missing")
    return item[key]
