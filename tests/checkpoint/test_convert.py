"""The converters on state dicts with every name and shape of the originals (no file of theirs is here)."""

import pytest
import torch

from tests.checkpoint.foreign_names import STAGES, TASKS, detr_shapes, oed_shapes
from vost_sgg.checkpoint import convert_detr, convert_oed
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.modeling import build_model

MODELS = [(stage, task) for stage in STAGES for task in TASKS]


def stage_cfg(stage, task, model="oed"):
    cfg = get_vost_cfg(f"configs/{model}_{task}.yaml", ["MODEL.DEVICE", "cpu"])
    return stage_configs(cfg)[stage.upper()]


def blank(shapes):
    """Names and shapes are all that most tests ask for."""
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def shapes_of_model(cfg):
    cfg = cfg.clone()
    cfg.MODEL.DEVICE = "meta"
    with torch.device("meta"):
        return {name: value.shape for name, value in build_model(cfg).state_dict().items()}


@pytest.mark.parametrize("stage, task", MODELS)
def test_every_oed_model_converts_completely(stage, task):
    state_dict, cfg = blank(oed_shapes(stage, task)), stage_cfg(stage, task)
    converted, report = convert_oed(state_dict, cfg)
    assert {name: value.shape for name, value in converted.items()} == shapes_of_model(cfg)
    assert len(report.converted) + len(report.dropped_by_design) == len(state_dict)
    dead_heads = 6 if stage == "temporal" and task != "sgdet" else 0
    dead_queries = 1 if stage == "temporal" and task != "sgdet" else 0
    dead_words = 1 if task == "sgcls" else 0
    assert len(report.dropped_by_design) == dead_heads + dead_queries + dead_words
    assert not report.initialised


# Hand-written from what is known of OED, where its names mislead or ours differ most.
WHERE = {
    "backbone.0.body.bn1.running_var": "backbone.stem.conv1.norm.running_var",
    "backbone.0.body.layer1.0.downsample.1.bias": "backbone.res2.0.shortcut.norm.bias",
    "backbone.0.body.layer4.2.conv3.weight": "backbone.res5.2.conv3.weight",
    "transformer.encoder.layers.5.linear2.bias": "image_encoder.layers.5.ffn.linear2.bias",
    "transformer.decoder.layers.2.multihead_attn.in_proj_bias": (
        "decoder.pair_decoder.layers.2.cross_attn.in_proj_bias"
    ),
    "transformer.decoder.layers.2.norm2.weight": "decoder.pair_decoder.layers.2.norm2.weight",
    "transformer.interaction_decoder.norm.bias": "decoder.predicate_decoder.norm.bias",
    "transformer.temporal_query_layer1.norm2.weight": (
        "temporal_aggregator.layers.0.norm_self.weight"
    ),
    "transformer.temporal_query_layer3.norm1.bias": "temporal_aggregator.layers.2.norm_cross.bias",
    "transformer.temporal_query_layer2.norm3.bias": "temporal_aggregator.layers.1.norm_ffn.bias",
    "sub_bbox_embed.layers.1.bias": "entity_heads.subject_box.layers.1.bias",
    "temporal_obj_bbox_embed.layers.1.bias": "temporal_entity_heads.object_box.layers.1.bias",
    "attn_class_embed.bias": "predicate_heads.attention.bias",
    "temporal_contacting_class_embed.bias": "temporal_predicate_heads.contacting.bias",
}


def test_tensors_land_where_oed_uses_them():
    state_dict = {
        name: torch.full(shape, float(i)) if name in WHERE else torch.empty(shape)
        for i, (name, shape) in enumerate(oed_shapes("temporal", "sgdet").items())
    }
    converted, _ = convert_oed(state_dict, stage_cfg("temporal", "sgdet"))
    for theirs, ours in WHERE.items():
        torch.testing.assert_close(converted[ours], state_dict[theirs])


