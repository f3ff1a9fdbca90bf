"""Converters of other people's checkpoints: OED's trained models, COCO DETR as initial weights."""

from vost_sgg.checkpoint.convert import ConversionReport, convert_detr, convert_oed
from vost_sgg.checkpoint.files import read_state_dict, write_state_dict

__all__ = [
    "ConversionReport",
    "convert_detr",
    "convert_oed",
    "read_state_dict",
    "write_state_dict",
]
