"""Vision-language models: prompts, backends, the parser and the cache of their answers. They are asked offline."""

from vost_sgg.vlm.backend import VLM, VLMBackend, backend_tag

__all__ = ["VLM", "VLMBackend", "backend_tag"]
