"""The totals that are publicly known of Action Genome v1.0, to notice a changed download or a changed rule."""

import logging

from detectron2.utils.logger import log_first_n

from vost_sgg.data.annotation_index import AnnotationIndex
from vost_sgg.data.frame_rules import FrameCounts

logger = logging.getLogger(__name__)

OFFICIAL_FRAMES = 288_782
# Over both splits, before any rule: AG's release (objects, relations) and printed contents of the pickles.
_INDEX_TOTALS = {"entries": 737_427, "visible objects": 583_325, "relations": 1_913_334}
# As printed by STTran's loader on the full pickle; OED's rule differs only in the length of a video.
_PREDCLS = {
    "train": {"without_person": 21_643, "usable": 177_330},
    "test": {"without_person": 8_636, "usable": 56_923},
}
_RULE_TOTALS = {
    "oed": _PREDCLS,
    "sttran": {
        "train": {**_PREDCLS["train"], "kept_videos": 7_584},
        "test": {**_PREDCLS["test"], "kept_videos": 1_750},
    },
    # Counted in published lists of the frames that STTran's loader keeps.
    "sttran_filtersmall": {
        "train": {"kept_videos": 7_464, "kept": 166_785},
        "test": {"kept_videos": 1_737, "kept": 54_371},
    },
}


def report_differences(index: AnnotationIndex, split: str, rule: str, counts: FrameCounts) -> None:
    """Logs how the counts differ from the known ones, or that they agree.

    Silent unless ``index`` is the full data set (by its number of frames): of an excerpt nothing is known.
    """
    if len(index) != OFFICIAL_FRAMES:
        return
    found = {
        "entries": len(index.categories),
        "visible objects": int(index.visible.sum()),
        "relations": int(index.predicates.sum()),
    } | vars(counts)
    known = _INDEX_TOTALS | _RULE_TOTALS[rule][split]
    differences = [
        f"{name.replace('_', ' ')} {found[name]:,} (published {value:,}, {found[name] - value:+,})"
        for name, value in known.items()
        if found[name] != value
    ]
    if differences:
        logger.warning("%s, rule %s: other than published: %s", split, rule, "; ".join(differences))
    else:
        agreement = f"{split}, rule {rule}: {len(known)} published totals agree"
        log_first_n(logging.INFO, agreement, name=__name__, key="message")
