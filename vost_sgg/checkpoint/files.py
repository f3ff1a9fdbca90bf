"""Reading other people's ``.pth`` files without running what is in them, and writing ours."""

import argparse
import os
import pickle

import torch
from detectron2.utils.file_io import PathManager
from torch import Tensor

# What torch raises about a file that is cut short or is none of its own, by where it notices.
_BROKEN = (RuntimeError, EOFError, OSError, ValueError, KeyError)


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
    try:
        with (
            PathManager.open(path, "rb") as f,
            torch.serialization.safe_globals([argparse.Namespace]),
        ):
            checkpoint = torch.load(f, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path} is refused: it is damaged, or it holds more than tensors and plain data"
        ) from None
    except _BROKEN:
        raise ValueError(
            f"{path} cannot be read as a torch file: it is cut short or of another kind"
        ) from None
    weights = checkpoint.get("model", checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise ValueError(f'{path} holds no state dict, neither by itself nor as its entry "model"')
    return dict(weights)


def write_state_dict(state_dict: dict[str, Tensor], path: str) -> None:
    """Writes ``path`` whole or not at all: a ``.pth`` with the entry ``model``, as detectron2's, or a ``.safetensors``.

    Raises:
        ValueError: ``path`` ends in neither.
    """
    if not path.endswith((".pth", ".safetensors")):
        raise ValueError(f"{path}: the name must end in .pth or .safetensors")
    PathManager.mkdirs(os.path.dirname(path) or ".")
    path = PathManager.get_local_path(path)
    temporary = f"{path}.part"
    try:
        if path.endswith(".safetensors"):
            from safetensors.torch import save_file

            save_file(state_dict, temporary)
        else:
            torch.save({"model": state_dict}, temporary)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
