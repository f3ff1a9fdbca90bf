"""How well the annotated actions of persons are recovered: whole sets, recall and average precision."""

import numpy as np

from projects.ava.actions import ACTION_NAMES, ACTIONS

THRESHOLDS = (0.1, 0.3, 0.5)
RANKS = (1, 2, 3)


class ActionRecovery:
    """Counts over persons of keyframes; each that does one of the seven actions is one sample.

    The metrics of :meth:`compute` are fractions, of all samples unless said otherwise:

    - ``found``: a predicted subject overlaps the person.
    - ``set@n``: the n actions of highest score are exactly the n annotated ones. It has no parameter.
    - ``set@top1``, ``...2``, ``...3``: all annotated actions are among the k of highest score; others may be, too.
    - ``set@t0.1``, ``...0.3``, ``...0.5``: all annotated actions score at least t (the paper's criterion,
      Supplement 6), and others may; ``exact@t...``: and no other one does.
    - ``R@1``, ``...2``, ``...3``: the share of a person's annotated actions among the k of highest score, mean over
      persons; ``mR@...``: each action's share of its persons, mean over the actions that are annotated.
    - ``mAP``: mean over these actions of the AP with which their scores rank the samples.

    A score of 0 names nothing: it is above no threshold, has no rank, and retrieves no sample. Equal scores are ranked
    in the order of ``ACTIONS``, and in an AP they are retrieved together.
    """

    def __init__(self):
        self._labels: list[np.ndarray] = []
        self._scores: list[np.ndarray] = []
        self._found: list[np.ndarray] = []

    def update(self, labels: np.ndarray, scores: np.ndarray, found: np.ndarray) -> None:
        """Adds the M annotated persons of a keyframe; those that do none of the seven actions are left out.

        Args:
            labels: (M, 7) bool.
            scores: (M, 7) float, at least 0.
            found: (M,) bool.
        """
        samples = labels.any(1)
        self._labels.append(labels[samples])
        self._scores.append(scores[samples])
        self._found.append(found[samples])

    def state(self) -> list[np.ndarray]:
        """Everything added, for :meth:`merge_state` in another process."""
        return list(self._arrays())

    def merge_state(self, state: list[np.ndarray]) -> None:
        """Adds what another one was given."""
        self.update(*state)

    def __len__(self) -> int:
        return sum(map(len, self._labels))

    def prior(self) -> "ActionRecovery":
        """What one gets without a look: every person found, actions scored by their share of these very samples."""
        labels, *_ = self._arrays()
        prior = ActionRecovery()
        prior.update(labels, np.tile(labels.mean(0), (len(labels), 1)), np.ones(len(labels), bool))
        return prior

    def compute(self) -> dict[str, float]:
        """All metrics. Raises ValueError if there is no sample."""
        labels, scores, found = self._checked()
        rank = ranks_of(scores)
        wanted = labels.sum(1)
        metrics = {"found": found.mean(), "set@n": _all(labels, rank < wanted[:, None]).mean()}
        for k in RANKS:
            metrics[f"set@top{k}"] = _all(labels, rank < k).mean()
        for t in THRESHOLDS:
            named = (scores >= t) & (scores > 0)
            metrics[f"set@t{t:g}"] = _all(labels, named).mean()
            metrics[f"exact@t{t:g}"] = (labels == named).all(1).mean()
        for k in RANKS:
            metrics[f"R@{k}"] = ((labels & (rank < k)).sum(1) / wanted).mean()
        annotated = [values for values in self.per_action().values() if values["samples"]]
        for name in (*(f"R@{k}" for k in RANKS), "AP"):
            metrics[f"m{name}"] = np.mean([values[name] for values in annotated])
        return {name: float(value) for name, value in metrics.items()}

    def per_action(self) -> dict[str, dict[str, float | None]]:
        """By action: ``samples``, ``R@k`` (the share of its samples that have it among the k of highest score) and
        ``AP``; None of an action without samples. Raises ValueError if there is no sample.
        """
        labels, scores, _ = self._checked()
        rank = ranks_of(scores)
        values = {}
        for column, name in enumerate(ACTION_NAMES):
            positive = labels[:, column]
            values[name] = {"samples": int(positive.sum())}
            for k in RANKS:
                hits = rank[positive, column] < k
                values[name][f"R@{k}"] = float(hits.mean()) if len(hits) else None
            values[name]["AP"] = average_precision(positive, scores[:, column])
        return values

    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        empty = np.zeros((0, len(ACTIONS)))
        return (
            np.concatenate([empty.astype(bool), *self._labels]),
            np.concatenate([empty, *self._scores]),
            np.concatenate([np.zeros(0, bool), *self._found]),
        )

    def _checked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not len(self):
            raise ValueError("there is no person who does one of the seven actions")
        return self._arrays()


def ranks_of(scores: np.ndarray) -> np.ndarray:
    """(M, 7) rank from 0 of each action of a person by descending score; the number of actions where it is 0."""
    order = np.argsort(-scores, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(scores.shape[1])[None], axis=1)
    return np.where(scores > 0, rank, scores.shape[1])


def average_precision(positive: np.ndarray, scores: np.ndarray) -> float | None:
    """The sum, over the distinct scores above 0, of the recall that each adds times the precision down to it.

    Args:
        positive: (n,) bool.
        scores: (n,) float.

    Returns:
        None if nothing is positive.
    """
    if not positive.any():
        return None
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], positive[order].cumsum()
    last = np.append(ranked[1:] != ranked[:-1], True) & (ranked > 0)  # of each run of equal scores
    retrieved = np.flatnonzero(last) + 1
    hits = hits[last]
    return float((np.diff(hits, prepend=0) * hits / retrieved).sum() / positive.sum())


def _all(labels: np.ndarray, named: np.ndarray) -> np.ndarray:
    """(n,) bool: whether every label is named."""
    return (named | ~labels).all(1)
