"""``SimulatedAVAVLM``: the simulated VLM (docs/vlm.md) on the AVA sample, told the scene graph behind each keyframe."""

import numpy as np
from detectron2.config import configurable
from detectron2.data import MetadataCatalog
from detectron2.structures import BoxMode

from projects.ava.catalog import WORLDS, sample_name
from projects.ava.sample.clips import SECONDS, SampleClip
from projects.ava.sample.generate import sample_clips, split_of
from vost_sgg.data.vocabulary import OBJECT_IDS, PREDICATE_IDS
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm import VLM
from vost_sgg.vlm.simulated import SimulatedVLM
from vost_sgg.vlm.words import Vocabulary


@VLM.register()
class SimulatedAVAVLM(SimulatedVLM):
    """AVA's files have no objects, so that the scene graph it is told is made again by the generator.

    It looks at no pixel and errs alike in both worlds: only its boxes differ. A real VLM would not.

    Args:
        dataset_name: ``ava_sample_{familiar,shifted}_{train,val}``.

    Raises:
        ValueError: any other data set.
    """

    @configurable
    def __init__(self, *, dataset_name: str, tag: str = "simulated"):
        self.tag = tag
        self._vocabulary = Vocabulary.of(MetadataCatalog.get(dataset_name))
        self._records = {r["image_id"]: r for r in scene_graph_records(dataset_name)}


def scene_graph_records(dataset_name: str) -> list[dict]:
    """Each keyframe's scene graph as a dataset dict without ``file_name``.

    Raises:
        ValueError: the data set is no sample of AVA.
    """
    worlds = {sample_name(w, split): (w, split) for w in WORLDS for split in ("train", "val")}
    if dataset_name not in worlds:
        raise ValueError(
            f"MODEL.VLM.NAME SimulatedAVAVLM answers about {', '.join(sorted(worlds))} alone, not about "
            f"{dataset_name}: use a real model there, as projects/ava/configs/vlm_sgdet.yaml does"
        )
    world, split = worlds[dataset_name]
    clips = [clip for clip in sample_clips(world) if split_of(clip) == split]
    return [_record(clip, second) for clip in clips for second in SECONDS]


def _record(clip: SampleClip, second: int) -> dict:
    person, entries = clip.scene_graph(second)
    categories = [0, *(OBJECT_IDS[entry["class"]] for entry in entries)]
    boxes = [person, *(entry["bbox"] for entry in entries)]
    width, height = clip.look.size
    return {
        "image_id": f"{clip.clip_id}/{second:06d}.png",
        "video_id": clip.clip_id,
        "width": width,
        "height": height,
        "annotations": [
            {"bbox": box.tolist(), "bbox_mode": BoxMode.XYXY_ABS, "category_id": category}
            for box, category in zip(boxes, categories, strict=True)
        ],
        "pairs": np.array([[0, k + 1] for k in range(len(entries))], np.int64).reshape(-1, 2),
        **{group: _multi_hot(entries, group) for group in PREDICATE_GROUPS},
    }


def _multi_hot(entries: list[dict], group: str) -> np.ndarray:
    ids = PREDICATE_IDS[group]
    first = ids.ids.start
    labels = np.zeros((len(entries), len(ids.ids)), bool)
    for row, entry in zip(labels, entries, strict=True):
        row[[ids[name] - first for name in entry[f"{group}_relationship"]]] = True
    return labels
