"""Other people's state dicts -> ours: OED's trained models, and COCO DETR as initial weights."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from detectron2.config import CfgNode
from torch import Tensor

from vost_sgg.checkpoint.name_tables import (
    DETECTOR,
    DETR,
    DETR_AS_DETECTOR,
    OED,
    OED_DROPPED,
    PAIR_DECODER,
    POSITION,
    Row,
)

StateDict = dict[str, Tensor]

# The meta-architecture of the detector stage.
DETECTOR_ARCHITECTURE = "DETRDetector"


@dataclass
class ConversionReport:
    """What became of every tensor. ``str()`` of it is the report that the tool prints.

    Args:
        converted: our names that were given a tensor of the file.
        reshaped: those of ``converted`` that took some rows of the file's tensor only.
        initialised: our names that the file has nothing for, freshly initialised (detectors only).
        dropped_by_design: names in the file that our model has no use for.
        missing: our names that the file should have and has not.
        unexpected: names in the file that the table does not know or our model does not have.
        misshapen: "name: shape in the file, shape of ours".
    """

    converted: list[str] = field(default_factory=list)
    reshaped: list[str] = field(default_factory=list)
    initialised: list[str] = field(default_factory=list)
    dropped_by_design: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"converted: {len(self.converted)} tensors"]
        for name in ("reshaped", "initialised", "dropped_by_design"):
            lines += _section(name.replace("_", " "), getattr(self, name))
        return "\n".join(lines + self.faults())

    def faults(self) -> list[str]:
        """The lines about what does not fit; none if the conversion is complete."""
        return [
            line
            for name in ("missing", "unexpected", "misshapen")
            for line in _section(name, getattr(self, name))
        ]


def convert_oed(state_dict: StateDict, cfg: CfgNode) -> tuple[StateDict, ConversionReport]:
    """The weights of an OED checkpoint, spatial or temporal, under the names of the model that ``cfg`` describes.

    Args:
        state_dict: the ``model`` entry of the checkpoint.
        cfg: one of ``configs/oed_*.yaml``; ``MODEL.TEMPORAL_AGGREGATOR.NAME`` chooses the stage.

    Returns:
        A state dict that ``build_model(cfg)`` loads with ``strict=True`` and that shares no memory with the input, and
        the report.

    Raises:
        ValueError: the checkpoint is of another task or stage than ``cfg``, or names or shapes do not fit (all that do
            not are listed).
        KeyError: the model is not registered: import ``vost_sgg.modeling`` first.
    """
    found, expected = _oed_model(state_dict), _configured(cfg)
    if found is None:
        raise ValueError(f"this is no checkpoint of OED{_hint(state_dict)}")
    if found != expected:
        raise ValueError(
            f"the checkpoint looks like OED's {' '.join(found)} model, the config is {' '.join(expected)} "
            "(MODEL.TASK, MODEL.TEMPORAL_AGGREGATOR.NAME)"
        )
    # Only names and shapes of the model are needed, so that none of its numbers are made.
    model = _fresh_state_dict(cfg, "meta")
    result, report = _convert(state_dict, model, OED, _oed_dropped(state_dict, found))
    report.missing = [name for name in model if name not in result]
    _raise_on_faults(report)
    return result, report


def convert_detr(state_dict: StateDict, cfg: CfgNode) -> tuple[StateDict, ConversionReport]:
    """Initial weights for the model that ``cfg`` describes from a DETR-R50 trained on COCO, or from our DETRDetector.

    Backbone, input projection and image encoder are DETR's. Both decoders start as its decoder, or as its first layers
    where ours are shallower; learned positions W are its first queries; both box heads are its box head; the object
    class head gets its rows of the classes that COCO shares with Action Genome. All else is fresh, with ``cfg.SEED``.

    How OED's own initial file was made is not published. CDN's script, after whose output it is named, copies the box
    head twice, cuts the queries, and copies the decoder under a name that neither model has; we read that as meant for
    the second decoder.

    Args:
        state_dict: the ``model`` entry of ``detr-r50-e632da11.pth``, or of a DETR or DETRDetector of the config's size.
        cfg: of a scene graph model, or of the DETRDetector, which starts as DETR in the same way.

    Returns:
        A state dict that ``build_model(cfg)`` loads with ``strict=True`` and that shares no memory with the input, and
        the report.

    Raises:
        ValueError: this is not a DETR, or it is a DETRDetector as the config's model is, or names or shapes do not fit
            (all that do not are listed).
        KeyError: the model is not registered: import ``vost_sgg.modeling`` first.
    """
    if is_detector(state_dict):
        if cfg.MODEL.META_ARCHITECTURE == DETECTOR_ARCHITECTURE:
            raise ValueError(
                "the checkpoint is a DETRDetector and so is the config's model: nothing is to be converted, name the "
                "file as MODEL.WEIGHTS"
            )
        return hand_over(state_dict, _fresh_state_dict(cfg, "cpu"))
    if not {"class_embed.weight", "bbox_embed.layers.0.weight"} <= set(state_dict):
        raise ValueError(f"this is no checkpoint of DETR{_hint(state_dict)}")
    model = _fresh_state_dict(cfg, "cpu")
    return _initialise(state_dict, model, DETR_AS_DETECTOR if is_detector(model) else DETR)


def is_detector(names: Iterable[str]) -> bool:
    """Whether a state dict with these names is of our DETRDetector."""
    return {"class_head.weight", "box_head.layers.0.weight"} <= set(names)


def hand_over(state_dict: StateDict, model: StateDict) -> tuple[StateDict, ConversionReport]:
    """Initial weights for a scene graph model from our DETRDetector; what the detector lacks stays as it is.

    Args:
        state_dict: the detector's.
        model: the scene graph model's present state dict.

    Returns:
        A complete state dict of the model, whose own tensors the untouched ones are, and the report.

    Raises:
        ValueError: names or shapes do not fit (all that do not are listed).
    """
    return _initialise(state_dict, model, DETECTOR)


def _initialise(
    state_dict: StateDict, model: StateDict, table: Sequence[Row]
) -> tuple[StateDict, ConversionReport]:
    result, report = _convert(state_dict, model, table, _detector_dropped(state_dict, model, table))
    given = [_pattern(target) for row in table for target in row.targets]
    for name in model.keys() - result.keys():
        expected = any(pattern.fullmatch(name) for pattern in given)
        (report.missing if expected else report.initialised).append(name)
    report.missing.sort()
    report.initialised.sort()
    _raise_on_faults(report)
    return {name: result.get(name, value) for name, value in model.items()}, report


def _convert(
    state_dict: StateDict, model: StateDict, table: Sequence[Row], dropped: Sequence[str]
) -> tuple[StateDict, ConversionReport]:
    """Renames by ``table``; ``model`` has our names and shapes. Faults other than missing names are in the report."""
    rows = [(_pattern(row.source), row) for row in table]
    result, report = {}, ConversionReport(dropped_by_design=list(dropped))
    for name, value in state_dict.items():
        if name in dropped:
            continue
        matches = ((pattern.fullmatch(name), row) for pattern, row in rows)
        match, row = next((found for found in matches if found[0]), (None, None))
        targets = [_fill(target, match) for target in row.targets] if row else []
        if not targets or not model.keys() >= set(targets):
            report.unexpected.append(name)
            continue
        for target in targets:
            fitted = row.cut(value, model[target]) if row.cut else value
            if fitted.shape != model[target].shape:
                shapes = (
                    f"{tuple(value.shape)} in the file, {tuple(model[target].shape)} in {target}"
                )
                report.misshapen.append(f"{name}: {shapes}")
            elif fitted.shape != value.shape:
                report.reshaped.append(target)
            result[target] = fitted.detach().clone(memory_format=torch.contiguous_format)
    report.converted = list(result)
    return result, report


def _pattern(name: str) -> re.Pattern:
    """The regular expression of a name of the tables: ``#`` is a number, ``*`` the rest."""
    return re.compile(re.escape(name).replace(r"\#", r"(\d+)").replace(r"\*", "(.+)"))


