"""Qwen2.5-VL, Qwen3-VL and InternVL: the classes of transformers, behind the contract of the registry ``VLM``."""

import importlib.metadata
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from detectron2.config import CfgNode, configurable
from torch import nn

from vost_sgg.vlm.adapter import load_adapter
from vost_sgg.vlm.backend import VLM, VLMBackend
from vost_sgg.vlm.chat import ChatProcessor, InternVLChat, QwenChat
from vost_sgg.vlm.prompts import Prompt
from vost_sgg.vlm.weights import check_model_type, fingerprint, local_weights

DTYPES = ("bfloat16", "float16", "float32")


class HuggingFaceVLM(VLMBackend):
    """A model of transformers with greedy, batched, left-padded generation.

    Args:
        model: in its final place and type, without an adapter left to merge.
        chat: its processor.
        tag: name of its folder in the cache.
        max_new_tokens: longest answer.
        weights_fingerprint: of model and adapter.
    """

    model_type: ClassVar[str]
    chat_class: ClassVar[type[ChatProcessor]]
    # Whether all that the language model is given of an image are features in the place of its tokens.
    encodes_once: ClassVar[bool] = True

    @configurable
    def __init__(
        self,
        *,
        model: nn.Module,
        chat: ChatProcessor,
        tag: str,
        max_new_tokens: int,
        weights_fingerprint: str = "",
    ):
        self.tag = tag
        self._chat, self._max_new_tokens = chat, max_new_tokens
        self._fingerprint = weights_fingerprint
        self._model = model.eval()
        # A model's own generation settings (sampling, repetition penalty) are put aside; only its stop tokens stay.
        self._model.generation_config = self._greedy()

    @classmethod
    def from_config(cls, cfg: CfgNode, *, dataset_name: str = ""):
        vlm = cfg.MODEL.VLM
        folder = cls.folder(cfg)
        folders = [folder, vlm.ADAPTER] if vlm.ADAPTER else [folder]
        chat = cls.load_chat(cfg, folder)
        model = cls.load_model(folder, vlm.DTYPE).to(cfg.MODEL.DEVICE)
        if vlm.ADAPTER:
            base = fingerprint(folder)
            model = load_adapter(model, vlm.ADAPTER, weights=vlm.WEIGHTS, base=base)
        return {
            "model": model,
            "chat": chat,
            "tag": cls.tag_of(cfg),
            "max_new_tokens": vlm.MAX_NEW_TOKENS,
            "weights_fingerprint": fingerprint(*folders),
        }

    @classmethod
    def folder(cls, cfg: CfgNode) -> str:
        """Where the base model lies. Raises ValueError if there is none, or one of another kind."""
        folder = local_weights(cfg.MODEL.VLM.WEIGHTS)
        check_model_type(folder, cls.model_type)
        return folder

    @classmethod
    def load_chat(cls, cfg: CfgNode, folder: str) -> ChatProcessor:
        """The processor of the model in ``folder``, with the config's limits of the image's size."""
        from transformers import AutoProcessor

        processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        limits = {"min_pixels": cfg.MODEL.VLM.MIN_PIXELS, "max_pixels": cfg.MODEL.VLM.MAX_PIXELS}
        return cls.chat_class(processor, **limits)

    @classmethod
    def load_model(cls, folder: str, dtype: str) -> nn.Module:
        """The model in ``folder``, on the CPU. Raises ValueError if ``dtype`` is not one of DTYPES."""
        from transformers import AutoModelForImageTextToText

        if dtype not in DTYPES:
            raise ValueError(f"MODEL.VLM.DTYPE {dtype!r} is none of {', '.join(DTYPES)}")
        return AutoModelForImageTextToText.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=getattr(torch, dtype),
            attn_implementation="sdpa",
        )

    def _greedy(self):
        from transformers import GenerationConfig

        tokenizer, own = self._chat.tokenizer, self._model.generation_config.eos_token_id
        stops = {tokenizer.eos_token_id, tokenizer.get_added_vocab().get(self._chat.ending)}
        stops |= set(own) if isinstance(own, list) else {own}
        return GenerationConfig(
            do_sample=False,
            max_new_tokens=self._max_new_tokens,
            eos_token_id=sorted(stops - {None}),
            pad_token_id=tokenizer.pad_token_id,
        )

    def processed_size(self, width: int, height: int) -> tuple[int, int]:
        return self._chat.processed_size(width, height)

    @torch.inference_mode()
    def respond(self, requests: Sequence[tuple[np.ndarray, Prompt]]) -> list[str]:
        images = [image for image, _ in requests]
        inputs = self._chat.inputs(images, [prompt.text for _, prompt in requests])
        inputs = inputs.to(self._model.device)
        # The very same array behind each other is one frame, whose image is encoded once.
        places = {id(image): place for place, image in reversed(list(enumerate(images)))}
        first = [places[id(image)] for image in images]
        if self.encodes_once and len(places) < len(images):
            inputs = self._with_image_features(inputs, first)
        tokens = self._model.generate(**inputs)
        return self._chat.decode(tokens[:, inputs["input_ids"].shape[1] :])

    def _with_image_features(self, inputs: dict, first: list[int]) -> dict:
        """``inputs`` with embeddings instead of pixels; ``first`` is where each image stands for the first time."""
        pixels = self._chat.split_pixels(inputs)
        places = sorted(set(first))
        unique = {key: torch.cat([pixels[k][key] for k in places]) for key in pixels[0]}
        output = self._model.get_image_features(**unique, return_dict=True)
        features = self._per_image(output.pooler_output, [pixels[k] for k in places])
        repeated = torch.cat([features[places.index(k)] for k in first])
        ids = inputs["input_ids"]
        embeddings = self._model.get_input_embeddings()(ids)
        of_images = (ids == self._model.config.image_token_id)[..., None]
        embeddings = embeddings.masked_scatter(of_images, repeated.to(embeddings.dtype))
        kept = {key: value for key, value in inputs.items() if key != "pixel_values"}
        return {**kept, "inputs_embeds": embeddings}

    def _per_image(self, features, pixels: list[dict]) -> Sequence[torch.Tensor]:
        """Splits the features of some images into (tokens, width) each."""
        return features

    def fingerprint(self) -> str:
        return self._fingerprint

    def settings(self) -> dict:
        libraries = ("torch", "transformers", "tokenizers", "peft")
        return {
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "attention": "sdpa",
            "do_sample": False,
            "max_new_tokens": self._max_new_tokens,
            **self._chat.image_settings,
            "versions": {name: importlib.metadata.version(name) for name in libraries},
        }


@VLM.register()
class Qwen2_5_VL(HuggingFaceVLM):
    """Qwen2.5-VL, such as Qwen/Qwen2.5-VL-7B-Instruct. Its boxes are pixels of the resized image."""

    model_type, box_frame, chat_class = "qwen2_5_vl", "resized_pixels", QwenChat


@VLM.register()
class Qwen3_VL(HuggingFaceVLM):
    """Qwen3-VL, such as Qwen/Qwen3-VL-8B-Instruct. Its boxes are thousandths of the image.

    Its vision tower also feeds layers inside of the language model, so an image is encoded for every prompt.
    """

    model_type, box_frame, chat_class = "qwen3_vl", "norm1000", QwenChat
    encodes_once = False


@VLM.register()
class InternVL(HuggingFaceVLM):
    """InternVL 3 or 3.5 in the form that transformers reads, such as OpenGVLab/InternVL3-8B-hf."""

    model_type, box_frame, chat_class = "internvl", "norm1000", InternVLChat

    def _per_image(self, features, pixels):
        tiles = [len(p["pixel_values"]) for p in pixels]
        return [of_image.flatten(0, 1) for of_image in features.split(tiles)]