def test_the_word_vectors_lose_their_background_row_and_the_input_is_left_alone():
    state_dict = {
        name: torch.empty(shape) for name, shape in oed_shapes("spatial", "predcls").items()
    }
    words = state_dict["transformer.obj_classes_embed"].normal_()
    converted, report = convert_oed(state_dict, stage_cfg("spatial", "predcls"))
    ours = "query_initializer.class_embedding.weight"
    assert torch.equal(converted[ours], words[1:])
    assert report.reshaped == [ours]
    converted[ours].zero_()
    assert words[1:].any()


@pytest.mark.parametrize(
    "given, config",
    [
        (("temporal", "sgdet"), ("spatial", "sgdet")),
        (("spatial", "predcls"), ("temporal", "predcls")),
        (("spatial", "sgdet"), ("spatial", "predcls")),
        (("spatial", "sgcls"), ("spatial", "predcls")),
    ],
)
def test_another_task_or_stage_is_one_clear_error(given, config):
    message = f"looks like OED's {' '.join(given)} model, the config is {' '.join(config)} "
    with pytest.raises(ValueError, match=message):
        convert_oed(blank(oed_shapes(*given)), stage_cfg(*config))


def test_every_name_and_shape_that_does_not_fit_is_listed():
    state_dict = blank(oed_shapes("spatial", "sgdet"))
    del state_dict["input_proj.bias"]
    del state_dict["transformer.decoder.layers.5.norm3.weight"]
    state_dict["semantic_head.weight"] = torch.empty(2)
    state_dict["transformer.decoder.layers.6.norm1.weight"] = torch.empty(256)
    state_dict["query_embed.weight"] = torch.empty(64, 256)
    with pytest.raises(ValueError) as error:
        convert_oed(state_dict, stage_cfg("spatial", "sgdet"))
    message = str(error.value)
    assert (
        "missing: 2\n" in message and "unexpected: 2\n" in message and "misshapen: 1\n" in message
    )
    for name in (
        "image_encoder.input_proj.bias",
        "decoder.pair_decoder.layers.5.norm3.weight",
        "semantic_head.weight",
        "transformer.decoder.layers.6.norm1.weight",
        "query_embed.weight: (64, 256) in the file, (100, 256) in query_initializer.position.weight",
    ):
        assert f"  {name}" in message


def test_files_of_the_other_kind_are_recognised():
    cfg = stage_cfg("spatial", "sgdet")
    oed, detr = blank(oed_shapes("spatial", "sgdet")), blank(detr_shapes())
    with pytest.raises(ValueError, match="no checkpoint of OED; it looks like DETR"):
        convert_oed(detr, cfg)
    with pytest.raises(
        ValueError, match="no checkpoint of DETR; it looks like OED's spatial sgdet"
    ):
        convert_detr(oed, cfg)
    with pytest.raises(ValueError, match='its entry "model" may be one'):
        convert_oed({"model": oed, "epoch": 3}, cfg)


def random_detr():
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator)
        if "backbone" not in name
        else torch.zeros(shape)
        for name, shape in detr_shapes().items()
    }


PROJECTIONS = ("query_initializer.content_projection.", "query_initializer.text_projection.")


@pytest.mark.parametrize(
    ("model", "new"),
    [("oed", ()), ("dsqi", PROJECTIONS), ("vost", (*PROJECTIONS, "multimodal_encoder."))],
)
def test_detr_initialises_a_whole_model(model, new):
    detr, cfg = random_detr(), stage_cfg("spatial", "sgdet", model)
    converted, report = convert_detr(detr, cfg)
    assert {name: value.shape for name, value in converted.items()} == shapes_of_model(cfg)
    assert [name for name in report.initialised if not name.startswith(new)] == [
        f"predicate_heads.{group}.{part}"
        for group in ("attention", "contacting", "spatial")
        for part in ("bias", "weight")
    ]
    for decoder in ("pair_decoder", "predicate_decoder"):
        assert torch.equal(
            converted[f"decoder.{decoder}.layers.5.cross_attn.in_proj_weight"],
            detr["transformer.decoder.layers.5.multihead_attn.in_proj_weight"],
        )
    assert torch.equal(
        converted["image_encoder.layers.5.ffn.linear1.weight"],
        detr["transformer.encoder.layers.5.linear1.weight"],
    )
    for side in ("subject", "object"):
        assert torch.equal(
            converted[f"entity_heads.{side}_box.layers.2.bias"], detr["bbox_embed.layers.2.bias"]
        )
    assert torch.equal(converted["query_initializer.position.weight"], detr["query_embed.weight"])


