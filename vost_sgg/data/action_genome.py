"""Action Genome as detectron2 dataset dicts, from the official files or from OED's json."""

import logging
import os
from collections.abc import Sequence

from detectron2.utils.file_io import PathManager
from detectron2.utils.logger import log_first_n

from vost_sgg.data.annotation_cache import cached_index
from vost_sgg.data.annotation_index import SPLITS, AnnotationIndex
from vost_sgg.data.coco_json import read_coco_json
from vost_sgg.data.frame_records import FrameRecords
from vost_sgg.data.frame_rules import FRAME_RULES, FrameCounts, select_frames
from vost_sgg.data.official_pickles import OFFICIAL_FILES, read_official
from vost_sgg.data.official_totals import report_differences
from vost_sgg.registry import nearest

logger = logging.getLogger(__name__)

# What the archive's folder is called depends on the download.
ANNOTATION_FOLDERS = ("annotations", "action_genome_v1.0")
# Official boxes reach less than a pixel beyond the frame.
MAX_OVERFLOW_PX = 2.0
_CACHE = "vost_sgg_index.safetensors"


def load_action_genome(
    root: str, split: str, frame_rule: str = "oed", source: str = "official"
) -> FrameRecords:
    """Action Genome's annotated frames as detectron2 dataset dicts, sorted by video and frame number.

    Each dict describes one frame, and is made when it is asked for::

        file_name     path of the image under ``root``
        image_id      "VIDEO.mp4/000089.png"
        height, width in pixels
        video_id      "VIDEO.mp4"
        video_index   counts the kept videos from 0
        frame_index   counts the video's kept frames from 0
        frame_number  89
        annotations   [{"bbox": [x0, y0, x1, y1], "bbox_mode": BoxMode.XYXY_ABS, "category_id"}, ...], person first
        pairs         (K, 2) int64, rows of ``annotations``: [0, object]
        attention     (K, 3) bool; spatial (K, 6) bool; contacting (K, 17) bool: multi-hot

    Args:
        root: folder with ``annotations/`` (or ``action_genome_v1.0/``) and ``frames/``.
        split: "train" or "test".
        frame_rule: which frames and boxes count, a key of ``FRAME_RULES``.
        source: "official" (the pickles) or "oed" (``annotations/ag_{split}_coco_style.json``).

    Raises:
        FileNotFoundError: the root, the annotation folder or one of its files is missing.
        ValueError: a file is damaged or not Action Genome's, an argument is unknown, or no frame is kept.
    """
    for kind, choice, known in (
        ("split", split, SPLITS),
        ("frame rule", frame_rule, FRAME_RULES),
        ("source", source, ("official", "oed")),
    ):
        if choice not in known:
            raise ValueError(f"unknown {kind} {choice!r}; {nearest(choice, known)}")
    index = load_annotation_index(root) if source == "official" else load_oed_index(root, split)
    selection = select_frames(index, split, FRAME_RULES[frame_rule])
    # A training reads its data sets several times, and says what is in them once.
    counts = f"{root}, split {split}, frame rule {frame_rule}: {selection.counts}"
    log_first_n(logging.INFO, counts, name=__name__, key="message")
    _warn(root, index, selection.counts)
    report_differences(index, split, frame_rule, selection.counts)
    if not len(selection.frames):
        raise ValueError(
            f"{root}, split {split}: rule {frame_rule} keeps no frame ({selection.counts})"
        )
    return FrameRecords(index, selection, os.path.join(root, "frames"))


def annotation_folder(root: str) -> str:
    """The folder with the annotations: ``annotations/`` or, as some downloads unpack, ``action_genome_v1.0/``.

    Raises:
        FileNotFoundError: the root or the folder is missing.
    """
    if not PathManager.isdir(root):
        raise FileNotFoundError(
            f"no data set at {root!r}: set DETECTRON2_DATASETS to the folder that holds it, or install it "
            "(datasets/README.md)"
        )
    for name in ANNOTATION_FOLDERS:
        if PathManager.isdir(os.path.join(root, name)):
            return os.path.join(root, name)
    raise FileNotFoundError(
        f"{root!r} has neither {' nor '.join(f'{name}/' for name in ANNOTATION_FOLDERS)}: "
        "unpack Action Genome's annotations there (datasets/README.md)"
    )


def load_annotation_index(root: str) -> AnnotationIndex:
    """All annotations of the official files under ``root``, of both splits, before any frame rule.

    The first call parses the pickles and leaves ``vost_sgg_index.safetensors`` beside them for the later ones.

    Raises:
        FileNotFoundError, ValueError: as :func:`load_action_genome`.
    """
    folder = annotation_folder(root)
    sources = _local_files(folder, OFFICIAL_FILES)
    folder = os.path.dirname(sources[0])
    return cached_index(os.path.join(folder, _CACHE), sources, lambda: read_official(folder))


def load_oed_index(root: str, split: str) -> AnnotationIndex:
    """All annotations of OED's json of ``split``, cached likewise.

    Raises:
        FileNotFoundError, ValueError: as :func:`load_action_genome`.
    """
    name = f"ag_{split}_coco_style.json"
    (source,) = _local_files(annotation_folder(root), [name])
    cache = os.path.join(os.path.dirname(source), name.replace(".json", f".{_CACHE}"))
    return cached_index(cache, [source], lambda: read_coco_json(source, split))


def _local_files(folder: str, names: Sequence[str]) -> list[str]:
    missing = [name for name in names if not PathManager.isfile(os.path.join(folder, name))]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)}: the download is not complete; what belongs there is listed in "
            "datasets/README.md"
        )
    return [PathManager.get_local_path(os.path.join(folder, name)) for name in names]


def _warn(root: str, index: AnnotationIndex, counts: FrameCounts) -> None:
    """What a user should know before trusting the frames, one line each."""
    if not PathManager.isdir(os.path.join(root, "frames")):
        logger.warning(
            "%s has no frames/: tools/prepare_action_genome.py dumps them from the videos.", root
        )
    without_entry = int((index.splits < 0).sum())
    if without_entry:
        logger.warning("%d frames list no object, so that they belong to no split.", without_entry)
    if counts.pairs_without_attention or counts.pairs_with_several_attentions:
        logger.warning(
            "%d pairs have no attention label and %d have several; Action Genome's have exactly one.",
            counts.pairs_without_attention,
            counts.pairs_with_several_attentions,
        )
    if counts.largest_overflow_px > MAX_OVERFLOW_PX:
        logger.warning(
            "A box reaches %.1f pixels beyond its frame: do the sizes belong to these boxes?",
            counts.largest_overflow_px,
        )
