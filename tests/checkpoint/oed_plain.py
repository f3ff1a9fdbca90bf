"""OED's checkpoints made up at a small width, and its models restated on them, by OED's own names.

The restatement is that of ``tests/modeling/oed_reference.py``, which knows no padding: it is given each frame's own
cells of the padded image's features. All other cells are masked as keys, and no cell's position depends on them.
"""

import re

import torch
import torch.nn.functional as F

from tests.checkpoint.foreign_names import oed_shapes

# What the restatement calls a weight, and what OED does; the rows apply one after the other.
NAMES = (
    (r"image_encoder\.input_proj", "input_proj"),
    (r"image_encoder\.layers", "transformer.encoder.layers"),
    (r"query_initializer\.position", "query_embed"),
    (r"query_initializer\.query_", "transformer.query_"),
    (r"decoder\.pair_decoder", "transformer.decoder"),
    (r"decoder\.predicate_decoder", "transformer.interaction_decoder"),
    (r"(transformer\.\w*decoder\.layers\.\d+)\.cross_attn", r"\1.multihead_attn"),
    (r"temporal_aggregator\.layers\.0", "transformer.temporal_query_layer1"),
    (r"temporal_aggregator\.layers\.1", "transformer.temporal_query_layer2"),
    (r"temporal_aggregator\.layers\.2", "transformer.temporal_query_layer3"),
    (r"(.*)\.ffn\.", r"\1."),
    (r"(.*)\.norm_self", r"\1.norm2"),
    (r"(.*)\.norm_cross", r"\1.norm1"),
    (r"(.*)\.norm_ffn", r"\1.norm3"),
    (r"(temporal_)?entity_heads\.object_class", r"\1obj_class_embed"),
    (r"(temporal_)?entity_heads\.subject_class", r"\1sub_class_embed"),
    (r"(temporal_)?entity_heads\.subject_box", r"\1sub_bbox_embed"),
    (r"(temporal_)?entity_heads\.object_box", r"\1obj_bbox_embed"),
    (r"(temporal_)?predicate_heads\.attention", r"\1attn_class_embed"),
    (r"(temporal_)?predicate_heads\.(spatial|contacting)", r"\1\2_class_embed"),
)


class ByOEDNames(dict):
    """A state dict of OED under the names of the restatement."""

    def __getitem__(self, name):
        return super().__getitem__(self.of_oed(name))

    def __contains__(self, name):
        return super().__contains__(self.of_oed(name))

    @staticmethod
    def of_oed(name):
        for ours, theirs in NAMES:
            name = re.sub(f"^{ours}", theirs, name)
        return name


def made_up_oed(stage, task, **sizes):
    """A state dict whose numbers keep activations near one, and slots apart: attention is sharp and adds little."""
    generator = torch.Generator().manual_seed(1)

    def values(name, shape):
        noise = torch.randn(shape, generator=generator)
        if len(shape) == 1:
            scale = name.endswith((".weight", "running_var"))
            size = 0.4 if ".bn3." in name else 1.0
            return size * (1 + 0.2 * noise.clamp(-2, 2)) if scale else 0.06 * noise
        if name == "query_embed.weight":
            return 3 * noise
        noise /= noise[0].numel() ** 0.5
        if "in_proj" in name:  # rows of queries, keys, values
            noise[: 2 * shape[1]] *= 3
            noise[2 * shape[1] :] *= 0.3
        if "query_spatial" in name:
            noise *= 2
        return 1.2 * noise if len(shape) == 4 else noise

    return {name: values(name, shape) for name, shape in oed_shapes(stage, task, **sizes).items()}


def resnet50(w, images):
    """(B, 3, H, W) -> (B, C, H / 32, W / 32), rounded up; the norms are frozen."""

    def convolved(x, conv, bn, **options):
        scale = w[f"{bn}.weight"] / (w[f"{bn}.running_var"] + 1e-5).sqrt()
        shift = w[f"{bn}.bias"] - w[f"{bn}.running_mean"] * scale
        x = F.conv2d(x, w[f"{conv}.weight"], **options)
        return x * scale[:, None, None] + shift[:, None, None]

    body = "backbone.0.body"
    x = convolved(images, f"{body}.conv1", f"{body}.bn1", stride=2, padding=3).relu()
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for i in range(blocks):
            block, stride = f"{body}.layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1
            y = convolved(x, f"{block}.conv1", f"{block}.bn1").relu()
            y = convolved(y, f"{block}.conv2", f"{block}.bn2", stride=stride, padding=1).relu()
            y = convolved(y, f"{block}.conv3", f"{block}.bn3")
            if i == 0:
                down = f"{block}.downsample"
                x = convolved(x, f"{down}.0", f"{down}.1", stride=stride)
            x = (x + y).relu()
    return x


def own_features(w, images, sizes):
    """Of each padded image of a batch the cells (C, h, w) that its mask, shrunk to the features, leaves visible."""
    features, (height, width) = resnet50(w, images), images.shape[2:]
    rows, columns = features.shape[2:]
    own = []
    for frame, (own_height, own_width) in zip(features, sizes, strict=True):
        # The mask is shrunk to its nearest pixels.
        visible_rows = [r for r in range(rows) if r * height // rows < own_height]
        visible_columns = [c for c in range(columns) if c * width // columns < own_width]
        own.append(frame[:, : len(visible_rows), : len(visible_columns)])
    return own
