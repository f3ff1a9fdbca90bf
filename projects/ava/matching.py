"""From predicted pair slots to scores of actions of each annotated person."""

import numpy as np

from projects.ava.actions import ACTIONS, PREDICATE_ROWS
from vost_sgg.evaluation.matching import IOU_THRESHOLD, box_iou
from vost_sgg.evaluation.slots import predicted_slots
from vost_sgg.structures import FramePrediction

PERSON = 0


def action_scores(boxes: np.ndarray, prediction: FramePrediction) -> tuple[np.ndarray, np.ndarray]:
    """What a predicted scene graph says that each annotated person does.

    The subject of a slot is the annotated person that it overlaps most, if by IoU 0.5 or more. An action's score is the
    greatest of its predicates over the person's slots, each a triplet's score: of subject, object and predicate.

    Args:
        boxes: (M, 4) xyxy of the annotated persons, in the unit of the prediction's.
        prediction: subjects that are no person are left out.

    Returns:
        scores: (M, 7) float64 in the order of ``ACTIONS``; 0 for a person without a subject.
        found: (M,) bool, whether the person has one.

    Raises:
        ValueError: an array of the prediction is wrong.
    """
    slots = predicted_slots(prediction)
    triplets = slots.scores[:, None] * slots.predicates
    by_action = np.stack([triplets[:, rows].max(1) for rows in PREDICATE_ROWS], axis=1)
    overlap = box_iou(boxes[:, None].astype(np.float64), slots.boxes[None, :, 0])
    overlap[:, slots.classes[:, 0] != PERSON] = 0
    scores, found = np.zeros((len(boxes), len(ACTIONS))), np.zeros(len(boxes), bool)
    if not overlap.size:
        return scores, found
    person = overlap.argmax(0)
    matched = overlap.max(0) >= IOU_THRESHOLD
    np.maximum.at(scores, person[matched], by_action[matched])
    found[person[matched]] = True
    return scores, found
