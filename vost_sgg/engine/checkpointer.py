"""Checkpoints that survive an interruption at any moment and say what they are."""

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence

import torch
from detectron2.checkpoint import DetectionCheckpointer
from detectron2.utils import comm

from vost_sgg.checkpoint import DamagedFileError, hand_over, is_detector, load_plain, meta_of
from vost_sgg.data.plain_pickle import load_plain_pickle
from vost_sgg.engine.random_state import random_state
from vost_sgg.engine.run_identity import changed_parts
from vost_sgg.whole_files import replaced

# The checkpoint behind a training's last iteration.
FINAL_NAME = "model_final"
# Those before it, by their iterations.
_NAME = re.compile(r"model_\d{7,}\.pth")
# As old as the training: what is older beside it is an earlier one's.
_STARTED = "started"


class SGGCheckpointer(DetectionCheckpointer):
    """detectron2's checkpointer, with whole files only, no free unpickling, and errors where weights do not fit.

    A checkpoint holds "model", the state of each checkpointable, "random_state" (of every process) and "meta".

    Args:
        model: whose weights are saved and loaded.
        save_dir: folder of the checkpoints and of the ``last_checkpoint`` tag.
        meta: plain data about the run, saved along, with the :func:`~vost_sgg.engine.run_identity.model_identity`. A
            checkpoint with another "task" or "meta_architecture" is refused; but a detector's starts any model that has
            places for its weights.
        strict: every parameter of the model must be in the file, and every part be the one that it was made with
            (evaluation). Without it, weights of a backbone alone are welcome and a part may be swapped; both are
            logged.
        checkpointables: as DetectionCheckpointer.
    """

    def __init__(
        self, model, save_dir: str = "", *, meta: Mapping, strict: bool = False, **checkpointables
    ):
        super().__init__(model, save_dir, **checkpointables)
        self.meta = dict(meta)
        self.strict = strict
        self._source = ""
        self._check: Callable[[dict], None] | None = None
        # What was swapped since the checkpoint that is being loaded, to be said; "" for nothing.
        self._swapped = ""

    def save(self, name: str, **extra) -> None:
        """Writes ``<save_dir>/<name>.pth`` and tags it as the last one. Every process must call this."""
        random_states = comm.gather(random_state())
        if not self.save_to_disk or not self.save_dir:
            return
        data = {key: part.state_dict() for key, part in self.checkpointables.items()}
        data |= {
            "model": self.model.state_dict(),
            "meta": self.meta,
            "random_state": random_states,
            **extra,
        }
        path = os.path.join(self.save_dir, f"{name}.pth")
        self.logger.info(f"Saving checkpoint to {path}")
        with replaced(path) as file:
            torch.save(data, file)
        self.tag_last_checkpoint(f"{name}.pth")

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        with replaced(os.path.join(self.save_dir, "last_checkpoint"), "w") as file:
            file.write(last_filename_basename)

    def start_anew(self) -> None:
        """Says that the checkpoints which are in the folder now are an earlier training's: :meth:`load_newest` never
        goes back to them.
        """
        if not self.save_to_disk:
            return
        self.path_manager.mkdirs(self.save_dir)
        with replaced(os.path.join(self.save_dir, _STARTED), "w") as file:
            file.write(
                "Checkpoints here that are older than this file are an earlier training's.\n"
            )

    def load(
        self,
        path: str,
        checkpointables: list[str] | None = None,
        *,
        check: Callable[[dict], None] | None = None,
    ) -> dict:
        """As DetectionCheckpointer.

        Args:
            check: called with the file's "meta" before any weight is loaded; what it raises is raised.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, or its weights are not this model's.
        """
        self._source, self._check, self._swapped = path, check, ""
        if path and not self.path_manager.isfile(
            self.path_manager.get_local_path(path.split("?")[0])
        ):
            raise FileNotFoundError(
                f"checkpoint {path} (MODEL.WEIGHTS or last_checkpoint): there is no such file"
            )
        try:
            return super().load(path, checkpointables)
        finally:
            self._parsed_url_during_load = None  # detectron2 refuses to load again after an error

    def load_newest(self, check: Callable[[dict, str], None]) -> tuple[str, dict]:
        """Loads the last checkpoint or, while one is damaged, the one that was written before it, with a warning.

        Args:
            check: called with the file's "meta" and its path, as that of :meth:`load`.

        Returns:
            The path of what was loaded, and what :meth:`load` returns.

        Raises:
            FileNotFoundError, ValueError: as :meth:`load`; every checkpoint is damaged.
        """
        paths = self._newest_first()
        for path in paths:
            try:
                return path, self.load(path, [], check=lambda meta, path=path: check(meta, path))
            except DamagedFileError as error:
                if path == paths[-1]:
                    raise
                self.logger.warning(f"{error}: going back to the checkpoint before it")

    def _newest_first(self) -> list[str]:
        last = self.get_checkpoint_file()
        present = self.path_manager.ls(self.save_dir)
        started = self._written_at(_STARTED) if _STARTED in present else 0.0
        names = sorted(n for n in present if _NAME.fullmatch(n) and self._written_at(n) >= started)
        is_final = os.path.basename(last) == f"{FINAL_NAME}.pth"
        before = [name for name in names if is_final or name < os.path.basename(last)]
        return [last, *(os.path.join(self.save_dir, name) for name in reversed(before))]

    def _written_at(self, name: str) -> float:
        path = os.path.join(self.save_dir, name)
        return os.path.getmtime(self.path_manager.get_local_path(path))

    def _load_file(self, filename: str) -> dict:
        if filename.endswith(".pyth"):
            return self._load_pycls(filename)
        if not filename.endswith(".pkl"):
            return super()._load_file(filename)
        data = load_plain_pickle(filename)
        if not isinstance(data, dict) or not {"model", "__author__"} <= set(data):
            raise ValueError(
                f"checkpoint {self._source} is a pickle, but not one of detectron2's model zoo"
            )
        return data

    def _load_pycls(self, filename: str) -> dict:
        """As detectron2, which reads these, and only these, without :meth:`_torch_load`."""
        data = self._torch_load(filename)
        if not isinstance(data, dict) or not isinstance(data.get("model_state"), dict):
            raise ValueError(f"checkpoint {self._source} is a .pyth, but not one of pycls")
        weights = {
            name: value
            for name, value in data["model_state"].items()
            if not name.endswith("num_batches_tracked")
        }
        return {"model": weights, "__author__": "pycls", "matching_heuristics": True}

    def _torch_load(self, filename: str) -> dict:
        return load_plain(filename, name=f"checkpoint {self._source}")

    def _load_model(self, checkpoint: dict):
        meta = meta_of(checkpoint)
        if self._check is not None:
            self._check(meta)
        if self._is_detectors(checkpoint):
            self._check_parts(meta)
            checkpoint["model"] = self._handed_over(checkpoint["model"])
        else:
            self._check_origin(meta)
            self._check_parts(meta)
            _start_temporal_heads(checkpoint["model"], self.model.state_dict())
        incompatible = super()._load_model(checkpoint)
        if incompatible.incorrect_shapes:
            name, found, expected = incompatible.incorrect_shapes[0]
            raise ValueError(
                f"checkpoint {self._source}: {len(incompatible.incorrect_shapes)} parameter(s) have another shape than "
                f"in this model, the first {name}: {found} in the file, {expected} in the model{self._swapped}. "
                "Use the config that the checkpoint was trained with (config.yaml beside it)"
            )
        missing = incompatible.missing_keys
        if self.strict and missing:
            spatial = all(name.startswith("temporal_") for name in missing)
            raise ValueError(
                f"checkpoint {self._source}{' is of the spatial stage: it' * spatial} lacks {len(missing)} "
                f"parameter(s) of this model, the first {missing[0]}: it cannot be evaluated. Use the config that the "
                "checkpoint was trained with (config.yaml beside it), or train from it first"
            )
        return incompatible

    def _is_detectors(self, checkpoint: Mapping) -> bool:
        """Whether a detector's checkpoint meets a model that is none."""
        return is_detector(checkpoint["model"]) and not is_detector(self.model.state_dict())

    def _handed_over(self, detector: dict) -> dict:
        """The whole state of this model with the detector's weights where they have a place in it."""
        if self.strict:
            raise ValueError(
                f"checkpoint {self._source} is a detector's: it can start a training of this model, not be evaluated "
                "as it. To evaluate the detector use the config that it was trained with (config.yaml beside it)"
            )
        model = self.model.state_dict()
        try:
            state, report = hand_over(detector, model)
        except ValueError as error:
            raise ValueError(f"checkpoint {self._source} is a detector's, and {error}") from error
        given = {name: state[name] for name in report.converted}
        _start_temporal_heads(given, model)
        self.logger.log(
            logging.WARNING if self._swapped else logging.INFO,
            f"checkpoint {self._source} is a detector's: {len(given)} of {len(model)} tensors of this model are taken "
            f"from it, {len(model) - len(given)} keep their fresh values{self._swapped}",
        )
        return {**model, **given}

    def _check_origin(self, meta: Mapping) -> None:
        for name, key in (("task", "MODEL.TASK"), ("meta_architecture", "MODEL.META_ARCHITECTURE")):
            if name in meta and meta[name] != self.meta.get(name, meta[name]):
                raise ValueError(
                    f"checkpoint {self._source} was made with {key} {meta[name]}, this config has {self.meta[name]}: "
                    f"use the config of {meta[name]}, or a checkpoint of {self.meta[name]}"
                )

    def _check_parts(self, meta: Mapping) -> None:
        """A swapped part is a mistake in an evaluation, and may be meant where a training starts."""
        differences = "; ".join(
            f"{key} {before}, this config has {now}"
            for key, before, now in changed_parts(meta, self.meta)
        )
        if differences and self.strict:
            raise ValueError(
                f"checkpoint {self._source} was made with {differences}: it cannot be evaluated so. Use the config "
                "that the checkpoint was trained with (config.yaml beside it)"
            )
        self._swapped = f" (it was made with {differences})" if differences else ""

    def _log_incompatible_keys(self, incompatible) -> None:
        """One line each, in place of detectron2's line a name. Of the temporal phase it is a note: the stages differ in
        it.
        """
        state, missing = self.model.state_dict(), incompatible.missing_keys
        count = sum(state[name].numel() for name in missing)
        if missing or self._swapped:
            shares = f"{len(missing)} of {len(state)} tensors of this model ({count:,} numbers)"
            self._say(f"{shares} are not in it and start fresh", missing)
        if incompatible.unexpected_keys:
            unexpected = incompatible.unexpected_keys
            self._say(f"{len(unexpected)} tensors of it have no place in this model", unexpected)

    def _say(self, text: str, names: Sequence[str]) -> None:
        expected = not self._swapped and all(name.startswith("temporal_") for name in names)
        shown = f": {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}" if names else ""
        self.logger.log(
            logging.INFO if expected else logging.WARNING,
            f"checkpoint {self._source}{self._swapped}: {text}{shown}",
        )


def _start_temporal_heads(state: dict, expected: Mapping) -> None:
    """Temporal heads that a model expects and a checkpoint of the spatial stage lacks start as copies of the spatial
    ones (as OED).
    """
    if any(name.startswith("temporal_") for name in state):
        return
    heads = [name for name in state if name.startswith(("entity_heads.", "predicate_heads."))]
    state.update(
        {f"temporal_{name}": state[name] for name in heads if f"temporal_{name}" in expected}
    )
