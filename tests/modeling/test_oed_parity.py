"""All three tasks, both phases, against OED written again: padded batches, reference selection, whole videos."""

import numpy as np
import pytest
import torch

from tests.modeling.conftest import TINY
from tests.modeling.oed_reference import oed_spatial, oed_temporal
from tests.random_frames import random_ground_truth
from vost_sgg.config import get_vost_cfg
from vost_sgg.modeling import build_model
from vost_sgg.modeling.heads import slot_scores
from vost_sgg.modeling.postprocessing import scene_graphs
from vost_sgg.modeling.targets import PairTargets
from vost_sgg.structures import SlotStates

TASKS = ("predcls", "sgcls", "sgdet")
SIZES = {"encoder_layers": 2, "decoder_layers": 3, "num_heads": 4}


def build(task):
    """The temporal model at width 32, its weights drawn so that slots differ and no term vanishes."""
    torch.manual_seed(1)
    model = build_model(get_vost_cfg(f"configs/sample/oed_{task}.yaml", TINY)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
            if "in_proj_weight" in name:  # sharp attention: uniform attention makes all slots alike
                parameter[: 2 * parameter.shape[1]] *= 2.5
            if "query_spatial" in name or "input_proj" in name:
                parameter *= 4
    return model


def make_frames(counts, seed=0):
    """Images of one size with ``counts`` annotated pairs; a few classes, so that some recur and some do not."""
    rng = np.random.default_rng(seed)
    frames = []
    for count in counts:
        ground_truth = random_ground_truth(rng, count, (96, 64))
        ground_truth.classes[1:] = rng.integers(1, 5, count)
        frames.append(
            {
                "image": torch.from_numpy(rng.integers(0, 256, (3, 64, 96), dtype=np.uint8)),
                "ground_truth": ground_truth,
                "width": 96,
                "height": 64,
            }
        )
    return frames


def reference_arguments(model, frames):
    images, _ = model.preprocess(frames)
    embedding = getattr(model.query_initializer, "class_embedding", None)
    return {
        "features": list(model.backbone(images)[model.in_feature]),
        "ground_truth": [frame["ground_truth"] for frame in frames],
        "embeddings": None if embedding is None else embedding.weight,
        **SIZES,
    }


def assert_equal(outputs, expected):
    for key, value in expected.items():
        torch.testing.assert_close(outputs[key][: len(value)], value, atol=1e-4, rtol=1e-4, msg=key)
    assert outputs.keys() == expected.keys()


@pytest.mark.parametrize("task", TASKS)
@torch.no_grad()
def test_the_spatial_phase_equals_oed_frame_by_frame(task):
    model, frames = build(task), make_frames((3, 1, 5))
    arguments = reference_arguments(model, frames)
    outputs = model.predict_logits(*model.preprocess(frames), arguments["ground_truth"])
    for b in range(len(frames)):
        one = {**arguments, **{key: arguments[key][b] for key in ("features", "ground_truth")}}
        expected = oed_spatial(model.state_dict(), task, **one)[-1]
        assert_equal({key: value[b] for key, value in outputs.items()}, expected)
        # The weights make the slots differ, or equality would say little.
        assert len(expected["object_logits"]) == 1 or expected["object_logits"].std(0).mean() > 0.05


@pytest.mark.parametrize("counts", [(3, 2, 4), (1, 5, 1), (4, 1, 2)])
@pytest.mark.parametrize("task", TASKS)
@torch.no_grad()
def test_the_temporal_phase_equals_oed_slot_by_slot(task, counts):
    model, frames = build(task), make_frames(counts)
    arguments = reference_arguments(model, frames)
    outputs = model.predict_logits_temporal(*model.preprocess(frames), arguments["ground_truth"])
    expected = oed_temporal(model.state_dict(), task, **arguments)
    assert_equal({key: value[0] for key, value in outputs.items()}, expected)


@torch.no_grad()
def test_a_class_that_no_reference_has_attends_to_all_of_them():
    model, frames = build("predcls"), make_frames((3, 2, 2))
    for frame, classes in zip(frames, ([7, 8, 8], [8, 9], [8, 3]), strict=True):
        frame["ground_truth"].classes[1:] = classes
    arguments = reference_arguments(model, frames)
    outputs = model.predict_logits_temporal(*model.preprocess(frames), arguments["ground_truth"])
    expected = oed_temporal(model.state_dict(), "predcls", **arguments)
    assert_equal({key: value[0] for key, value in outputs.items()}, expected)


@torch.no_grad()
def test_score_selection_keeps_the_surest_slots_and_rounds_their_number_up():
    aggregator = build("sgcls").temporal_aggregator
    target = SlotStates(
        torch.randn(1, 2, 64), torch.ones(1, 2, dtype=torch.bool), torch.zeros(1, 2)
    )
    # 7 valid slots of 9: the layers see ceil(5.6), ceil(3.5), ceil(2.1) = 6, 4, 3 of them.
    scores = torch.tensor([[0.3, 0.9, 0.1, 0.8, 0.5, 0.2, 0.7, 1.0, 1.0]])
    valid = torch.arange(9)[None] < 7

    def refined(*changed):
        features = torch.linspace(-1, 1, 9 * 64).sin().reshape(1, 9, 64).clone()
        features[:, list(changed)] += 10.0
        return aggregator(target, SlotStates(features, valid, scores))

    before = refined()
    # Slot 2 is the least sure of the valid ones, 7 and 8 are padding: nobody sees them.
    torch.testing.assert_close(refined(2, 7, 8), before)
    # Slot 5 is the sixth surest: the first layer sees it.
    assert not torch.allclose(refined(5), before, atol=1e-3)


@pytest.mark.parametrize("task", TASKS)
@torch.no_grad()
def test_without_references_the_spatial_state_is_unchanged(task):
    model, (frame,) = build(task), make_frames((3,))
    images, mask = model.preprocess([frame])
    outputs = model.predict_logits_temporal(images, mask, [frame["ground_truth"]])
    state, _ = model._spatial(images, mask, [frame["ground_truth"]])
    expected = model.temporal_entity_heads(state.pair[-1])
    predicate_heads = model.temporal_predicate_heads or model.predicate_heads
    assert_equal(outputs, {**expected, **predicate_heads(state.predicate[-1])})
    ((prediction,),) = model([{"frames": [frame], "references": {0: []}}])
    assert prediction.contacting.isfinite().all() and len(prediction) > 0


@pytest.mark.parametrize("task", TASKS)
@torch.no_grad()
def test_a_video_at_once_equals_its_frames_one_by_one(task):
    model, frames = build(task), make_frames((3, 1, 5, 2, 4))
    references = {0: [2], 1: [0, 4], 2: [0, 4], 3: [1], 4: []}
    model.frames_per_batch = 2
    (together,) = model([{"frames": frames, "references": references}])
    for (target, others), prediction in zip(references.items(), together, strict=True):
        some = [frames[t] for t in (target, *others)]
        ground_truth = [frame["ground_truth"] for frame in some]
        outputs = model.predict_logits_temporal(*model.preprocess(some), ground_truth)
        # Slots are padded to the most of these frames, the target's own are first.
        queries = model.query_initializer(PairTargets.stack(ground_truth, "cpu"), len(some))[[0]]
        (alone,) = scene_graphs(outputs, queries, [(96, 64)])
        for name in ("boxes", "scores", "attention", "spatial", "contacting"):
            torch.testing.assert_close(
                getattr(prediction, name), getattr(alone, name), atol=1e-4, rtol=1e-4
            )
        assert torch.equal(prediction.classes, alone.classes)


@torch.no_grad()
def test_frames_of_another_shape_are_references_too():
    model, frames = build("sgdet"), make_frames((2, 3))
    frames[1]["image"] = frames[1]["image"].transpose(1, 2).contiguous()
    frames[1] |= {"width": 64, "height": 96}
    video = {"frames": frames, "references": {0: [1], 1: [0]}}
    ((with_reference, other),) = model([video])
    ((alone, _),) = model([{**video, "references": {0: [], 1: []}}])
    assert not torch.allclose(with_reference.contacting, alone.contacting, atol=1e-3)
    assert other.contacting.isfinite().all()


def test_a_slots_score_is_the_product_of_its_best_probabilities():
    outputs = {
        "object_logits": torch.tensor([[0.0, 2.0, 1.0, 5.0]]),  # the last is "no object"
        "attention_logits": torch.tensor([[1.0, 0.0, 0.0, 3.0]]),  # the last is background
        "spatial_logits": torch.tensor([[-1.0, 0.5]]),
        "contacting_logits": torch.tensor([[0.2, -3.0]]),
        "subject_logits": torch.tensor([[1.0, 2.0]]),
    }
    e = np.exp
    best_object = e(2) / (e(0) + e(2) + e(1) + e(5))
    best_attention = e(1) / (e(1) + 2 + e(3))
    expected = best_object * best_attention / (1 + e(-0.5)) / (1 + e(-0.2)) / (1 + e(1))
    assert slot_scores(outputs).item() == pytest.approx(expected, rel=1e-5)
