"""Pairs of documents whose likeness is known, with the MinHash numbers on which they agree.

The explorable of lesson 10 draws them: which bands of which length catch a pair is then a matter of counting.
`python -m course_lib.tiny.pairs` makes the table that ships (seconds); `limits.pairs` reads it.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from course_lib import dedup, rows
from course_lib.limits import Pair
from course_lib.tiny import documents

COPIES, QUOTES, ORIGINALS = 120, 80, 300  # documents of the planted web
SEED = 10


def measure() -> list[Pair]:
    """A planted web, its signatures, and each copy and quotation beside its source."""
    web = documents.web(ORIGINALS, COPIES, QUOTES, seed=SEED)
    sets = [dedup.shingles(text) for text in web.documents]
    same = dedup.signatures(sets)

    def row(kind: str, i: int, j: int) -> Pair:
        bits = "".join("1" if equal else "0" for equal in same[i] == same[j])
        digits = "".join(f"{int(bits[k : k + 4], 2):x}" for k in range(0, len(bits), 4))
        return Pair(kind, round(dedup.similarity(sets[i], sets[j]), 4), digits, 1)

    planted = [row(k, i, web.source[i]) for i, k in enumerate(web.kind) if k != "original"]
    others = Counter(round(dedup.similarity(a, b), 3) for a, b in combinations(sets[:ORIGINALS], 2))
    return planted + [Pair("unrelated", s, "", count) for s, count in sorted(others.items())]


def main() -> None:
    """Write the table that ships."""
    rows.write(rows.path("pairs.csv"), Pair, measure())


if __name__ == "__main__":
    main()
