"""Vision-language models: prompts, backends, the parser and the cache of their answers. They are asked offline.

Importing this package registers the backends and the meta-architecture ``CachedVLM``; no model library is loaded.
"""

from vost_sgg.vlm import huggingface as _huggingface  # noqa: F401  registers
from vost_sgg.vlm import simulated as _simulated  # noqa: F401  registers
from vost_sgg.vlm.backend import VLM, VLMBackend, backend_tag
from vost_sgg.vlm.cache import AnswerCache, CacheError, FrameAnswers, cache_folder
from vost_sgg.vlm.cached_model import CachedVLM

__all__ = [
    "AnswerCache",
    "CacheError",
    "CachedVLM",
    "FrameAnswers",
    "VLM",
    "VLMBackend",
    "backend_tag",
    "cache_folder",
]
