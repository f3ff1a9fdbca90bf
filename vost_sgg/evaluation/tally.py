"""Counting of hits, and the two averagings of recall, in exact arithmetic."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np

from vost_sgg.evaluation.protocols import RANKS
from vost_sgg.evaluation.slots import NUM_PREDICATES

# The column, behind the 26 predicates, in which all triplets of a frame are counted together.
_ALL = NUM_PREDICATES
_COLUMNS = NUM_PREDICATES + 1
_CODE_BITS = 20


class Tally:
    """How often a frame had n annotated triplets of a predicate (or of all) of which h were found within K.

    Integers only, and recalls are added up as fractions, so that no order of frames or shards changes a bit.
    """

    def __init__(self):
        self._counts = {k: Counter() for k in RANKS}

    def add(self, frame: np.ndarray, predicate: np.ndarray, rank: np.ndarray) -> None:
        """Adds a batch of frames: the (G,) frame, predicate and rank of the first hit of its annotated triplets."""
        cell = np.concatenate([frame * _COLUMNS + predicate, frame * _COLUMNS + _ALL])
        shape = (frame.max() + 1) * _COLUMNS
        total = np.bincount(cell, minlength=shape)
        seen = np.flatnonzero(total)
        for k in RANKS:
            hits = np.bincount(cell, weights=np.tile(rank < k, 2), minlength=shape).astype(np.int64)
            code = ((seen % _COLUMNS << _CODE_BITS) + total[seen] << _CODE_BITS) + hits[seen]
            codes, times = np.unique(code, return_counts=True)
            self._counts[k].update(dict(zip(codes.tolist(), times.tolist(), strict=True)))

    @property
    def frames(self) -> int:
        return sum(times for column, _, _, times in self._entries(RANKS[0]) if column == _ALL)

    def predicate_counts(self) -> list[int]:
        counts = [0] * _COLUMNS
        for column, total, _, times in self._entries(RANKS[0]):
            counts[column] += total * times
        return counts[:_ALL]

    def recall(self) -> dict[str, float]:
        """``R@K``, ``mR@K`` and ``mR_frame@K``; mR is divided by 26, and a predicate without annotation counts 0."""
        recall, pooled_mean, frame_mean = {}, {}, {}
        for k in RANKS:
            pooled, framewise = self._recalls(k)
            recall[f"R@{k}"] = framewise[_ALL]
            pooled_mean[f"mR@{k}"] = sum(pooled[:_ALL]) / NUM_PREDICATES
            frame_mean[f"mR_frame@{k}"] = sum(framewise[:_ALL]) / NUM_PREDICATES
        scored = self.frames > 0
        values = {**recall, **pooled_mean, **frame_mean}
        return {name: float(value) if scored else math.nan for name, value in values.items()}

    def per_predicate(self) -> dict[str, list[float]]:
        """``R@K`` (pooled) and ``R_frame@K`` of each of the 26 predicates."""
        result = {}
        for k in RANKS:
            pooled, framewise = self._recalls(k)
            result[f"R@{k}"] = [float(x) for x in pooled[:_ALL]]
            result[f"R_frame@{k}"] = [float(x) for x in framewise[:_ALL]]
        return result

    def state(self) -> dict[str, list[list[int]]]:
        return {
            str(k): sorted([code, times] for code, times in counts.items())
            for k, counts in self._counts.items()
        }

    def merge_state(self, state: dict[str, list[list[int]]]) -> None:
        for k, counts in self._counts.items():
            counts.update(dict(state[str(k)]))

    def _entries(self, k: int):
        """Yields (column, annotated, hit, number of frames)."""
        mask = (1 << _CODE_BITS) - 1
        for code, times in self._counts[k].items():
            yield code >> 2 * _CODE_BITS, code >> _CODE_BITS & mask, code & mask, times

    def _recalls(self, k: int) -> tuple[list[Fraction], list[Fraction]]:
        """Exact recalls of the 26 predicates and, last, of all: pooled over the data set, and averaged over frames."""
        found, totals, frames = [0] * _COLUMNS, [0] * _COLUMNS, [0] * _COLUMNS
        shares = [Fraction(0)] * _COLUMNS
        for column, total, hits, times in self._entries(k):
            found[column] += hits * times
            totals[column] += total * times
            frames[column] += times
            shares[column] += Fraction(hits * times, total)
        pooled = [Fraction(f, max(t, 1)) for f, t in zip(found, totals, strict=True)]
        return pooled, [share / max(n, 1) for share, n in zip(shares, frames, strict=True)]
