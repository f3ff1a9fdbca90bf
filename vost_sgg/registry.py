"""The registries' common class: a part is chosen by the config key ``MODEL.<REGISTRY>.NAME``."""

import difflib

from detectron2.utils.registry import Registry
from fvcore.common.config import CfgNode


def nearest(name: str, known) -> str:
    """How an error about an unknown name ends: with the names most like it, or with the first few that there are."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}"


def check_registered(registry: Registry, name: str, key: str) -> None:
    """Raises KeyError, with the nearest registered names, if the value ``name`` of config ``key`` is not registered."""
    if name not in registry:
        raise KeyError(
            f"{key}: no part {name!r} is registered; {nearest(name, dict(registry))} "
            "(a part of your own must be imported before the config is used)"
        )


class PartRegistry(Registry):
    """detectron2's registry, which reads its choice from the config. Its ``__doc__`` is the contract of its parts."""

    def build(self, cfg: CfgNode, **arguments):
        """Builds the part that ``cfg.MODEL.<REGISTRY>.NAME`` names; ``arguments`` go to its constructor."""
        name = cfg.MODEL[self._name].NAME
        check_registered(self, name, f"MODEL.{self._name}.NAME")
        return self.get(name)(cfg, **arguments)
