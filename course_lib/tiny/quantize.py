"""Weights in few bits: round to the nearest, with one scale for a tensor, a row or a group, really packed.

The simplest quantization there is (symmetric, no data looked at): a group of weights is divided by its scale,
rounded to whole numbers of b bits, and the bits are written side by side, so that `nbytes` is what a file
would hold. Better methods move the rounding errors around (GPTQ, Frantar et al. 2022, arXiv 2210.17323) or
the scales (AWQ, Lin et al. 2023, arXiv 2306.00978). `pack` has the 8-bit form that the pages read.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from course_lib.tiny.checks import one_of, whole
from course_lib.tiny.model import GPT

Scheme = Literal["tensor", "channel", "group"]
SCHEMES = ("tensor", "channel", "group")
TINY_SCALE = 6e-8  # the smallest fp16 above zero, for groups of zeros


@dataclass(frozen=True)
class Quantized:
    """A tensor in packed integers."""

    packed: Tensor  # uint8: the codes' bits side by side
    scale: Tensor  # fp16, one for each group: () for a tensor, (rows, groups) otherwise
    bits: int
    group: int  # weights of a row that share a scale; 0: the whole tensor shares one
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of codes and scales."""
        return self.packed.nbytes + self.scale.nbytes

    def dequantize(self) -> Tensor:
        """The float32 tensor that codes and scales stand for."""
        codes = unpack_bits(self.packed, self.bits, torch.Size(self.shape).numel()).view(self.shape).float()
        return codes * _spread(self.scale.float(), self.shape, self.group)


def quantize(weight: Tensor, bits: int, scheme: Scheme = "channel", *, group: int = 32) -> Quantized:
    """Round a matrix (rows, columns) to b-bit whole numbers; a scale for all, for each row or for each group.

    The scale is the largest size in the group over 2^(b-1) - 1, rounded to fp16. The last group of a row may
    be shorter.
    """
    if not 2 <= whole("bits", bits) <= 8:
        raise ValueError(f"bits must be 2 to 8, got {bits}")
    one_of("scheme", scheme, SCHEMES)
    whole("group", group)
    if weight.dim() != 2 or not bool(weight.isfinite().all()):
        raise ValueError(f"expected a matrix of finite numbers, got shape {tuple(weight.shape)}")
    weight = weight.detach().float()
    size = {"tensor": 0, "channel": weight.shape[1], "group": min(group, weight.shape[1])}[scheme]
    codes, scale = rounded(weight, bits, size)
    packed = pack_bits(codes.to(torch.int16), bits)
    return Quantized(packed, scale, bits, size, tuple(weight.shape))


def rounded(weight: Tensor, bits: int, size: int) -> tuple[Tensor, Tensor]:
    """Whole-number codes for a matrix, and their scales; `size` weights share one (0: all do)."""
    most = 2 ** (bits - 1) - 1
    scale = (_largest(weight, size) / most).clamp(min=TINY_SCALE).half()
    step = _spread(scale.float(), tuple(weight.shape), size)  # each weight's own scale
    return (weight / step).round().clamp(-most, most), scale


def quantize_model(model: GPT, bits: int, scheme: Scheme = "channel", *, group: int = 32) -> tuple[GPT, int]:
    """A copy of a model with every matrix (tables included) rounded, and the bytes of the packed form.

    Vectors (norms, biases) go to fp16. The copy holds, in float32, exactly what the packed numbers stand for.
    """
    result, total = copy.deepcopy(model), 0
    with torch.no_grad():
        for p in result.parameters():
            if p.dim() == 2:
                q = quantize(p, bits, scheme, group=group)
                p.copy_(q.dequantize())
                total += q.nbytes
            else:
                p.copy_(p.half().float())
                total += 2 * p.numel()
    return result, total


def pack_bits(codes: Tensor, bits: int) -> Tensor:
    """Whole numbers as two's complement bits, side by side in bytes, lowest bit first; the last is padded."""
    places = torch.arange(bits)
    stream = (codes.flatten().to(torch.int16)[:, None] >> places & 1).to(torch.uint8).flatten()
    stream = torch.nn.functional.pad(stream, (0, -len(stream) % 8)).view(-1, 8)
    return (stream << torch.arange(8)).sum(dim=1).to(torch.uint8)


def unpack_bits(packed: Tensor, bits: int, count: int) -> Tensor:
    """The first `count` whole numbers (int16) of a row of packed bytes."""
    if len(packed) != -(-count * bits // 8):
        raise ValueError(
            f"{count} numbers of {bits} bits fill {-(-count * bits // 8)} bytes, got {len(packed)}"
        )
    stream = (packed[:, None] >> torch.arange(8) & 1).flatten()[: count * bits].view(count, bits)
    value = (stream.to(torch.int16) << torch.arange(bits, dtype=torch.int16)).sum(dim=1, dtype=torch.int16)
    return value - (stream[:, -1].to(torch.int16) << bits)


def _largest(weight: Tensor, size: int) -> Tensor:
    """The largest size in each group: () for the tensor, (rows, groups) otherwise."""
    if size == 0:
        return weight.abs().max()
    padded = torch.nn.functional.pad(weight.abs(), (0, -weight.shape[1] % size))
    return padded.view(len(weight), -1, size).amax(dim=2)


def _spread(scale: Tensor, shape: tuple[int, ...], size: int) -> Tensor:
    """Each weight's scale: () or (rows, columns)."""
    if size == 0:
        return scale
    return scale.repeat_interleave(size, dim=1)[:, : shape[1]]
