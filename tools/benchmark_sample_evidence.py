"""Do the sample's pixels carry evidence? python tools/benchmark_sample_evidence.py --root datasets/ag_sample

Trains one small network per input on every annotated pair of the training split and prints its accuracy on the test
split: once on two views of the pair, as a whole and close up on the object, with masks of the two boxes, once on the
masks and the object's class alone. A guess is right if it is one of the pair's labels. What the first has over the
second is what a model can see. Ten minutes on one core. Exits with 1 below the gate: attention from crops at 65 % or
more, contacting at least 3 points above masks and class.
"""

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

GROUPS = ("attention", "spatial", "contacting")
SIZES = (3, 6, 17)
# Views of a pair: (pixels of the square crop, its side in units of the longer side of what it shows).
WHOLE, CLOSE_UP = (80, 1.05), (64, 1.3)
ATTENTION_GATE, CONTACTING_GATE = 0.65, 0.03


@dataclass
class Pairs:
    """Pairs of one split: (n, 5, side, side) uint8 views, BGR and the masks of object and person; (n,) classes,
    (n, 26) multi-hot labels."""

    whole: "Tensor"
    close_up: "Tensor"
    classes: "Tensor"
    labels: "Tensor"


def crop(image, shown, boxes, view):
    """A square crop around the xyxy box ``shown``, (side, side, 5), with the masks of ``boxes`` behind its colours."""
    import cv2
    import numpy as np

    side, margin = view
    low, high = shown[:2], shown[2:]
    scale = side / (margin * max(high - low))
    shift = side / 2 - (low + high) / 2 * scale
    turn = np.float32([[scale, 0, shift[0]], [0, scale, shift[1]]])
    colours = cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_AREA)
    masks = []
    for box in boxes:
        x0, y0, x1, y1 = (int(v) for v in (box.reshape(2, 2) * scale + shift).ravel())
        masks.append(cv2.rectangle(np.zeros((side, side), np.uint8), (x0, y0), (x1, y1), 255, -1))
    return np.dstack([colours, *masks])


def read_pairs(root: str, split: str) -> Pairs:
    """Every annotated pair of the split."""
    import cv2
    import numpy as np
    import torch
    from tqdm import tqdm

    from vost_sgg.data.action_genome import load_action_genome
    from vost_sgg.priors.pairs import union_boxes

    wholes, close_ups, classes, labels = [], [], [], []
    for record in tqdm(load_action_genome(root, split), desc=f"cropping {split}", unit="frame"):
        image = cv2.imread(record["file_name"])
        boxes = np.array([a["bbox"] for a in record["annotations"]])
        for k, (subject, obj) in enumerate(record["pairs"]):
            pair = boxes[[obj, subject]]
            wholes.append(crop(image, union_boxes(pair), pair, WHOLE))
            close_ups.append(crop(image, pair[0], pair, CLOSE_UP))
            classes.append(record["annotations"][obj]["category_id"])
            labels.append(np.concatenate([record[group][k] for group in GROUPS]))
    views = [torch.from_numpy(np.stack(v)).permute(0, 3, 1, 2) for v in (wholes, close_ups)]
    return Pairs(*views, torch.tensor(classes), torch.from_numpy(np.stack(labels)).float())


def build_network():
    """Two residual networks, one a view, and an embedded class: 0.9 M parameters."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )
            self.skip = nn.Conv2d(inputs, outputs, 1, 2, bias=False)

        def forward(self, x):
            return (self.body(x) + self.skip(x)).relu()

    def trunk():
        stem = (nn.Conv2d(5, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        return nn.Sequential(*stem, Block(16, 32), Block(32, 64), Block(64, 96), nn.Flatten())

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.whole, self.close_up = trunk(), trunk()
            self.embedding = nn.Embedding(36, 32)
            self.head = nn.Sequential(
                nn.Linear(96 * 5**2 + 96 * 4**2 + 32, 128),
                nn.ReLU(),
                nn.Dropout(0.4),
                nn.Linear(128, 26),
            )

        def forward(self, whole, close_up, classes):
            seen = self.whole(whole / 127.5 - 1), self.close_up(close_up / 127.5 - 1)
            return self.head(torch.cat([*seen, self.embedding(classes)], 1)).split(SIZES, 1)

    return Network()


def varied(views: list["Tensor"]) -> list["Tensor"]:
    """The views of a batch in another light, and half of the time mirrored; masks keep their values."""
    import torch

    mirrored = torch.rand(()) < 0.5
    light = 0.75 + 0.5 * torch.rand(len(views[0]), 3, 1, 1)
    views = [torch.cat([v[:, :3] * light, v[:, 3:].float()], 1).clamp(max=255) for v in views]
    views = [v.flip(3) if mirrored else v for v in views]
    # A CPU's convolutions are half as long again in the other layout.
    return [v.contiguous(memory_format=torch.channels_last) for v in views]


def accuracy(train: Pairs, test: Pairs, *, epochs: int, seed: int) -> list[float]:
    """Accuracy on ``test`` in each group, after training on ``train``."""
    import torch
    from torch.nn import functional as F
    from tqdm import tqdm

    torch.manual_seed(seed)
    network, batch = build_network().to(memory_format=torch.channels_last), 64
    steps = len(train.classes) // batch
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=epochs * steps)
    for _ in tqdm(range(epochs), desc="training", unit="epoch"):
        order = torch.randperm(len(train.classes))
        for i in range(steps):
            chosen = order[i * batch : (i + 1) * batch]
            views = varied([train.whole[chosen], train.close_up[chosen]])
            scores = network(*views, train.classes[chosen])
            targets = (t / t.sum(1, keepdim=True) for t in train.labels[chosen].split(SIZES, 1))
            loss = sum(F.cross_entropy(s, t) for s, t in zip(scores, targets, strict=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.no_grad():
        columns = (c.split(256) for c in (test.whole, test.close_up, test.classes))
        scores = [network(*part) for part in zip(*columns, strict=True)]
    guesses = [torch.cat(group).argmax(1, keepdim=True) for group in zip(*scores, strict=True)]
    truths = test.labels.split(SIZES, 1)
    return [t.gather(1, g).mean().item() for g, t in zip(guesses, truths, strict=True)]


def without_pixels(pairs: Pairs) -> Pairs:
    """The same pairs with black views: the masks and the class are left."""
    views = [view.clone() for view in (pairs.whole, pairs.close_up)]
    for view in views:
        view[:, :3] = 0
    return Pairs(*views, pairs.classes, pairs.labels)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--root", required=True, help="folder of the sample data set; generated if it is not there"
    )
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    import torch

    from vost_sgg.data.sample import ensure_sample

    torch.set_num_threads(1)
    ensure_sample(arguments.root)
    train, test = (read_pairs(arguments.root, split) for split in ("train", "test"))
    print(f"{len(train.classes)} training pairs, {len(test.classes)} test pairs")
    options = {"epochs": arguments.epochs, "seed": arguments.seed}
    crops = accuracy(train, test, **options)
    masks = accuracy(without_pixels(train), without_pixels(test), **options)
    print(f"{'accuracy':24s}" + "".join(f"{group:>12s}" for group in GROUPS))
    for name, values in (("crops + masks + class", crops), ("masks + class", masks)):
        print(f"{name:24s}" + "".join(f"{100 * value:11.1f}%" for value in values))
    passed = crops[0] >= ATTENTION_GATE and crops[2] >= masks[2] + CONTACTING_GATE
    print(
        "gate passed"
        if passed
        else "GATE FAILED: attention >= 65 %, contacting >= masks + 3 points"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
