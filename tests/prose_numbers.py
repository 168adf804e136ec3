"""Where the figures of a lesson's prose come from: reading them out of markdown, and looking for their like.

A figure is a number of three or more digits, one with a decimal point, or one with a unit. It is held against
numbers that somebody computed or published: it agrees with such an origin if that rounds to the digits that
are printed. This module knows nothing of the library; `test_numbers` hands it the origins.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
          "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
# What one of these is in bytes, FLOPs, seconds …: an origin may be printed in the small unit or in this one.
UNITS = {"%": 0.01, "per cent": 0.01, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15,
         "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
         "GFLOP": 1e9, "TFLOP": 1e12, "PFLOP": 1e15, "EFLOP": 1e18,
         "kW": 1e3, "MW": 1e6, "MWh": 1e6, "GWh": 1e9, "ms": 1e-3, "µs": 1e-6,
         "FLOP": 1, "FLOPs": 1, "bytes": 1, "tokens": 1, "parameters": 1, "days": 1, "day": 1, "hours": 1,
         "minutes": 1, "years": 1, "seconds": 1, "nats": 1, "nat": 1, "dollars": 1, "cents": 1, "times": 1,
         "words": 1, "characters": 1, "GPUs": 1, "W": 1, "watts": 1, "petaflop": 1, "×": 1}
_ALT = "|".join(re.escape(u) for u in sorted({*SCALES, *UNITS}, key=len, reverse=True))
_ALT = _ALT.replace("×", r"×(?!\s*\d)")  # "4×" is four times, "4 × 5" a product
_POWER = r"\s*[×·]\s*10\^\{?(?P<power>-?\d+)\}?|e(?P<e>[+-]?\d+)"
_GLUED = r"(?<![\w.][-–])"
# No letter, digit or power before it: GPT-3, H100, 10^{12} and d_{128} are names and exponents.
FIGURE = re.compile(
    rf"(?<![\w.^_\\]){_GLUED}(?<![\^_]\{{)(?<![\^_]-)(?<!\^\{{-)(?P<dollar>\\\$)?(?P<core>{NUMBER})"
    rf"(?:(?:{_POWER})|\^\{{?(?P<bare>-?\d+)\}}?)?"
    rf"(?:[ -]?(?P<scale>thousand|million|billion|trillion|[kKMBT](?![\w/·])))?"
    rf"(?:[ -]?(?P<unit>{_ALT})(?![A-Za-z]))?"
)
YEARS = range(1948, 2040)
# "lesson 13", "table 3.2", "section 4": addresses.
ADDRESS = re.compile(r"(?:lessons?|sections?|tables?|figures?|chapters?|texts?|appendix|step|equation|part"
                     r"|arXiv|version|page)\s+[A-Z]?$", re.IGNORECASE)
LESSON = re.compile(r"\blessons?\s+((?:\d+(?:\s*(?:,|and|or|to|–)\s*)?)+)", re.IGNORECASE)
CITED = "⟦cite⟧"


@dataclass(frozen=True)
class Figure:
    """A number that the prose prints: what it says, and where it stands."""

    cell: str
    text: str
    values: tuple[float, ...]  # at face value, and in the small unit where it has a large one
    steps: tuple[float, ...]  # one unit of the last printed digit, for each value
    sentence: str
    block: str

    def agrees(self, number: float) -> bool:
        """Whether a number rounds to what is printed."""
        pairs = zip(self.values, self.steps, strict=True)
        return any(abs(number - v) <= 0.5 * s * (1 + 1e-6) for v, s in pairs)


@dataclass
class Origins:
    """Numbers of one lesson by kind (an output, the code, the catalog …), and those of other lessons."""

    by_kind: Mapping[str, Iterable[float]]
    lessons: Mapping[int, Iterable[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort once: look-ups are many."""
        self._sorted = {kind: sorted(set(numbers)) for kind, numbers in self.by_kind.items()}
        self._others = {lesson: sorted(set(numbers)) for lesson, numbers in self.lessons.items()}

    def of(self, figure: Figure) -> str | None:
        """The kind of origin that a figure has, or None."""
        for kind, numbers in self._sorted.items():
            if _found(figure, numbers):
                return kind
        if CITED in figure.block:
            return "citation"
        if computed_in(figure):
            return "arithmetic"
        named = lessons_named(figure.sentence)
        return next((f"lesson {n}" for n in named if _found(figure, self._others.get(n, []))), None)


