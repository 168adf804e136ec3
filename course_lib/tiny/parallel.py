"""Several processes that train one model: a team for a notebook, and a script for `torchrun`.

`Team(2)` starts worker processes once and hands them jobs (`parallel_jobs.JOBS`); a worker that dies, raises
or does not answer ends the team with a `WorkerFailed` that says which and why, and no process stays behind.

The same jobs run under torch's own launcher, on one machine or on several:

    python -m course_lib.tiny.parallel data_parallel --workers 2 --steps 20
    torchrun --nproc-per-node 2 -m course_lib.tiny.parallel data_parallel --steps 20
    torchrun --nnodes 2 --nproc-per-node 1 --rdzv-backend c10d --rdzv-endpoint HOST:29500 \\
        -m course_lib.tiny.parallel data_parallel --steps 20      # the same line on both machines
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import os
import pickle
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import weakref
from datetime import timedelta
from pathlib import Path
from typing import Any

from course_lib.tiny.checks import number, whole

START_SECONDS = 90.0  # importing torch on a busy machine
GRACE_SECONDS = 0.5  # how long other workers may add what they know about a failure


class WorkerFailed(RuntimeError):
    """A worker died, raised or did not answer; the message names it and says why."""


class Team:
    """Worker processes on this machine, joined by gloo, waiting for jobs. Use `with Team(2) as team:`."""

    def __init__(self, size: int = 2, timeout: float = 60.0) -> None:
        self.size = whole("size", size)
        self.timeout = number("timeout", timeout, 0.0, open_low=True)
        self._folder = Path(tempfile.mkdtemp(prefix="team-"))
        self._answers: queue.Queue[tuple[int, Any]] = queue.Queue()
        self._processes = [self._start(rank) for rank in range(size)]
        self._end = weakref.finalize(self, _end, self._processes, self._folder)
        for rank, process in enumerate(self._processes):
            threading.Thread(target=_listen, args=(rank, process, self._answers), daemon=True).start()
        self._collect("starting", START_SECONDS)

    def _start(self, rank: int) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "RANK": str(rank), "WORLD_SIZE": str(self.size), "OMP_NUM_THREADS": "1",
            "TEAM_RENDEZVOUS": (self._folder / "meeting-point").as_uri(), "TEAM_TIMEOUT": str(self.timeout),
        }  # fmt: skip
        with open(self._folder / f"{rank}.log", "wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "course_lib.tiny.parallel", "serve"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment,
            )  # fmt: skip

    def run(self, job: str, **arguments: Any) -> list[dict[str, Any]]:
        """Run a job on every worker; their results by rank."""
        check_job(job, arguments)
        if not self._end.alive:
            raise WorkerFailed("this team has ended; start a new one with Team()")
        for rank in range(self.size):
            self._tell(rank, (job, arguments))
        return self._collect(f"running {job}", self.timeout)

    def _collect(self, doing: str, timeout: float) -> list[dict[str, Any]]:
        """One answer of every worker, or the reason why there is none."""
        results: dict[int, Any] = {}
        failed: dict[int, Any] = {}
        until = time.monotonic() + timeout
        while len(results) + len(failed) < self.size:
            try:
                rank, answer = self._answers.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                break
            if answer is None or "error" in answer:
                failed[rank] = answer
                until = min(until, time.monotonic() + GRACE_SECONDS)
            else:
                results[rank] = answer["result"]
        if len(results) == self.size:
            return [results[rank] for rank in range(self.size)]
        message = self._reason(doing, timeout, results, failed)
        self.close()
        raise WorkerFailed(message)

    def _reason(self, doing: str, timeout: float, results: dict[int, Any], failed: dict[int, Any]) -> str:
        """The first cause: a process that ended, else an error of its own, else silence."""
        for rank, answer in sorted(failed.items(), key=lambda item: item[1] is not None):
            if answer is None:
                code = self._processes[rank].wait()
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
                return f"worker {rank} of {self.size} {how} while {doing}.{self._last_words(rank)}"
        causes = sorted(failed.items(), key=lambda item: item[1]["lost"])  # "lost": it only missed another
        if causes:
            rank, answer = causes[0]
            return f"worker {rank} of {self.size} failed while {doing}: {answer['error']}"
        said = ", ".join(f"worker {rank} {what}" for rank, what in sorted(self._ask(results).items()))
        return f"no answer within {timeout:g} s while {doing} ({said}); all {self.size} workers were ended"

    def _ask(self, results: dict[int, Any]) -> dict[int, str]:
        """What each worker that owes an answer is doing: its listening thread can tell."""
        found = {r: "does not even listen" for r in range(self.size) if r not in results}
        for rank in found:
            self._tell(rank, ("where", {}))
        until = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                rank, answer = self._answers.get(timeout=0.05)
                if answer is not None and "where" in answer:
                    found[rank] = answer["where"]
        return found

    def _tell(self, rank: int, message: tuple[str, dict[str, Any]]) -> None:
        process = self._processes[rank]
        try:
            pickle.dump(message, process.stdin)  # type: ignore[arg-type]
            process.stdin.flush()  # type: ignore[union-attr]
        except OSError:  # it died between two jobs
            self._answers.put((rank, None))

    def _last_words(self, rank: int) -> str:
        lines = (self._folder / f"{rank}.log").read_text(encoding="utf-8", errors="replace").split("\n")
        words = [line for line in lines if line.strip() and not line.startswith("[Gloo]")][-3:]
        return " Its last words: " + " / ".join(words) if words else ""

    @property
    def pids(self) -> list[int]:
        """The process numbers of the workers."""
        return [process.pid for process in self._processes]

    def close(self) -> None:
        """End all workers and wait for them; a second call does nothing."""
        self._end()

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def alive(pids: list[int]) -> list[int]:
    """Those of these processes that are still there."""
    found = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            found.append(pid)
    return found


def check_job(job: str, arguments: dict[str, Any]) -> None:
    """Refuse an unknown job or argument before any process hears of it."""
    from course_lib.tiny.parallel_jobs import JOBS

    if job not in JOBS:
        raise ValueError(f"job must be one of {', '.join(JOBS)}; got {job!r}")
    known = [name for name in inspect.signature(JOBS[job]).parameters if name != "ring"]
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ValueError(f"{job} knows {', '.join(known)}; it has no argument {', '.join(unknown)}")


def _end(processes: list[subprocess.Popen[bytes]], folder: Path) -> None:
    """Close the pipes, then kill what is left; also called when the team is collected or Python ends."""
    for process in processes:
        with contextlib.suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
    for process in processes:
        try:
            process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _listen(rank: int, process: subprocess.Popen[bytes], answers: queue.Queue[tuple[int, Any]]) -> None:
    """Pass a worker's answers on; None when its pipe ends."""
    try:
        while True:
            answers.put((rank, pickle.load(process.stdout)))  # type: ignore[arg-type]
    except (EOFError, OSError, pickle.UnpicklingError):
        answers.put((rank, None))


