"""Tiny random models of the real Qwen2.5-VL and InternVL classes, with real processors, made from nothing."""

from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.vlm.frames import METADATA
from vost_sgg.config import get_vost_cfg
from vost_sgg.data.mapper import read_frame
from vost_sgg.vlm import VLM
from vost_sgg.vlm.prompts import build_prompts
from vost_sgg.vlm.targets import TargetCollator, TargetDataset

QWEN = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
INTERN = ["<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}"
    "{% if c.type == 'image' %}IMAGE{% else %}{{ c.text }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "bos_token_id": None,
}


def make_qwen(folder: Path, texts: list[str], version: str = "2.5", vision=(), text=()) -> Path:
    """Saves a Qwen2.5-VL (or Qwen3-VL: ``version`` "3") whose tokenizer has learned ``texts``."""
    import transformers

    tokenizer = _tokenizer(
        texts,
        {
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_start_token": "<|vision_start|>",
            "vision_end_token": "<|vision_end|>",
        },
        QWEN,
    )
    ids = {f"{token}_id": tokenizer.convert_tokens_to_ids(getattr(tokenizer, token)) for token in
           ("image_token", "video_token", "vision_start_token", "vision_end_token")}  # fmt: skip
    language = {**TEXT, **_text_ids(tokenizer)}
    language["rope_parameters"] = {
        "rope_type": "default",
        "rope_theta": 1e4,
        "mrope_section": [2, 3, 3],
    }
    tower = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2}
    if version == "2.5":
        name, patch = "Qwen2_5_VL", {"patch_size": 14}
        tower |= {"out_hidden_size": 64, "fullatt_block_indexes": [1], "window_size": 56}
    else:
        name, patch = "Qwen3VL", {"patch_size": 16}
        language["head_dim"] = 16
        tower |= {"out_hidden_size": 64, "deepstack_visual_indexes": [0], **patch}
    config = getattr(transformers, f"{name}Config")(
        text_config=language | dict(text), vision_config=tower | dict(vision), **ids
    )
    size = {"shortest_edge": 28 * 28, "longest_edge": 12845056}
    processor = getattr(transformers, f"{name}Processor")(
        image_processor=transformers.Qwen2VLImageProcessor(size=size, **patch),
        tokenizer=tokenizer,
        video_processor=transformers.Qwen2VLVideoProcessor(size=size),
        chat_template=TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )
    return _save(
        folder, getattr(transformers, f"{name}ForConditionalGeneration")(config), processor
    )


def make_internvl(folder: Path, texts: list[str], image: int = 56, vision=()) -> Path:
    """Saves an InternVL with tiles of ``image`` pixels, whose tokenizer has learned ``texts``."""
    import transformers

    tokenizer = _tokenizer(
        texts,
        {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
        INTERN,
    )
    length = (image // 14) ** 2 // 4
    config = transformers.InternVLConfig(
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=length,
        downsample_ratio=0.5,
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "image_size": (image, image),
            "patch_size": (14, 14),
            **dict(vision),
        },
        text_config={"model_type": "qwen2", **TEXT, **_text_ids(tokenizer)},
    )
    size = {"height": image, "width": image}
    processor = transformers.InternVLProcessor(
        image_processor=transformers.GotOcr2ImageProcessor(size=size, max_patches=12),
        tokenizer=tokenizer,
        video_processor=transformers.InternVLVideoProcessor(size=size),
        image_seq_length=length,
        chat_template=TEMPLATE.replace("IMAGE", "<IMG_CONTEXT>\n"),
    )
    return _save(folder, transformers.InternVLForConditionalGeneration(config), processor)


def overfit(folder: Path, chat, examples: list[dict], steps: int = 500, rate: float = 3e-3) -> None:
    """Trains the model in ``folder``, all of it, on a collator's ``examples`` until it knows them."""
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(folder).train()
    batch = TargetCollator(chat)(examples)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for _ in range(steps):
        loss = model(**batch).loss
        if loss < 0.01:
            break
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)


def _tokenizer(texts, named, specials):
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", *specials],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, "user\n", "assistant\n"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=named,
    )


def _text_ids(tokenizer) -> dict:
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    return {"vocab_size": len(tokenizer), **ids}


def _save(folder: Path, model, processor) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


MAKERS = {"Qwen2_5_VL": make_qwen, "InternVL": make_internvl}


@dataclass
class TrainedVLM:
    """A tiny model that answers every prompt of some records as they are annotated.

    Args:
        name: in the registry.
        folder: its weights.
        records, task: what it was trained on.
        examples: its training set, in the order of the prompts.
    """

    name: str
    folder: Path
    records: list[dict]
    task: str
    examples: list[dict]

    def opts(self, *more) -> list:
        """Config keys that choose it."""
        return [
            *("MODEL.VLM.NAME", self.name, "MODEL.VLM.WEIGHTS", str(self.folder)),
            *("MODEL.VLM.DTYPE", "float32", "MODEL.VLM.MAX_NEW_TOKENS", "128"),
            *("MODEL.TASK", self.task, "MODEL.DEVICE", "cpu", *map(str, more)),
        ]

    def backend(self, *more):
        return VLM.build(get_vost_cfg(None, self.opts(*more)), dataset_name="tiny_test")

    def requests(self, backend) -> list:
        """Every prompt with its frame, as the extraction asks."""
        images = {r["image_id"]: read_frame(r, "RGB") for r in self.records}
        prompts = all_prompts(self.records, self.task, backend, backend.processed_size)
        return [(images[p.image_id], p) for p in prompts]


def all_prompts(records: list[dict], task: str, backend, processed_size) -> list:
    return [
        prompt
        for r in records
        for prompt in build_prompts(
            task,
            r,
            METADATA,
            box_frame=backend.box_frame,
            processed_size=processed_size(r["width"], r["height"]),
        )
    ]


def train_vlm(name: str, folder: Path, records: list[dict], task: str = "predcls") -> TrainedVLM:
    """Makes a tiny model and overfits it: seconds."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    texts = [p.text for p in all_prompts(records, task, VLM.get(name), lambda *size: size)]
    MAKERS[name](folder, texts)
    vlm = TrainedVLM(name, folder, records, task, [])
    cfg = get_vost_cfg(None, vlm.opts())
    chat = VLM.get(name).load_chat(cfg, str(folder))
    frame = VLM.get(name).box_frame
    dataset = TargetDataset(records, metadata=METADATA, task=task, box_frame=frame, chat=chat)
    vlm.examples = [dataset[i] for i in range(len(dataset))]
    overfit(folder, chat, vlm.examples)
    return vlm
