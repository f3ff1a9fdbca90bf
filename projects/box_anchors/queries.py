"""Do the boxes that the VLM gives tell a query where to look? They are added to the learned positions."""

from detectron2.config import configurable
from torch import nn

from vost_sgg.modeling import QUERY_INITIALIZER, DualSourceQueries
from vost_sgg.modeling.layers.transformer import MLP
from vost_sgg.modeling.query_initializers import pair_box_code


@QUERY_INITIALIZER.register()
class BoxAnchoredQueries(DualSourceQueries):
    """SGDET queries whose position is W of Eq. 6 plus OED's code of the VLM's two boxes, where it gave them."""

    @configurable
    def __init__(self, *, d_model: int, **dual_source):
        super().__init__(d_model=d_model, **dual_source)
        self.anchor = MLP(12, d_model, d_model, num_layers=2)

    def forward(self, targets, batch_size, priors):
        queries = super().forward(targets, batch_size, priors)
        anchors = self.anchor(pair_box_code(priors.boxes))
        # The code is of both boxes, so that it is known where the region of both is.
        anchors = anchors.masked_fill(~priors.region_mask[..., 2:], 0)[:, : self.num_slots]
        free = self.num_slots - anchors.shape[1]
        queries.position = queries.position + nn.functional.pad(anchors, (0, 0, 0, free))
        return queries
