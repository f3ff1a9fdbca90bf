"""Converters of checkpoints: OED's trained models, COCO DETR or our own detector as initial weights."""

from vost_sgg.checkpoint.convert import (
    DETECTOR_ARCHITECTURE,
    ConversionReport,
    convert_detr,
    convert_oed,
    hand_over,
    is_detector,
)
from vost_sgg.checkpoint.files import (
    DamagedFileError,
    load_plain,
    meta_of,
    read_meta,
    read_state_dict,
    write_state_dict,
)

__all__ = [
    "DETECTOR_ARCHITECTURE",
    "ConversionReport",
    "DamagedFileError",
    "convert_detr",
    "convert_oed",
    "hand_over",
    "is_detector",
    "load_plain",
    "meta_of",
    "read_meta",
    "read_state_dict",
    "write_state_dict",
]