def serve() -> None:
    """A worker: join the others, then do what comes in; end when the pipe from the team closes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    work: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
    threading.Thread(target=_hear, args=(work, answers), daemon=True).start()

    import torch.distributed as dist

    join(os.environ["TEAM_RENDEZVOUS"], float(os.environ["TEAM_TIMEOUT"]))
    _answer(answers, {"result": {}})
    while True:
        job, arguments = work.get()
        try:
            answer = {"result": run_job(job, arguments)}
        except Exception as error:
            lost = isinstance(error, dist.DistError | RuntimeError) and "eer" in str(error)
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}", "lost": lost}  # type: ignore[dict-item]
        _answer(answers, answer)


def _hear(work: queue.Queue[tuple[str, dict[str, Any]]], answers: Any) -> None:
    """Read jobs, and say what is going on if asked; when the team is gone, so is its worker."""
    try:
        while True:
            message = pickle.load(sys.stdin.buffer)
            if message[0] != "where":
                work.put(message)
                continue
            from course_lib.tiny.parallel_comm import Ring

            _answer(answers, {"where": "is " + Ring.doing})
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)


_one_at_a_time = threading.Lock()


def _answer(stream: Any, answer: dict[str, Any]) -> None:
    with _one_at_a_time:
        pickle.dump(answer, stream)
        stream.flush()


def join(meeting_point: str, timeout: float = 60.0) -> None:
    """Join the process group: rank and size from the environment, as torchrun sets them."""
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=meeting_point, rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]), timeout=timedelta(seconds=timeout),
    )  # fmt: skip


def run_job(job: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a job on this process, over a ring of all."""
    from course_lib.tiny.parallel_comm import Ring
    from course_lib.tiny.parallel_jobs import JOBS

    return JOBS[job](Ring(), **arguments)


def summary(job: str, results: list[dict[str, Any]]) -> str:
    """A line for each rank: every number and list that a job returned, tensors left out."""
    lines = []
    for rank, result in enumerate(results):
        shown = {k: value for k, value in result.items() if not hasattr(value, "shape") and k != "events"}
        lines.append(f"{job}, rank {rank} of {len(results)}: {shown}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """`python -m course_lib.tiny.parallel JOB`, alone (starts its workers) or under torchrun (is one)."""
    from course_lib.tiny.parallel_jobs import JOBS

    parser = argparse.ArgumentParser(prog="python -m course_lib.tiny.parallel", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("job", choices=[name for name in JOBS if name != "fail"])
    parser.add_argument("--workers", type=int, default=2, help="processes to start (not under torchrun)")
    parser.add_argument("--steps", type=int, help="updates, for data_parallel and zero")
    parser.add_argument("--stage", type=int, help="0 to 3, for zero")
    given = parser.parse_args(arguments)
    asked = {key: getattr(given, key) for key in ("steps", "stage") if getattr(given, key) is not None}
    try:
        check_job(given.job, asked)
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            with Team(given.workers) as team:
                print(summary(given.job, team.run(given.job, **asked)))
            return 0
    except (ValueError, WorkerFailed) as error:
        print(error, file=sys.stderr)
        return 1
    import torch.distributed as dist

    join("env://")
    mine = run_job(given.job, asked)
    everyone: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, mine)
    if dist.get_rank() == 0:
        print(summary(given.job, everyone))
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        sys.exit(main())
