"""Where a Hugging Face model's weights lie, what kind of model they are, and a cheap digest of them."""

import hashlib
import json
import os
import re
from pathlib import Path

from detectron2.utils.file_io import PathManager

_WEIGHTS = "*.safetensors"
# What decides a model's answers beside its weights: configs, tokenizer and chat template.
_TEXTS = ("*.json", "*.jinja", "*.model", "merges.txt")
_SAMPLES, _SAMPLE_BYTES = 64, 1 << 16


def local_weights(name: str, key: str = "MODEL.VLM.WEIGHTS") -> str:
    """The folder with the model ``name``: ``name`` itself, or what the hub gives (or gave: its cache) for an id.

    Args:
        name: a folder as ``save_pretrained`` writes it (variables such as $HOME are filled in), or a hub id OWNER/NAME.
        key: the config key that holds it, for the error.

    Raises:
        ValueError: there is no such folder or id, or the folder holds no model.
    """
    folder = os.path.expanduser(os.path.expandvars(name))
    if not PathManager.isdir(folder):
        folder = _download(name, key)
    for pattern in ("config.json", _WEIGHTS):
        if not any(Path(folder).glob(pattern)):
            raise ValueError(
                f"{key} {name}: there is no {pattern} in it; set it to a folder as save_pretrained() writes it, or to "
                "a hub id such as Qwen/Qwen2.5-VL-7B-Instruct"
            )
    return folder


def _download(name: str, key: str) -> str:
    if not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name):
        raise ValueError(
            f"{key} {name!r}: there is no such folder; set it to a folder with a model as save_pretrained() writes it, "
            "or to a hub id such as Qwen/Qwen2.5-VL-7B-Instruct"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return snapshot_download(name, allow_patterns=[_WEIGHTS, *_TEXTS])
    except (OSError, ValueError, HfHubHTTPError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"{key} {name}: there is no such folder, and it cannot be had from the hub ({reason}); without a network "
            "download it elsewhere (hf download) and set the key to the folder"
        ) from None


def check_model_type(folder: str, expected: str, key: str = "MODEL.VLM.NAME") -> None:
    """Raises ValueError if the model in ``folder`` is not of the ``model_type`` that the backend reads."""
    with PathManager.open(os.path.join(folder, "config.json")) as file:
        found = json.load(file).get("model_type")
    if found == "internvl_chat":
        raise ValueError(
            f"{folder} is an InternVL with code of its own (model_type internvl_chat); take its '-hf' conversion, such "
            "as OpenGVLab/InternVL3-8B-hf"
        )
    if found != expected:
        raise ValueError(
            f"{folder} holds a model of type {found!r}, and {key} names a backend for {expected!r}: change {key} or "
            "MODEL.VLM.WEIGHTS"
        )


def fingerprint(*folders: str) -> str:
    """16 hexadecimal digits that change with a model: of its texts, and of each weight file's size, header and samples.

    64 pieces of 64 kB, evenly spread, are read of each file instead of gigabytes: another training changes every piece.
    """
    digest = hashlib.sha256()
    for folder in map(Path, folders):
        for path in sorted({path for pattern in _TEXTS for path in folder.glob(pattern)}):
            digest.update(path.name.encode() + path.read_bytes())
        for path in sorted(folder.glob(_WEIGHTS)):
            digest.update(path.name.encode() + _sampled(path))
    return digest.hexdigest()[:16]


def _sampled(path: Path) -> bytes:
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        # A safetensors file starts with the length of its header, which says where the numbers begin.
        start = 8 + int.from_bytes(file.read(8), "little")
        file.seek(0)
        digest.update(file.read(start))
        last = max(start, size - _SAMPLE_BYTES)
        for k in range(_SAMPLES):
            file.seek(start + (last - start) * k // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.digest()
