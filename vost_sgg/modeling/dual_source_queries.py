"""Content of the pair queries from what the VLM named, position from where to look (Sec. 3.4; Eq. 6, 7)."""

import logging

import torch
from detectron2.config import configurable
from torch import Tensor, nn

from vost_sgg.modeling.layers.transformer import MLP, init_xavier
from vost_sgg.modeling.priors import PriorBatch
from vost_sgg.modeling.query_initializers import QUERY_INITIALIZER, pair_box_code
from vost_sgg.modeling.targets import PairTargets
from vost_sgg.structures import PairQueries

logger = logging.getLogger(__name__)


@QUERY_INITIALIZER.register()
class DualSourceQueries(nn.Module):
    """ "What" from the text embeddings of the VLM's answer, "where" from given boxes or learned positions.

    Where boxes are given a slot takes the answer for its own pair. Where nothing is given the x pairs of the answer
    take the first x of N slots. A slot without an answer has zero content, as OED's.

    Attributes:
        num_left_out: pairs that found no slot since the part was built, because an answer named more than N.
    """

    reads_priors = True

    @configurable
    def __init__(
        self,
        *,
        d_model: int,
        prior_dim: int,
        given: str,
        position: str,
        num_queries: int,
        shuffle: bool = False,
    ):
        """
        Args:
            prior_dim: c, width of the text embeddings.
            given: ``classes``: the slots are the annotated pairs (PredCLS); ``boxes``: all ordered pairs of the frame's
                boxes (SGCLS); ``nothing``: ``num_queries`` slots (SGDET).
            position: ``pair_boxes``: from the boxes of the slot, as OED; ``learned``: W of Eq. 6; ``sum`` of both.
            num_queries: N, rows of W.
            shuffle: where nothing is given, put the pairs into random slots when training.

        Raises:
            ValueError: ``given`` or ``position`` is none of these, or positions come from boxes that are not given.
        """
        super().__init__()
        _check_choices(given, position)
        self.given = given
        self.shuffle = shuffle
        self.num_left_out = 0
        self.content_projection = nn.Linear(2 * prior_dim, d_model)
        self.text_projection = nn.Linear(prior_dim, d_model)
        init_xavier(self)
        self.query_spatial = self.position = None
        if position != "learned":
            self.query_spatial = MLP(12, d_model, d_model, num_layers=2)
            init_xavier(self.query_spatial)
        if position != "pair_boxes":
            self.position = nn.Embedding(num_queries, d_model)
            if given != "boxes":  # whose slots are not the annotated pairs
                self.num_slots = num_queries

    @classmethod
    def from_config(cls, cfg):
        q = cfg.MODEL.QUERY_INITIALIZER
        return {
            "d_model": cfg.MODEL.TRANSFORMER.D_MODEL,
            "prior_dim": cfg.MODEL.PRIORS.DIM,
            "given": q.GIVEN,
            "position": q.POSITION,
            "num_queries": q.NUM_QUERIES,
            "shuffle": q.SHUFFLE,
        }

    def forward(
        self, targets: PairTargets | None, batch_size: int, priors: PriorBatch
    ) -> PairQueries:
        """As the contract of :data:`QUERY_INITIALIZER`.

        Raises:
            ValueError: the task gives boxes and there are no targets, or a frame has more slots than W has rows.
        """
        if self.given == "nothing":
            answers, answered = self._answers_in_order(priors)
            position = self.position.weight.expand(batch_size, -1, -1)
            content, predicate_content = self.contents(priors, answers, answered)
            valid = torch.ones_like(answered)
            return PairQueries(content, position, predicate_content, valid)
        if targets is None:
            raise ValueError(
                "DualSourceQueries needs the given boxes of every frame (ground_truth), and these frames lack them"
            )
        if self.given == "classes":
            pairs, valid, labels = targets.pairs, targets.valid, targets.object_classes
        else:
            pairs, valid, labels = *targets.ordered_pairs(), None
        boxes = targets.boxes_of(pairs)
        content, predicate_content = self.contents(priors, *answers_of_pairs(pairs, valid, priors))
        return PairQueries(
            content, self._positions(boxes, valid), predicate_content, valid, labels, boxes
        )

    def contents(
        self, priors: PriorBatch, answers: Tensor, answered: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Eq. 6 and 7: content of the subject-object and of the predicate queries, (B, N, d) each.

        Args:
            answers: (B, N) int64, the pair of ``priors`` that each slot takes.
            answered: (B, N) bool, False on slots that take none.
        """
        frames = torch.arange(len(answers), device=answers.device)[:, None]
        text = priors.text[frames, answers]
        known = priors.text_mask[frames, answers] & answered[..., None]
        content = self.content_projection(text[:, :, :2].flatten(2))
        predicate_content = self.text_projection(text[:, :, 2])
        # Masked behind the projections, so that their biases add nothing to slots that nothing was named for.
        unnamed = ~known[..., :2].all(-1, keepdim=True)
        return content.masked_fill(unnamed, 0), predicate_content.masked_fill(~known[..., 2:], 0)

    def _answers_in_order(self, priors: PriorBatch) -> tuple[Tensor, Tensor]:
        """The pair of each slot and whether it has one, (B, N) each: the first N pairs in the answer's order."""
        shape = len(priors.valid), len(self.position.weight)
        self._count_left_out(priors.valid[:, shape[1] :])
        if self.shuffle and self.training:
            order = torch.rand(shape, device=priors.valid.device).argsort(1)
        else:
            order = torch.arange(shape[1], device=priors.valid.device).expand(shape)
        return order.clamp(max=priors.valid.shape[1] - 1), order < priors.valid.sum(1, keepdim=True)

    def _count_left_out(self, rest: Tensor) -> None:
        if not rest.shape[1]:  # nothing is copied from the device where every answer fits
            return
        if not self.num_left_out:
            logger.warning(
                f"an answer of the VLM names more than {len(self.position.weight)} pairs "
                "(MODEL.QUERY_INITIALIZER.NUM_QUERIES); such pairs get no slot"
            )
        self.num_left_out += int(rest.sum())

    def _positions(self, boxes: Tensor, valid: Tensor) -> Tensor:
        """(B, N, 2, 4) given boxes of the slots -> (B, N, d)."""
        position = 0
        if self.query_spatial is not None:
            # Padding enters the MLP as zeros, as in OED.
            position = self.query_spatial(pair_box_code(boxes) * valid[..., None])
        if self.position is not None:
            slots, rows = valid.shape[1], len(self.position.weight)
            if slots > rows:
                raise ValueError(
                    f"a frame has {slots} slots and there are {rows} learned positions: raise "
                    "MODEL.QUERY_INITIALIZER.NUM_QUERIES, or set MODEL.QUERY_INITIALIZER.POSITION pair_boxes"
                )
            position = position + self.position.weight[:slots].expand(len(valid), -1, -1)
        return position


def answers_of_pairs(pairs: Tensor, valid: Tensor, priors: PriorBatch) -> tuple[Tensor, Tensor]:
    """The first answer that belongs to each given pair, and whether there is one: (B, N) each.

    Args:
        pairs: (B, N, 2) rows of the frame's boxes.
        valid: (B, N) bool, False on padding.
    """
    same = (pairs[:, :, None] == priors.pairs[:, None]).all(-1)
    same = same & valid[..., None] & priors.valid[:, None]
    return same.int().argmax(-1), same.any(-1)


def _check_choices(given: str, position: str) -> None:
    if given not in ("classes", "boxes", "nothing"):
        raise ValueError(
            f"MODEL.QUERY_INITIALIZER.GIVEN is {given!r}; choose classes, boxes or nothing"
        )
    if position not in ("pair_boxes", "learned", "sum"):
        raise ValueError(
            f"MODEL.QUERY_INITIALIZER.POSITION is {position!r}; choose pair_boxes, learned or sum"
        )
    if given == "nothing" and position != "learned":
        raise ValueError(
            f"MODEL.QUERY_INITIALIZER.POSITION is {position!r}, but no boxes are given (GIVEN: nothing); set it to "
            "learned"
        )
