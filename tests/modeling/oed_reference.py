"""OED's spatial PredCLS model written again, plainly: one frame at a time, no padding, attention by its formula.

It shares nothing with the package but the weights, which it reads by name. What it restates is the fact sheet of OED:
post-norm layers, positions added to queries and keys only, one final norm on every decoder layer's output, a predicate
decoder that starts from zeros with the pair decoder's last output as its position.
"""

import math

import torch
import torch.nn.functional as F


def attention(w, prefix, q, k, v, num_heads):
    d = q.shape[-1]
    wq, wk, wv = w[f"{prefix}.in_proj_weight"].split(d)
    bq, bk, bv = w[f"{prefix}.in_proj_bias"].split(d)
    heads = [
        x.reshape(len(x), num_heads, -1).transpose(0, 1)
        for x in (q @ wq.T + bq, k @ wk.T + bk, v @ wv.T + bv)
    ]
    scores = heads[0] @ heads[1].transpose(1, 2) / math.sqrt(d // num_heads)
    mixed = (scores.softmax(-1) @ heads[2]).transpose(0, 1).reshape(len(q), d)
    return mixed @ w[f"{prefix}.out_proj.weight"].T + w[f"{prefix}.out_proj.bias"]


def norm(w, prefix, x):
    return F.layer_norm(x, x.shape[-1:], w[f"{prefix}.weight"], w[f"{prefix}.bias"])


def linear(w, prefix, x):
    return x @ w[f"{prefix}.weight"].T + w[f"{prefix}.bias"]


def ffn(w, prefix, x):
    return linear(w, f"{prefix}.linear2", linear(w, f"{prefix}.linear1", x).clamp(min=0))


def mlp(w, prefix, x, depth):
    for i in range(depth):
        x = linear(w, f"{prefix}.layers.{i}", x)
        x = x.clamp(min=0) if i < depth - 1 else x
    return x


def sine(height, width, d):
    rows = []
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            row = []
            for value in (y / (height + 1e-6) * 2 * math.pi, x / (width + 1e-6) * 2 * math.pi):
                for i in range(d // 2):
                    angle = value / 10000 ** (2 * (i // 2) / (d // 2))
                    row.append(math.sin(angle) if i % 2 == 0 else math.cos(angle))
            rows.append(row)
    return torch.tensor(rows)


def decoder(w, prefix, x, position, memory, keys, num_layers, num_heads):
    outputs = []
    for i in range(num_layers):
        p = f"{prefix}.layers.{i}"
        q = x + position
        x = norm(w, f"{p}.norm1", x + attention(w, f"{p}.self_attn", q, q, x, num_heads))
        x = norm(
            w,
            f"{p}.norm2",
            x + attention(w, f"{p}.cross_attn", x + position, keys, memory, num_heads),
        )
        x = norm(w, f"{p}.norm3", x + ffn(w, f"{p}.ffn", x))
        outputs.append(norm(w, f"{prefix}.norm", x))
    return outputs


def oed_predcls(w, features, ground_truth, embeddings, encoder_layers, decoder_layers, num_heads):
    """features (C, h, w) of one frame; embeddings (classes, dim). Returns the heads' outputs, a list over layers."""
    _, height, width = features.shape
    kernel = w["image_encoder.input_proj.weight"][:, :, 0, 0]
    x = features.flatten(1).T @ kernel.T + w["image_encoder.input_proj.bias"]
    position = sine(height, width, x.shape[1])
    for i in range(encoder_layers):
        p = f"image_encoder.layers.{i}"
        q = x + position
        x = norm(w, f"{p}.norm1", x + attention(w, f"{p}.self_attn", q, q, x, num_heads))
        x = norm(w, f"{p}.norm2", x + ffn(w, f"{p}.ffn", x))
    width, height = ground_truth.size
    codes, contents = [], []
    for s, o in ground_truth.pairs:
        boxes = []
        for b in (ground_truth.boxes[s], ground_truth.boxes[o]):
            x0, y0, x1, y1 = b[0] / width, b[1] / height, b[2] / width, b[3] / height
            boxes.append([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])
        a, b = boxes
        codes.append([*a, *b, a[0] - b[0], a[1] - b[1], a[2] * a[3], b[2] * b[3]])
        contents.append(embeddings[ground_truth.classes[o]])
    q_position = mlp(
        w, "query_initializer.query_spatial", torch.tensor(codes, dtype=torch.float32), 2
    )
    content = mlp(w, "query_initializer.query_content", torch.stack(contents), 2)
    keys = x + position
    pair = decoder(
        w, "decoder.pair_decoder", content, q_position, x, keys, decoder_layers, num_heads
    )
    zeros = torch.zeros_like(content)
    predicate = decoder(
        w, "decoder.predicate_decoder", zeros, pair[-1], x, keys, decoder_layers, num_heads
    )
    return [
        {
            "object_logits": linear(w, "entity_heads.object_class", h),
            "subject_boxes": mlp(w, "entity_heads.subject_box", h, 3).sigmoid(),
            "object_boxes": mlp(w, "entity_heads.object_box", h, 3).sigmoid(),
            "attention_logits": linear(w, "predicate_heads.attention", r),
            "spatial_logits": linear(w, "predicate_heads.spatial", r),
            "contacting_logits": linear(w, "predicate_heads.contacting", r),
        }
        for h, r in zip(pair, predicate, strict=True)
    ]