def test_detrs_classes_are_those_of_coco_and_the_rest_starts_anew():
    detr, cfg = random_detr(), stage_cfg("spatial", "sgdet")
    converted, report = convert_detr(detr, cfg)
    rows, coco = converted["entity_heads.object_class.weight"], detr["class_embed.weight"]
    # COCO's ids of person, laptop, tv and no object; ours as OED's logits.
    for ours, theirs in ((1, 1), (19, 73), (33, 72), (37, 91)):
        assert torch.equal(rows[ours], coco[theirs])
    assert rows[35].abs().max() < 0.1  # "vacuum" is no class of COCO
    assert "entity_heads.object_class.weight" in report.reshaped


def test_detr_starts_shallower_decoders_and_given_queries_too():
    detr, cfg = random_detr(), stage_cfg("spatial", "predcls")
    converted, report = convert_detr(detr, cfg)
    assert "decoder.predicate_decoder.layers.2.norm3.bias" in converted
    assert "query_embed.weight" in report.dropped_by_design
    assert "transformer.decoder.layers.3.norm3.bias" in report.dropped_by_design
    assert converted.keys() == shapes_of_model(cfg).keys()
    again, _ = convert_detr(detr, cfg)
    assert all(
        torch.equal(v.nan_to_num(), again[name].nan_to_num()) for name, v in converted.items()
    )


def test_a_detr_trained_on_our_classes_and_fewer_queries():
    detr, cfg = random_detr(), stage_cfg("spatial", "sgdet")
    detr |= {"class_embed.weight": torch.randn(38, 256), "class_embed.bias": torch.randn(38)}
    cfg.MODEL.QUERY_INITIALIZER.NUM_QUERIES = 30
    converted, _ = convert_detr(detr, cfg)
    assert torch.equal(converted["entity_heads.object_class.weight"], detr["class_embed.weight"])
    assert torch.equal(
        converted["query_initializer.position.weight"], detr["query_embed.weight"][:30]
    )


def test_a_detr_that_lacks_a_layer_is_refused():
    detr = {name: v for name, v in random_detr().items() if "encoder.layers.5." not in name}
    with pytest.raises(ValueError, match=r"missing: 12\n  image_encoder.layers.5.ffn.linear1.bias"):
        convert_detr(detr, stage_cfg("spatial", "sgdet"))


def test_a_detr_of_the_sample_configs_size_converts_with_its_own_norms():
    cfg = stage_configs(get_vost_cfg("configs/sample/oed_sgdet.yaml"))["SPATIAL"]
    shapes, width = shapes_of_model(cfg), cfg.MODEL.TRANSFORMER.D_MODEL
    source = {
        "stem.conv1": "conv1",
        "stem.conv1.norm": "bn1",
        "res2.0.conv2.norm": "layer1.0.bn2",
        "res3.0.shortcut": "layer2.0.downsample.0",
        "res3.0.shortcut.norm": "layer2.0.downsample.1",
        "res3.0.conv1": "layer2.0.conv1",
    }
    rename = {f"backbone.{ours}": f"backbone.0.body.{theirs}" for ours, theirs in source.items()}
    state_dict = {"class_embed.weight": torch.empty(38, width), "class_embed.bias": torch.empty(38)}
    state_dict["bbox_embed.layers.0.weight"] = torch.empty(width, width)
    for name, shape in shapes.items():
        module, _, tensor = name.rpartition(".")
        if module in rename:
            state_dict[f"{rename[module]}.{tensor}"] = torch.empty(shape)
    with pytest.raises(ValueError) as error:  # of the backbone, only what was left out is missing
        convert_detr(state_dict, cfg)
    message = str(error.value)
    assert "unexpected" not in message and "misshapen" not in message
    assert "backbone.res2.0.conv1.weight" in message
    assert not any(f"  {module}.{t}\n" in message for module in rename for t in ("weight", "bias"))
    assert "backbone.stem.conv1.norm.num_batches_tracked" not in message
