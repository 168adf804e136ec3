"""Weights as JSON, small enough for a web page: matrices in 8 bits with one scale per row, vectors in 32
bits.

Rounding to the nearest of 255 levels per row costs a model of this size about 0.0001 nats (the tests measure
it), and a quarter of the bytes. `unpack` gives a torch model that holds exactly what the page's forward pass
reads.
"""

from __future__ import annotations

import base64
import math
from dataclasses import asdict, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.tiny.checkpoint import load_model
from course_lib.tiny.checks import one_of
from course_lib.tiny.model import GPT, GPTConfig

FORMAT = "course-gpt-1"
SHIPPED = ("sorter", "text")


def pack(model: GPT, *, vocabulary: str, name: str) -> dict[str, Any]:
    """A JSON-able dictionary: format, name, vocabulary (character i is token i), config, tensors."""
    if not isinstance(vocabulary, str) or len(vocabulary) != model.config.vocab_size:
        raise ValueError(
            f"vocabulary must be a string of {model.config.vocab_size} characters, got {vocabulary!r}"
        )
    tensors = {key: _encode(value) for key, value in model.state_dict().items()}
    return {
        "format": FORMAT,
        "name": name,
        "vocabulary": vocabulary,
        "config": asdict(model.config),
        "tensors": tensors,
    }


def packed(name: str) -> dict[str, Any]:
    """The pack of a model that ships with the course: "sorter" or "text"."""
    model, facts = load_model(shipped(name))
    return pack(model, vocabulary=facts["vocabulary"], name=name)


def load(name: str) -> GPT:
    """A model that ships with the course, in full precision: "sorter" or "text" (Austen, by character)."""
    return load_model(shipped(name))[0]


def shipped(name: str) -> Path:
    """Where the weights of a shipped model lie."""
    return Path(str(files("course_lib.tiny") / "weights" / f"{one_of('model', name, SHIPPED)}.safetensors"))


def unpack(packed: dict[str, Any]) -> GPT:
    """The model of `pack`, with exactly the weights that the packed numbers stand for."""
    if not isinstance(packed, dict) or packed.get("format") != FORMAT:
        raise ValueError(f"expected a dictionary with format {FORMAT!r}")
    known = {f.name for f in fields(GPTConfig)}
    extra = set(packed["config"]) - known
    if extra:
        raise ValueError(f"unknown config fields: {', '.join(sorted(extra))}")
    model = GPT(GPTConfig(**packed["config"]))
    state = {key: _decode(key, entry) for key, entry in packed["tensors"].items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"the packed tensors do not fit their config: {error}") from error
    return model


def _encode(value: Tensor) -> dict[str, Any]:
    """One tensor: float32 as it is if it is a vector, int8 and a scale per row if it is a matrix."""
    value = value.detach().cpu().float()
    if not bool(value.isfinite().all()):
        raise ValueError("a weight is not finite: nothing to pack")
    entry: dict[str, Any] = {"shape": list(value.shape), "dtype": "float32"}
    if value.dim() < 2:
        return entry | {"data": _base64(value)}
    scale = value.abs().amax(dim=1).clamp(min=1e-12) / 127
    levels = (value / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
    return entry | {"dtype": "int8", "scale": _base64(scale), "data": _base64(levels)}


def _decode(key: str, entry: dict[str, Any]) -> Tensor:
    """The float32 tensor that an entry stands for."""
    dtype, shape = entry.get("dtype"), entry["shape"]
    if dtype not in ("int8", "float32"):
        raise ValueError(f"{key}: dtype must be 'int8' or 'float32', got {dtype!r}")
    raw = bytearray(base64.b64decode(entry["data"], validate=True))
    if len(raw) != math.prod(shape) * (1 if dtype == "int8" else 4):
        raise ValueError(f"{key}: {len(raw)} bytes do not fill shape {shape}")
    value = torch.frombuffer(raw, dtype=getattr(torch, dtype)).float().view(shape)
    if dtype == "float32":
        return value
    scale = torch.frombuffer(bytearray(base64.b64decode(entry["scale"], validate=True)), dtype=torch.float32)
    return value * scale[:, None]


def _base64(value: Tensor) -> str:
    """Little-endian bytes in base64."""
    return base64.b64encode(value.contiguous().numpy().tobytes()).decode("ascii")
