"""What the evaluators share: walking the targets of clips."""

from abc import abstractmethod

from detectron2.evaluation import DatasetEvaluator

from vost_sgg.structures import FrameGroundTruth, FramePrediction


class ClipEvaluator(DatasetEvaluator):
    """A detectron2 evaluator that hands each target of each clip to :meth:`update`."""

    def process(self, inputs: list[dict], outputs: list[list]) -> None:
        """Adds the targets of ``inputs``. Raises ValueError that names the frame if its arrays are wrong."""
        for clip, predictions in zip(inputs, outputs, strict=True):
            targets = [clip["frames"][target] for target in clip["references"]]
            if len(targets) != len(predictions):
                raise ValueError(
                    f"{len(predictions)} predictions for the {len(targets)} targets of a clip"
                )
            for frame, prediction in zip(targets, predictions, strict=True):
                image_id = frame.get("image_id", "(no image_id)")
                try:
                    self.update(frame["ground_truth"], prediction, image_id)
                except ValueError as error:
                    raise ValueError(f"frame {image_id}: {error}") from error

    @abstractmethod
    def update(
        self, ground_truth: FrameGroundTruth, prediction: FramePrediction, image_id: str
    ) -> None:
        """Adds one target. Raises ValueError if its arrays are wrong."""
