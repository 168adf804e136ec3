"""Lesson 18's data: a teacher's answers, the students' runs, and the tuned models, from the shipped tables.

Read without torch, since pages and tests load explorables that way.
"""

import csv
import functools
import io
import json
from importlib.resources import files
from typing import Any

METHODS = ("best of n", "preference", "policy")
NAMES = {"best of n": "best of n", "preference": "preference tuning", "policy": "policy tuning"}
AXES = {
    "reward": "reward model, deviations",
    "taste": "the judge’s taste",
    "variety": "different words over words",
    "loss": "loss on held-out Austen, nats",
}
SEED_NOISE = 0.03  # nats: two students that differ by less differ by their seed, in the shipped table


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("course_lib") / "tiny" / "data" / f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@functools.cache
def places() -> dict[str, Any]:
    """Places of the held-out text with the teacher's logits, and the teacher's own loss and cost."""
    found: dict[str, Any] = json.loads((files("course_lib") / "tiny" / "data" / "teacher.json").read_text("utf-8"))
    return found


@functools.cache
def curves() -> dict[str, Any]:
    """Mean loss over seeds by characters read, of students of the text and of the teacher."""
    rows = [row for row in _rows("distill") if row["kind"] == "tokens"]
    found: dict[str, Any] = {"teacher": places()["teacher"], "noise": SEED_NOISE}
    for name, asked in (("labels", "labels"), ("taught", "teacher")):
        sizes = sorted({int(row["tokens"]) for row in rows if row["asked"] == asked})
        found[name] = [_mean([r for r in rows if r["asked"] == asked and int(r["tokens"]) == n]) for n in sizes]
    return found


def _mean(rows: list[dict[str, str]]) -> dict[str, Any]:
    """One point of a curve."""
    return {
        "flops": float(rows[0]["flops"]), "reading": float(rows[0]["teacher_flops"]),
        "loss": round(sum(float(row["loss"]) for row in rows) / len(rows), 4),
        "says": f"{int(rows[0]['tokens']) // 1000}K characters",
    }  # fmt: skip


@functools.cache
def feedback() -> dict[str, Any]:
    """Every look at a tuned model, with samples cut into pieces that are made up or not, by turns."""
    points: list[dict[str, Any]] = []
    betas: dict[str, list[float]] = {method: [] for method in METHODS}
    for row in _rows("feedback"):
        method, beta, effort = row["method"], float(row["beta"]), int(row["effort"])
        if beta not in betas[method]:
            betas[method].append(beta)
        says = f"the best of {effort}" if method == METHODS[0] else f"{effort} steps, price {beta:g}"
        numbers = {key: float(row[key]) for key in ("kl", "reward", "taste", "taste_error", "variety", "loss")}
        texts = [_pieces(line) for line in row["texts"].split("\n")]
        points.append({"method": method, "beta": beta, "says": says, "texts": texts, **numbers})
    return {"points": points, "betas": betas, "methods": list(METHODS), "names": NAMES, "axes": AXES}


def _pieces(line: str) -> dict[str, Any]:
    """A prompt, and the continuation in pieces: those with odd places are words that do not exist."""
    prompt, written = line.split("|", 1)
    return {"prompt": prompt, "pieces": written.split("~")}
