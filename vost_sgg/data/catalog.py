"""The data sets that detectron2's catalogs know once ``vost_sgg.data`` is imported; files are read on first use.

====================================================  ================================================================
``action_genome_{train,test}``                        every frame with a person and a visible object (as OED's script)
``action_genome_sttran_{train,test}``                 of these, videos of three frames or more (STTran, PredCLS)
``action_genome_sttran_filtersmall_{train,test}``     and objects above 16 pixels (STTran, SGCLS and SGDET)
``action_genome_oed_{train,test}``                    the frames of OED's own json files
``ag_sample_{train,test}``, ``ag_sample_mini_...``    generated on first use: 900 and 24 videos
``ag_sample_held_out_{train,test}``                   900 others: to pre-train on, and to choose a schedule on
====================================================  ================================================================
"""

import os
from collections.abc import Callable

from detectron2.data import DatasetCatalog, Metadata, MetadataCatalog

from vost_sgg.data.action_genome import load_action_genome
from vost_sgg.data.annotation_index import SPLITS
from vost_sgg.data.vocabulary import set_metadata

_DATASETS = "$DETECTRON2_DATASETS"
# Name, videos and the generator's seed: no video of one seed is a video of another.
_SAMPLES = (("ag_sample", 900, 0), ("ag_sample_mini", 24, 0), ("ag_sample_held_out", 900, 1))


def expand_root(root: str) -> str:
    """``root`` with ``~`` and environment variables filled in; $DETECTRON2_DATASETS is "datasets" if unset, as
    detectron2 has it."""
    datasets = os.environ.get("DETECTRON2_DATASETS", "datasets")
    return os.path.expanduser(os.path.expandvars(root.replace(_DATASETS, datasets)))


class _LazyMetadata(Metadata):
    """Metadata whose ``root`` follows the environment, so that it may be set after the import, and whose ``version`` is
    asked for when it is read, so that no generator is imported before."""

    @property
    def root(self) -> str:
        return expand_root(self.root_template)

    @property
    def version(self) -> int | None:
        return self.read_version()


def register_action_genome(
    name: str,
    root: str,
    split: str,
    *,
    frame_rule: str = "oed",
    source: str = "official",
    prepare: Callable[[str], None] | None = None,
    version: Callable[[], int | None] = lambda: None,
) -> None:
    """Registers a data set in Action Genome's layout under ``name``, without touching a file.

    Its metadata has ``thing_classes`` (36, person first), ``attention_classes``, ``spatial_classes``,
    ``contacting_classes``, ``predicate_classes`` (26), ``frame_rule``, ``root`` and ``version``.

    Args:
        name: of the catalogs; it stands for one set of frames.
        root: folder of the data set; ``~`` and variables such as $DETECTRON2_DATASETS are filled in when it is read.
        split: "train" or "test".
        frame_rule: which frames count, a key of ``vost_sgg.data.frame_rules.FRAME_RULES``.
        source: "official" pickles or "oed" json.
        prepare: called with the root before it is read, for a data set that makes itself.
        version: gives that of the generator of such a data set: under another one frames and annotations differ.
    """

    def load() -> list[dict]:
        folder = expand_root(root)
        if prepare is not None:
            prepare(folder)
        return load_action_genome(folder, split, frame_rule=frame_rule, source=source)

    DatasetCatalog.register(name, load)
    metadata = MetadataCatalog[name] = _LazyMetadata(name=name)
    metadata.set(root_template=root, frame_rule=frame_rule, read_version=version)
    set_metadata(metadata)


def _sample(videos: int, seed: int) -> Callable[[str], None]:
    def prepare(root: str) -> None:
        # Its drawing code is loaded only where it draws.
        from vost_sgg.data.sample import ensure_sample

        ensure_sample(root, videos, seed)

    return prepare


def _sample_version() -> int:
    from vost_sgg.data.sample.generate import VERSION

    return VERSION


def _register_all() -> None:
    for split in SPLITS:
        root = f"{_DATASETS}/action_genome"
        register_action_genome(f"action_genome_{split}", root, split)
        for rule in ("sttran", "sttran_filtersmall"):
            register_action_genome(f"action_genome_{rule}_{split}", root, split, frame_rule=rule)
        register_action_genome(f"action_genome_oed_{split}", root, split, source="oed")
        for name, videos, seed in _SAMPLES:
            root, prepare = f"{_DATASETS}/{name}", _sample(videos, seed)
            register_action_genome(
                f"{name}_{split}", root, split, prepare=prepare, version=_sample_version
            )


_register_all()
