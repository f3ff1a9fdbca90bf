"""The tables of the converters: which tensor of OED, or of DETR, is which of ours.

A row reads ``name in the file -> our name(s)``. ``#`` stands for a number, ``*`` for the rest of the name; both are
carried over in order. The first row that fits counts.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class Row(NamedTuple):
    """One row: ``source`` in the file, ``targets`` of ours, and how the tensor is cut where its shape differs.

    ``cut(value, target)`` gets the file's tensor and ours, and returns the tensor of our shape.
    """

    source: str
    targets: tuple[str, ...]
    cut: Callable[[Tensor, Tensor], Tensor] | None = None


def _rows(*pairs: tuple[str, ...]) -> tuple[Row, ...]:
    return tuple(Row(source, targets) for source, *targets in pairs)


PAIR_DECODER = "decoder.pair_decoder"
PREDICATE_DECODER = "decoder.predicate_decoder"
POSITION = "query_initializer.position.weight"

# torchvision's ResNet under DETR's name -> detectron2's. Frozen norms have the same four buffers in both.
BACKBONE = _rows(
    ("backbone.0.body.conv1.*", "backbone.stem.conv1.*"),
    ("backbone.0.body.bn1.*", "backbone.stem.conv1.norm.*"),
    *(
        row
        for stage in (1, 2, 3, 4)
        for source, target in [(f"backbone.0.body.layer{stage}", f"backbone.res{stage + 1}")]
        for row in (
            (f"{source}.#.conv#.*", f"{target}.#.conv#.*"),
            (f"{source}.#.bn#.*", f"{target}.#.conv#.norm.*"),
            (f"{source}.#.downsample.0.*", f"{target}.#.shortcut.*"),
            (f"{source}.#.downsample.1.*", f"{target}.#.shortcut.norm.*"),
        )
    ),
)

ENCODER = _rows(
    ("input_proj.*", "image_encoder.input_proj.*"),
    ("transformer.encoder.layers.#.linear#.*", "image_encoder.layers.#.ffn.linear#.*"),
    ("transformer.encoder.layers.#.*", "image_encoder.layers.#.*"),
)


def _decoder(source: str, *targets: str) -> tuple[Row, ...]:
    """The rows of one decoder of the file; a second target gets a copy. All are prefixes."""
    layers = (
        ("layers.#.multihead_attn.*", "layers.#.cross_attn.*"),
        ("layers.#.linear#.*", "layers.#.ffn.linear#.*"),
        ("layers.#.*", "layers.#.*"),
        ("norm.*", "norm.*"),
    )
    return _rows(
        *(
            (f"transformer.{source}.{theirs}", *(f"{target}.{ours}" for target in targets))
            for theirs, ours in layers
        )
    )


def _oed_heads(source: str, target: str) -> tuple[Row, ...]:
    """The rows of OED's heads; ``source`` and ``target`` are prefixes, empty or of the temporal phase."""
    return _rows(
        (f"{source}obj_class_embed.*", f"{target}entity_heads.object_class.*"),
        (f"{source}sub_class_embed.*", f"{target}entity_heads.subject_class.*"),
        (f"{source}sub_bbox_embed.*", f"{target}entity_heads.subject_box.*"),
        (f"{source}obj_bbox_embed.*", f"{target}entity_heads.object_box.*"),
        (f"{source}attn_class_embed.*", f"{target}predicate_heads.attention.*"),
        (f"{source}spatial_class_embed.*", f"{target}predicate_heads.spatial.*"),
        (f"{source}contacting_class_embed.*", f"{target}predicate_heads.contacting.*"),
    )


def _oed_temporal_layer(number: int) -> tuple[Row, ...]:
    """OED numbers its norms otherwise here than in the decoders: norm2 follows self-, norm1 cross-attention."""
    source = f"transformer.temporal_query_layer{number}"
    target = f"temporal_aggregator.layers.{number - 1}"
    return _rows(
        (f"{source}.norm2.*", f"{target}.norm_self.*"),
        (f"{source}.norm1.*", f"{target}.norm_cross.*"),
        (f"{source}.norm3.*", f"{target}.norm_ffn.*"),
        (f"{source}.linear#.*", f"{target}.ffn.linear#.*"),
        (f"{source}.self_attn.*", f"{target}.self_attn.*"),
        (f"{source}.cross_attn.*", f"{target}.cross_attn.*"),
    )


