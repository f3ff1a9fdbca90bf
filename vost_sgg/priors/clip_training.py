"""Trains CLIP on the regions of annotated frames: what stands in for web-scale pre-training where there is none.

Not a part of the paper, whose CLIP is OpenAI's: configs/sample/clip.yaml trains the sample data set's with it, as
configs/sample/detr.yaml trains a detector in place of COCO's.
"""

from collections.abc import Sequence

import numpy as np
import torch
from detectron2.config import configurable
from detectron2.data import MetadataCatalog
from detectron2.modeling import META_ARCH_REGISTRY
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from vost_sgg.priors.clip import clip_tokenizer, new_clip, picture_transform
from vost_sgg.priors.extraction import region_prompt
from vost_sgg.priors.pairs import union_boxes
from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth
from vost_sgg.vlm.words import Vocabulary, prompt_word

# CLIP's own bound, so that the temperature stays above 0.01 (Radford et al. 2021, Sec. 2.5).
_MAX_SCALE = 100.0


@META_ARCH_REGISTRY.register()
class RegionTextCLIP(nn.Module):
    """A CLIP that learns which caption belongs to which region of the batch. Its regions are drawn as the priors' are.

    The object's region is called by its class, the union of a pair by "person", the pair's predicates and the object's
    class, and the person's by the same, without attention, of all its objects.
    """

    @configurable
    def __init__(
        self, *, clip: nn.Module, tokenizer, transform, prompt, vocabulary: Vocabulary, device: str
    ):
        """
        Args:
            clip: open_clip's model.
            tokenizer: texts -> (n, context length) int64.
            transform: PIL image -> (3, side, side), normalised.
            prompt: :class:`~vost_sgg.priors.RegionPrompt`.
            vocabulary: of the data set.
            device: that the model runs on.
        """
        super().__init__()
        # A CPU's convolutions are half as long again in the other layout.
        self.clip = clip.to(device, memory_format=torch.channels_last)
        self.device = torch.device(device)
        self._tokenizer, self._transform, self._prompt = tokenizer, transform, prompt
        self._vocabulary = vocabulary

    @classmethod
    def from_config(cls, cfg):
        clip = new_clip(cfg.MODEL.PRIORS.CLIP.NAME)
        return {
            "clip": clip,
            "tokenizer": clip_tokenizer(cfg.MODEL.PRIORS.CLIP.NAME, clip),
            "transform": picture_transform(clip, cfg.MODEL.PRIORS.CLIP.RESIZE),
            "prompt": region_prompt(cfg),
            "vocabulary": Vocabulary.of(MetadataCatalog.get(cfg.DATASETS.TRAIN[0])),
            "device": cfg.MODEL.DEVICE,
        }

    def forward(self, clips: list[dict]) -> dict[str, Tensor]:
        """The loss of the regions of every clip's targets; needs their ``ground_truth``, and is for training alone."""
        pictures, captions = [], []
        for clip in clips:
            for target in clip["references"]:
                frame = clip["frames"][target]
                boxes, texts = regions_and_captions(frame["ground_truth"], self._vocabulary)
                image = np.ascontiguousarray(frame["image"].permute(1, 2, 0).numpy())
                regions = map(Image.fromarray, self._prompt(image, boxes))
                pictures += map(self._transform, regions)
                captions += texts
        texts = list(dict.fromkeys(captions))
        number = {caption: i for i, caption in enumerate(texts)}
        caption_of = torch.tensor([number[caption] for caption in captions])
        batch = torch.stack(pictures).to(self.device, memory_format=torch.channels_last)
        images = F.normalize(self.clip.encode_image(batch), dim=-1)
        tokens = self._tokenizer(texts).to(self.device)
        words = F.normalize(self.clip.encode_text(tokens), dim=-1)
        scale = self.clip.logit_scale.exp().clamp(max=_MAX_SCALE)
        return {"loss_clip": contrastive_loss(scale * images @ words.T, caption_of.to(self.device))}


def contrastive_loss(logits: Tensor, caption_of: Tensor) -> Tensor:
    """CLIP's symmetric loss, in which several pictures may have one caption: each is as much its own.

    Args:
        logits: (n, m), n pictures against m distinct captions.
        caption_of: (n,) int64, each picture's; every caption has a picture.
    """
    own = F.one_hot(caption_of, logits.shape[1]).T.to(logits.dtype)
    own = own / own.sum(1, keepdim=True)
    return (F.cross_entropy(logits, caption_of) + F.cross_entropy(logits.T, own)) / 2


def regions_and_captions(
    truth: FrameGroundTruth, vocabulary: Vocabulary
) -> tuple[np.ndarray, list[str]]:
    """Of each person in a pair, each object in one, and each pair's union: (R, 4) xyxy boxes, and R captions."""
    boxes, pairs = np.asarray(truth.boxes), np.asarray(truth.pairs).reshape(-1, 2)
    groups = [
        (vocabulary.group(name), np.asarray(getattr(truth, name))) for name in PREDICATE_GROUPS
    ]
    regions, captions, told = [], [], {}
    for row, (person, thing) in enumerate(pairs.tolist()):
        noun = prompt_word(vocabulary.objects[int(truth.classes[thing])])
        said = [_joined(names, labels[row]) for names, labels in groups]
        told.setdefault(person, []).append(_phrase([*said[1:], noun]))
        regions += [boxes[thing], union_boxes(boxes[[person, thing]])]
        captions += [noun, f"person {_phrase([*said, noun])}"]
    regions += [boxes[person] for person in told]
    captions += [f"person {', '.join(phrases)}" for phrases in told.values()]
    return np.array(regions).reshape(-1, 4), captions


def _joined(names: Sequence[str], labels: np.ndarray) -> str:
    return " and ".join(
        prompt_word(name) for name, is_said in zip(names, labels, strict=True) if is_said
    )


def _phrase(words: Sequence[str]) -> str:
    return " ".join(word for word in words if word)
