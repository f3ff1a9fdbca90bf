"""Fills a model's table of class embeddings when training starts: GloVe word vectors or CLIP text embeddings."""

import logging

import numpy as np
import torch
from detectron2.utils.file_io import PathManager
from torch import Tensor, nn

from vost_sgg.data.vocabulary import OBJECT_CLASSES
from vost_sgg.modeling.class_embedding import FixedClassEmbedding

logger = logging.getLogger(__name__)


def fill_class_embeddings(model: nn.Module, cfg) -> None:
    """Fills every unfilled :class:`FixedClassEmbedding` of ``model`` from ``MODEL.CLASS_EMBEDDING.PATH``.

    A table that a checkpoint filled stays: OED's carries random noise that no file has.

    Raises:
        ValueError: PATH is not set, or the file has none of a class's words or vectors of another width.
        FileNotFoundError: there is no such file.
    """
    source, path = cfg.MODEL.CLASS_EMBEDDING.SOURCE, cfg.MODEL.CLASS_EMBEDDING.PATH
    for module in model.modules():
        if not isinstance(module, FixedClassEmbedding) or not module.weight.isnan().any():
            continue
        if not path:
            what = {"glove": "glove.6B.200d.txt", "clip": "open_clip weights (.pt, .safetensors)"}[
                source
            ]
            raise ValueError(
                f"MODEL.CLASS_EMBEDDING.PATH is not set: name the file of {what}, or choose "
                "MODEL.CLASS_EMBEDDING.SOURCE learned"
            )
        if not PathManager.isfile(path):
            raise FileNotFoundError(f"MODEL.CLASS_EMBEDDING.PATH: there is no file {path}")
        table = (
            glove_table(path, OBJECT_CLASSES)
            if source == "glove"
            else clip_table(path, cfg.MODEL.CLASS_EMBEDDING.CLIP_MODEL, OBJECT_CLASSES)
        )
        module.fill(table)
        logger.info(f"class embeddings: {source}, {tuple(table.shape)}, from {path}")


def glove_table(path: str, names: list[str]) -> Tensor:
    """(C, dim) mean of the word vectors of each name's "/"-separated words (as OED, without its added noise).

    Args:
        path: a GloVe text file: a word and its numbers a line.
        names: C class names.
    """
    words = {word for name in names for word in name.split("/")}
    vectors: dict[str, np.ndarray] = {}
    with PathManager.open(path, "r", encoding="utf-8") as f:
        for line in f:
            word, _, numbers = line.partition(" ")
            if word in words:
                vectors[word] = np.array(numbers.split(), dtype=np.float32)
                if len(vectors) == len(words):
                    break
    rows = []
    for name in names:
        found = [vectors[word] for word in name.split("/") if word in vectors]
        if not found:
            raise ValueError(
                f"{path} has a vector for no word of the class {name!r}: is it a GloVe text file?"
            )
        rows.append(np.mean(found, axis=0))
    return torch.from_numpy(np.stack(rows))


def clip_table(path: str, clip_model: str, names: list[str]) -> Tensor:
    """(C, dim) L2-normalised text embeddings of the names, by open_clip's ``clip_model`` with weights ``path``."""
    import open_clip

    model = open_clip.create_model(clip_model, pretrained=path).eval()
    tokens = open_clip.get_tokenizer(clip_model)(names)
    with torch.no_grad():
        return nn.functional.normalize(model.encode_text(tokens), dim=-1)