def _found(figure: Figure, numbers: list[float]) -> bool:
    """Whether a sorted list holds a number that agrees."""
    for value, step in zip(figure.values, figure.steps, strict=True):
        at = bisect.bisect_left(numbers, value - 0.5 * step * (1 + 1e-6))
        if at < len(numbers) and numbers[at] <= value + 0.5 * step * (1 + 1e-6):
            return True
    return False


def lessons_named(text: str) -> list[int]:
    """Lessons that a sentence names: "lessons 4 and 12" -> [4, 12]."""
    return [int(n) for group in LESSON.findall(text) for n in re.findall(r"\d+", group)]


def plain(markdown: str) -> str:
    """Markdown without code, directives and LaTeX's commands: what is left reads like the page."""
    text = re.sub(r"(?ms)^```(?!\{).*?^```", "", markdown)
    text = re.sub(r"(?m)^(?:```.*|:\w[\w-]*:.*|\$\$ \(eq-.*\)|%.*)$", "", text)
    text = re.sub(r"\{cite:\w+\}`[^`]*`", CITED, text)
    text = re.sub(r"\{(?:eq|ref|numref|doc)\}`[^`]*`", " ", text)
    text = re.sub(r"\{\w+\}`([^`<]*)(?:<[^`]*>)?`", r"\1", text)
    text = re.sub(r"`[^`\n]*`", " ", text)
    text = re.sub(r"\[([^\]]*)\]\((\d\d)_\w+\)", lambda m: f"{m[1]} (lesson {int(m[2])})", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = text.replace("{,}", ",").replace("\\%", "%").replace("−", "-")
    for command, sign in (("times", "×"), ("cdot", "·"), ("approx", "≈"), ("div", "/")):
        text = re.sub(rf"\\{command}(?![a-z])", sign, text)
    text = re.sub(r"\\(?:text|mathrm|mathbf)\{([^{}]*)\}", r" \1", text)
    text = re.sub(r"\\[,;: ]|~|[\u00a0\u202f\u2009]", " ", text)
    text = re.sub(r"\s+%", "%", text)
    return re.sub(r"(?<!\\)\$", "", text)


def blocks(text: str) -> Iterator[str]:
    """Paragraphs, list items and table rows."""
    for part in re.split(r"\n\s*\n", text):
        for item in re.split(r"\n(?=\s*(?:[-*|]|\d+\.) ?)", part):
            if item.strip() and not re.fullmatch(r"[|\s:-]+", item):
                yield " ".join(item.split())


def sentences(block: str) -> list[str]:
    """A paragraph's sentences, near enough."""
    return re.split(r"(?<=[.!?])(?<!al\.)(?<!vs\.)\s+(?=[A-Z0-9\"“*(\[])", block)


def figures(cell: str, markdown: str, names: Iterable[str] = ()) -> list[Figure]:
    """The figures of a markdown cell. `names` (of models, say) are no figures."""
    text = plain(markdown)
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "NAME", text)
    found = []
    for block in blocks(text):
        if block.startswith("**Time.**"):
            continue
        for sentence in sentences(block):
            matches = FIGURE.finditer(sentence)
            made = (_figure(cell, m, sentence, block) for m in matches if not _no_figure(m, sentence))
            found += [figure for figure in made if figure]
    return found


def _no_figure(match: re.Match[str], sentence: str) -> bool:
    """Years, addresses, list numbers, and what is glued to letters."""
    core, after = match["core"], sentence[match.end():]
    if ADDRESS.search(sentence[:match.start()]) or re.match(r"[A-Za-z_]|\.\d", after):
        return True
    bare = match.end() == match.end("core")
    return bare and core.isdigit() and len(core) == 4 and int(core) in YEARS


def _figure(cell: str, match: re.Match[str], sentence: str, block: str) -> Figure | None:
    """The figure that a match says, or None for a small bare number."""
    core, unit, scale = match["core"].replace(",", ""), match["unit"], match["scale"]
    power = match["power"] or match["e"]
    if match["bare"] is not None:
        if core != "10":
            return None
        core, power = "1", match["bare"]
    if len(core) < 3 and not (unit or scale or power or match["dollar"]):
        return None
    step = _step(core) if match["bare"] is None else 0.1
    values = [float(core) * factor for factor in _factors(scale, unit, power)]
    steps = [step * factor for factor in _factors(scale, unit, power)]
    return Figure(cell, match[0].strip(), tuple(values), tuple(steps), sentence, block)