def _fill(name: str, match: re.Match) -> str:
    """``name`` of the tables with what ``match`` found in place of ``#`` and ``*``."""
    found = iter(match.groups())
    return re.sub(r"[#*]", lambda _: next(found), name)


def _fresh_state_dict(cfg: CfgNode, device: str) -> StateDict:
    """The state dict of a new model, the same every time; on the device "meta" its names and shapes only."""
    # detectron2's builder finds the model by its registered name, so that this floor needs no import of the one above.
    from detectron2.modeling import META_ARCH_REGISTRY, build_model

    if cfg.MODEL.META_ARCHITECTURE not in META_ARCH_REGISTRY:
        raise KeyError(
            f"MODEL.META_ARCHITECTURE: {cfg.MODEL.META_ARCHITECTURE!r} is not registered; "
            "import vost_sgg.modeling first"
        )
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.DEVICE = device
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(cfg.SEED)
        return build_model(cfg).state_dict()


def _oed_model(names: Iterable[str]) -> tuple[str, str] | None:
    """(stage, task) of the OED model that has these names; None if it is no OED model."""
    names = list(names)

    def has(prefix: str) -> bool:
        return any(name.startswith(prefix) for name in names)

    if not has("obj_class_embed.") or not has("transformer."):
        return None
    task = "sgdet"
    if has("transformer.query_content."):
        task = "predcls"
    elif has("sub_class_embed."):
        task = "sgcls"
    return "temporal" if has("transformer.temporal_query_layer") else "spatial", task


