"""A converted OED checkpoint gives OED's logits and boxes: frames of three sizes in one padded batch."""

import numpy as np
import pytest
import torch

from tests.checkpoint.foreign_names import STAGES, TASKS
from tests.checkpoint.oed_plain import ByOEDNames, made_up_oed, own_features
from tests.modeling.oed_reference import oed_spatial, oed_temporal
from tests.random_frames import random_ground_truth
from vost_sgg.checkpoint import convert_oed
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.modeling import build_model

NARROW = {"d": 32, "ffn": 48, "stem": 8}
OPTS = [
    *("MODEL.DEVICE", "cpu", "MODEL.TRANSFORMER.D_MODEL", 32, "MODEL.TRANSFORMER.DIM_FEEDFORWARD"),
    *(48, "MODEL.RESNETS.STEM_OUT_CHANNELS", 8, "MODEL.RESNETS.WIDTH_PER_GROUP", 8),
    *("MODEL.RESNETS.RES2_OUT_CHANNELS", 32),
]
# (height, width) of the frames: each is padded on another side, or on both.
SIZES = ((100, 150), (64, 180), (130, 90))


def padded_batch():
    height, width = (max(side) for side in zip(*SIZES, strict=True))
    images = torch.zeros(len(SIZES), 3, height, width)
    mask = torch.ones(len(SIZES), height, width, dtype=torch.bool)
    for b, (h, w) in enumerate(SIZES):
        images[b, :, :h, :w] = torch.randn(3, h, w)
        mask[b, :h, :w] = False
    return images, mask


def annotated_frames():
    """Of a few classes, so that some recur in the other frames and some do not."""
    rng = np.random.default_rng(0)
    frames = []
    for count, (height, width) in zip((3, 4, 2), SIZES, strict=True):
        frames.append(random_ground_truth(rng, count, (width, height)))
        frames[-1].classes[1:] = rng.integers(1, 5, count)
    return frames


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("task", TASKS)
@torch.no_grad()
def test_a_converted_checkpoint_gives_oeds_numbers(stage, task):
    state_dict = made_up_oed(stage, task, **NARROW)
    cfg = stage_configs(get_vost_cfg(f"configs/oed_{task}.yaml", OPTS))[stage.upper()]
    model = build_model(cfg).eval()
    model.load_state_dict(convert_oed(state_dict, cfg)[0], strict=True)
    (images, mask), frames = padded_batch(), annotated_frames()

    weights = ByOEDNames(state_dict)
    features = own_features(state_dict, images, SIZES)
    sizes = {"encoder_layers": 6, "decoder_layers": 6 if task == "sgdet" else 3, "num_heads": 8}
    words = state_dict.get("transformer.obj_classes_embed")
    given = {"embeddings": None if words is None else words[1:], **sizes}  # row 0 is background
    if stage == "spatial":
        predict = model.predict_logits
        expected = [
            oed_spatial(weights, task, *frame, **given)[-1]
            for frame in zip(features, frames, strict=True)
        ]
    else:
        predict = model.predict_logits_temporal
        expected = [oed_temporal(weights, task, features, frames, **given)]

    outputs = predict(images, mask, None if task == "sgdet" else frames)
    unmasked = predict(images, None, None if task == "sgdet" else frames)
    for b, of_frame in enumerate(expected):
        assert outputs.keys() == of_frame.keys()
        for key, value in of_frame.items():
            found = outputs[key][b, : len(value)]
            torch.testing.assert_close(found, value, atol=2e-4, rtol=0, msg=f"{key}, frame {b}")
            # Equality says something: slots differ, and the masks matter.
            assert value.std(0).mean() > 1e-3, key
            assert (found - unmasked[key][b, : len(value)]).abs().max() > 2e-3, key
