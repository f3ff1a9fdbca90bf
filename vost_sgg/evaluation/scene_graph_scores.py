"""``SceneGraphScores``: everything that is measured of one method's scene graphs, and how it is said."""

from collections.abc import Mapping

import numpy as np
from detectron2.data import MetadataCatalog

from vost_sgg.evaluation.frequency import FrequencyBaseline
from vost_sgg.evaluation.object_ap import ObjectAP, mean_over_objects
from vost_sgg.evaluation.recall import SceneGraphRecall
from vost_sgg.evaluation.results import object_ap_document, results_document
from vost_sgg.evaluation.tables import (
    analysis_table,
    object_ap_line,
    predicate_table,
    recall_header,
    recall_table,
)
from vost_sgg.evaluation.triplet_counts import TripletCounts
from vost_sgg.structures import FrameGroundTruth, FramePrediction

BASELINE_NAME = "frequency baseline"
CEILING_NAME = "ceiling (knows the labels)"


class SceneGraphScores:
    """Recall of a method's scene graphs, of the frequency baseline on the same boxes, and in SGDET the objects' AP.

    Not the person's AP: every slot predicts the person anew, and AP counts all but one of them as false.

    Args:
        dataset_name: name in detectron2's catalogs; its metadata gives ``predicate_classes`` and, for the header,
            ``frame_rule``.
        rules: arguments of ``SceneGraphRecall``: ``task``, ``protocol``, ``constraints``, ...
        method: name of the method's row.
        baseline: scored on the method's own boxes and classes; None: no such row.
        training: counts of the training annotations; None: those of the baseline, where there is one.

    Raises:
        ValueError: a name is unknown, or the method has that of the baseline's row.
    """

    def __init__(
        self,
        *,
        dataset_name: str,
        rules: Mapping,
        method: str = "model",
        baseline: FrequencyBaseline | None = None,
        training: TripletCounts | None = None,
    ):
        if baseline is not None and method == BASELINE_NAME:
            raise ValueError(f"the {method} is a row of its own: give the model another name")
        self._dataset_name, self._method, self._baseline = dataset_name, method, baseline
        names = [method] if baseline is None else [method, BASELINE_NAME]
        training = training or getattr(baseline, "counts", None)
        self.recalls = {name: SceneGraphRecall(**rules, training=training) for name in names}
        self._object_ap = ObjectAP(person=False) if rules["task"] == "sgdet" else None

    @property
    def recall(self) -> SceneGraphRecall:
        """The method's own."""
        return self.recalls[self._method]

    def update(self, ground_truth: FrameGroundTruth, prediction: FramePrediction) -> None:
        """Adds a frame of numpy arrays. Raises ValueError if they are wrong."""
        self.recall.update(ground_truth, prediction)
        if self._baseline is not None:
            self.recalls[BASELINE_NAME].update(ground_truth, self._baseline.predict(prediction))
        if self._object_ap is not None:
            objects = np.unique(prediction.pairs.reshape(-1, 2)[:, 1])
            self._object_ap.update(ground_truth, prediction, rows=objects)

    def state(self) -> dict:
        """What ``merge_state`` of another process needs."""
        recalls = {name: recall.state() for name, recall in self.recalls.items()}
        return {"recalls": recalls, "object_ap": self._object_ap and self._object_ap.state()}

    def merge_state(self, state: dict) -> None:
        """Adds the frames of another process by its ``state()``, behind those that are here."""
        for name, recall in self.recalls.items():
            recall.merge_state(state["recalls"][name])
        if self._object_ap is not None:
            self._object_ap.merge_state(state["object_ap"])

    def summary(self, ceiling: Mapping | None = None) -> "ScoreSummary":
        """The results. Call it once, at the end: the AP takes time."""
        by_class = self._object_ap.compute() if self._object_ap else {}
        return ScoreSummary(self._dataset_name, self.recalls, by_class, ceiling)


class ScoreSummary:
    """The results of :class:`SceneGraphScores` as text, as JSON and as detectron2's numbers.

    Args:
        dataset_name: of the catalogs.
        recalls: method -> its recall; the method that was evaluated first.
        object_ap: what ``ObjectAP.compute`` returns; {} where there is none.
        ceiling: what ``recall_ceiling`` returns; None: no such row.
    """

    def __init__(
        self,
        dataset_name: str,
        recalls: Mapping[str, SceneGraphRecall],
        object_ap: Mapping[int, Mapping[str, float]],
        ceiling: Mapping | None = None,
    ):
        self._dataset_name, self._recalls, self._object_ap = dataset_name, recalls, object_ap
        self._ceiling = ceiling
        self._recall = next(iter(recalls.values()))
        self._metadata = MetadataCatalog.get(dataset_name)
        self._frame_rule = self._metadata.get("frame_rule", "unknown")

    def text(self) -> str:
        """Header, table and the line about boxes."""
        names = self._metadata.predicate_classes
        header = recall_header(self._recall, self._dataset_name, names, self._frame_rule)
        rows = {name: recall.compute() for name, recall in self._recalls.items()}
        if self._ceiling is not None:
            rows[CEILING_NAME] = self._ceiling
        lines = [header, recall_table(rows)]
        return "\n".join(lines + ([object_ap_line(self._object_ap)] if self._object_ap else []))

    def analysis_text(self) -> str:
        """The tables that are printed on request: of the further metrics, and of each predicate."""
        rows = {name: recall.analysis() for name, recall in self._recalls.items()}
        predicates = predicate_table(self._recalls, self._metadata.predicate_classes)
        return f"{analysis_table(rows)}\n\n{predicates}"

    def document(self) -> dict:
        """The content of the JSON file; docs/evaluation.md lists its fields."""
        document = results_document(
            self._recalls,
            dataset=self._dataset_name,
            frame_rule=self._frame_rule,
            predicate_names=self._metadata.predicate_classes,
        )
        if self._ceiling is not None:
            document["ceiling"] = self._ceiling
        if self._object_ap:
            names = self._metadata.get("thing_classes")
            document["object_ap"] = object_ap_document(self._object_ap, names)
        return document

    def percentages(self) -> dict[str, float]:
        """``{"with/R@10": ..., "object/AP": ...}`` of the method."""
        values = {
            f"{constraint}/{metric}": 100 * value
            for constraint, metrics in self._recall.compute().items()
            for metric, value in metrics.items()
        }
        precision = mean_over_objects(self._object_ap)
        return values | {f"object/{metric}": 100 * value for metric, value in precision.items()}