def _configured(cfg: CfgNode) -> tuple[str, str]:
    temporal = cfg.MODEL.TEMPORAL_AGGREGATOR.NAME != "NoAggregation"
    return "temporal" if temporal else "spatial", cfg.MODEL.TASK


def _hint(state_dict: StateDict) -> str:
    """How an error about a file of the wrong kind ends."""
    if "model" in state_dict:
        return '; its entry "model" may be one'
    model = _oed_model(state_dict)
    if model is not None:
        return f"; it looks like OED's {' '.join(model)} model: convert it as oed"
    if "class_embed.weight" in state_dict or is_detector(state_dict):
        return "; it looks like DETR: convert it as detr"
    return f"; its first names are {', '.join(list(state_dict)[:3])}"


def _oed_dropped(names: Iterable[str], model: tuple[str, str]) -> list[str]:
    patterns = [_pattern(name) for name in OED_DROPPED[model]]
    return [name for name in names if any(pattern.fullmatch(name) for pattern in patterns)]


def _detector_dropped(names: Iterable[str], model: StateDict, table: Sequence[Row]) -> list[str]:
    """Decoder layers deeper than ours, and the queries where positions are not learned."""
    position = next(_pattern(row.source) for row in table if POSITION in row.targets)

    def is_dropped(name: str) -> bool:
        if position.fullmatch(name):
            return POSITION not in model
        layer = re.match(r"(?:transformer\.)?decoder\.layers\.(\d+)\.", name)
        return layer is not None and not any(
            f"{decoder}.layers.{layer[1]}.norm1.weight" in model
            for decoder in ("decoder", PAIR_DECODER)
        )

    return [name for name in names if is_dropped(name)]


def _section(title: str, names: list[str]) -> list[str]:
    return [f"{title}: {len(names)}", *(f"  {name}" for name in names)] if names else []


def _raise_on_faults(report: ConversionReport) -> None:
    faults = report.faults()
    if faults:
        raise ValueError("the checkpoint does not fit the config's model\n" + "\n".join(faults))
