"""Priors of frames: CLIP embeddings of what a VLM said, and of the regions it speaks of; extracted once, then read.

The encoder is in ``vost_sgg.priors.clip`` and what uses it in ``vost_sgg.priors.extraction``: reading needs no model.
"""

from vost_sgg.priors.files import priors_folder
from vost_sgg.priors.pairs import FramePairs, frame_pairs
from vost_sgg.priors.reader import PriorsReader
from vost_sgg.priors.region_prompt import RegionPrompt

__all__ = ["FramePairs", "PriorsReader", "RegionPrompt", "frame_pairs", "priors_folder"]
