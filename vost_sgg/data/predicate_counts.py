"""How often each predicate is annotated: in the files, and in the frames that a data set keeps."""

import numpy as np
from detectron2.data import DatasetCatalog, MetadataCatalog

from vost_sgg.data.action_genome import load_annotation_index
from vost_sgg.data.annotation_index import SPLITS
from vost_sgg.registry import nearest
from vost_sgg.structures import PREDICATE_GROUPS


def predicate_counts(name: str) -> dict[tuple[str, str], np.ndarray]:
    """Counts over a data set of the catalogs, with all their splits.

    Args:
        name: without its split, such as ``action_genome`` or ``ag_sample``; with it, the split is left away.

    Returns:
        ("entries", "all" | "train" | "test") of every entry in the annotation files, and ("kept", the same) of the
        frames that the data set keeps: (26,) int64 each. "all" has the frames of no split too.

    Raises:
        KeyError: there is no such data set.
        FileNotFoundError, ValueError: as :func:`vost_sgg.data.action_genome.load_action_genome`.
    """
    stem = data_set_stem(name)
    counts = {}
    kept = {split: _kept(DatasetCatalog.get(f"{stem}_{split}")) for split in SPLITS}
    index = load_annotation_index(MetadataCatalog.get(f"{stem}_{SPLITS[0]}").root)
    split_of = np.repeat(index.splits, np.diff(index.object_starts))
    counts["entries", "all"] = index.predicates.sum(axis=0)
    for row, split in enumerate(SPLITS):
        counts["entries", split] = index.predicates[split_of == row].sum(axis=0)
    counts["kept", "all"] = sum(kept.values())
    return counts | {("kept", split): values for split, values in kept.items()}


def data_set_stem(name: str) -> str:
    """``name`` without its split. Raises KeyError if the catalogs have no such data set in both splits."""
    stem = next((name.removesuffix(f"_{s}") for s in SPLITS if name.endswith(f"_{s}")), name)
    known = set(DatasetCatalog.list())
    if not all(f"{stem}_{split}" in known for split in SPLITS):
        stems = {k.removesuffix("_train") for k in known if k.endswith("_train")}
        raise KeyError(
            f"no data set {name!r} with a train and a test split; {nearest(stem, stems)}"
        )
    return stem


def _kept(records: list[dict]) -> np.ndarray:
    frames = [np.concatenate([r[g] for g in PREDICATE_GROUPS], axis=1).sum(axis=0) for r in records]
    return np.sum(frames, axis=0)
