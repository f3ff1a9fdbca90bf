"""Embeddings of given object classes (PredCLS): word vectors, CLIP text embeddings, or a trained table."""

import torch
from torch import Tensor, nn

SOURCES = ("glove", "clip", "learned")


class FixedClassEmbedding(nn.Module):
    """A table of class embeddings that is data, not a parameter: a buffer, so that a checkpoint carries it.

    It starts unfilled. Training fills it (``vost_sgg.engine.class_embeddings``) or a checkpoint does; reading it
    unfilled is an error, never a random stand-in.
    """

    def __init__(self, num_classes: int, dim: int):
        super().__init__()
        self.register_buffer("weight", torch.full((num_classes, dim), float("nan")))
        self._known_filled = False

    @torch.no_grad()
    def fill(self, table: Tensor) -> None:
        """Copies ``table`` (num_classes, dim) into the buffer. Raises ValueError on another shape."""
        if table.shape != self.weight.shape:
            raise ValueError(
                f"the class embedding table is {tuple(table.shape)}, the model's is {tuple(self.weight.shape)} "
                "(classes, MODEL.CLASS_EMBEDDING.DIM)"
            )
        self.weight.copy_(table)

    def forward(self, classes: Tensor) -> Tensor:
        """(...) int64 classes -> (..., dim). Raises RuntimeError while the table is unfilled."""
        if not self._known_filled:  # asked once: the answer costs a copy from the device
            if self.weight.isnan().any():
                raise RuntimeError(
                    "the class embedding table is unfilled: load a checkpoint (MODEL.WEIGHTS), train with "
                    "MODEL.CLASS_EMBEDDING.PATH set, or choose MODEL.CLASS_EMBEDDING.SOURCE learned"
                )
            self._known_filled = True
        return nn.functional.embedding(classes, self.weight)


def build_class_embedding(cfg) -> nn.Module:
    """The module that maps (...) int64 classes to (..., MODEL.CLASS_EMBEDDING.DIM). It reads no file."""
    source, dim = cfg.MODEL.CLASS_EMBEDDING.SOURCE, cfg.MODEL.CLASS_EMBEDDING.DIM
    if source not in SOURCES:
        raise ValueError(
            f"MODEL.CLASS_EMBEDDING.SOURCE is {source!r}; choose one of {', '.join(SOURCES)}"
        )
    if source == "learned":
        return nn.Embedding(cfg.MODEL.NUM_OBJECT_CLASSES, dim)
    return FixedClassEmbedding(cfg.MODEL.NUM_OBJECT_CLASSES, dim)
