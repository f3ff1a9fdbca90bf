"""Asking a VLM about every frame of some videos, video by video, resumable after a kill at any moment."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from detectron2.utils.file_io import PathManager

from vost_sgg.data.mapper import FrameError, read_frame
from vost_sgg.vlm.answer_file import AnswerFile
from vost_sgg.vlm.answers import EMPTY, Answer
from vost_sgg.vlm.backend import VLMBackend
from vost_sgg.vlm.cache import CacheLine, video_path
from vost_sgg.vlm.parser import AnswerParser
from vost_sgg.vlm.prompts import Prompt, build_prompts
from vost_sgg.vlm.words import Vocabulary

logger = logging.getLogger(__name__)

# The parse of a prompt whose frame could not be read.
NOT_ASKED = Answer(EMPTY, ("no_answer",))


class ExtractionError(RuntimeError):
    """The extraction cannot go on; what is stored stays, and running it again goes on."""


def videos_of(records: Iterable[Mapping]) -> list[list[Mapping]]:
    """The records of each video, in the order of the data set, which is sorted by video."""
    return [list(frames) for _, frames in groupby(records, key=lambda r: r["video_id"])]


def shard(videos: Sequence, index: int, count: int) -> list:
    """Every ``count``-th video from ``index``: the shards are disjoint and together are all videos."""
    return list(videos[index::count])


@dataclass(kw_only=True)
class Extractor:
    """Asks one backend about videos of one data set and stores its answers.

    Args:
        backend: a registered VLM.
        folder: of the cache, claimed by this setting (:func:`vost_sgg.vlm.manifest.claim_folder`).
        task: predcls, sgcls or sgdet.
        metadata: of the data set.
        batch_size: prompts that the backend is asked at once.
    """

    backend: VLMBackend
    folder: str
    task: str
    metadata: object
    batch_size: int

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"MODEL.VLM.BATCH_SIZE is {self.batch_size}; it is at least 1")
        self._parser = AnswerParser(Vocabulary.of(self.metadata))

    def prompts(self, frames: Iterable[Mapping]) -> list[tuple[Mapping, Prompt]]:
        """Every frame's prompts, each with its frame's record."""
        return [
            (record, prompt)
            for record in frames
            for prompt in build_prompts(
                self.task,
                record,
                self.metadata,
                box_frame=self.backend.box_frame,
                processed_size=self.backend.processed_size(record["width"], record["height"]),
            )
        ]

    def is_complete(self, video_id: str) -> bool:
        """Whether a video's answers are all stored."""
        return PathManager.isfile(video_path(self.folder, video_id))

    def run(
        self, frames: Sequence[Mapping], asked: Callable[[int], None], stored: Callable
    ) -> None:
        """Extracts one video that is not complete.

        Args:
            frames: the records of the video.
            asked: called with the number of prompts after each batch that has been answered and stored.
            stored: called once with the number of prompts whose answers were there from an earlier run.

        Raises:
            CacheError: as :class:`AnswerFile`.
            ExtractionError: half a batch does not fit the memory either.
        """
        prompts = self.prompts(frames)
        keys = {(p.image_id, p.pair): p.hash for _, p in prompts}
        with AnswerFile(self.folder, frames[0]["video_id"], keys) as file:
            if file.corrupt:
                logger.warning(f"{file.part}: {file.corrupt} unreadable lines are asked again")
            stored(len(file.stored))
            # Batches begin at the same prompts whether or not an earlier run was killed: what else is in its batch can
            # change the last digits of a real model, and so a word.
            for start in range(0, len(prompts), self.batch_size):
                batch = [
                    (record, prompt)
                    for record, prompt in prompts[start : start + self.batch_size]
                    if (prompt.image_id, prompt.pair) not in file.stored
                ]
                if batch:
                    file.append(self._answer(batch))
                    asked(len(batch))
            file.finish()

    def _answer(self, batch: Sequence[tuple[Mapping, Prompt]]) -> Iterator[CacheLine]:
        images: dict[str, np.ndarray | str] = {}
        for record, _ in batch:
            if record["image_id"] not in images:
                images[record["image_id"]] = image_or_reason(record)
        readable = [p for _, p in batch if not isinstance(images[p.image_id], str)]
        responses = iter(self._respond([(images[p.image_id], p) for p in readable]))
        for _, prompt in batch:
            image = images[prompt.image_id]
            if isinstance(image, str):
                yield _line(prompt, None, NOT_ASKED, error=image)
            else:
                response = next(responses)
                yield _line(prompt, response, self._parser.parse(response, prompt))

    def _respond(self, requests: list[tuple[np.ndarray, Prompt]]) -> list[str]:
        try:
            responses = self.backend.respond(requests) if requests else []
        except torch.OutOfMemoryError:
            responses = None
        if responses is None:  # outside the handler, whose error keeps the failed batch's memory
            responses = self._respond_in_halves(requests)
        if len(responses) != len(requests):
            raise ExtractionError(
                f"{type(self.backend).__name__} gave {len(responses)} answers to {len(requests)} prompts"
            )
        return responses

    def _respond_in_halves(self, requests: list[tuple[np.ndarray, Prompt]]) -> list[str]:
        half = (len(requests) + 1) // 2
        logger.warning(f"out of memory at a batch of {len(requests)} prompts: halving it")
        torch.cuda.empty_cache()
        try:
            parts = [
                self.backend.respond(part) for part in (requests[:half], requests[half:]) if part
            ]
        except torch.OutOfMemoryError as error:
            raise ExtractionError(
                f"out of memory at a batch of {len(requests)} prompts, and at half of it: set MODEL.VLM.BATCH_SIZE to "
                f"less than {half}, or MODEL.VLM.MAX_PIXELS lower; running it again goes on"
            ) from error
        return [response for part in parts for response in part]


def _line(
    prompt: Prompt, response: str | None, parse: Answer, error: str | None = None
) -> CacheLine:
    return CacheLine(
        frame=prompt.image_id,
        pair=prompt.pair,
        prompt=prompt.hash,
        size=prompt.boxes.processed,
        response=response,
        parse=parse,
        error=error,
    )


def image_or_reason(record: Mapping) -> np.ndarray | str:
    """The frame in RGB, or, if it cannot be read, why; that is logged too."""
    try:
        return read_frame(record, "RGB")
    except FrameError as error:
        logger.warning(str(error))
        # Without the folder, so that a cache does not depend on where the frames lie.
        return str(error).replace(os.path.dirname(record["file_name"]) + os.sep, "")
