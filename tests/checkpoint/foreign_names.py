"""The names and shapes of other people's state dicts, made from what is known of their models: at their own size, or
with narrower layers (``d``, ``ffn``, and ``stem`` channels of the ResNet's first convolution)."""

STAGES = ("spatial", "temporal")
TASKS = ("predcls", "sgcls", "sgdet")


def linear(name, out, inner):
    return {f"{name}.weight": (out, inner), f"{name}.bias": (out,)}


def norm(name, d):
    return {f"{name}.weight": (d,), f"{name}.bias": (d,)}


def mlp(name, *widths):
    shapes = {}
    for i, (inner, out) in enumerate(zip(widths, widths[1:], strict=False)):
        shapes |= linear(f"{name}.layers.{i}", out, inner)
    return shapes


def attention(name, d):
    packed = {f"{name}.in_proj_weight": (3 * d, d), f"{name}.in_proj_bias": (3 * d,)}
    return packed | linear(f"{name}.out_proj", d, d)


def layer(name, d, ffn, attentions, num_norms):
    shapes = linear(f"{name}.linear1", ffn, d) | linear(f"{name}.linear2", d, ffn)
    for attn in attentions:
        shapes |= attention(f"{name}.{attn}", d)
    for i in range(1, num_norms + 1):
        shapes |= norm(f"{name}.norm{i}", d)
    return shapes


def resnet50(name, stem):
    def conv_norm(conv, bn, out, inner, kernel):
        buffers = ("weight", "bias", "running_mean", "running_var")
        return {f"{conv}.weight": (out, inner, kernel, kernel)} | {
            f"{bn}.{b}": (out,) for b in buffers
        }

    shapes = conv_norm(f"{name}.conv1", f"{name}.bn1", stem, 3, 7)
    inner = stem
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        width = stem * 2 ** (stage - 1)
        for i in range(blocks):
            block = f"{name}.layer{stage}.{i}"
            sizes = ((width, inner, 1), (width, width, 3), (4 * width, width, 1))
            for j, size in enumerate(sizes, start=1):
                shapes |= conv_norm(f"{block}.conv{j}", f"{block}.bn{j}", *size)
            if i == 0:
                down = f"{block}.downsample"
                shapes |= conv_norm(f"{down}.0", f"{down}.1", 4 * width, inner, 1)
            inner = 4 * width
    return shapes


def encoder_and_backbone(d, ffn, stem):
    shapes = resnet50("backbone.0.body", stem)
    shapes |= {"input_proj.weight": (d, 32 * stem, 1, 1), "input_proj.bias": (d,)}
    for i in range(6):
        shapes |= layer(f"transformer.encoder.layers.{i}", d, ffn, ("self_attn",), 2)
    return shapes


def decoder(name, num_layers, d, ffn):
    shapes = norm(f"{name}.norm", d)
    for i in range(num_layers):
        shapes |= layer(f"{name}.layers.{i}", d, ffn, ("self_attn", "multihead_attn"), 3)
    return shapes


def heads(prefix, task, d):
    shapes = linear(f"{prefix}obj_class_embed", 38, d)
    for box in ("sub_bbox_embed", "obj_bbox_embed"):
        shapes |= mlp(f"{prefix}{box}", d, d, d, 4)
    for group, width in (("attn", 4), ("spatial", 6), ("contacting", 17)):
        shapes |= linear(f"{prefix}{group}_class_embed", width, d)
    if task == "sgcls":
        shapes |= linear(f"{prefix}sub_class_embed", 2, d)
    return shapes


def oed_shapes(stage: str, task: str, *, d=256, ffn=2048, stem=64) -> dict[str, tuple]:
    """Every tensor of OED's model: 480 to 654 names."""
    depth = 6 if task == "sgdet" else 3
    shapes = encoder_and_backbone(d, ffn, stem) | heads("", task, d)
    shapes |= decoder("transformer.decoder", depth, d, ffn)
    shapes |= decoder("transformer.interaction_decoder", depth, d, ffn)
    if task != "sgdet":
        shapes |= mlp("transformer.query_spatial", 12, d, d)
        shapes["transformer.obj_classes_embed"] = (37, 200)
    if task == "predcls":
        shapes |= mlp("transformer.query_content", 200, d, d)
    if task == "sgdet" or stage == "temporal":
        shapes["query_embed.weight"] = (100, d)
    if stage == "temporal":
        shapes |= heads("temporal_", task, d)
        for i in (1, 2, 3):
            name = f"transformer.temporal_query_layer{i}"
            shapes |= layer(name, 2 * d, ffn, ("self_attn", "cross_attn"), 3)
    return shapes


def detr_shapes() -> dict[str, tuple]:
    """Every tensor of COCO DETR-R50."""
    shapes = encoder_and_backbone(256, 2048, 64) | decoder("transformer.decoder", 6, 256, 2048)
    shapes |= linear("class_embed", 92, 256) | mlp("bbox_embed", 256, 256, 256, 4)
    return shapes | {"query_embed.weight": (100, 256)}