def _without_background(value: Tensor, target: Tensor) -> Tensor:
    """OED's table of word vectors has a row for "background" before the person's; nothing reads it."""
    return value[1:]


OED = (
    *BACKBONE,
    *ENCODER,
    *_decoder("decoder", PAIR_DECODER),
    *_decoder("interaction_decoder", PREDICATE_DECODER),
    *_rows(
        ("query_embed.weight", POSITION),
        ("transformer.query_spatial.*", "query_initializer.query_spatial.*"),
        ("transformer.query_content.*", "query_initializer.query_content.*"),
    ),
    Row(
        "transformer.obj_classes_embed",
        ("query_initializer.class_embedding.weight",),
        cut=_without_background,
    ),
    *_oed_heads("", ""),
    *_oed_heads("temporal_", "temporal_"),
    *(row for number in (1, 2, 3) for row in _oed_temporal_layer(number)),
)

# Tensors that OED's checkpoints of a (stage, task) hold and its forward never reads; we do not have them.
_OED_DEAD_HEADS = (
    "temporal_attn_class_embed.*",
    "temporal_spatial_class_embed.*",
    "temporal_contacting_class_embed.*",
)
OED_DROPPED = {
    ("spatial", "predcls"): (),
    ("spatial", "sgcls"): ("transformer.obj_classes_embed",),
    ("spatial", "sgdet"): (),
    ("temporal", "predcls"): ("query_embed.weight", *_OED_DEAD_HEADS),
    ("temporal", "sgcls"): (
        "query_embed.weight",
        "transformer.obj_classes_embed",
        *_OED_DEAD_HEADS,
    ),
    ("temporal", "sgdet"): (),
}


# Rows of DETR's classifier (COCO category ids, 91 = no object) that mean the same as a row of ours (Action Genome's
# ids, person 1, 37 = no object). Rows of ours without a counterpart keep their fresh initialisation.
COCO_TO_ACTION_GENOME = {
    0: 0,  # unused in both
    1: 1,  # person
    31: 2,  # handbag: bag
    65: 3,  # bed
    84: 5,  # book
    62: 8,  # chair
    47: 11,  # cup: cup/glass/bottle
    51: 12,  # bowl: dish
    73: 19,  # laptop
    77: 24,  # cell phone: phone/camera
    82: 27,  # refrigerator
    54: 28,  # sandwich
    63: 31,  # couch: sofa/couch
    67: 32,  # dining table: table
    72: 33,  # tv: television
    91: 37,  # no object
}


def _object_classes(value: Tensor, target: Tensor) -> Tensor:
    """COCO's classifier: the rows of the table above. One of our own size (a DETR trained on Action Genome's boxes with
    OED's class order) is taken whole.
    """
    if len(value) != 92 or len(target) != 38:
        return value
    rows = target.clone()
    for coco, ours in COCO_TO_ACTION_GENOME.items():
        rows[ours] = value[coco]
    return rows


def _first_queries(value: Tensor, target: Tensor) -> Tensor:
    return value[: len(target)]


DETR = (
    *BACKBONE,
    *ENCODER,
    *_decoder("decoder", PAIR_DECODER, PREDICATE_DECODER),
    Row("query_embed.weight", (POSITION,), cut=_first_queries),
    Row("class_embed.*", ("entity_heads.object_class.*",), cut=_object_classes),
    *_rows(("bbox_embed.*", "entity_heads.subject_box.*", "entity_heads.object_box.*")),
)

# The same for our DETRDetector.
DETR_AS_DETECTOR = (
    *BACKBONE,
    *ENCODER,
    *_decoder("decoder", "decoder"),
    Row("query_embed.weight", (POSITION,), cut=_first_queries),
    Row("class_embed.*", ("class_head.*",), cut=_object_classes),
    *_rows(("bbox_embed.*", "box_head.*")),
)

# What our DETRDetector hands to the scene graph model: each tensor where a COCO DETR's goes.
DETECTOR = (
    *_rows(
        ("backbone.*", "backbone.*"),
        ("image_encoder.*", "image_encoder.*"),
        ("decoder.*", f"{PAIR_DECODER}.*", f"{PREDICATE_DECODER}.*"),
    ),
    Row(POSITION, (POSITION,), cut=_first_queries),
    *_rows(
        ("class_head.*", "entity_heads.object_class.*"),
        ("box_head.*", "entity_heads.subject_box.*", "entity_heads.object_box.*"),
    ),
)
