"""Counting of hits, and the two averagings of recall, in exact arithmetic."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np

from vost_sgg.evaluation.protocols import RANKS
from vost_sgg.evaluation.slots import NUM_PREDICATES

# Columns behind the 26 predicates: all triplets of a frame together, those that training never saw, and the pairs.
ALL, UNSEEN, PAIRS = range(NUM_PREDICATES, NUM_PREDICATES + 3)
_COLUMNS = PAIRS + 1
_CODE_BITS = 20


class Tally:
    """How often a frame had n annotated triplets of a column, of which h were found within K.

    A column is a predicate or one of ``ALL``, ``UNSEEN``, ``PAIRS``. Integers only, and recalls are added up as
    fractions, so that no order of frames or shards changes a bit.
    """

    def __init__(self):
        self._counts = {k: Counter() for k in RANKS}
        self._known_recalls = {}

    def add(self, frame: np.ndarray, column: np.ndarray, rank: np.ndarray) -> None:
        """Adds a batch of frames: (G,) frame, column and rank of the first hit of what is annotated in it."""
        self._known_recalls.clear()
        cell = frame * _COLUMNS + column
        shape = (frame.max() + 1) * _COLUMNS
        total = np.bincount(cell, minlength=shape)
        seen = np.flatnonzero(total)
        prefix = (seen % _COLUMNS << _CODE_BITS) + total[seen] << _CODE_BITS
        for k in RANKS:
            hits = np.bincount(cell[rank < k], minlength=shape)
            codes, times = np.unique(prefix + hits[seen], return_counts=True)
            self._counts[k].update(dict(zip(codes.tolist(), times.tolist(), strict=True)))

    @property
    def frames(self) -> int:
        return self.count(ALL)[1]

    def count(self, column: int) -> tuple[int, int]:
        """How many of a column are annotated, and in how many frames."""
        entries = [entry[1:] for entry in self._entries(RANKS[0]) if entry[0] == column]
        return sum(total * times for total, _, times in entries), sum(e[2] for e in entries)

    def predicate_counts(self) -> list[int]:
        return [self.count(predicate)[0] for predicate in range(NUM_PREDICATES)]

    def recall(self) -> dict[str, float]:
        """``R@K``, ``mR@K`` and ``mR_frame@K``; mR is divided by 26, and a predicate without annotation counts 0."""
        recall, pooled_mean, frame_mean = {}, {}, {}
        for k in RANKS:
            pooled, framewise = self._recalls(k)
            recall[f"R@{k}"] = framewise[ALL]
            pooled_mean[f"mR@{k}"] = sum(pooled[:NUM_PREDICATES]) / NUM_PREDICATES
            frame_mean[f"mR_frame@{k}"] = sum(framewise[:NUM_PREDICATES]) / NUM_PREDICATES
        scored = self.frames > 0
        values = {**recall, **pooled_mean, **frame_mean}
        return {name: float(value) if scored else math.nan for name, value in values.items()}

    def per_predicate(self) -> dict[str, list[float]]:
        """``R@K`` (pooled) and ``R_frame@K`` of each of the 26 predicates."""
        result = {}
        for k in RANKS:
            pooled, framewise = self._recalls(k)
            result[f"R@{k}"] = [float(x) for x in pooled[:NUM_PREDICATES]]
            result[f"R_frame@{k}"] = [float(x) for x in framewise[:NUM_PREDICATES]]
        return result

    def recall_of(self, column: int, name: str) -> dict[str, float]:
        """``<name>@K`` of one column, averaged over the frames that have it; {} if none has."""
        if not self.count(column)[1]:
            return {}
        return {f"{name}@{k}": float(self._recalls(k)[1][column]) for k in RANKS}

    def state(self) -> dict[str, list[list[int]]]:
        return {
            str(k): sorted([code, times] for code, times in counts.items())
            for k, counts in self._counts.items()
        }

    def merge_state(self, state: dict[str, list[list[int]]]) -> None:
        self._known_recalls.clear()
        for k, counts in self._counts.items():
            counts.update(dict(state[str(k)]))

    def _entries(self, k: int):
        """Yields (column, annotated, hit, number of frames)."""
        mask = (1 << _CODE_BITS) - 1
        for code, times in self._counts[k].items():
            yield code >> 2 * _CODE_BITS, code >> _CODE_BITS & mask, code & mask, times

    def _recalls(self, k: int) -> tuple[list[Fraction], list[Fraction]]:
        """Exact recalls of each column: pooled over the data set, and averaged over the frames that have it."""
        if k not in self._known_recalls:
            self._known_recalls[k] = self._exact_recalls(k)
        return self._known_recalls[k]

    def _exact_recalls(self, k: int) -> tuple[list[Fraction], list[Fraction]]:
        found, totals, frames = [0] * _COLUMNS, [0] * _COLUMNS, [0] * _COLUMNS
        shares = [Fraction(0)] * _COLUMNS
        for column, total, hits, times in self._entries(k):
            found[column] += hits * times
            totals[column] += total * times
            frames[column] += times
            shares[column] += Fraction(hits * times, total)
        pooled = [Fraction(f, max(t, 1)) for f, t in zip(found, totals, strict=True)]
        return pooled, [share / max(n, 1) for share, n in zip(shares, frames, strict=True)]
