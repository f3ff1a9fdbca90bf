"""Priors of frames: CLIP embeddings of what a VLM said, and of the regions it speaks of; extracted once, then read."""

from vost_sgg.priors.clip import ClipEncoder, build_clip
from vost_sgg.priors.extraction import FeatureExtractor
from vost_sgg.priors.files import priors_folder
from vost_sgg.priors.pairs import FramePairs, frame_pairs
from vost_sgg.priors.reader import PriorsReader
from vost_sgg.priors.region_prompt import RegionPrompt

__all__ = [
    "ClipEncoder",
    "FeatureExtractor",
    "FramePairs",
    "PriorsReader",
    "RegionPrompt",
    "build_clip",
    "frame_pairs",
    "priors_folder",
]
