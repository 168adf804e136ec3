"""Lesson 10: near-duplicates against brute force, planted documents, the shipped runs, the explorables."""

from __future__ import annotations

import math
import random
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import dedup, formulas, limits, quizzes
from course_lib.tiny import documents, pairs, repeats
from course_lib.widgets.explore import lesson_10

WEB = documents.web(originals=60, copies=30, quotes=20, seed=4)
SETS = [dedup.shingles(text) for text in WEB.documents]
SIGNED = dedup.signatures(SETS)


def test_shingles_and_similarity() -> None:
    """Runs of words in lower case; shared over all."""
    a, b = dedup.shingles("The cat, the DOG and I", 2), dedup.shingles("the dog and the cat", 2)
    assert a == {"the cat", "cat the", "the dog", "dog and", "and i"}
    assert dedup.similarity(a, b) == pytest.approx(len(a & b) / len(a | b)) == pytest.approx(3 / 6)
    with pytest.raises(ValueError, match="no run of 3"):
        dedup.shingles("too short")
    with pytest.raises(ValueError, match="something in them"):
        dedup.similarity(a, frozenset())


@pytest.mark.parametrize(("bands", "rows"), [(25, 5), (64, 2), (2, 64), (128, 1)])
def test_candidates_are_the_pairs_that_share_a_band(bands: int, rows: int) -> None:
    """datasketch's index finds what comparing all signatures finds, no pair more or less."""
    cut = SIGNED[:, : bands * rows].reshape(len(SIGNED), bands, rows)
    brute = {
        (i, j) for i, j in combinations(range(len(cut)), 2) if (cut[i] == cut[j]).all(axis=1).any()
    }
    assert dedup.candidates(SIGNED, bands, rows) == brute


def test_signatures_agree_as_often_as_the_sets_are_similar() -> None:
    """The share of equal numbers estimates the similarity, without bias to within its noise."""
    off = []
    for i, kind in enumerate(WEB.kind):
        if kind != "original":
            s = dedup.similarity(SETS[i], SETS[WEB.source[i]])
            off.append(float((SIGNED[i] == SIGNED[WEB.source[i]]).mean()) - s)
    assert abs(np.mean(off)) < 4 * 0.5 / math.sqrt(128 * len(off))
    assert max(map(abs, off)) < 5 * 0.5 / math.sqrt(128)


def test_near_duplicates_have_no_false_alarm_and_few_misses() -> None:
    """Every pair that is returned is as similar as said; most that are similar are returned."""
    found = dedup.near_duplicates(WEB.documents, 0.4)
    exact = {
        (i, j): s
        for i, j in combinations(range(len(SETS)), 2)
        if (s := dedup.similarity(SETS[i], SETS[j])) >= 0.4
    }
    assert found.items() <= exact.items()
    assert len(found) >= 0.7 * len(exact)


def test_deduplicate_keeps_one_of_each_group() -> None:
    """Exact copies all go; documents without a copy all stay."""
    texts = list(WEB.documents[:20])
    kept = dedup.deduplicate([*texts, *texts, texts[3]])
    assert kept == list(range(20))


