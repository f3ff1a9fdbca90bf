"""AVA's files, written for a test: csv files in the official format, clips whose frames tell their number."""

from pathlib import Path

import av
import numpy as np

LABEL_MAP = {
    8: "lie/sleep", 11: "sit", 12: "stand", 14: "walk", 17: "carry/hold (an object)", 29: "eat",
    59: "touch (an object)", 63: "write",
}  # fmt: skip


def write_annotations(
    root: Path, rows: list[str], excluded=(), split="val", names=LABEL_MAP
) -> Path:
    """The four files that a split needs, in ``root/annotations``, which is returned."""
    folder = root / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"ava_{split}_v2.2.csv").write_text("".join(f"{row}\n" for row in rows))
    lines = "".join(f"{row}\n" for row in excluded)
    (folder / f"ava_{split}_excluded_timestamps_v2.2.csv").write_text(lines)
    entries = (
        f'label {{\n  name: "{name}"\n  label_id: {i}\n  label_type: PERSON_MOVEMENT\n}}\n'
        for i, name in names.items()
    )
    (folder / "ava_action_list_v2.2.pbtxt").write_text("".join(entries))
    return folder


def write_clip(path: Path, frames: int, rate: int = 10, size=(64, 48)) -> None:
    """A lossless video whose frame n (from 0) has brightness 4 n everywhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "bgr0"
        for number in range(frames):
            image = np.full((size[1], size[0], 3), 4 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
