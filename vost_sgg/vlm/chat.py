"""From images and prompts to a Hugging Face model's input, by its own processor and chat template."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch


class ChatProcessor(ABC):
    """A model's processor, asked for one image and one prompt a conversation.

    Args:
        processor: as ``AutoProcessor`` loads it.
        min_pixels, max_pixels: area to which images are resized; 0 for the processor's own.
    """

    def __init__(self, processor, *, min_pixels: int = 0, max_pixels: int = 0):
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self._sizes: dict[tuple[int, int], tuple[int, int]] = {}
        self._limit(min_pixels, max_pixels)

    @abstractmethod
    def _limit(self, min_pixels: int, max_pixels: int) -> None:
        """Sets the limits of the image's size that are not 0."""

    @property
    @abstractmethod
    def image_settings(self) -> dict:
        """The limits of the image's size in force, as JSON values."""

    @abstractmethod
    def _processed_size(self, width: int, height: int) -> tuple[int, int]: ...

    @abstractmethod
    def split_pixels(self, inputs: dict) -> list[dict]:
        """Of :meth:`inputs`: what the vision tower is given for each conversation's image."""

    def processed_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of an image of this size as the model sees it."""
        size = (width, height)
        if size not in self._sizes:
            self._sizes[size] = self._processed_size(width, height)
        return self._sizes[size]

    def inputs(self, images: Sequence[np.ndarray], texts: Sequence[str]) -> dict:
        """The model's input for one image (height, width, 3 uint8 RGB) and prompt each, padded on the left."""
        return self.processor(
            text=[self._conversation(text) for text in texts],
            images=[[np.array(image)] for image in images],  # a copy: frames may be read-only
            padding=True,
            padding_side="left",
            return_tensors="pt",
            **self._image_arguments(),
        )

    def _image_arguments(self) -> dict:
        return {}

    def _conversation(self, text: str, answer: str | None = None) -> str:
        content = [{"type": "image"}, {"type": "text", "text": text}]
        messages = [{"role": "user", "content": content}]
        if answer is not None:
            messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        return self.processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=answer is None
        )

    @property
    def ending(self) -> str:
        """What the chat template writes behind an answer, such as ``<|im_end|>``."""
        return self._conversation("?", "ANSWER").rpartition("ANSWER")[2].strip()

    def answers(self, texts: Sequence[str]) -> dict:
        """``input_ids`` and ``attention_mask`` of answers with their ending, padded on the right."""
        return self.tokenizer(
            [text + self.ending for text in texts],
            padding=True,
            padding_side="right",
            add_special_tokens=False,
            return_tensors="pt",
        )

    def decode(self, tokens: torch.Tensor) -> list[str]:
        """The texts of generated tokens (N, length), without special tokens."""
        return self.tokenizer.batch_decode(tokens, skip_special_tokens=True)


class QwenChat(ChatProcessor):
    """Qwen2.5-VL's and Qwen3-VL's: one image of any size, whose sides are multiples of a patch."""

    def _limit(self, min_pixels, max_pixels):
        size = self.processor.image_processor.size
        self.limits = {
            "shortest_edge": min_pixels or size["shortest_edge"],  # areas, whatever their names say
            "longest_edge": max_pixels or size["longest_edge"],
        }
        if self.limits["shortest_edge"] > self.limits["longest_edge"]:
            raise ValueError(
                f"MODEL.VLM.MIN_PIXELS {self.limits['shortest_edge']} is more than MODEL.VLM.MAX_PIXELS "
                f"{self.limits['longest_edge']} (0: the processor's own)"
            )

    @property
    def image_settings(self):
        return {
            "min_pixels": self.limits["shortest_edge"],
            "max_pixels": self.limits["longest_edge"],
        }

    def _image_arguments(self):
        return {"images_kwargs": {"size": self.limits}}

    def _processed_size(self, width, height):
        blank = np.zeros((height, width, 3), np.uint8)
        images = self.processor.image_processor(images=[blank], size=self.limits)
        _, rows, columns = np.asarray(images["image_grid_thw"])[0].tolist()
        patch = self.processor.image_processor.patch_size
        return columns * patch, rows * patch

    def split_pixels(self, inputs):
        grids = inputs["image_grid_thw"]
        pixels = inputs["pixel_values"].split(grids.prod(dim=1).tolist())
        return [
            {"pixel_values": p, "image_grid_thw": g[None]}
            for p, g in zip(pixels, grids, strict=True)
        ]


class InternVLChat(ChatProcessor):
    """InternVL's: the image is cut into square tiles of one size, and a thumbnail of it is added."""

    def _limit(self, min_pixels, max_pixels):
        images = self.processor.image_processor
        tile = images.size["height"] * images.size["width"]
        self.tiles = {
            "min_patches": max(1, min_pixels // tile) if min_pixels else images.min_patches,
            "max_patches": max(1, max_pixels // tile) if max_pixels else images.max_patches,
        }
        if self.tiles["min_patches"] > self.tiles["max_patches"]:
            raise ValueError(
                f"MODEL.VLM.MIN_PIXELS and MAX_PIXELS ask for at least {self.tiles['min_patches']} and at most "
                f"{self.tiles['max_patches']} tiles of {tile} pixels"
            )

    @property
    def image_settings(self):
        return dict(self.tiles)

    def _image_arguments(self):
        return {"images_kwargs": {"crop_to_patches": True, **self.tiles}}

    def _processed_size(self, width, height):
        from transformers.models.got_ocr2.image_processing_got_ocr2 import get_optimal_tiled_canvas

        tile = (
            self.processor.image_processor.size["height"],
            self.processor.image_processor.size["width"],
        )
        columns, rows = get_optimal_tiled_canvas((height, width), tile, *self.tiles.values())
        return columns * tile[1], rows * tile[0]

    def split_pixels(self, inputs):
        of_images = inputs["input_ids"] == self.processor.image_token_id
        tiles = of_images.sum(dim=1) // self.processor.image_seq_length
        return [{"pixel_values": p} for p in inputs["pixel_values"].split(tiles.tolist())]
