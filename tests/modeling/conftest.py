import numpy as np
import pytest
import torch

from tests.random_frames import random_ground_truth
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.modeling import build_model

TINY = [
    *("MODEL.TRANSFORMER.D_MODEL", 32, "MODEL.TRANSFORMER.NUM_HEADS", 4),
    *("MODEL.TRANSFORMER.DIM_FEEDFORWARD", 48, "MODEL.SLIM_RESNET.CHANNELS", (8, 16, 32)),
    *("MODEL.CLASS_EMBEDDING.DIM", 20, "MODEL.SPO_DECODER.NUM_LAYERS", 3),
    # OED's own; the sample configs' is another one.
    *("MODEL.IMAGE_ENCODER.TEMPERATURE", 10000.0),
]


@pytest.fixture
def tiny_model():
    """The sample PredCLS model at width 32, in eval mode: the real classes, seeded weights."""
    torch.manual_seed(0)
    cfg = get_vost_cfg("configs/sample/oed_predcls.yaml", TINY)
    return build_model(stage_configs(cfg)["SPATIAL"]).eval()


@pytest.fixture
def make_clip():
    """Makes a one-frame clip: ``make_clip(num_pairs, (height, width))``."""
    rng = np.random.default_rng(0)

    def make(num_pairs: int, shape=(64, 96)) -> dict:
        height, width = shape
        frame = {
            "image": torch.from_numpy(rng.integers(0, 256, (3, height, width), dtype=np.uint8)),
            "ground_truth": random_ground_truth(rng, num_pairs, (width, height)),
            "width": width,
            "height": height,
        }
        return {"frames": [frame], "references": {0: []}}

    return make
