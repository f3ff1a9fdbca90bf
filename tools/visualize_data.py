"""Draws frames of a data set, each with its annotated scene graph beside it.

python tools/visualize_data.py --dataset ag_sample_test --output frame.png
python tools/visualize_data.py --dataset action_genome_test --image-id 001YG.mp4/000089.png --output frame.png
"""

import argparse
import os
import sys


def main(argv: list[str] | None = None) -> int:
    """Writes one picture; returns the exit status."""
    args = _parser().parse_args(argv)
    from vost_sgg.errors import error_text

    try:
        draw(args.dataset, args.index, args.image_id, args.output)
    except (OSError, KeyError, ValueError) as error:
        print(f"error: {error_text(error)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="ag_sample_test", help="name (default: %(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--index", type=int, default=0, help="row of the data set, from 0")
    which.add_argument("--image-id", help="such as 001YG.mp4/000089.png")
    parser.add_argument("--output", required=True, help="the picture to write (.png, .jpg)")
    return parser


def draw(dataset: str, index: int, image_id: str | None, output: str) -> None:
    """Draws the frame ``image_id``, or the ``index``-th, of ``dataset`` into the file ``output``."""
    from detectron2.data import DatasetCatalog, MetadataCatalog
    from detectron2.data.detection_utils import read_image
    from PIL import Image

    import vost_sgg.data  # noqa: F401  registers the data sets
    from vost_sgg.data.frames import frame_ground_truth
    from vost_sgg.registry import nearest
    from vost_sgg.visualization import draw_scene_graph

    if dataset not in DatasetCatalog.list():
        raise KeyError(f"no data set {dataset!r}; {nearest(dataset, DatasetCatalog.list())}")
    record = _record(DatasetCatalog.get(dataset), dataset, index, image_id)
    image = read_image(record["file_name"], format="RGB")
    picture = draw_scene_graph(image, frame_ground_truth(record), MetadataCatalog.get(dataset))
    Image.fromarray(picture).save(output, optimize=True)
    print(f"{record['image_id']} of {dataset}: {os.path.abspath(output)}")


def _record(records: list[dict], dataset: str, index: int, image_id: str | None) -> dict:
    if image_id is None:
        if not 0 <= index < len(records):
            raise ValueError(f"--index {index}: {dataset} has the frames 0 to {len(records) - 1}")
        return records[index]
    for record in records:
        if record["image_id"] == image_id:
            return record
    raise ValueError(
        f"--image-id {image_id}: not among the {len(records)} frames of {dataset}; they are named "
        f"like {records[0]['image_id']}"
    )


if __name__ == "__main__":
    sys.exit(main())
