"""Lesson 13: the explorables give what the library gives, and the quiz says what is measured."""

from __future__ import annotations

from typing import Any

import pytest

from course_lib import accounting, catalog, formulas, memory
from course_lib import numberformats as nf
from course_lib.claims.lesson_13 import calculator
from course_lib.widgets.explore import lesson_13

FITS = lesson_13.does_it_fit()
BITS = lesson_13.number_bits()


def config_of(key: str) -> accounting.ModelConfig:
    """The shape behind a key of the explorable's menu."""
    return catalog.config_of(FITS.data["models"][key]["name"])


def row(out: dict[str, Any], name: str) -> dict[str, Any]:
    """One card's row."""
    return next(r for r in out["rows"] if r["name"] == name)


@pytest.mark.parametrize("key", FITS.data["models"])
def test_serving_is_the_library(key: str) -> None:
    """Parts add up to `memory.serving`; the cards are as many as hold it, and no more."""
    context = lesson_13.usable_context(FITS.data["models"][key]["config"], 512)
    for form, group in (("bf16", 0), ("int4", 32)):
        out = FITS.at(model=key, format=form, context=512, batch=3)
        total = memory.serving(config_of(key), form, context, 3, "bf16", group)["total"]
        assert sum(p["bytes"] for p in out["parts"]) == pytest.approx(total)
        for card in out["rows"]:
            room = memory.usable_bytes(card["memory"])
            assert card["n"] * room >= total > (card["n"] - 1) * room
            assert card["each"] * card["n"] == pytest.approx(formulas.gib(total))


@pytest.mark.parametrize("stage", ["0", "1", "2", "3"])
def test_training_is_the_library(stage: str) -> None:
    """Every card that is said to be enough holds what `memory.training` puts on it."""
    key = next(k for k, m in FITS.data["models"].items() if m["name"] == "Llama 3 8B")
    out = FITS.at(mode="train", model=key, stage=stage, recompute=True, context=2048, optimizer="adam8bit")
    for card in out["rows"]:
        if card["n"] == 0:
            assert card["each"] > card["usable"] and card["says"] == "no number of cards"
            continue
        at = memory.training(
            config_of(key), 2048, 1, "adam8bit", recompute=True, stage=int(stage), devices=card["n"]
        )
        assert card["each"] == pytest.approx(formulas.gib(at["total"])) and card["each"] <= card["usable"]


def test_more_sharing_never_needs_more_cards() -> None:
    """From stage to stage the cards get fewer, where there is an answer at all."""
    counts = []
    for stage in "0123":
        n = row(FITS.at(mode="train", stage=stage, recompute=True), "H100 SXM")["n"]
        counts.append(n if n else float("inf"))
    assert counts == sorted(counts, reverse=True)


def test_learned_positions_end_the_context() -> None:
    """GPT-3's table has 2,048 rows: longer sequences are counted with those, and it is said."""
    key = next(k for k, m in FITS.data["models"].items() if m["name"].startswith("GPT-3"))
    long, full = FITS.at(model=key, context=100_000), FITS.at(model=key, context=2048)
    assert long["total_gib"] == full["total_gib"]
    assert "ends at 2,048" in long["verdict"] and "ends at" not in full["verdict"]


def test_verdicts_name_the_cause() -> None:
    """Cache, copies and activations are told apart."""
    assert "cache has outgrown" in FITS.at(batch=256)["verdict"]
    assert "share out more" in FITS.at(mode="train", gpu="rtx-3060")["verdict"]
    never = FITS.at(mode="train", stage="3", context=131072, gpu="rtx-3060")
    assert "activations stay" in never["verdict"] and never["tone"] == "bad"


@pytest.mark.parametrize("size", [0.1, 1.0, 3.14159, 6e4, 1e-6, 447.0])
def test_turning_a_bit_over_gives_what_it_says(size: float) -> None:
    """The value offered for each bit, set as the number, shows exactly that bit turned over."""
    out = BITS.at(size=size, top=1000)
    for r in out["rows"]:
        for i, flip in enumerate(r["flips"]):
            if flip is None:
                continue
            there = BITS.at(size=flip["size"], negative=flip["negative"], top=1000)
            bits = next(q["bits"] for q in there["rows"] if q["key"] == r["key"])
            changed = [j for j in range(len(bits)) if bits[j] != r["bits"][j]]
            zero = flip["size"] <= lesson_13.ALMOST_ZERO
            assert changed == [i] or zero, (r["key"], i)


def test_bits_are_the_formats() -> None:
    """Rows read back what `numberformats` reads; what is lost is said."""
    out = BITS.at(size=70000, negative=True, top=100)
    said = {r["key"]: r for r in out["rows"]}
    assert said["fp16"]["kind"] == "large" and said["int8"]["kind"] == "clipped"
    assert said["bf16"]["near"] == "−70,144" and said["e4m3"]["error"].startswith("NaN")
    assert "too large for fp16" in out["verdict"]
    assert BITS.at(size=0.5)["verdict"].startswith("0.5 is exact in fp32, bf16, fp16")
    assert lesson_13.signed(nf.nearest(0.1, "bf16")) == "0.100098"


def test_the_sources_calculator() -> None:
    """Its own arithmetic: 326 and 9 GiB, and a 7B model of three layers."""
    gpt3, seven = calculator(175e9), calculator(7e9)
    assert (round(gpt3["weights"], 1), round(gpt3["kv"], 1)) == (326.0, 9.0)
    assert (seven["layers"], seven["width"]) == (3, 491)


def test_the_quiz_says_what_is_measured() -> None:
    """Four bits by rows cost the text model what the guess's key says, in round numbers."""
    from course_lib import quizzes, tiny
    from course_lib.quizzes import q13_memory
    from course_lib.tiny import quantize

    model, (_, held_out) = tiny.load("text"), tiny.split("austen")
    whole = tiny.held_out_loss(model, held_out, limit=16_384)
    cost = {
        bits: tiny.held_out_loss(quantize.quantize_model(model, bits)[0], held_out, limit=16_384) - whole
        for bits in (3, 4, 6, 8)
    }
    assert round(cost[4], 2) == q13_memory.INT4_COST and round(whole, 1) == q13_memory.TEXT_LOSS
    assert 0.001 < cost[6] < 0.01 and 0.1 < cost[3] < 1 and abs(cost[8]) < 0.001
    assert quizzes.check("13.conversations", 17).startswith("Right")
    assert quizzes.check("13.cards", 18).startswith("Right")
