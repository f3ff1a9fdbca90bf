"""LoRA fine-tuning of a VLM on the prompts of a training split (paper Sec. 4.1), by transformers' own Trainer."""

import importlib.util
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from detectron2.utils import comm
from torch.utils.data import ConcatDataset

from vost_sgg.vlm.adapter import TRAINED_ON, add_lora, save_adapter
from vost_sgg.vlm.answers import ANSWER_VERSION
from vost_sgg.vlm.backend import VLM
from vost_sgg.vlm.huggingface import HuggingFaceVLM
from vost_sgg.vlm.prompts import PROMPT_VERSION
from vost_sgg.vlm.targets import TargetCollator, TargetDataset
from vost_sgg.vlm.weights import fingerprint
from vost_sgg.whole_files import replaced

logger = logging.getLogger(__name__)


def adapter_folder(cfg: CfgNode) -> str:
    """Where the adapter of the config's task is written: the value of ``MODEL.VLM.ADAPTER`` when it is used."""
    return os.path.join(cfg.OUTPUT_DIR, f"lora_{cfg.MODEL.TASK}")


class Finetuning:
    """One training of one adapter. In a process group each process makes its own, and they share the work.

    Args:
        cfg: ``MODEL.VLM.LORA`` has the settings.
        datasets: name in detectron2's catalogs -> records.
        resume: whether to go on from the last whole checkpoint in OUTPUT_DIR, if there is one.

    Raises:
        ValueError: the VLM cannot be trained, its weights cannot be read, the settings do not fit each other, or
            OUTPUT_DIR holds another training, or one that ``resume`` does not ask for.
    """

    def __init__(self, cfg: CfgNode, datasets: dict[str, Sequence[dict]], *, resume: bool = False):
        backend = VLM.get(cfg.MODEL.VLM.NAME)
        if not issubclass(backend, HuggingFaceVLM):
            raise ValueError(
                f"MODEL.VLM.NAME {cfg.MODEL.VLM.NAME} has no weights to fine-tune: name a real model"
            )
        if cfg.MODEL.VLM.ADAPTER:
            raise ValueError(
                "MODEL.VLM.ADAPTER is set: an adapter is trained on plain weights; leave it empty"
            )
        self._cfg = cfg
        self._arguments = training_arguments(cfg)
        folder = backend.folder(cfg)
        chat = backend.load_chat(cfg, folder)
        self._dataset = ConcatDataset(
            [
                TargetDataset(
                    records,
                    metadata=MetadataCatalog.get(name),
                    task=cfg.MODEL.TASK,
                    box_frame=backend.box_frame,
                    chat=chat,
                )
                for name, records in datasets.items()
            ]
        )
        self._collator = TargetCollator(chat)
        self._model = self._lora_model(backend, folder)
        self.trained_on = self._describe(fingerprint(folder), chat.image_settings)
        self._from = self._checkpoint(resume)

    def _lora_model(self, backend: type[HuggingFaceVLM], folder: str):
        lora = self._cfg.MODEL.VLM.LORA
        # Half precision is for GPUs; the adapter itself stays in float32 (peft's own rule).
        dtype = "float32" if self._arguments.use_cpu else self._cfg.MODEL.VLM.DTYPE
        model = backend.load_model(folder, dtype)
        model.name_or_path = self._cfg.MODEL.VLM.WEIGHTS  # which peft writes into the adapter
        model.config.get_text_config().use_cache = False  # of no use where nothing is generated
        torch.manual_seed(self._cfg.SEED)
        return add_lora(model, rank=lora.RANK, alpha=lora.ALPHA, dropout=lora.DROPOUT)

    def _describe(self, base: str, images: dict) -> dict:
        vlm = self._cfg.MODEL.VLM
        return {
            "weights": vlm.WEIGHTS,
            "base": base,
            "backend": vlm.NAME,
            "task": self._cfg.MODEL.TASK,
            "datasets": list(self._cfg.DATASETS.TRAIN),
            "prompts": len(self._dataset),
            "prompt_version": PROMPT_VERSION,
            "answer_version": ANSWER_VERSION,
            "images": images,
            "lora": {
                key.lower(): value for key, value in vlm.LORA.items() if key not in _NO_MATTER
            },
        }

    def run(self) -> str:
        """Trains and writes the adapter.

        Returns:
            the adapter's folder.

        Raises:
            FrameError: an image cannot be read.
        """
        _hide_datasets_folder()
        from transformers import Trainer

        trainer = Trainer(
            model=self._model,
            args=self._arguments,
            train_dataset=self._dataset,
            data_collator=self._collator,
        )
        trainable, total = self._model.get_nb_trainable_parameters()
        logger.info(
            f"{len(self._dataset):,} prompts; {trainable:,} of {total:,} parameters are trained; "
            + (f"going on from {self._from}" if self._from else "from the beginning")
        )
        trainer.train(resume_from_checkpoint=self._from)
        folder = adapter_folder(self._cfg)
        if comm.is_main_process():
            save_adapter(self._model, folder, self.trained_on)
        comm.synchronize()
        return folder

    def _checkpoint(self, resume: bool) -> str | None:
        output = Path(self._cfg.OUTPUT_DIR)
        # The trainer writes this file last: without it, or with half of it, a checkpoint was cut off by a kill.
        states = output.glob("checkpoint-*/trainer_state.json")
        whole = [file.parent for file in states if _is_json(file.read_text())]
        note = output / TRAINED_ON
        if whole and not resume:
            raise ValueError(
                f"{output} holds checkpoints of a fine-tuning: go on with --resume, or set another OUTPUT_DIR"
            )
        if whole and (was := json.loads(note.read_text())) != self.trained_on:
            changed = [key for key, value in self.trained_on.items() if was.get(key) != value]
            raise ValueError(
                f"{output} holds a fine-tuning of other settings ({', '.join(changed)}): go on with these, or set "
                "another OUTPUT_DIR"
            )
        comm.synchronize()
        if comm.is_main_process():
            with replaced(str(note), "w") as file:
                file.write(json.dumps(self.trained_on, indent=2, sort_keys=True) + "\n")
        return str(max(whole, key=lambda p: int(p.name.rpartition("-")[2]))) if whole else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# Keys of MODEL.VLM.LORA that change how a training runs, and not what it comes to.
