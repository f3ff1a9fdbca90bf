"""What a VLM is fine-tuned on: prompts of a data set with the answers that its annotation gives."""

from collections.abc import Mapping, Sequence

import torch
from torch.utils.data import Dataset

from vost_sgg.data.mapper import read_frame
from vost_sgg.vlm.chat import ChatProcessor
from vost_sgg.vlm.prompts import build_prompts, count_prompts
from vost_sgg.vlm.words import Vocabulary
from vost_sgg.vlm.writing import annotated_answer, write_answer

# What transformers' losses leave out.
IGNORED = -100


class TargetDataset(Dataset):
    """Every prompt of a data set: {"image": (height, width, 3) uint8 RGB, "prompt": str, "answer": str}.

    Answers are written as the prompts ask for them, boxes in the model's own frame.

    Args:
        records: dataset dicts.
        metadata: of the data set.
        task: predcls, sgcls or sgdet.
        box_frame: of the model.
        chat: its processor, which says how large it sees an image.

    Raises:
        FrameError: by an item whose image cannot be read.
    """

    def __init__(
        self,
        records: Sequence[Mapping],
        *,
        metadata,
        task: str,
        box_frame: str,
        chat: ChatProcessor,
    ):
        self._records, self._metadata, self._task = records, metadata, task
        self._box_frame, self._chat = box_frame, chat
        self._vocabulary = Vocabulary.of(metadata)
        # The texts of all prompts would be gigabytes: they are made when they are asked for.
        self._items = [
            (r, k) for r in range(len(records)) for k in range(count_prompts(task, records[r]))
        ]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> dict:
        row, number = self._items[index]
        record = self._records[row]
        prompt = build_prompts(
            self._task,
            record,
            self._metadata,
            box_frame=self._box_frame,
            processed_size=self._chat.processed_size(record["width"], record["height"]),
        )[number]
        answer = annotated_answer(prompt, record, self._vocabulary)
        return {
            "image": read_frame(record, "RGB"),
            "prompt": prompt.text,
            "answer": write_answer(answer, prompt, self._vocabulary),
        }


class TargetCollator:
    """Makes a batch of examples the model's input, with labels on the tokens of the answers and their ending alone.

    Prompts are made exactly as for generation, so that the model is trained on what it will be asked; they are padded
    on the left, answers on the right.

    Args:
        chat: the model's processor.
    """

    def __init__(self, chat: ChatProcessor):
        self._chat = chat

    def __call__(self, examples: Sequence[Mapping]) -> dict:
        images, prompts, texts = (
            [e[key] for e in examples] for key in ("image", "prompt", "answer")
        )
        inputs, answers = self._chat.inputs(images, prompts), self._chat.answers(texts)
        ids, mask = answers["input_ids"], answers["attention_mask"]
        behind = {
            "input_ids": ids,
            "attention_mask": mask,
            "mm_token_type_ids": torch.zeros_like(ids),
        }
        batch = {
            key: torch.cat([value, behind[key]], dim=1) if key in behind else value
            for key, value in inputs.items()
        }
        unlabelled = torch.full_like(inputs["input_ids"], IGNORED)
        batch["labels"] = torch.cat([unlabelled, ids.masked_fill(mask == 0, IGNORED)], dim=1)
        return batch
