"""OED's models written again, plainly: one frame at a time, no padding, attention by its formula.

It shares nothing with the package but the weights, which it reads by name. What it restates is the fact sheet of OED:
post-norm layers, positions added to queries and keys only, one final norm on every decoder layer's output, a predicate
decoder that starts from zeros with the pair decoder's last output as its position; a temporal phase whose slots attend,
one by one, to the reference slots that they may see.
"""

import itertools
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


def sine(height, width, d, temperature=10000):
    rows = []
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            row = []
            for value in (y / (height + 1e-6) * 2 * math.pi, x / (width + 1e-6) * 2 * math.pi):
                for i in range(d // 2):
                    angle = value / temperature ** (2 * (i // 2) / (d // 2))
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


def encode(w, features, num_layers, num_heads):
    """features (C, h, w) of one frame. Returns its memory and the memory with positions."""
    _, height, width = features.shape
    kernel = w["image_encoder.input_proj.weight"][:, :, 0, 0]
    x = features.flatten(1).T @ kernel.T + w["image_encoder.input_proj.bias"]
    position = sine(height, width, x.shape[1])
    for i in range(num_layers):
        p = f"image_encoder.layers.{i}"
        q = x + position
        x = norm(w, f"{p}.norm1", x + attention(w, f"{p}.self_attn", q, q, x, num_heads))
        x = norm(w, f"{p}.norm2", x + ffn(w, f"{p}.ffn", x))
    return x, x + position


def pair_positions(w, ground_truth, pairs):
    """The learned code of each pair of boxes."""
    width, height = ground_truth.size
    codes = []
    for pair in pairs:
        boxes = []
        for x0, y0, x1, y1 in (ground_truth.boxes[i] for i in pair):
            x0, y0, x1, y1 = x0 / width, y0 / height, x1 / width, y1 / height
            boxes.append([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])
        a, b = boxes
        codes.append([*a, *b, a[0] - b[0], a[1] - b[1], a[2] * a[3], b[2] * b[3]])
    return mlp(w, "query_initializer.query_spatial", torch.tensor(codes, dtype=torch.float32), 2)


def queries(w, task, ground_truth, embeddings=None):
    """Content and position of each slot of a frame."""
    if task == "predcls":
        content = torch.stack([embeddings[ground_truth.classes[o]] for _, o in ground_truth.pairs])
        content = mlp(w, "query_initializer.query_content", content, 2)
        return content, pair_positions(w, ground_truth, ground_truth.pairs)
    if task == "sgcls":
        pairs = itertools.permutations(range(len(ground_truth.boxes)), 2)
        position = pair_positions(w, ground_truth, pairs)
    else:
        position = w["query_initializer.position.weight"]
    return torch.zeros_like(position), position


def decode(w, features, content, position, encoder_layers, decoder_layers, num_heads):
    """The pair states and the predicate states of one frame, a list over layers each."""
    memory = encode(w, features, encoder_layers, num_heads)
    sizes = (*memory, decoder_layers, num_heads)
    pair = decoder(w, "decoder.pair_decoder", content, position, *sizes)
    zeros = torch.zeros_like(content)
    return pair, decoder(w, "decoder.predicate_decoder", zeros, pair[-1], *sizes)


def heads(w, pair, predicate, entity="entity_heads", predicates="predicate_heads"):
    """The outputs of the heads; ``entity`` and ``predicates`` name their weights."""
    outputs = {
        "object_logits": linear(w, f"{entity}.object_class", pair),
        "subject_boxes": mlp(w, f"{entity}.subject_box", pair, 3).sigmoid(),
        "object_boxes": mlp(w, f"{entity}.object_box", pair, 3).sigmoid(),
        "attention_logits": linear(w, f"{predicates}.attention", predicate),
        "spatial_logits": linear(w, f"{predicates}.spatial", predicate),
        "contacting_logits": linear(w, f"{predicates}.contacting", predicate),
    }
    if f"{entity}.subject_class.weight" in w:
        outputs["subject_logits"] = linear(w, f"{entity}.subject_class", pair)
    return outputs


def oed_spatial(w, task, features, ground_truth, embeddings=None, **sizes):
    """features (C, h, w) of one frame; embeddings (classes, dim). Returns the heads' outputs, a list over layers."""
    states = decode(w, features, *queries(w, task, ground_truth, embeddings), **sizes)
    return [heads(w, h, r) for h, r in zip(*states, strict=True)]


def oed_predcls(w, features, ground_truth, embeddings, **sizes):
    return oed_spatial(w, "predcls", features, ground_truth, embeddings, **sizes)


def score(outputs, n):
    """How sure the spatial heads are of slot ``n``."""
    best = max(outputs["object_logits"][n].softmax(0)[:-1].tolist())
    best *= max(outputs["attention_logits"][n].softmax(0)[:-1].tolist())
    best *= max(outputs["spatial_logits"][n].sigmoid().tolist())
    best *= max(outputs["contacting_logits"][n].sigmoid().tolist())
    if "subject_logits" in outputs:
        best *= outputs["subject_logits"][n].softmax(0)[0].item()
    return best


def visible(ratio, label, scores, labels):
    """Which reference slots one slot of class ``label`` (None: not given) may attend to in a layer."""
    if label is None:
        surest_first = sorted(range(len(scores)), key=lambda i: -scores[i])
        return surest_first[: math.ceil(ratio * len(scores))]
    return [i for i, other in enumerate(labels) if other == label] or list(range(len(labels)))


def oed_temporal(w, task, features, ground_truth, embeddings=None, ratios=(0.8, 0.5, 0.3), **sizes):
    """features and ground truth of a target frame and, behind it, its references. Returns the heads' outputs."""
    num_heads, states, scores, labels = sizes["num_heads"], [], [], []
    for f, gt in zip(features, ground_truth, strict=True):
        pair, predicate = decode(w, f, *queries(w, task, gt, embeddings), **sizes)
        states.append(torch.cat((pair[-1], predicate[-1]), dim=1))
        outputs = heads(w, pair[-1], predicate[-1])
        scores.append([score(outputs, n) for n in range(len(pair[-1]))])
        labels.append([int(gt.classes[o]) for _, o in gt.pairs])
    x, references = states[0], torch.cat(states[1:])
    scores, reference_labels = sum(scores[1:], []), sum(labels[1:], [])
    for i, ratio in enumerate(ratios):
        p, rows = f"temporal_aggregator.layers.{i}", []
        for n in range(len(x)):
            y = attention(w, f"{p}.self_attn", x[n : n + 1], x, x, num_heads)
            y = norm(w, f"{p}.norm_self", x[n : n + 1] + y)
            label = labels[0][n] if task == "predcls" else None
            seen = references[visible(ratio, label, scores, reference_labels)]
            y = norm(
                w, f"{p}.norm_cross", y + attention(w, f"{p}.cross_attn", y, seen, seen, num_heads)
            )
            rows.append(norm(w, f"{p}.norm_ffn", y + ffn(w, f"{p}.ffn", y)))
        x = torch.cat(rows)
    predicates = "temporal_predicate_heads" if task == "sgdet" else "predicate_heads"
    return heads(w, *x.chunk(2, dim=1), "temporal_entity_heads", predicates)