def _factors(scale: str | None, unit: str | None, power: str | None) -> list[float]:
    """What the printed digits may be multiplied by: the scale, the unit, both or neither."""
    if power:
        return [10.0 ** int(power) * UNITS.get(unit or "", 1)] if unit else [10.0 ** int(power)]
    s, u = SCALES.get(scale or "", 1.0), UNITS.get(unit or "", SCALES.get(unit or "", 1.0))
    return sorted({1.0, s, u, s * u})


def _step(core: str) -> float:
    """One unit of the last digit that counts; zeros at the end of a whole number count only as the second."""
    if "." in core:
        return 10.0 ** -len(core.split(".")[1])
    zeros = len(core) - len(core.rstrip("0"))
    return 10.0 ** max(min(zeros, len(core) - 2), 0)


def numbers_in(text: str) -> set[float]:
    """All numbers of an output, a text or code, with their scales and units; the small and the bare too."""
    text = re.sub(r"(?<=\d)_(?=\d{3})", "", text).replace("−", "-").replace("**", "^")
    text = re.sub(r"\s+%", "%", re.sub(r"\bx(?= 10\^)", "×", text)).replace("^{", "^").replace("_{", "_")
    text = re.sub(r"(?<=\d)e([+-]?)0*(?=\d)", r"e\1", text)
    superscripts = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    text = re.sub(r"10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", lambda m: "10^" + m[1].translate(superscripts), text)
    found: set[float] = set()
    for match in re.finditer(FIGURE.pattern.replace(_GLUED, ""), text):  # the end of "1-5" counts
        core, power = match["core"].replace(",", ""), match["power"] or match["e"]
        if match["bare"] is not None:
            base = float(core)
            if abs(int(match["bare"]) * math.log10(base or 1)) < 300:
                found.add(base ** int(match["bare"]))
            continue
        found.update(float(core) * factor for factor in _factors(match["scale"], match["unit"], power))
    return found


def numbers_of(value: Any) -> set[float]:
    """All numbers in nested data: numbers themselves, and those in texts."""
    if isinstance(value, bool) or value is None:
        return set()
    if isinstance(value, int | float):
        return {float(value)} if math.isfinite(value) else set()
    if isinstance(value, str):
        return numbers_in(value)
    if isinstance(value, Mapping):
        return set().union(*(numbers_of(v) for v in value.values()))
    if isinstance(value, tuple | list | set | frozenset):
        return set().union(*(numbers_of(v) for v in value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return set().union(*(numbers_of(getattr(value, f.name)) for f in dataclasses.fields(value)))
    return set()


def computed_in(figure: Figure) -> bool:
    """Whether the sentence shows a sum that gives the figure: "2 × 3 = 6", "1.4e12 / 70e9 is 20", "ln 75"."""
    if any(figure.agrees(math.log(int(n))) for n in re.findall(r"\\ln (\d+)", figure.sentence) if int(n)):
        return True
    text = re.sub(r"([×·*/+]|(?<= )-(?= ))", r" \1 ", figure.sentence)
    term = rf"(?:{NUMBER})(?: × 10\^\{{?-?\d+\}}?)?(?:[ -]?(?:{_ALT}))?(?![A-Za-z])"
    for chain in re.finditer(rf"{term}(?:\s+[×·*/+-]\s+(?:{term}))+", text):
        parts = re.split(r"\s+([×·*/+-])\s+(?!10\^)", chain[0])
        for terms in itertools.product(*(sorted(numbers_in(p)) or [math.nan] for p in parts[::2])):
            if figure.agrees(_evaluate(list(terms), parts[1::2])):
                return True
    return False


def _evaluate(terms: list[float], signs: list[str]) -> float:
    """A chain of sums and products from left to right, products first."""
    total, product, sign = 0.0, terms[0], 1.0
    for operator, term in zip(signs, terms[1:], strict=True):
        if operator in "×·*":
            product *= term
        elif operator == "/":
            product = product / term if term else math.nan
        else:
            total, product, sign = total + sign * product, term, 1.0 if operator == "+" else -1.0
    return total + sign * product