@given(st.integers(2, 30), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_groups_partition(count: int, seed: int) -> None:
    """Each document is in one group, and connected ones are together."""
    draw = random.Random(seed)
    links = [(draw.randrange(count), draw.randrange(count)) for _ in range(count // 2)]
    made = dedup.groups(links, count)
    assert sorted(i for group in made for i in group) == list(range(count))
    home = {i: k for k, group in enumerate(made) for i in group}
    assert all(home[i] == home[j] for i, j in links)
    assert len(made) >= count - len(links)


def test_bad_documents_are_refused() -> None:
    for call, says in (
        (lambda: dedup.candidates(SIGNED, 30, 5), "do not fit"),
        (lambda: dedup.signatures([]), "no documents"),
        (lambda: dedup.bands_for(1.5), "between 0 and 1"),
        (lambda: dedup.groups([(0, 9)], 3), "outside 0 to 2"),
        (lambda: dedup.precision_recall([], [(0, 1)]), "on both sides"),
        (lambda: documents.cut(10**6), "holds"),
        (lambda: repeats.repeated(7), "try a divisor"),
        (lambda: limits.runs("nothing"), "kind must be one of"),
        (lambda: limits.worth(9.0), "outside the measured"),
        (lambda: formulas.epoch_worth(0, 15), "counted from 1"),
    ):
        with pytest.raises(ValueError, match=says):
            call()


def test_noise_hits_its_share() -> None:
    """A fifth of the characters is drawn anew; no noise changes nothing; the same seed is the same noise."""
    text = documents.unique_text(50_000, seed=1)
    noisy = documents.noised(text, 0.2, seed=1)
    drawn_alike = 1 / len(set(text.tolist()))  # at least this share of the drawn ones is the old one
    assert float((noisy != text).double().mean()) == pytest.approx(0.2 * (1 - drawn_alike), abs=0.01)
    assert torch.equal(documents.noised(text, 0.0, seed=1), text)
    assert torch.equal(documents.noised(text, 0.2, seed=1), noisy)


def test_documents_are_different_and_not_held_out() -> None:
    """A cut repeats no document, and test documents come from the other part."""
    rows = documents.cut(500, seed=2)
    assert len({tuple(row.tolist()) for row in rows}) == 500
    held = {tuple(row.tolist()) for row in documents.cut(100, seed=2, held_out=True)}
    assert not held & {tuple(row.tolist()) for row in rows}


def test_edited_copies_are_as_similar_as_expected() -> None:
    """The formula gives the mean similarity of copies with one word in ten replaced."""
    draw, texts = random.Random(0), documents.texts(documents.cut(60, seed=3))
    words = sorted({w for t in texts for w in t.split(" ")})
    made = [
        dedup.similarity(dedup.shingles(t), dedup.shingles(documents.edited(t, 0.1, words, draw)))
        for t in texts
    ]
    assert np.mean(made) == pytest.approx(formulas.edited_similarity(0.1, 3), abs=0.03)


def test_the_law_of_repeats() -> None:
    """Each epoch's worth adds up to `effective_tokens`; the published examples come out."""
    r = formulas.MUENNIGHOFF_R_D
    for epochs, worth in ((2, 1.97), (4, 3.73), (16, 10.6)):
        total = sum(formulas.epoch_worth(k, r) for k in range(1, epochs + 1))
        assert total == pytest.approx(formulas.effective_tokens(1, epochs)) == pytest.approx(worth, abs=0.05)
    assert formulas.lsh_probability(formulas.lsh_threshold(5, 25), 5, 25) == pytest.approx(
        1 - (1 - 1 / 25) ** 25
    )


def test_a_shipped_run_comes_out_again() -> None:
    """The quickest rows of the table, made anew, have the losses that ship."""
    row = next(r for r in limits.runs("fresh") if r.seed == 1 and r.unique == 10_240)
    again = repeats.repeated(1, steps=20, seed=1)
    assert again.loss == pytest.approx(row.loss, abs=0.02)
    assert (again.unique, again.tokens, again.params) == (row.unique, row.tokens, row.params)


def test_the_table_is_whole() -> None:
    """Every run of the plan is in the table, once."""
    planned, made = [key for key, _ in repeats._jobs()], [repeats._key(row) for row in limits.runs()]
    assert planned == made


def test_what_the_lesson_says_is_in_the_table() -> None:
    """Four epochs are nearly free, thirty are not, 60 hurt; noise rises; the best filter moves."""
    clean, noisy, sd = limits.by_epochs(), limits.by_noise(), limits.seed_noise()
    assert clean[4] - clean[1] < 2 * sd < 8 * sd < clean[30] - clean[1]
    again = limits.by_passes(10_240)
    assert again[60] > again[30] + 2 * sd and again[30] > min(again.values())
    assert list(noisy.values()) == sorted(noisy.values())
    best = [curve["best"] for curve in limits.filter_curves()]
    assert best[0] < best[-1]


def test_pairs_are_remade() -> None:
    """The shipped pairs are what the command writes."""
    assert tuple(pairs.measure()) == limits.pairs()


def test_the_bands_explorable_counts_right() -> None:
    """What is caught in the page is what numpy finds in the same bits; more bands never catch fewer."""
    widget = lesson_10.bands()
    bits = np.array([[int(b) for d in p["agree"] for b in f"{int(d, 16):04b}"] for p in widget.data["pairs"]])
    for bands, rows in ((25, 5), (64, 2), (10, 12)):
        whole = bits[:, : bands * rows].reshape(len(bits), bands, rows).all(axis=2).any(axis=1)
        assert [d["caught"] for d in widget.at(bands=bands, rows=rows)["dots"]] == whole.tolist()
    caught = [sum(d["caught"] for d in widget.at(bands=b, rows=4)["dots"]) for b in (1, 4, 16, 32)]
    assert caught == sorted(caught)
    assert "hold only 8 bands" in widget.at(bands=60, rows=16)["verdict"]


def test_the_epochs_explorable_finds_the_best_split() -> None:
    """No other split of the compute on the drawn line is better than the one that is named."""
    out = lesson_10.another_epoch().at(unique=1e9, epochs=30, params=1e10)
    swap = out["series"][1]
    assert out["series"][3]["y"] == [min(swap["y"])]
    assert "Too many epochs" in out["verdict"] or "more epochs" in out["verdict"]


def test_exercises_accept_their_solutions() -> None:
    assert quizzes.check("10.bands", 46).startswith("Right")
    need = 1 - formulas.MUENNIGHOFF_R_D * math.log(1 - 9 / formulas.MUENNIGHOFF_R_D)
    assert quizzes.check("10.worth-ten", need).startswith("Right")
