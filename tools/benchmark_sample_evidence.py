"""Do the sample's pixels carry evidence? python tools/benchmark_sample_evidence.py --root datasets/ag_sample

Trains one small network per input on every annotated pair of the training split and prints its accuracy on the test
split: once on crops of the pair with a mask of the object's box, once on the mask and the object's class alone.
A guess is right if it is one of the pair's labels. What the first has over the second is what a model can see. Four
minutes on one core. Exits with 1 below the gate: attention from crops at 65 % or more, contacting at least 3 points
above masks and class.
"""

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

GROUPS = ("attention", "spatial", "contacting")
SIZES = (3, 6, 17)
SIDE = 80  # pixels of a crop
ATTENTION_GATE, CONTACTING_GATE = 0.65, 0.03


@dataclass
class Pairs:
    """Pairs of one split: (n, 4, SIDE, SIDE) uint8 crops and masks, (n,) classes, (n, 26) multi-hot labels."""

    images: "Tensor"
    classes: "Tensor"
    labels: "Tensor"


def crop_pair(image, person, obj):
    """A square crop of the union of two xyxy boxes, (SIDE, SIDE, 3), with a mask of the second box behind it."""
    import cv2
    import numpy as np

    low, high = np.minimum(person[:2], obj[:2]), np.maximum(person[2:], obj[2:])
    scale = SIDE / (1.05 * max(high - low))
    shift = SIDE / 2 - (low + high) / 2 * scale
    turn = np.float32([[scale, 0, shift[0]], [0, scale, shift[1]]])
    crop = cv2.warpAffine(image, turn, (SIDE, SIDE), flags=cv2.INTER_AREA)
    x0, y0, x1, y1 = (int(v) for v in (obj.reshape(2, 2) * scale + shift).ravel())
    mask = cv2.rectangle(np.zeros((SIDE, SIDE), np.uint8), (x0, y0), (x1, y1), 255, -1)
    return np.dstack([crop, mask])


def read_pairs(root: str, split: str) -> Pairs:
    """Every annotated pair of the split."""
    import cv2
    import numpy as np
    import torch
    from tqdm import tqdm

    from vost_sgg.data.action_genome import load_action_genome

    images, classes, labels = [], [], []
    for record in tqdm(load_action_genome(root, split), desc=f"cropping {split}", unit="frame"):
        image = cv2.imread(record["file_name"])
        boxes = np.array([a["bbox"] for a in record["annotations"]])
        for k, (subject, obj) in enumerate(record["pairs"]):
            images.append(crop_pair(image, boxes[subject], boxes[obj]))
            classes.append(record["annotations"][obj]["category_id"])
            labels.append(np.concatenate([record[group][k] for group in GROUPS]))
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    return Pairs(stacked, torch.tensor(classes), torch.from_numpy(np.stack(labels)).float())


def build_network():
    """A residual network of 0.5 M parameters over 4 channels and an embedded class."""
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

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            stem = (nn.Conv2d(4, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
            self.features = nn.Sequential(*stem, Block(16, 32), Block(32, 64), Block(64, 128))
            self.embedding = nn.Embedding(36, 32)
            self.head = nn.Sequential(
                nn.Linear(128 * 25 + 32, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 26)
            )

        def forward(self, images, classes):
            import torch

            features = self.features(images.float() / 127.5 - 1).flatten(1)
            scores = self.head(torch.cat([features, self.embedding(classes)], 1))
            return scores.split(SIZES, 1)

    return Network()


def accuracy(train: Pairs, test: Pairs, *, epochs: int, seed: int) -> list[float]:
    """Accuracy on ``test`` in each group, after training on ``train``."""
    import torch
    from torch.nn import functional as F
    from tqdm import tqdm

    torch.manual_seed(seed)
    network, batch = build_network(), 64
    steps = len(train.classes) // batch
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=epochs * steps)
    for _ in tqdm(range(epochs), desc="training", unit="epoch"):
        order = torch.randperm(len(train.classes))
        for i in range(steps):
            chosen = order[i * batch : (i + 1) * batch]
            images = train.images[chosen]
            images = images.flip(3) if torch.rand(()) < 0.5 else images
            scores = network(images, train.classes[chosen])
            targets = (t / t.sum(1, keepdim=True) for t in train.labels[chosen].split(SIZES, 1))
            loss = sum(F.cross_entropy(s, t) for s, t in zip(scores, targets, strict=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.no_grad():
        parts = zip(test.images.split(256), test.classes.split(256), strict=True)
        scores = [network(images, classes) for images, classes in parts]
    guesses = [torch.cat(group).argmax(1, keepdim=True) for group in zip(*scores, strict=True)]
    truths = test.labels.split(SIZES, 1)
    return [t.gather(1, g).mean().item() for g, t in zip(guesses, truths, strict=True)]


def without_pixels(pairs: Pairs) -> Pairs:
    """The same pairs with black crops: the mask and the class are left."""
    images = pairs.images.clone()
    images[:, :3] = 0
    return Pairs(images, pairs.classes, pairs.labels)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--root", required=True, help="folder of the sample data set; generated if it is not there"
    )
    parser.add_argument("--epochs", type=int, default=12)
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
