"""The prediction file: the scene graphs of a data set in one safetensors file (docs/prediction_file.md)."""

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from detectron2.utils.file_io import PathManager
from safetensors import SafetensorError, safe_open

from vost_sgg.evaluation.slots import check_classes
from vost_sgg.structures import FramePrediction

FORMAT = "vost_sgg scene graph predictions"
FORMAT_VERSION = 1

# Field of FramePrediction -> type and width of a row.
ROWS = {
    "boxes": (np.dtype("<f4"), 4),
    "classes": (np.dtype("<i2"), None),
    "scores": (np.dtype("<f4"), None),
    "pairs": (np.dtype("<i4"), 2),
    "attention": (np.dtype("<f4"), 3),
    "spatial": (np.dtype("<f4"), 6),
    "contacting": (np.dtype("<f4"), 17),
}
BOX_FIELDS = ("boxes", "classes", "scores")
# Where the boxes and the pairs of each frame begin.
STARTS = {"box_starts": "boxes", "pair_starts": "pairs"}
START_TYPE = np.dtype("<i8")
SAFETENSORS_TYPES = {"<f4": "F32", "<i2": "I16", "<i4": "I32", "<i8": "I64"}


@dataclass(frozen=True)
class PredictionHeader:
    """What a prediction file says of itself.

    Args:
        task: ``predcls``, ``sgcls`` or ``sgdet``.
        dataset: name of the data set in detectron2's catalogs.
        method: name of the model's row in a table.
        objects, predicates: the vocabulary, in the order of the ids and columns.
        rules: arguments of ``SceneGraphRecall`` by which the evaluation that wrote the file scored it; {}: none did.
        training: names of the data sets that the model was trained on.
    """

    task: str
    dataset: str
    method: str
    objects: Sequence[str]
    predicates: Sequence[str]
    rules: dict
    training: Sequence[str] = ()

    def metadata(self, image_ids: Sequence[str]) -> str:
        """The text of the file's metadata."""
        return json.dumps(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                **asdict(self),
                "image_ids": list(image_ids),
            }
        )


def stored(prediction: FramePrediction) -> FramePrediction:
    """``prediction`` as the file keeps it: numpy arrays on the host, real numbers in float32."""
    arrays = {}
    for name, (dtype, width) in ROWS.items():
        array = getattr(prediction, name)
        if isinstance(array, torch.Tensor):
            array = array.detach().cpu()
            array = (array.float() if array.is_floating_point() else array).numpy()
        array = np.asarray(array)
        array = array.astype(dtype if dtype.kind == "f" else np.int64, copy=False)
        arrays[name] = array.reshape(0, width) if array.size == 0 and width else array
    return FramePrediction(**arrays)


class PredictionFile:
    """A prediction file, opened and checked; predictions are read one at a time.

    Attributes:
        path: its name.
        header: a ``PredictionHeader``.
        image_ids: of its frames, in the order of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no prediction file, is of another version, is cut short, or contradicts itself.
    """

    def __init__(self, path: str):
        self.path = path
        if not PathManager.isfile(path):
            raise FileNotFoundError(f"there is no prediction file {path}")
        try:
            self._file = safe_open(PathManager.get_local_path(path), framework="np")
            about = json.loads((self._file.metadata() or {}).get("about", "{}"))
        except (SafetensorError, OSError, ValueError) as error:
            raise ValueError(
                f"{path} cannot be read: it is cut short, damaged or no safetensors file ({error})"
            ) from None
        self.header, self.image_ids = self._read_header(about)
        self._starts = {name: self._read_starts(name) for name in STARTS}
        self._check_rows()
        self._slices = {name: self._file.get_slice(name) for name in ROWS}
        self._row_of = {image_id: row for row, image_id in enumerate(self.image_ids)}
        if len(self._row_of) < len(self.image_ids):
            seen = set()
            twice = next(i for i in self.image_ids if i in seen or seen.add(i))
            raise ValueError(f"{path}: frame {twice} is there twice")

    def __len__(self) -> int:
        return len(self.image_ids)

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._row_of

    def prediction(self, image_id: str) -> FramePrediction:
        """The prediction of a frame, numpy arrays. Raises ValueError if a class is outside the vocabulary."""
        row = self._row_of[image_id]
        arrays = {}
        for name, (dtype, width) in ROWS.items():
            starts = self._starts["box_starts" if name in BOX_FIELDS else "pair_starts"]
            start, stop = int(starts[row]), int(starts[row + 1])
            empty = np.zeros(
                (0, width) if width else 0, dtype
            )  # safetensors cannot cut an empty piece
            arrays[name] = self._slices[name][start:stop] if start < stop else empty
        check_classes(arrays["classes"], count=len(self.header.objects))
        return FramePrediction(**arrays)

    def _read_header(self, about: dict) -> tuple[PredictionHeader, list[str]]:
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise ValueError(
                f"{self.path} is no prediction file; tools/convert_predictions.py makes one"
            )
        version = about.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise ValueError(
                f"{self.path} has format version {version}, this library reads {FORMAT_VERSION}: evaluate again, or "
                "use the version of the library that wrote it"
            )
        del about["format"]
        try:
            image_ids = about.pop("image_ids")
            return PredictionHeader(**about), [str(image_id) for image_id in image_ids]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{self.path}: its header is incomplete ({error})") from None

    def _read_starts(self, name: str) -> np.ndarray:
        starts = self._array(name, (len(self.image_ids) + 1,))
        if starts[0] != 0 or (np.diff(starts) < 0).any():
            raise ValueError(f"{self.path}: {name} does not ascend from 0")
        return starts

    def _array(self, name: str, shape: tuple) -> np.ndarray:
        array = self._file.get_tensor(name) if name in self._file.keys() else None  # noqa: SIM118
        if array is None or array.shape != shape or array.dtype.kind != "i":
            raise ValueError(f"{self.path}: there is no integer array {name} of shape {shape}")
        return array

    def _check_rows(self) -> None:
        for name, (dtype, width) in ROWS.items():
            rows = int(self._starts["box_starts" if name in BOX_FIELDS else "pair_starts"][-1])
            shape = [rows, width] if width else [rows]
            known = name in self._file.keys()  # noqa: SIM118
            piece = self._file.get_slice(name) if known else None
            code = SAFETENSORS_TYPES[dtype.str]
            if piece is None or piece.get_shape() != shape or piece.get_dtype() != code:
                raise ValueError(
                    f"{self.path}: there is no array {name} of type {code}, shape {shape}"
                )


def file_head(metadata: str, shapes: dict[str, tuple[np.dtype, tuple[int, ...]]]) -> bytes:
    """The first bytes of a safetensors file whose arrays follow one behind the other in the order of ``shapes``."""
    entries, offset = {"__metadata__": {"about": metadata}}, 0
    for name, (dtype, shape) in shapes.items():
        stop = offset + dtype.itemsize * int(np.prod(shape))
        code = SAFETENSORS_TYPES[dtype.str]
        entries[name] = {"dtype": code, "shape": list(shape), "data_offsets": [offset, stop]}
        offset = stop
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text
