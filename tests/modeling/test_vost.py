"""The assembled models that read priors: what reaches what, and what must not change an output."""

import numpy as np
import pytest
import torch

from tests.modeling.conftest import TINY
from tests.random_priors import priors_of, random_priors, take
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine import SGGTrainer
from vost_sgg.modeling import build_model
from vost_sgg.modeling.priors import PriorBatch
from vost_sgg.modeling.targets import PairTargets

SMALL = [*TINY, "MODEL.PRIORS.DIM", 16]
EVERY = [(model, task) for model in ("dsqi", "vost") for task in ("predcls", "sgcls", "sgdet")]
every_model = pytest.mark.parametrize(("model", "task"), EVERY)


def make_model(model, task, *opts, stage="SPATIAL"):
    torch.manual_seed(0)
    cfg = get_vost_cfg(f"configs/sample/{model}_{task}.yaml", [*SMALL, *opts])
    return build_model(stage_configs(cfg)[stage]).eval()


@pytest.fixture
def make_video(make_clip):
    """Makes one clip of frames with so many pairs each, the first frame a target with all others its references."""
    rng = np.random.default_rng(1)

    def make(task, *counts, targets=1):
        frames = [make_clip(n)["frames"][0] for n in counts]
        for frame in frames:
            frame["priors"] = priors_of(rng, frame["ground_truth"], task)
        everything = range(len(frames))
        references = {t: [i for i in everything if i != t] for t in range(targets)}
        return {"frames": frames, "references": references}

    return make


def logits(model, clip, task):
    frames = clip["frames"]
    truths = [frame["ground_truth"] for frame in frames]
    given = None if task == "sgdet" else truths
    priors = [frame["priors"] for frame in frames]
    return model.predict_logits(*model.preprocess(frames), given, priors)


