"""The names and shapes of other people's state dicts, made from what is known of their models."""

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


def layer(name, d, attentions, num_norms):
    shapes = linear(f"{name}.linear1", 2048, d) | linear(f"{name}.linear2", d, 2048)
    for attn in attentions:
        shapes |= attention(f"{name}.{attn}", d)
    for i in range(1, num_norms + 1):
        shapes |= norm(f"{name}.norm{i}", d)
    return shapes


def resnet50(name):
    def conv_norm(conv, bn, out, inner, kernel):
        buffers = ("weight", "bias", "running_mean", "running_var")
        return {f"{conv}.weight": (out, inner, kernel, kernel)} | {
            f"{bn}.{b}": (out,) for b in buffers
        }

    shapes = conv_norm(f"{name}.conv1", f"{name}.bn1", 64, 3, 7)
    inner = 64
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
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


def encoder_and_backbone():
    shapes = resnet50("backbone.0.body")
    shapes |= {"input_proj.weight": (256, 2048, 1, 1), "input_proj.bias": (256,)}
    for i in range(6):
        shapes |= layer(f"transformer.encoder.layers.{i}", 256, ("self_attn",), 2)
    return shapes


def decoder(name, num_layers):
    shapes = norm(f"{name}.norm", 256)
    for i in range(num_layers):
        shapes |= layer(f"{name}.layers.{i}", 256, ("self_attn", "multihead_attn"), 3)
    return shapes


def heads(prefix, task):
    shapes = linear(f"{prefix}obj_class_embed", 38, 256)
    for box in ("sub_bbox_embed", "obj_bbox_embed"):
        shapes |= mlp(f"{prefix}{box}", 256, 256, 256, 4)
    for group, width in (("attn", 4), ("spatial", 6), ("contacting", 17)):
        shapes |= linear(f"{prefix}{group}_class_embed", width, 256)
    if task == "sgcls":
        shapes |= linear(f"{prefix}sub_class_embed", 2, 256)
    return shapes


def oed_shapes(stage: str, task: str) -> dict[str, tuple]:
    """Every tensor of OED's model: 480 to 654 names."""
    depth = 6 if task == "sgdet" else 3
    shapes = encoder_and_backbone() | heads("", task)
    shapes |= decoder("transformer.decoder", depth)
    shapes |= decoder("transformer.interaction_decoder", depth)
    if task != "sgdet":
        shapes |= mlp("transformer.query_spatial", 12, 256, 256)
        shapes["transformer.obj_classes_embed"] = (37, 200)
    if task == "predcls":
        shapes |= mlp("transformer.query_content", 200, 256, 256)
    if task == "sgdet" or stage == "temporal":
        shapes["query_embed.weight"] = (100, 256)
    if stage == "temporal":
        shapes |= heads("temporal_", task)
        for i in (1, 2, 3):
            name = f"transformer.temporal_query_layer{i}"
            shapes |= layer(name, 512, ("self_attn", "cross_attn"), 3)
    return shapes


def detr_shapes() -> dict[str, tuple]:
    """Every tensor of COCO DETR-R50."""
    shapes = encoder_and_backbone() | decoder("transformer.decoder", 6)
    shapes |= linear("class_embed", 92, 256) | mlp("bbox_embed", 256, 256, 256, 4)
    return shapes | {"query_embed.weight": (100, 256)}
