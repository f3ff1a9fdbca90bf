"""Which other annotated frames of the video a target frame refers to (the temporal phase's input)."""

import random

from detectron2.config import configurable

from vost_sgg.registry import PartRegistry

REFERENCE_SAMPLER = PartRegistry("REFERENCE_SAMPLER")
REFERENCE_SAMPLER.__doc__ = """
Registry of reference samplers: the reference frames of a target frame, ``cfg.MODEL.REFERENCE_SAMPLER.NAME``.

A part is built from a config and has two methods. Both take ``target``, the position of the target frame among the
``num_frames`` annotated frames of its video (0 <= target < num_frames), and return a list of positions in the same
video, never the target's own; a position may stand twice. An empty list means that the target stands alone.

- ``draw(target, num_frames, generator)``: for training; ``generator`` is a seeded ``random.Random``.
- ``select(target, num_frames)``: for testing; depends on nothing but its arguments.
"""


@REFERENCE_SAMPLER.register()
class NoReferences:
    """Every frame stands alone: the spatial stage, and the single-frame models of the paper's Tab. 3."""

    @configurable
    def __init__(self):
        pass

    @classmethod
    def from_config(cls, cfg):
        return {}

    def draw(self, target: int, num_frames: int, generator: random.Random) -> list[int]:
        return []

    def select(self, target: int, num_frames: int) -> list[int]:
        return []


@REFERENCE_SAMPLER.register()
class WindowReferences:
    """References from a window around the target, as OED: random when training, evenly spread when testing.

    A window with fewer frames than references gives its frames again; the only frame of a video has no references (OED
    loops for ever).

    Args:
        num_references: references a target, at least 1.
        interval: annotated frames that the window reaches to either side, at least 1.
    """

    @configurable
    def __init__(self, *, num_references: int, interval: int):
        if num_references < 1 or interval < 1:
            raise ValueError(
                "MODEL.REFERENCE_SAMPLER: NUM_REFERENCES and INTERVAL must be at least 1 (got "
                f"{num_references} and {interval}); for a model without references set NAME to NoReferences"
            )
        self.num_references = num_references
        self.interval = interval

    @classmethod
    def from_config(cls, cfg):
        sampler = cfg.MODEL.REFERENCE_SAMPLER
        return {"num_references": sampler.NUM_REFERENCES, "interval": sampler.INTERVAL}

    def draw(self, target: int, num_frames: int, generator: random.Random) -> list[int]:
        candidates = self._candidates(target, num_frames)
        return generator.sample(candidates, self.num_references) if candidates else []

    def select(self, target: int, num_frames: int) -> list[int]:
        candidates = self._candidates(target, num_frames)
        step = 1
        if len(candidates) > self.num_references > 1:
            step = (len(candidates) - 1) // (self.num_references - 1)
        return candidates[::step][: self.num_references]

    def _candidates(self, target: int, num_frames: int) -> list[int]:
        first = max(0, target - self.interval)
        window = range(first, min(num_frames, target + self.interval + 1))
        candidates = [frame for frame in window if frame != target]
        while candidates and len(candidates) < self.num_references:
            candidates += candidates
        return candidates
