"""Weights and training state in files that a crash cannot half-write and that cannot run code when read.

safetensors holds numbers only (no pickle). A file is written beside its place, flushed to the disk, then
renamed over the old one, so that after a kill there is either the old checkpoint or the new one. A SHA-256 of
the numbers travels with them: a damaged file is refused, not trained on.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from course_lib import files
from course_lib.tiny.model import GPT, GPTConfig


def save_model(path: str | Path, model: GPT, **facts: Any) -> None:
    """Write a dense model's weights, its config and a few JSON-able `facts` about it."""
    if type(model.config) is not GPTConfig:
        raise ValueError(
            f"{path}: a {type(model.config).__name__} cannot be written: save_model keeps dense models only. "
            "Keep its state_dict and config yourself with checkpoint.write"
        )
    write(path, model.state_dict(), {"config": asdict(model.config), **facts})


def load_model(path: str | Path) -> tuple[GPT, dict[str, Any]]:
    """The model of a file and the facts saved with it."""
    tensors, facts = read(path)
    if "config" not in facts:
        raise ValueError(f"{path}: no model config in it; expected a file written by save_model")
    try:
        model = GPT(GPTConfig(**facts.pop("config")))
    except TypeError as error:
        raise ValueError(f"{path}: its config is not that of a dense GPT: {error}") from error
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path}: the weights do not fit their config: {error}") from error
    return model, facts


def write(path: str | Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and JSON-able facts to one file, all or nothing."""
    path = Path(path)
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {"facts": json.dumps(facts), "sha256": _digest(tensors)}
    files.replace(path, safetensors.torch.save(tensors, metadata))


def read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a file of `write`; ValueError naming the file if it is damaged or not ours."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected a checkpoint in safetensors form")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path}: damaged or not a safetensors file ({error})") from error
    if "facts" not in metadata or "sha256" not in metadata:
        raise ValueError(f"{path}: not written by the course: no facts or checksum in it")
    if metadata["sha256"] != _digest(tensors):
        raise ValueError(
            f"{path}: damaged: its numbers do not match their checksum; delete it and start again"
        )
    return tensors, json.loads(metadata["facts"])


def _digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names, shapes and bytes in name order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype}".encode())
        digest.update(tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()