_NO_MATTER = ("BATCH_PER_GPU", "GRADIENT_CHECKPOINTING", "CHECKPOINT_STEPS", "LOG_STEPS")


def training_arguments(cfg: CfgNode):
    """transformers' TrainingArguments from ``MODEL.VLM.LORA``, for this process of the group.

    Raises:
        ValueError: the batch cannot be shared by the processes.
    """
    from transformers import TrainingArguments

    lora, world = cfg.MODEL.VLM.LORA, comm.get_world_size()
    accumulation, rest = divmod(lora.BATCH_SIZE, lora.BATCH_PER_GPU * world)
    if rest or not accumulation:
        raise ValueError(
            f"MODEL.VLM.LORA.BATCH_SIZE {lora.BATCH_SIZE} is no multiple of BATCH_PER_GPU {lora.BATCH_PER_GPU} times "
            f"{world} processes"
        )
    on_cpu = cfg.MODEL.DEVICE == "cpu"
    _tell_accelerate()
    arguments = TrainingArguments(
        output_dir=cfg.OUTPUT_DIR,
        num_train_epochs=lora.EPOCHS,
        per_device_train_batch_size=lora.BATCH_PER_GPU,
        gradient_accumulation_steps=accumulation,
        learning_rate=lora.BASE_LR,
        weight_decay=lora.WEIGHT_DECAY,
        adam_beta2=lora.ADAM_BETA2,
        lr_scheduler_type="cosine",
        gradient_checkpointing=lora.GRADIENT_CHECKPOINTING,
        gradient_checkpointing_kwargs={"use_reentrant": False},  # as the embeddings are frozen
        use_cpu=on_cpu,
        bf16=not on_cpu and cfg.MODEL.VLM.DTYPE == "bfloat16",
        fp16=not on_cpu and cfg.MODEL.VLM.DTYPE == "float16",
        save_steps=lora.CHECKPOINT_STEPS,
        save_total_limit=2,
        logging_steps=lora.LOG_STEPS,
        report_to="tensorboard",
        dataloader_num_workers=cfg.DATALOADER.NUM_WORKERS,
        dataloader_pin_memory=not on_cpu,
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        seed=cfg.SEED,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # one process uses one GPU, also beside idle ones
    return arguments


def _tell_accelerate() -> None:
    """The processes are there already (detectron2's ``launch``); accelerate learns of them from the environment."""
    if comm.get_world_size() > 1:
        os.environ |= {
            "RANK": str(comm.get_rank()),
            "WORLD_SIZE": str(comm.get_world_size()),
            "LOCAL_RANK": str(comm.get_local_rank()),
            "LOCAL_WORLD_SIZE": str(comm.get_local_size()),
        }


def _hide_datasets_folder() -> None:
    """Keeps transformers from taking the working directory's folder ``datasets`` for the package of that name."""
    from transformers.utils import is_datasets_available

    if "datasets" in sys.modules and sys.modules["datasets"] is None:
        return
    spec = importlib.util.find_spec("datasets")
    if spec is not None and spec.origin is None:
        sys.modules["datasets"] = None  # to Python: there is no such package
        is_datasets_available.cache_clear()
