"""The registries' common class: a part is chosen by the config key ``MODEL.<REGISTRY>.NAME``."""

import difflib

from detectron2.utils.registry import Registry
from fvcore.common.config import CfgNode


def nearest(name: str, known) -> str:
    """The sentence that an error about an unknown name ends with: the names most like it, else all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"


class PartRegistry(Registry):
    """detectron2's registry, which also reads its choice from the config. Its ``__doc__`` is the contract of its parts."""

    def get(self, name: str):
        """The registered object. Raises KeyError that names the nearest registered names."""
        if name not in self:
            raise KeyError(
                f"MODEL.{self._name}.NAME: no part {name!r} is registered; {nearest(name, dict(self))} "
                "(a part of your own must be imported before the config is used)"
            )
        return super().get(name)

    def build(self, cfg: CfgNode, **arguments):
        """Builds the part that ``cfg.MODEL.<REGISTRY>.NAME`` names; ``arguments`` go to its constructor."""
        return self.get(cfg.MODEL[self._name].NAME)(cfg, **arguments)
