"""Reading checkpoints without running what is in them, and writing state dicts."""

import argparse
import io
import json
import os
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from detectron2.utils.file_io import PathManager
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vost_sgg.whole_files import replaced

# What torch raises about a file that is cut short or is none of its own, by where it notices.
_BROKEN = (
    *(pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, OSError),
    *(ValueError, KeyError),
)
_ENDINGS = (".pth", ".safetensors")


class DamagedFileError(ValueError):
    """A file is broken, or holds more than plain data."""


def load_plain(
    path: str, *, name: str = "", map_location: str = "cpu", classes: Sequence[type] = ()
) -> Any:
    """The content of a torch or ``.safetensors`` file that is there, read as plain data; of the latter
    ``{"model": its tensors, "meta": ...}``.

    Args:
        path: the file.
        name: what the error calls it; "": its path.
        map_location: where torch puts the tensors; "meta" for none of their numbers.
        classes: what counts as plain beside tensors, containers, numbers and text.

    Raises:
        DamagedFileError: the file is broken, or holds more than plain data.
    """
    try:
        if path.endswith(".safetensors"):
            return _load_safetensors(path)
        with (
            PathManager.open(path, "rb") as file,
            torch.serialization.safe_globals(list(classes)),
        ):
            return torch.load(file, map_location=map_location, weights_only=True)
    except _BROKEN as error:
        raise DamagedFileError(
            f"{name or path} cannot be read: it is cut short, damaged, or holds more than tensors and plain data "
            f"({type(error).__name__})"
        ) from error


def _load_safetensors(path: str) -> dict:
    with safe_open(PathManager.get_local_path(path), framework="pt") as file:
        meta = (file.metadata() or {}).get("meta", "{}")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return {"model": tensors, "meta": json.loads(meta)}


def read_meta(path: str) -> dict:
    """The "meta" of a checkpoint: what its weights belong to. {} if the file is not ours, is broken or is not there."""
    if not path.endswith(_ENDINGS) or not PathManager.isfile(PathManager.get_local_path(path)):
        return {}
    try:
        content = load_plain(PathManager.get_local_path(path), map_location="meta")
    except ValueError:  # loading it as weights says what is wrong with it
        return {}
    return meta_of(content)


def meta_of(content: Any) -> dict:
    """The entry "meta" of a checkpoint's content; {} where there is none."""
    meta = content.get("meta") if isinstance(content, Mapping) else None
    return meta if isinstance(meta, dict) else {}


def read_state_dict(path: str) -> dict[str, Tensor]:
    """The weights in a ``.pth`` file: its entry ``model``, or the whole file if it has none.

    The file is read as plain data. ``argparse.Namespace``, which OED's files hold, counts as plain; nothing else does.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
        ValueError: the file is broken, holds more than plain data, or holds no weights.
    """
    if PathManager.isdir(path):
        raise IsADirectoryError(f"{path} is a folder; name the .pth file in it")
    if not PathManager.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    checkpoint = load_plain(path, classes=[argparse.Namespace])
    weights = checkpoint.get("model", checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise ValueError(f'{path} holds no state dict, neither by itself nor as its entry "model"')
    return dict(weights)


def write_state_dict(
    state_dict: dict[str, Tensor], path: str, *, meta: Mapping | None = None
) -> None:
    """Writes ``path`` whole or not at all: a ``.pth`` with the entry ``model``, as detectron2's, or a ``.safetensors``.

    Args:
        meta: plain data that :func:`read_meta` finds again; None for no such entry.

    Raises:
        ValueError: ``path`` ends in neither.
        OSError: the disk is full.
    """
    if not path.endswith(_ENDINGS):
        raise ValueError(f"{path}: the name must end in .pth or .safetensors")
    PathManager.mkdirs(os.path.dirname(path) or ".")
    # In memory first: of what cannot be written at all nothing is begun.
    if path.endswith(".safetensors"):
        content = save(state_dict, {"meta": json.dumps(dict(meta))} if meta else None)
    else:
        buffer = io.BytesIO()
        torch.save({"model": state_dict} | ({"meta": dict(meta)} if meta else {}), buffer)
        content = buffer.getbuffer()
    with replaced(path) as file:
        file.write(content)
