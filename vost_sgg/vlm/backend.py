"""The registry of vision-language models and the contract of its parts."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from detectron2.config import CfgNode

from vost_sgg.registry import PartRegistry, check_registered
from vost_sgg.vlm.prompts import Prompt

VLM = PartRegistry("VLM")
VLM.__doc__ = """
Vision-language models: subclasses of :class:`VLMBackend`, chosen by ``MODEL.VLM.NAME``.

Built by ``VLM.build(cfg, dataset_name=...)`` with ``dataset_name`` the name, in detectron2's catalogs, of the data set
whose frames it will be asked about (a real model does not look at it). What a backend answers to a prompt depends on
the image and the prompt alone: not on the batch they come in, and not on what was asked before.
"""


class VLMBackend(ABC):
    """What every registered VLM is.

    Attributes:
        box_frame: "resized_pixels" or "norm1000": the coordinates in which it reads and writes boxes.
        tag: name of its folder in the cache of answers, known from the config alone (:meth:`tag_of`).
    """

    box_frame: ClassVar[str]
    tag: str

    @classmethod
    def tag_of(cls, cfg: CfgNode) -> str:
        """``MODEL.VLM.TAG``, or else the last part of ``WEIGHTS``, with that of ``ADAPTER`` behind a plus sign."""
        if cfg.MODEL.VLM.TAG:
            return cfg.MODEL.VLM.TAG
        names = [cfg.MODEL.VLM.WEIGHTS, cfg.MODEL.VLM.ADAPTER]
        tag = "+".join(os.path.basename(name.rstrip("/")) for name in names if name)
        if not tag:
            raise ValueError(f"MODEL.VLM.WEIGHTS is empty: name a folder with a {cls.__name__}")
        return tag

    @abstractmethod
    def processed_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of an image of this size as the model sees it; from its own processor, never guessed."""

    @abstractmethod
    def respond(self, requests: Sequence[tuple[np.ndarray, Prompt]]) -> list[str]:
        """The model's answers, one a request, in order; greedy, so that asking again gives the same.

        Args:
            requests: of an image (height, width, 3) uint8 RGB and a prompt whose ``text`` is to be answered. Requests
                of one frame stand behind each other and hold the very same array, so that it can be encoded once.

        Raises:
            torch.OutOfMemoryError: the batch does not fit; the caller halves it, once.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """A digest of the weights (and the adapter), for the cache's manifest."""

    @abstractmethod
    def settings(self) -> dict:
        """What else its answers depend on, for the manifest: JSON values such as dtype, generation settings, the limits
        of the image's size and the versions of the libraries it runs on."""


def backend_tag(cfg: CfgNode) -> str:
    """The cache folder's name for the config's VLM; nothing is loaded.

    Raises:
        KeyError: ``MODEL.VLM.NAME`` is not registered.
        ValueError: the config names no weights.
    """
    check_registered(VLM, cfg.MODEL.VLM.NAME, "MODEL.VLM.NAME")
    return VLM.get(cfg.MODEL.VLM.NAME).tag_of(cfg)
