"""CLIP by open_clip: embeddings of texts and of pictures."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from importlib import resources

import numpy as np
import open_clip
import torch
from detectron2.config import CfgNode
from detectron2.utils.file_io import PathManager
from PIL import Image
from torch import Tensor, nn

from vost_sgg.checkpoint import read_meta, read_state_dict
from vost_sgg.registry import nearest

logger = logging.getLogger(__name__)

# The model of the sample configs: open_clip's own class, small (tiny_clip.json); configs/sample/clip.yaml trains it.
TINY = "tiny"
# The value of MODEL.PRIORS.CLIP.WEIGHTS that asks for random weights, which are never a stand-in for missing ones.
RANDOM = "random"
_SEED = 0
RESIZE_MODES = ("squash", "shortest")


class ClipEncoder:
    """Both towers of a CLIP model. Embeddings are float32, L2-normalised, on the CPU.

    Args:
        model: open_clip's, in evaluation mode.
        tokenizer: texts -> (n, context length) int64.
        resize: "squash" (the whole picture becomes a square: no region can vanish) or "shortest" (CLIP's standard: the
            short side is resized, the centre is cut out).
        device: that the model runs on.

    Attributes:
        width: c of the embeddings.
    """

    def __init__(self, *, model: nn.Module, tokenizer, resize: str, device: str = "cpu"):
        self.model, self.device = model.to(device).eval().requires_grad_(False), device
        self._tokenizer = tokenizer
        self.width = self.texts([""]).shape[1]
        self._transform = picture_transform(model, resize)

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> Tensor:
        """(n, c) embeddings of any texts, such as class names or a VLM's own words."""
        tokens = self._tokenizer(list(texts)).to(self.device)
        return self._normalised(self.model.encode_text(tokens))

    @torch.inference_mode()
    def pictures(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """(n, c) embeddings of pictures (h, w, 3) uint8 RGB of any sizes, in one forward."""
        batch = torch.stack([self._transform(Image.fromarray(picture)) for picture in pictures])
        return self._normalised(self.model.encode_image(batch.to(self.device)))

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any weight."""
        digest = hashlib.blake2b(digest_size=8)
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @staticmethod
    def _normalised(embeddings: Tensor) -> Tensor:
        return nn.functional.normalize(embeddings.float(), dim=-1).cpu()


def build_clip(cfg: CfgNode) -> ClipEncoder:
    """The encoder of ``MODEL.PRIORS.CLIP``, on ``MODEL.DEVICE``.

    Raises:
        ValueError: open_clip has no such model, or WEIGHTS is no file, tag or "random", or does not fit the model.
    """
    clip = cfg.MODEL.PRIORS.CLIP
    if clip.NAME not in (TINY, *open_clip.list_models()):
        raise ValueError(
            f"MODEL.PRIORS.CLIP.NAME: open_clip has no model {clip.NAME!r}; "
            f"{nearest(clip.NAME, [TINY, *open_clip.list_models()])}"
        )
    if clip.WEIGHTS == RANDOM:
        logger.warning(f"CLIP {clip.NAME} has random weights (MODEL.PRIORS.CLIP.WEIGHTS random)")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            model = new_clip(clip.NAME)
    else:
        model = _with_weights(clip.NAME, clip.WEIGHTS)
    return ClipEncoder(
        model=model,
        tokenizer=clip_tokenizer(clip.NAME, model),
        resize=clip.RESIZE,
        device=cfg.MODEL.DEVICE,
    )


def new_clip(name: str) -> nn.Module:
    """A model of open_clip, or the tiny one, with random weights."""
    if name != TINY:
        return open_clip.create_model(name)
    text = resources.files("vost_sgg.priors").joinpath("tiny_clip.json").read_text()
    return open_clip.CLIP(**json.loads(text))


def clip_tokenizer(name: str, model: nn.Module):
    """Texts -> (n, context length) int64, as the model of this name reads them."""
    if name == TINY:
        return open_clip.SimpleTokenizer(context_length=model.context_length)
    return open_clip.get_tokenizer(name)


def picture_transform(model: nn.Module, resize: str):
    """PIL image -> (3, side, side), as the model sees it. Raises ValueError if there is no such mode to resize."""
    if resize not in RESIZE_MODES:
        raise ValueError(f"MODEL.PRIORS.CLIP.RESIZE is {resize!r}; {nearest(resize, RESIZE_MODES)}")
    visual = model.visual
    return open_clip.image_transform(
        visual.image_size,
        is_train=False,
        mean=getattr(visual, "image_mean", None),
        std=getattr(visual, "image_std", None),
        resize_mode=resize,
    )


def _with_weights(name: str, weights: str) -> nn.Module:
    path = os.path.expanduser(os.path.expandvars(weights))
    tags = [] if name == TINY else open_clip.list_pretrained_tags_by_model(name)
    if not PathManager.isfile(path) and weights not in tags:
        choices = f", a tag of open_clip ({', '.join(tags)})" if tags else ""
        choices += ", train it (configs/sample/clip.yaml)" if name == TINY else ""
        raise ValueError(
            f"MODEL.PRIORS.CLIP.WEIGHTS is {weights!r}: there is no such file; name a file with weights of {name}"
            f"{choices}, or {RANDOM}"
        )
    try:
        if PathManager.isfile(path):
            model = new_clip(name)
            _load(model, path)
            return model
        _check_activation(name, weights)
        return open_clip.create_model(name, pretrained=weights)
    except (
        Exception
    ) as error:  # the hub's, torch's, safetensors' and open_clip's have no common kind
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"MODEL.PRIORS.CLIP.WEIGHTS {weights}: these weights cannot be had for {name} ({reason}); without a "
            "network download them elsewhere and name the file (docs/priors.md)"
        ) from error


def _load(model: nn.Module, path: str) -> None:
    if not read_meta(path):
        open_clip.load_checkpoint(model, PathManager.get_local_path(path))
        return
    # A checkpoint of this library, which has the model as a part (vost_sgg.priors.clip_training).
    state = read_state_dict(path).items()
    model.load_state_dict({name.removeprefix("clip."): value for name, value in state})


def _check_activation(name: str, tag: str) -> None:
    wanted = open_clip.get_pretrained_cfg(name, tag).get("quick_gelu", False)
    if wanted != open_clip.get_model_config(name).get("quick_gelu", False):
        other = name.removesuffix("-quickgelu") if not wanted else f"{name}-quickgelu"
        raise ValueError(
            f"they were trained with another activation: set MODEL.PRIORS.CLIP.NAME to {other}"
        )
