"""A machine's own roofline, measured: how fast it moves bytes and multiplies, and real kernels placed on it.

Bandwidth is the best of copying, adding and summing arrays far larger than the caches (the way of STREAM,
McCalpin 1995); the peak is the best square matrix product. On a processor one thread is timed in CPU seconds,
so that other programs disturb it less; on an accelerator wall seconds between synchronizations count. Every
kernel's time is the best of several calls: a roof is what the machine can do, not what it did on average.

    python -m course_lib.tiny.rates --device cuda --format bf16 --out rates.json
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import roofline
from course_lib.files import replace_text
from course_lib.tiny.checks import number, one_of, whole
from course_lib.tiny.decode import Decoder
from course_lib.tiny.measure import one_thread
from course_lib.tiny.model import GPT, GPTConfig

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
SIDES = (32, 64, 128, 256, 512, 1024)  # of square products; an accelerator gets larger ones as well
LARGE_SIDES = (2048, 4096, 8192)
VECTORS = (1, 4, 16, 64)  # that meet one matrix
BATCHES = (1, 2, 4, 8, 16, 32, 64)  # sequences in a decode step
PROMPTS = (16, 128)  # tokens of a prefill
WIDTH = 4096  # of the matrix that a batch of vectors meets, and of the rows of softmax and norm
MODEL = GPTConfig.modern(75, context=160, d_model=1024, n_layers=2, n_heads=16)  # 25M: beyond the caches
SEEN = 64  # tokens in the cache at a decode step


@dataclass(frozen=True)
class Kernel:
    """One measured operation, with what `roofline` counts for it."""

    kind: str  # vector, product, linear, decode or prefill
    label: str
    size: int  # elements, side, batch or tokens, by kind
    flops: float
    bytes: float  # the least that has to move
    seconds: float  # best call

    @property
    def intensity(self) -> float:
        """FLOPs per byte."""
        return self.flops / self.bytes

    @property
    def rate(self) -> float:
        """FLOP/s reached."""
        return self.flops / self.seconds


@dataclass(frozen=True)
class Machine:
    """What was measured, on what, and when."""

    device: str
    name: str
    number_format: str
    torch: str
    date: str
    bandwidth: float  # bytes/s, the best of `moves`
    peak: float  # FLOP/s, the best square product
    moves: dict[str, float]  # bytes/s of copy, add and sum
    kernels: tuple[Kernel, ...]

    @property
    def ridge(self) -> float:
        """FLOPs per byte at which both limits meet."""
        return roofline.ridge(self.peak, self.bandwidth)

    @property
    def value_bytes(self) -> int:
        """Bytes of a number."""
        return torch.empty((), dtype=FORMATS[self.number_format]).element_size()

    def of(self, kind: str) -> list[Kernel]:
        """The kernels of a kind."""
        return [k for k in self.kernels if k.kind == kind]

    def least(self, kernel: Kernel) -> float:
        """Seconds that the roof allows a kernel at least."""
        return roofline.step_seconds(kernel.flops, kernel.bytes, self.peak, self.bandwidth)

    def share(self, kernel: Kernel) -> float:
        """What a kernel reaches of the roof, a fraction."""
        return self.least(kernel) / kernel.seconds

    def save(self, path: str | Path) -> None:
        """Write everything, as JSON."""
        replace_text(Path(path), json.dumps(asdict(self), indent=1) + "\n")


def load(path: str | Path) -> Machine:
    """A machine that `save` wrote, here or elsewhere."""
    try:
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
        kernels = tuple(Kernel(**k) for k in fields.pop("kernels"))
        return Machine(**fields, kernels=kernels)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path} is no file of measured rates ({error}); make one with python -m course_lib.tiny.rates"
        ) from error


def shipped() -> Machine:
    """One thread of the processor that made the pages, in bf16; one like it is made by

    python -m course_lib.tiny.rates --format bf16 --seconds 0.25 --array-mb 128 --out rates_bf16.json
    """
    return load(str(files("course_lib.tiny").joinpath("data", "rates_bf16.json")))


def measure(
    device: str = "cpu", number_format: str = "fp32", *, seconds: float = 0.04, array_mb: int = 64
) -> Machine:
    """The machine's roofline and the kernels on it; `seconds` for each kernel, arrays of `array_mb` MB."""
    dtype = FORMATS[one_of("number_format", number_format, tuple(FORMATS))]
    number("seconds", seconds, 0.0, open_low=True)
    whole("array_mb", array_mb)
    place = torch.device(device)
    bench = Bench(place, dtype, seconds)
    sides = SIDES if place.type == "cpu" else SIDES + LARGE_SIDES
    with one_thread(), torch.inference_mode():
        moves, vectors = bench.vectors(array_mb * 1_000_000 // bench.bytes)
        products = bench.products(sides)
        kernels = [*vectors, *products, *bench.linear(VECTORS), *bench.model(BATCHES, PROMPTS)]
    return Machine(
        device=place.type, name=_name(place), number_format=number_format, torch=torch.__version__,
        date=datetime.date.today().isoformat(), bandwidth=max(moves.values()),
        peak=max(k.rate for k in products), moves=moves, kernels=tuple(kernels),
    )  # fmt: skip


class Bench:
    """Kernels on one device in one number format."""

    def __init__(self, device: torch.device, dtype: torch.dtype, seconds: float) -> None:
        self.device, self.dtype, self.seconds = device, dtype, seconds
        self.bytes = torch.empty((), dtype=dtype).element_size()

    def best(self, call: Callable[[], object]) -> float:
        """Seconds of the best call, after one to warm up; calls go on for `seconds`, three at least."""
        clock = time.process_time if self.device.type == "cpu" else time.perf_counter
        call()
        self.wait()
        spent: list[float] = []
        while sum(spent) < self.seconds or len(spent) < 3:
            began = clock()
            call()
            self.wait()
            spent.append(max(clock() - began, 1e-9))
        return min(spent)

    def wait(self) -> None:
        """Until an accelerator has done what it was told."""
        if self.device.type in ("cuda", "mps", "xpu"):
            getattr(torch, self.device.type).synchronize()

    def random(self, *shape: int) -> Tensor:
        """Numbers to work on."""
        return torch.rand(*shape, dtype=torch.float32).to(self.device, self.dtype)

    def vectors(self, count: int) -> tuple[dict[str, float], list[Kernel]]:
        """Bytes/s of copy, add and sum of `count` numbers, and the elementwise kernels."""
        rows = max(1, count // WIDTH)
        a, b = self.random(2, rows, WIDTH)
        out, weight = torch.empty_like(a), self.random(WIDTH)
        n = a.numel()
        times = {
            "add": self.best(lambda: torch.add(a, b, out=out)),
            "softmax": self.best(lambda: torch.softmax(a, -1, out=out)),
            "norm in pieces": self.best(lambda: _norm_in_pieces(a, weight, out)),
        }
        moves = {
            "copy": 2 * n * self.bytes / self.best(lambda: out.copy_(a)),
            "add": 3 * n * self.bytes / times["add"],
            "sum": n * self.bytes / self.best(lambda: a.sum()),
        }
        kernels = []
        for kind, spent in times.items():
            count_of = roofline.elementwise(kind.split()[0], n, self.bytes)
            kernels.append(Kernel("vector", kind, n, count_of["flops"], count_of["bytes"], spent))
        return moves, kernels

    def products(self, sides: Sequence[int]) -> list[Kernel]:
        """Square products of growing size, results in place."""
        kernels = []
        for n in sides:
            a, b = self.random(2, n, n)
            out, need = torch.empty_like(a), roofline.product(n, n, n, self.bytes)
            spent = self.best(lambda a=a, b=b, out=out: torch.mm(a, b, out=out))  # type: ignore[misc]
            kernels.append(Kernel("product", f"{n} x {n}", n, need["flops"], need["bytes"], spent))
        return kernels

    def linear(self, batches: Sequence[int]) -> list[Kernel]:
        """One WIDTH x WIDTH weight matrix met by a batch of vectors."""
        weight, kernels = self.random(WIDTH, WIDTH), []
        for batch in batches:
            x, need = self.random(batch, WIDTH), roofline.product(batch, WIDTH, WIDTH, self.bytes)
            spent = self.best(lambda x=x: F.linear(x, weight))  # type: ignore[misc]
            kernels.append(Kernel("linear", f"matrix x {batch}", batch, need["flops"], need["bytes"], spent))
        return kernels

    def model(self, batches: Sequence[int], prompts: Sequence[int]) -> list[Kernel]:
        """Decode steps for growing batches and prefills of growing prompts, of MODEL with random weights."""
        model = GPT(MODEL).to(self.device, self.dtype).eval()
        return [self._read(model, "decode", 1, batch, SEEN) for batch in batches] + [
            self._read(model, "prefill", tokens, 1, 0) for tokens in prompts
        ]

    def _read(self, model: GPT, kind: str, tokens: int, batch: int, before: int) -> Kernel:
        """Time `tokens` more of `batch` sequences that hold `before` tokens; what these are costs nothing."""
        decoder = Decoder(model, batch)
        for cache in decoder.cache:
            cache.zero_()
        text = torch.zeros(batch, tokens, dtype=torch.long, device=self.device)

        def again() -> None:
            decoder.length = before
            decoder.read(text)

        count = roofline.decode if kind == "decode" else roofline.prefill
        need = count(MODEL.to_accounting(), before + tokens, batch, 1.0, 1.0, self.bytes)
        label = f"{kind}, batch {batch}" if kind == "decode" else f"{kind} of {tokens} tokens"
        size = batch if kind == "decode" else tokens
        return Kernel(kind, label, size, need["flops"], need["bytes"], self.best(again))


def _norm_in_pieces(x: Tensor, weight: Tensor, out: Tensor) -> None:
    """RMSNorm as one writes it down: seven whole arrays pass by instead of two; no fresh memory."""
    torch.mul(x, x, out=out)
    torch.mul(x, torch.rsqrt(out.mean(-1, keepdim=True) + 1e-5), out=out)
    torch.mul(out, weight, out=out)


def _name(device: torch.device) -> str:
    """What the device calls itself."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}, one thread"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write if a path is given."""
    parser = argparse.ArgumentParser(description="Measure the roofline of a device.")
    parser.add_argument("--device", default="cpu", help="a torch device: cpu, cuda, mps (default: cpu)")
    parser.add_argument("--format", default="fp32", choices=tuple(FORMATS), help="number format")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each kernel")
    parser.add_argument("--array-mb", type=int, default=256, help="size of the arrays that are moved")
    parser.add_argument("--out", help="a .json file to write")
    options = parser.parse_args(arguments)
    machine = measure(options.device, options.format, seconds=options.seconds, array_mb=options.array_mb)
    print(report(machine))
    if options.out:
        machine.save(options.out)
        print(f"wrote {options.out}")
    return 0


def report(machine: Machine) -> str:
    """The measurement as a table."""
    head = (
        f"{machine.name}, {machine.number_format}: {machine.bandwidth / 1e9:.4g} GB/s, "
        f"{machine.peak / 1e9:.4g} GFLOP/s, ridge at {machine.ridge:.3g} FLOPs/byte"
    )
    rows = [
        f"{k.label:22s} {k.intensity:8.2f} FLOPs/byte  {k.rate / 1e9:10.4g} GFLOP/s  "
        f"{machine.share(k):5.0%} of the roof"
        for k in machine.kernels
    ]
    return "\n".join([head, *rows])


if __name__ == "__main__":
    sys.exit(main())
