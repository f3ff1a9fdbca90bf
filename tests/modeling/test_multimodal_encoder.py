"""Eq. 8 and 9 written again token by token, and what must not change the memory of a frame."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.random_priors import random_priors
from vost_sgg.config import get_vost_cfg
from vost_sgg.modeling import build_model
from vost_sgg.modeling.layers.transformer import EncoderLayer
from vost_sgg.modeling.multimodal_encoder import FeatureBankEncoder
from vost_sgg.modeling.priors import PriorBatch

SIZE = {"d_model": 32, "num_heads": 4, "dim_feedforward": 24, "dropout": 0.1}
EVERY = ("text", "visual", "spatial")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make(modalities=EVERY, **arguments):
    part = FeatureBankEncoder(
        prior_dim=16, modalities=modalities, num_layers=2, **SIZE, **arguments
    )
    return part.eval()


def batch(*frames):
    return PriorBatch.stack(frames, 16, "cpu")


def bank_of_a_frame(part, priors, modalities):
    """(number of present tokens, d) tokens and their places in the sequence."""
    text, regions, boxes = (
        torch.as_tensor(a).float() for a in (priors.text, priors.regions, priors.boxes)
    )
    tokens, places, place = [], [], 0
    for i in range(len(priors)):
        has_box = [bool(boxes[i, side, 2] > 0) for side in range(2)]
        for side in range(3):
            if "text" in modalities:
                if priors.text_mask[i, side]:
                    tokens.append(part.text_projection(text[i, side]))
                    places.append(place)
                place += 1
            if "visual" in modalities:
                if regions[i, side].any() and (all(has_box) if side == 2 else has_box[side]):
                    tokens.append(part.region_projection(regions[i, side]))
                    places.append(place)
                place += 1
        if "spatial" in modalities:
            if all(has_box):
                (sx, sy, sw, sh), (ox, oy, ow, oh) = boxes[i].tolist()
                code = [sx, sy, sw, sh, ox, oy, ow, oh, sx - ox, sy - oy, sw * sh, ow * oh]
                tokens.append(part.spatial_projection(torch.tensor(code)))
                places.append(place)
            place += 1
    if not tokens:
        return part.null_token[None], [0]
    return torch.stack(tokens), places


def sine(place, d):
    return [(math.sin, math.cos)[c % 2](place / 10000 ** (2 * (c // 2) / d)) for c in range(d)]


def self_attention_layer(layer, x, position):
    """A post-norm layer on the (tokens, d) of one frame: nothing is padding, so nothing is masked."""
    d, heads = x.shape[1], layer.self_attn.num_heads
    weight, bias = layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias
    q, k, v = (
        (inputs @ weight[i * d : (i + 1) * d].T + bias[i * d : (i + 1) * d])
        for i, inputs in enumerate((x + position, x + position, x))
    )
    mixed = []
    for h in range(heads):
        part = slice(h * d // heads, (h + 1) * d // heads)
        scores = q[:, part] @ k[:, part].T / math.sqrt(d // heads)
        mixed.append(scores.softmax(-1) @ v[:, part])
    x = layer.norm1(x + layer.self_attn.out_proj(torch.cat(mixed, dim=1)))
    return layer.norm2(x + layer.ffn.linear2(layer.ffn.linear1(x).relu()))


@pytest.mark.parametrize("modalities", [EVERY, ("text",), ("visual", "spatial"), ("spatial",)])
@torch.no_grad()
def test_memory_equals_a_loop_over_tokens(rng, modalities):
    part = make(modalities)
    frames = [random_priors(rng, n) for n in (3, 1, 0, 2)]
    frames[0].text_mask[1, 2] = frames[1].text_mask[0] = False
    frames[0].boxes[2, 1] = 0
    frames[3].regions[:] = 0  # its image could not be read
    memory = part(batch(*frames))
    for b, priors in enumerate(frames):
        x, places = bank_of_a_frame(part, priors, modalities)
        position = torch.tensor([sine(place, 32) for place in places])
        for layer in part.layers:
            x = self_attention_layer(layer, x, position)
        present = ~memory.padding_mask[b]
        assert present.nonzero().flatten().tolist() == places
        torch.testing.assert_close(memory.features[b, present], x, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(memory.position[b, present], position, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_padded_pair_changes_nothing(rng):
    part, frame = make(), random_priors(rng, 2)
    alone, beside = part(batch(frame)), part(batch(frame, random_priors(rng, 5)))
    torch.testing.assert_close(beside.features[0, :14], alone.features[0])
    assert torch.equal(beside.position[0, :14], alone.position[0])
    assert beside.padding_mask[0].sum() == 21 and not alone.padding_mask.any()


def test_a_frame_without_priors_has_the_null_token_alone(rng):
    part = make()
    memory = part(batch(None, random_priors(rng, 2)))
    assert memory.padding_mask.sum(1).tolist() == [13, 0]
    visible = memory.features[~memory.padding_mask]
    visible.square().sum().backward()
    assert visible.isfinite().all()
    assert all(p.grad.isfinite().all() for p in part.parameters())
    assert part.null_token.grad.any()


@torch.no_grad()
def test_a_pair_of_which_nothing_is_known_counts_as_none(rng):
    part, frame = make(("text",)), random_priors(rng, 2)
    frame.text_mask[:] = False
    memory, expected = part(batch(frame)), part(batch(None))
    assert memory.padding_mask.sum() == 5
    torch.testing.assert_close(memory.features[0, 0], expected.features[0, 0])


def test_shared_weights_are_the_owners_alone(rng):
    layers, projection = nn.ModuleList([EncoderLayer(*SIZE.values())]), nn.Linear(16, 32)
    part = make(shared_layers=layers.eval(), text_projection=projection)
    names = {name.split(".")[0] for name, _ in part.named_parameters()}
    assert names == {"null_token", "region_projection", "spatial_projection"}
    memory = part(batch(random_priors(rng, 2)))
    memory.features.square().sum().backward()
    assert all(p.grad.any() for p in (*layers[0].ffn.parameters(), projection.weight))


@torch.no_grad()
def test_a_copied_model_shares_its_own_weights(rng):
    opts = ["MODEL.PRIORS.DIM", 16]
    model = build_model(get_vost_cfg("configs/sample/vost_predcls.yaml", opts)).eval()
    twin, priors = copy.deepcopy(model), batch(random_priors(rng, 2))
    before = model.multimodal_encoder(priors).features
    for p in model.parameters():
        p.zero_()
    assert torch.equal(twin.multimodal_encoder(priors).features, before)
    assert not torch.equal(model.multimodal_encoder(priors).features, before)


@pytest.mark.parametrize("modalities", [(), ("text", "audio")])
def test_wrong_modalities_are_one_clear_error(modalities):
    with pytest.raises(ValueError, match="MODALITIES is .*; choose at least one of text, visual"):
        make(modalities)


def test_sharing_needs_an_image_encoder_with_layers():
    cfg = get_vost_cfg("configs/sample/vost_predcls.yaml")
    with pytest.raises(ValueError, match="SHARE_IMAGE_ENCODER .* need .* Identity has none"):
        FeatureBankEncoder(cfg, image_encoder=nn.Identity(), query_initializer=nn.Identity())


def test_own_layers_start_as_the_image_encoders_loaded_ones_until_they_are_trained(rng):
    opts = ["MODEL.PRIORS.DIM", 16, "MODEL.MULTIMODAL_ENCODER.INIT", "image_encoder"]
    opts += ["MODEL.MULTIMODAL_ENCODER.DIM_FEEDFORWARD", 128]
    model = build_model(get_vost_cfg("configs/sample/vost_sgdet.yaml", opts))
    own, image = model.multimodal_encoder.layers, model.image_encoder.layers
    assert not torch.equal(own[1].ffn.linear1.weight, image[1].ffn.linear1.weight)
    pretrained = {f"image_encoder.layers.{n}": v + 1 for n, v in image.state_dict().items()}
    model.load_state_dict(pretrained, strict=False)
    for name, value in own.state_dict().items():
        assert torch.equal(value, pretrained[f"image_encoder.layers.{name}"]), name
    model.multimodal_encoder.train()(batch(random_priors(rng, 2)))  # a training step
    with torch.no_grad():
        own[1].ffn.linear1.weight.mul_(2)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_layers_that_were_trained_from_xavier_are_kept():
    """A checkpoint of INIT xavier goes on under INIT image_encoder."""
    opts = ["MODEL.MULTIMODAL_ENCODER.DIM_FEEDFORWARD", 128]
    trained = build_model(get_vost_cfg("configs/sample/vost_sgdet.yaml", opts)).state_dict()
    opts += ["MODEL.MULTIMODAL_ENCODER.INIT", "image_encoder"]
    model = build_model(get_vost_cfg("configs/sample/vost_sgdet.yaml", opts))
    missing, unexpected = model.load_state_dict(trained, strict=False)
    assert not unexpected
    for name, value in trained.items():
        assert torch.equal(model.state_dict()[name], value), name
    again = build_model(get_vost_cfg("configs/sample/vost_sgdet.yaml", opts))
    again.load_state_dict(model.state_dict())
    name = "multimodal_encoder.layers.1.ffn.linear1.weight"
    assert torch.equal(again.state_dict()[name], trained[name])


def test_layers_of_another_size_cannot_be_copied():
    opts = ["MODEL.MULTIMODAL_ENCODER.INIT", "image_encoder"]
    with pytest.raises(ValueError, match="layers are of another number or width: set NUM_LAYERS"):
        build_model(get_vost_cfg("configs/sample/vost_sgdet.yaml", opts))