@every_model
def test_gradients_reach_every_parameter_of_the_priors(make_video, model, task):
    network = make_model(model, task).train()
    clips = [make_video(task, n) for n in (3, 2)]
    del clips[1]["frames"][0]["priors"]  # reaches the null token
    sum(network(clips).values()).backward()
    parts = ("query_initializer.", "multimodal_encoder.")
    named = {n: p for n, p in network.named_parameters() if n.startswith(parts)}
    silent = [n for n, p in named.items() if p.grad is None or not p.grad.any()]
    assert not silent and any("text_projection" in name for name in named)
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@every_model
@torch.no_grad()
def test_a_padded_batch_equals_frame_by_frame(make_video, model, task):
    network, video = make_model(model, task), make_video(task, 3, 1, 4, 2)
    video["frames"][3]["priors"] = None
    together = logits(network, video, task)
    for b, frame in enumerate(video["frames"]):
        alone = logits(network, {"frames": [frame]}, task)
        for key, value in alone.items():
            found = together[key][b : b + 1, : value.shape[1]]
            torch.testing.assert_close(found, value, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("model", ["dsqi", "vost"])
@pytest.mark.parametrize("task", ["predcls", "sgcls"])
@torch.no_grad()
def test_the_order_of_the_answers_for_given_boxes_is_no_matter(make_video, model, task):
    network, video = make_model(model, task), make_video(task, 4)
    expected = logits(network, video, task)
    frame = video["frames"][0]
    frame["priors"] = take(frame["priors"], [2, 0, 3, 1])
    found = logits(network, video, task)
    assert all(torch.equal(found[key], value) for key, value in expected.items())


@torch.no_grad()
def test_dsqi_without_priors_is_oed_in_sgdet_exactly(make_video):
    oed, dsqi = make_model("oed", "sgdet"), make_model("dsqi", "sgdet")
    fresh = dsqi.load_state_dict(oed.state_dict(), strict=False)
    assert not fresh.unexpected_keys
    assert {name.split(".")[1] for name in fresh.missing_keys} == {
        "content_projection",
        "text_projection",
    }
    video = make_video("sgdet", 2, 3)
    for frame in video["frames"]:
        frame["priors"] = None
    expected, found = (logits(model, video, "sgdet") for model in (oed, dsqi))
    assert all(torch.equal(found[key], value) for key, value in expected.items())


@every_model
@torch.no_grad()
def test_priors_change_the_output_of_their_own_frame_only(make_video, model, task):
    network, video = make_model(model, task), make_video(task, 2, 2)
    before = logits(network, video, task)["contacting_logits"]
    truth = video["frames"][0]["ground_truth"]
    video["frames"][0]["priors"] = priors_of(np.random.default_rng(9), truth, task)
    after = logits(network, video, task)["contacting_logits"]
    assert not torch.allclose(after[0], before[0], atol=1e-4)
    torch.testing.assert_close(after[1], before[1])


@torch.no_grad()
def test_vosts_predicates_see_the_image_through_the_pair_only(make_video):
    """Eq. 4: the predicate decoder attends to F^MM in place of F."""
    network, video = make_model("vost", "predcls"), make_video("predcls", 2)
    truth, priors = video["frames"][0]["ground_truth"], video["frames"][0]["priors"]
    images, mask = network.preprocess(video["frames"])
    of_frame = PriorBatch.stack([priors], 16, "cpu")
    queries = network.query_initializer(PairTargets.stack([truth], "cpu"), 1, of_frame)
    memory = network.encode(images, mask)
    state = network.spatial_phase(images, mask, queries, of_frame)
    decoder = network.decoder.predicate_decoder
    padding = torch.zeros_like(queries.valid)
    bank = network.multimodal_encoder(of_frame)
    expected = decoder(queries.predicate_content, state.pair[-1], padding, bank)
    torch.testing.assert_close(state.predicate, expected)
    of_image = decoder(queries.predicate_content, state.pair[-1], padding, memory)
    assert not torch.allclose(state.predicate, of_image, atol=1e-3)


@every_model
def test_videos_train_and_infer_whatever_frames_lack(make_video, model, task):
    network = make_model(model, task, stage="TEMPORAL").train()
    video = make_video(task, 2, 0, 3, 1, targets=2)
    video["frames"][2]["priors"] = None
    video["frames"][3]["priors"] = random_priors(np.random.default_rng(0), 0)
    losses = network([video])
    sum(losses.values()).backward()
    assert all(loss.isfinite() for loss in losses.values())
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
    with torch.no_grad():
        network.eval().frames_per_batch = 3
        (together,) = network([video])
        network.frames_per_batch = 1
        (single,) = network([video])
    for a, b in zip(together, single, strict=True):
        torch.testing.assert_close(a.contacting, b.contacting, atol=2e-5, rtol=1e-5)


@every_model
@torch.no_grad()
def test_bfloat16_autocast_stays_near_float32(make_video, model, task):
    network, video = make_model(model, task), make_video(task, 3, 2)
    video["frames"][1]["priors"] = None
    expected = logits(network, video, task)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = logits(network, video, task)
    for key, value in expected.items():
        torch.testing.assert_close(found[key].float(), value, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("task", ["predcls", "sgdet"])
def test_two_stages_train_and_the_second_leaves_all_but_the_temporal_phase(make_video, task):
    opts = ["SOLVER.BASE_LR", 3e-3, "STAGES.DETECTOR.SOLVER.EPOCHS", 0]
    cfg = get_vost_cfg(f"configs/sample/vost_{task}.yaml", [*SMALL, *opts])
    rng_state, weights, clips = torch.get_rng_state(), {}, [make_video(task, 3, 2, 2)]
    for name, stage in stage_configs(cfg).items():
        torch.set_rng_state(rng_state)
        network = SGGTrainer.build_model(stage)  # freezes what the stage does not train
        missing, unexpected = network.load_state_dict(weights, strict=False)
        assert not unexpected and (not weights or all("temporal_" in n for n in missing))
        optimizer = SGGTrainer.build_optimizer(stage, network)
        network.train()
        history = []
        for _ in range(12):
            loss = sum(network(clips).values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        assert np.isfinite(history).all() and min(history[-3:]) < history[0]
        changed = [n for n, v in weights.items() if not torch.equal(v, network.state_dict()[n])]
        assert all("temporal" in name for name in changed)
        if name == "TEMPORAL":
            assert not network.multimodal_encoder.training
            assert not network.query_initializer.training
        weights = {n: v.clone() for n, v in network.state_dict().items()}


# The paper gives 54.97 M (PredCLS, SGCLS) and 69.3 M (SGDET), 12.89 M of them trained in the temporal stage.
@pytest.mark.parametrize(
    ("model", "task", "total", "modules"),
    [
        ("dsqi", "predcls", 54_975_287, {"query_initializer": 462_848}),
        ("dsqi", "sgcls", 54_976_315, {"query_initializer": 462_848}),
        ("dsqi", "sgdet", 64_411_218, {"query_initializer": 419_328}),
        ("vost", "predcls", 55_110_199, {"multimodal_encoder": 134_912}),
        ("vost", "sgcls", 55_111_227, {"multimodal_encoder": 134_912}),
        ("vost", "sgdet", 69_284_690, {"multimodal_encoder": 4_873_472}),
    ],
)
def test_full_size_parameters(model, task, total, modules):
    cfg = get_vost_cfg(f"configs/{model}_{task}.yaml", ["MODEL.DEVICE", "meta"])
    with torch.device("meta"):
        network = build_model(cfg)
    assert sum(p.numel() for p in network.parameters()) == total
    assert sum(p.numel() for n, p in network.named_parameters() if "temporal" in n) in (
        12_887_086,
        12_887_600,
        12_894_025,
    )
    for name, count in modules.items():
        assert sum(p.numel() for p in getattr(network, name).parameters()) == count
