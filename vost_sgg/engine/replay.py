"""A training step that diverged, kept in a file, and run again from it.

``diverged_<iteration>_rank<process>.safetensors`` holds every tensor that the step depended on, and in its metadata,
under "step", a JSON document that says what is what: {"iteration": n, "micro_batches": ..., "random_state": ...}. There
a tensor stands as {"tensor": its name in the file}, a dataclass as {"dataclass": its name, "fields": {...}}, a dict as
{"dict": [[key, value], ...]}, a tuple as {"tuple": [...]}; lists, numbers, text and null are themselves. The weights
from before the step are the tensors "model.<name>".
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from detectron2.utils.file_io import PathManager
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from vost_sgg.engine.accumulation import DivergedError
from vost_sgg.engine.random_state import set_random_state
from vost_sgg.structures import FrameGroundTruth, FramePriors
from vost_sgg.whole_files import replaced

_DATACLASSES = {cls.__name__: cls for cls in (FrameGroundTruth, FramePriors)}
_WEIGHTS = "model."


@dataclass
class Step:
    """What :func:`load_step` reads; see the module's text."""

    iteration: int
    micro_batches: list[list[dict]]
    random_state: dict
    weights: dict[str, Tensor]


def save_step(folder: str, model: nn.Module, error: DivergedError) -> str:
    """Writes the step that ended with ``error`` into ``folder``; returns the file's path.

    Raises:
        OSError: it cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    document = {
        "iteration": error.iteration,
        "micro_batches": _encode(error.micro_batches, tensors),
        "random_state": _encode(error.random_state, tensors),
    }
    tensors |= {_WEIGHTS + name: _own_copy(value) for name, value in model.state_dict().items()}
    PathManager.mkdirs(folder)
    name = f"diverged_{error.iteration:07d}_rank{comm.get_rank()}.safetensors"
    path = os.path.join(folder, name)
    with replaced(path) as file:
        file.write(save(tensors, {"step": json.dumps(document)}))
    return path


def load_step(path: str) -> Step:
    """Reads what :func:`save_step` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of these files.
    """
    local = PathManager.get_local_path(path)
    if not os.path.isfile(local):
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(local, framework="pt") as file:
            document = json.loads(file.metadata()["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Step(
            iteration=document["iteration"],
            micro_batches=_decode(document["micro_batches"], tensors),
            random_state=_decode(document["random_state"], tensors),
            weights={
                name.removeprefix(_WEIGHTS): tensor
                for name, tensor in tensors.items()
                if name.startswith(_WEIGHTS)
            },
        )
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no step that a training has kept ({error})") from error


def replay(model: nn.Module, step: Step, cfg: CfgNode) -> tuple[list[dict[str, float]], list[str]]:
    """Runs the step's forward and backward passes again, on one process.

    Returns:
        The losses of each micro-batch, and the names of the parameters whose gradient is not finite, the part nearest
        to the input first.

    Raises:
        FloatingPointError: the model itself refuses its outputs.
    """
    model.train().load_state_dict(step.weights)
    set_random_state(step.random_state)
    device = next(model.parameters()).device.type
    losses = []
    for clips in step.micro_batches:
        with torch.autocast(device, torch.bfloat16, enabled=cfg.SOLVER.AMP.ENABLED):
            found = model(clips)
        losses.append({name: value.item() for name, value in found.items()})
        (sum(found.values()) / len(step.micro_batches)).backward()
    return losses, list(_not_finite(model))


def _not_finite(model: nn.Module) -> Iterable[str]:
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            yield name


def _encode(value, tensors: dict[str, Tensor]):
    if isinstance(value, np.ndarray | Tensor):
        name = str(len(tensors))
        tensors[name] = _own_copy(torch.as_tensor(value))
        return {"tensor": name}
    if is_dataclass(value):
        content = {f.name: _encode(getattr(value, f.name), tensors) for f in fields(value)}
        return {"dataclass": type(value).__name__, "fields": content}
    if isinstance(value, dict):
        return {"dict": [[key, _encode(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [_encode(item, tensors) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    return value.item() if isinstance(value, np.generic) else value


def _decode(value, tensors: dict[str, Tensor]):
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "tuple" in value:
        return tuple(_decode(value["tuple"], tensors))
    if "dict" in value:
        return {key: _decode(item, tensors) for key, item in value["dict"]}
    content = {name: _decode(item, tensors) for name, item in value["fields"].items()}
    return _DATACLASSES[value["dataclass"]](**content)


def _own_copy(tensor: Tensor) -> Tensor:
    """In memory that it shares with no other, as the file wants it."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
