"""Registers ``ava_{train,val}`` and their samples in detectron2's catalogs; files are read on first use.

======================================  ===========================================================================
``ava_{train,val}``                     AVA v2.2 under $DETECTRON2_DATASETS/ava
``ava_sample_familiar_{train,val}``     generated on first use: the world of ``ag_sample``, other videos
``ava_sample_shifted_{train,val}``      the same scripts with other bodies, rooms and cameras
======================================  ===========================================================================
"""

from detectron2.data import DatasetCatalog, Metadata, MetadataCatalog

from projects.ava.actions import ACTION_NAMES
from projects.ava.annotations import SPLITS
from projects.ava.dataset import load_ava
from vost_sgg.data.catalog import expand_root
from vost_sgg.data.vocabulary import set_metadata

WORLDS = ("familiar", "shifted")


class _SampleMetadata(Metadata):
    """Metadata of a generated data set, whose ``version`` is asked for when it is read: then its code is loaded."""

    @property
    def version(self) -> str:
        from projects.ava.sample.generate import version

        return version()


def register_ava(name: str, root: str, split: str, *, world: str | None = None) -> None:
    """Registers AVA, or a sample of it, under ``name``, without touching a file.

    Its metadata has Action Genome's classes and predicates, which the models speak, and ``action_classes`` (7).

    Args:
        name: of the catalogs.
        root: folder of the data set; ``~`` and variables such as $DETECTRON2_DATASETS are filled in when it is read.
        split: "train" or "val".
        world: of the sample that is generated there before it is read; None: AVA itself.
    """

    def load() -> list[dict]:
        folder = expand_root(root)
        if world is not None:
            # Its drawing code is loaded only where it draws.
            from projects.ava.sample.generate import ensure_ava_sample

            ensure_ava_sample(folder, world)
        return load_ava(folder, split)

    DatasetCatalog.register(name, load)
    metadata = Metadata(name=name) if world is None else _SampleMetadata(name=name)
    MetadataCatalog[name] = metadata
    set_metadata(metadata)
    metadata.set(action_classes=list(ACTION_NAMES))


def sample_name(world: str, split: str) -> str:
    """The name of one of the two samples in the catalogs."""
    return f"ava_sample_{world}_{split}"


def _register_all() -> None:
    datasets = "$DETECTRON2_DATASETS"
    for split in SPLITS:
        register_ava(f"ava_{split}", f"{datasets}/ava", split)
        for world in WORLDS:
            root = f"{datasets}/ava_sample_{world}"
            register_ava(sample_name(world, split), root, split, world=world)


_register_all()
