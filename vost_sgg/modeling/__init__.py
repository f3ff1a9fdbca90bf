"""The model. Importing this package registers every part of it; ``build_model`` is detectron2's."""

from detectron2.modeling import build_model

from vost_sgg.modeling.backbone import build_slim_resnet_backbone
from vost_sgg.modeling.decoders import SPO_DECODER
from vost_sgg.modeling.detector import DETRDetector
from vost_sgg.modeling.dual_source_queries import DualSourceQueries
from vost_sgg.modeling.image_encoder import IMAGE_ENCODER
from vost_sgg.modeling.matcher import MATCHER
from vost_sgg.modeling.meta_arch import OneStageSGG, reads_priors
from vost_sgg.modeling.multimodal_encoder import MULTIMODAL_ENCODER
from vost_sgg.modeling.query_initializers import QUERY_INITIALIZER

__all__ = [
    "IMAGE_ENCODER",
    "MATCHER",
    "MULTIMODAL_ENCODER",
    "QUERY_INITIALIZER",
    "SPO_DECODER",
    "DETRDetector",
    "DualSourceQueries",
    "OneStageSGG",
    "build_model",
    "build_slim_resnet_backbone",
    "reads_priors",
]
