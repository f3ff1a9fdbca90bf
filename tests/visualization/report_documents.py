"""Made-up scene graphs for the tests of the report."""

BOXES = {"person": [10, 50, 60, 95], "cup": [70, 60, 90, 80], "table": [100, 55, 180, 95]}


def document(frames: list[dict], *, file: str | None = "video.mp4", fps: float = 10.0) -> dict:
    """A document of ``frames``, of a video of 192 x 96 pixels that has just these frames."""
    video = {"file": file, "width": 192, "height": 96, "fps": fps}
    model = {"config": "a.yaml", "weights": "a.pth", "method": "VOST", "priors": "none"}
    return {
        "format": "vost_sgg scene graphs",
        "version": 1,
        "video": {**video, "frames": len(frames), "duration": len(frames) / fps},
        "model": model,
        "vocabulary": {"objects": [], "attention": [], "spatial": [], "contacting": []},
        "frames": frames,
    }


def graph(*triplets: tuple, boxes: dict | None = None) -> dict:
    """A person, a cup and a table with relations (group, predicate, object, score).

    Without the scores of the relations, it is a ground truth's graph.
    """
    boxes = {**BOXES, **(boxes or {})}
    names = list(boxes)
    keys = ("group", "predicate", "object", "score")
    made = [dict(zip(keys, triplet, strict=False)) for triplet in triplets]
    return {
        "objects": [{"class": name, "box": box, "score": 0.9} for name, box in boxes.items()],
        "relations": [
            {**item, "subject": 0, "object": names.index(item["object"])} for item in made
        ],
    }


def frame(index: int, *triplets: tuple, truth: dict | None = None, fps: float = 10.0) -> dict:
    """A frame at its place in a video of ``fps`` frames a second."""
    made = {"index": index, "time": index / fps, **graph(*triplets)}
    return made if truth is None else {**made, "ground_truth": truth}
