"""Embeddings by open_clip's own classes, at a tiny size."""

import logging

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.priors.prior_cfg import prior_cfg, unit
from vost_sgg.priors.clip import build_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return build_clip(prior_cfg(tmp_path_factory.mktemp("clip")))


@pytest.fixture
def pictures():
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (*s, 3), dtype=np.uint8) for s in ((48, 64), (90, 40))]


def test_the_tiny_model_is_open_clips_and_says_that_it_is_random(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        first, before = build_clip(prior_cfg(tmp_path)), torch.rand(1)
    assert "CLIP tiny has random weights" in caplog.text
    assert isinstance(first.model, open_clip.CLIP) and first.width == 64
    torch.manual_seed(0)
    assert torch.rand(1) == before  # the caller's draws stay what they were
    second = build_clip(prior_cfg(tmp_path))
    assert first.fingerprint() == second.fingerprint()
    with torch.no_grad():
        second.model.visual.attnpool.c_proj.weight[3, 3] += 1e-3
    assert first.fingerprint() != second.fingerprint()


def test_texts_are_normalised_and_tell_words_apart(clip):
    words = ["person", "sofa/couch", "sitting on", "a photo of a dog"]
    embeddings = clip.texts(words)
    tokens = open_clip.get_tokenizer("ViT-B-32-quickgelu")(words, context_length=32)
    expected = unit(clip.model.encode_text(tokens).detach())
    assert embeddings.dtype == torch.float32
    assert np.allclose(embeddings, expected, atol=1e-5)
    assert (embeddings @ embeddings.T - 2 * torch.eye(4)).max() < 0.99


@pytest.mark.parametrize("resize", ["squash", "shortest"])
def test_pictures_by_hand(tmp_path, pictures, resize):
    clip = build_clip(prior_cfg(tmp_path, "predcls", "MODEL.PRIORS.CLIP.RESIZE", resize))
    mean = np.array(open_clip.OPENAI_DATASET_MEAN, np.float32)
    std = np.array(open_clip.OPENAI_DATASET_STD, np.float32)
    inputs = []
    for picture in pictures:
        height, width = picture.shape[:2]
        size = (64, 64)
        if resize == "shortest":
            short = min(height, width)
            size = (int(64 * width / short), int(64 * height / short))
        resized = Image.fromarray(picture).resize(size, Image.BICUBIC)
        left, top = round((size[0] - 64) / 2), round((size[1] - 64) / 2)
        cut = np.asarray(resized.crop((left, top, left + 64, top + 64)))
        inputs.append(((cut / np.float32(255) - mean) / std).transpose(2, 0, 1))
    with torch.no_grad():
        expected = unit(clip.model.encode_image(torch.tensor(np.stack(inputs))))
    assert np.allclose(clip.pictures(pictures), expected, atol=1e-5)


def test_shortest_loses_what_squash_keeps(tmp_path):
    """A region at the margin of a wide frame is out of CLIP's centre crop."""
    frames = [np.zeros((27, 96, 3), np.uint8) for _ in range(2)]
    frames[1][:, :10] = 255
    for resize, differs in (("squash", True), ("shortest", False)):
        clip = build_clip(prior_cfg(tmp_path, "predcls", "MODEL.PRIORS.CLIP.RESIZE", resize))
        first, second = clip.pictures(frames)
        assert (not torch.allclose(first, second, atol=1e-4)) == differs


def test_weights_come_from_a_file(clip, tmp_path):
    state = {
        k: v + 0.01 if v.is_floating_point() else v for k, v in clip.model.state_dict().items()
    }
    save_file(state, str(tmp_path / "clip.safetensors"))
    torch.save(state, tmp_path / "clip.pt")
    opts = ["MODEL.PRIORS.CLIP.WEIGHTS", str(tmp_path / "clip.safetensors")]
    other = build_clip(prior_cfg(tmp_path, "predcls", *opts))
    name = "visual.attnpool.c_proj.weight"
    assert torch.equal(other.model.state_dict()[name], state[name])
    opts[1] = str(tmp_path / "clip.pt")
    assert build_clip(prior_cfg(tmp_path, "predcls", *opts)).fingerprint() == other.fingerprint()


@pytest.mark.parametrize(
    "opts, message",
    [
        (["CLIP.NAME", "ViT-B-32-quickgel"], "NAME: open_clip has no model .* mean ViT-B-32-quickgelu"),
        (["CLIP.NAME", "ViT-B-32", "CLIP.WEIGHTS", "openai"], "NAME to ViT-B-32-quickgelu"),
        (["CLIP.NAME", "ViT-B-32-quickgelu", "CLIP.WEIGHTS", "x.pt"], "'x.pt': there is no such file.*openai"),
        (["CLIP.WEIGHTS", ""], "WEIGHTS is '': there is no such file"),
        (["CLIP.WEIGHTS", "README.md"], "README.md: these weights cannot be had for tiny"),
        (["CLIP.RESIZE", "squish"], "RESIZE is 'squish'; did you mean squash"),
    ],
)  # fmt: skip
def test_a_wrong_setting_names_its_key(tmp_path, opts, message):
    keys = [f"MODEL.PRIORS.{v}" if i % 2 == 0 else v for i, v in enumerate(opts)]
    with pytest.raises(ValueError, match=f"MODEL.PRIORS.CLIP.*{message}"):
        build_clip(prior_cfg(tmp_path, "predcls", *keys))
