"""LoRA adapters: which layers they train, and peft's adapter folders with what they were trained on."""

import json
import logging
import os
import re
import shutil

from detectron2.utils.file_io import PathManager
from torch import nn

logger = logging.getLogger(__name__)

# Beside peft's own files: what the adapter was trained on, and the base model's fingerprint.
TRAINED_ON = "trained_on.json"
_CONFIG = "adapter_config.json"


def add_lora(model: nn.Module, *, rank: int, alpha: float, dropout: float) -> nn.Module:
    """``model`` with LoRA on every linear layer of its language model; all else, also the head, is frozen.

    Args:
        model: a vision-language model of transformers, whose language model is named ``language_model``.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=_language_layers(model),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def _language_layers(model: nn.Module) -> str:
    """A regular expression of the names of the language model's linear layers."""
    kinds = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and "language_model" in name.split(".")
    }
    return rf"(.*\.)?language_model\..*\.({'|'.join(map(re.escape, sorted(kinds)))})"


def save_adapter(model: nn.Module, folder: str, trained_on: dict) -> None:
    """Writes the adapter of ``model`` as a peft folder, under a temporary name first; replaces an older one.

    Args:
        trained_on: JSON values; "base" is the fingerprint of the base model's weights.
    """
    temporary = f"{folder}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary)
    with open(os.path.join(temporary, TRAINED_ON), "w") as file:
        file.write(json.dumps(trained_on, indent=2, sort_keys=True) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(temporary, folder)


def load_adapter(model: nn.Module, folder: str, *, weights: str, base: str) -> nn.Module:
    """``model`` with the adapter merged into its weights, so that it costs nothing at each token.

    Args:
        folder: a peft adapter of :func:`save_adapter`, or of another program.
        weights: where ``model`` comes from, for the errors.
        base: its fingerprint.

    Raises:
        ValueError: there is no adapter in the folder, or it is one of another base model.
    """
    from peft import PeftModel, get_peft_model_state_dict, load_peft_weights

    check_adapter(folder, weights=weights, base=base)
    stored = set(load_peft_weights(folder, device="cpu"))
    try:
        adapted = PeftModel.from_pretrained(model, folder)
    except (RuntimeError, ValueError) as error:  # shapes, or no such layers
        raise _other_base(folder, weights, str(error).strip().splitlines()[-1].strip()) from None
    if unused := stored.symmetric_difference(get_peft_model_state_dict(adapted)):
        raise _other_base(folder, weights, f"{len(unused)} layers are not in both")
    return adapted.merge_and_unload()


def check_adapter(folder: str, *, weights: str, base: str) -> None:
    """Raises ValueError if ``folder`` is no adapter, or says that it is one of another base model."""
    if not PathManager.isfile(os.path.join(folder, _CONFIG)):
        raise ValueError(
            f"MODEL.VLM.ADAPTER {folder}: there is no {_CONFIG} in it; set it to a folder of tools/finetune_vlm.py, "
            "or to '' for none"
        )
    trained_on = _read_json(os.path.join(folder, TRAINED_ON))
    if trained_on:
        if trained_on.get("base") != base:
            made = f"it was trained on {trained_on.get('weights')}, fingerprint {trained_on.get('base')}, not {base}"
            raise _other_base(folder, weights, made)
        return
    name = _read_json(os.path.join(folder, _CONFIG)).get("base_model_name_or_path") or ""
    if os.path.basename(name.rstrip("/")) != os.path.basename(weights.rstrip("/")):
        logger.warning(
            f"{folder} says that its base model is {name!r}; it is put on {weights}, whose layers fit"
        )


def _read_json(path: str) -> dict:
    if not PathManager.isfile(path):
        return {}
    with PathManager.open(path) as file:
        return json.load(file)


def _other_base(folder: str, weights: str, reason: str) -> ValueError:
    return ValueError(
        f"MODEL.VLM.ADAPTER {folder} is not one of MODEL.VLM.WEIGHTS {weights} ({reason}): set the weights that it was "
        "trained on, or fine-tune these"
    )
