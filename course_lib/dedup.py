"""Near-duplicates: which documents are nearly the same, found without comparing every pair.

A document becomes the set of its shingles (runs of three words). The similarity of two documents is the share
of shingles that they have in common (Jaccard). MinHash keeps a few numbers for each document, so that two
documents agree on each of them with a probability equal to their similarity (Broder 1997); locality-sensitive
hashing cuts these numbers into bands and looks at pairs that agree on a whole band. Both are done by the
library `datasketch`, which is loaded when it is first used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib import guard

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHINGLE = 3  # words in a run
HASHES = 128  # numbers kept for each document
SCHEME: Any = "affine32"  # datasketch 2's hash family: 32 bits a number
THRESHOLD = 0.5  # similarity from which two documents count as the same
_WORD = re.compile(r"[a-z0-9']+")

Pair = tuple[int, int]  # places of two documents, the smaller first


def shingles(text: str, words: int = SHINGLE) -> frozenset[str]:
    """All runs of so many words in a text, in lower case and without punctuation."""
    if isinstance(words, bool) or not isinstance(words, int) or words < 1:
        raise ValueError(f"words must be a whole number of at least 1, got {words!r}")
    row = _WORD.findall(text.lower())
    if len(row) < words:
        raise ValueError(f"a text of {len(row)} words has no run of {words}: take longer texts")
    return frozenset(" ".join(row[i : i + words]) for i in range(len(row) - words + 1))


def similarity(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard similarity of two sets: what they share over all that is in either."""
    if not a or not b:
        raise ValueError("similarity needs two sets with something in them; an empty text has none")
    return len(a & b) / len(a | b)


def signatures(sets: Sequence[frozenset[str]], hashes: int = HASHES, *, seed: int = 1) -> NDArray[np.uint32]:
    """MinHash signatures (documents, hashes): rows agree in about as many places as the sets are similar."""
    from datasketch import MinHash

    if not sets:
        raise ValueError("there are no documents: pass at least one set of shingles")
    encoded = ([s.encode() for s in sorted(one)] for one in sets)
    made = MinHash.bulk(encoded, num_perm=_hashes(hashes), seed=seed, scheme=SCHEME)
    return np.stack([one.hashvalues for one in made])


def bands_for(threshold: float, hashes: int = HASHES) -> tuple[int, int]:
    """Bands and rows whose curve is nearest to a step at `threshold`, as datasketch chooses them."""
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=_share("threshold", threshold), num_perm=_hashes(hashes))
    return int(index.b), int(index.r)


def candidates(rows: NDArray[np.uint32], bands: int, per_band: int, *, seed: int = 1) -> set[Pair]:
    """Pairs of documents that agree on all numbers of at least one band of their signatures."""
    from datasketch import MinHash, MinHashLSH

    hashes = rows.shape[1] if rows.ndim == 2 else 0
    if bands < 2 or per_band < 1 or bands * per_band > hashes:
        raise ValueError(
            f"{bands} bands of {per_band} numbers do not fit: datasketch needs two bands or more, "
            f"and signatures have {hashes} numbers"
        )
    index: Any = MinHashLSH(num_perm=hashes, params=(bands, per_band))
    found: set[Pair] = set()
    for i, row in enumerate(rows):
        one = MinHash(num_perm=hashes, seed=seed, hashvalues=row, scheme=SCHEME)
        found |= {(j, i) for j in index.query(one)}
        index.insert(i, one)
    return found


def near_duplicates(
    documents: Sequence[str], threshold: float = THRESHOLD, *, hashes: int = HASHES, words: int = SHINGLE
) -> dict[Pair, float]:
    """Pairs of documents with a similarity of at least `threshold`, with that similarity.

    Candidates come from hashing, which may miss a pair; each candidate is then compared exactly, so that
    none is a false alarm.
    """
    sets = [shingles(text, words) for text in documents]
    pairs = candidates(signatures(sets, hashes), *bands_for(threshold, hashes))
    exact = {(i, j): similarity(sets[i], sets[j]) for i, j in sorted(pairs)}
    return {pair: s for pair, s in exact.items() if s >= threshold}


def groups(pairs: Iterable[Pair], count: int) -> list[list[int]]:
    """The documents 0 … count - 1 in groups that pairs connect, each in order; singles are groups too."""
    home = list(range(count))

    def root(i: int) -> int:
        while home[i] != i:
            home[i] = home[home[i]]
            i = home[i]
        return i

    for i, j in pairs:
        if not 0 <= min(i, j) <= max(i, j) < count:
            raise ValueError(f"pair ({i}, {j}) names a document outside 0 to {count - 1}")
        low, high = sorted((root(i), root(j)))
        home[high] = low
    out: dict[int, list[int]] = {}
    for i in range(count):
        out.setdefault(root(i), []).append(i)
    return list(out.values())


def deduplicate(documents: Sequence[str], threshold: float = THRESHOLD) -> list[int]:
    """Places of the documents to keep: the first of each group of near-duplicates."""
    return [group[0] for group in groups(near_duplicates(documents, threshold), len(documents))]


def same_group(labels: Sequence[int]) -> set[Pair]:
    """All pairs of documents with the same label: the truth, where it is known."""
    members: dict[int, list[int]] = {}
    for i, label in enumerate(labels):
        members.setdefault(label, []).append(i)
    return {pair for places in members.values() for pair in combinations(places, 2)}


def precision_recall(found: Iterable[Pair], truth: Iterable[Pair]) -> tuple[float, float]:
    """Share of the found pairs that are true, and share of the true pairs that were found."""
    found, truth = set(found), set(truth)
    if not found or not truth:
        raise ValueError(f"precision and recall need pairs on both sides, got {len(found)} and {len(truth)}")
    hits = len(found & truth)
    return hits / len(found), hits / len(truth)


def _hashes(count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 2:
        raise ValueError(f"hashes must be a whole number of at least 2, got {count!r}")
    return count


def _share(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
    return value


guard.module(globals())
