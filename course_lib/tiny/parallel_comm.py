"""How processes talk: ring collectives made of sends and receives, with a ledger of the bytes sent.

`torch.distributed` has its own collectives; these are written out so that every byte can be counted. Each of
n processes sends only to its right neighbor and receives from its left. A reduce-scatter takes n - 1 rounds
and leaves each process with one n-th of the sum; an all-gather takes n - 1 more and hands the parts around.
(Patarasuk & Yuan 2009 show that 2 (n - 1)/n of the data is the least that an all-reduce must send.)
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


class Ring:
    """The process group as a ring; `sent` counts bytes by kind."""

    doing = "at work on its own part"  # what this process is at, for whoever asks why it does not answer

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.sent: dict[str, int] = {}
        self._pending: list[tuple[dist.Work, Tensor]] = []

    def send(self, tensor: Tensor, to: int, kind: str, tag: int = 0) -> None:
        """Send without waiting; the tensor is kept until `settle`."""
        raw = tensor.detach().contiguous().view(-1).view(torch.uint8)
        self.sent[kind] = self.sent.get(kind, 0) + raw.nbytes
        self._pending.append((dist.isend(raw, to, tag=tag), raw))  # type: ignore[arg-type]

    def receive(self, like: Tensor, source: int, tag: int = 0) -> Tensor:
        """Wait for a tensor of the shape and type of `like`."""
        out = torch.empty_like(like, requires_grad=False).contiguous()
        Ring.doing = f"waiting for worker {source}"
        dist.recv(out.view(-1).view(torch.uint8), source, tag=tag)
        Ring.doing = "at work on its own part"
        return out

    def settle(self) -> None:
        """Wait until everything sent has left."""
        for work, _ in self._pending:
            work.wait()
        self._pending = []

    def pass_on(self, tensor: Tensor, like: Tensor, kind: str) -> Tensor:
        """Send to the right neighbor, receive from the left one."""
        self.send(tensor, (self.rank + 1) % self.size, kind)
        got = self.receive(like, (self.rank - 1) % self.size)
        self.settle()
        return got

    def reduce_scatter(self, flat: Tensor, kind: str = "reduce-scatter") -> Tensor:
        """Sum over all processes; this one gets its own part, in place; the other parts are left stale."""
        parts = flat.tensor_split(self.size)
        for k in range(self.size - 1):
            here, there = (self.rank - k - 1) % self.size, (self.rank - k - 2) % self.size
            parts[there].add_(self.pass_on(parts[here], parts[there], kind))
        return parts[self.rank]

    def all_gather(self, flat: Tensor, kind: str = "all-gather") -> Tensor:
        """Everybody's part (the rank-th piece of `flat`) to everybody, in place."""
        parts = flat.tensor_split(self.size)
        for k in range(self.size - 1):
            here, there = (self.rank - k) % self.size, (self.rank - k - 1) % self.size
            parts[there].copy_(self.pass_on(parts[here], parts[there], kind))
        return flat

    def all_reduce(self, tensor: Tensor, kind: str = "all-reduce") -> Tensor:
        """The sum over all processes, on every process, in place."""
        flat = tensor.view(-1)
        self.reduce_scatter(flat, kind)
        self.all_gather(flat, kind)
        return tensor

    def exchange(self, pieces: list[Tensor], kind: str = "all-to-all") -> list[Tensor]:
        """All-to-all: the r-th piece (rows, width) goes to process r; the result is ordered by sender."""
        counts = torch.tensor([len(p) for p in pieces])
        theirs = [torch.empty_like(counts) for _ in pieces]
        dist.all_gather(theirs, counts)
        out = [pieces[self.rank]] * self.size
        for other in range(self.size):
            if other != self.rank:
                self.send(pieces[other], other, kind)
        for other in range(self.size):
            if other != self.rank:
                rows = int(theirs[other][self.rank])
                out[other] = self.receive(pieces[other].new_empty(rows, pieces[other].shape[1]), other)
        self.settle()
        return out
