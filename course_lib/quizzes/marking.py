"""How an answer is read and marked, the same in the notebook and in the page.

Plain functions over plain dicts: ``course_lib.widgets.pyjs`` compiles them to JavaScript.
A question is the dict that ``Question.as_dict`` makes; an answer is an index, a list of indices or a text.
"""

import math
from typing import Any

from course_lib import guard

_SUFFIXES = {
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "m": 1e6,
    "G": 1e9,
    "B": 1e9,
    "b": 1e9,
    "T": 1e12,
    "t": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Z": 1e21,
}
_WORDS = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "quadrillion": 1e15}
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


def _normal(text: str) -> str:
    """Typed text with typographic minus, multiplication and powers spelled for ``parse_number``."""
    s = text.strip().replace("−", "-").replace("–", "-").replace("·", "*").replace("×", "*")
    s = (
        s.replace("$", "")
        .replace("~", "")
        .replace("≈", "")
        .replace("_", "")
        .replace("\u202f", " ")
        .replace("\u00a0", " ")
    )
    s = s.replace(" x 10", "*10").replace("⁻", "^-").replace("x10^", "*10^")
    for i in range(10):
        s = s.replace(_SUPERSCRIPTS[i], "^" + str(i))
    s = s.replace("**", "^").replace("^-^", "^-")
    pieces = s.split("^")
    # "10^2^3", from 10²³, is one power of 23; "10^-2^3" likewise.
    return pieces[0] if len(pieces) == 1 else pieces[0] + "^" + "".join(pieces[1 : len(pieces)])


def _is_digit(c: str) -> bool:
    return "0123456789".find(c) >= 0 and c != ""


def _leading_number(s: str) -> list:
    """[text of the number, rest] at the start of ``s``; the text is "" where no number starts."""
    i = 0
    digits = 0
    if i < len(s) and (s[i] == "-" or s[i] == "+"):
        i += 1
    while i < len(s) and (_is_digit(s[i]) or s[i] == "." or s[i] == ","):
        if _is_digit(s[i]):
            digits += 1
        i += 1
    if digits == 0:
        return ["", s]
    if i < len(s) and (s[i] == "e" or s[i] == "E"):
        j = i + 1
        if j < len(s) and (s[j] == "-" or s[j] == "+"):
            j += 1
        if j < len(s) and _is_digit(s[j]):
            while j < len(s) and _is_digit(s[j]):
                j += 1
            i = j
    return [s[0:i], s[i : len(s)]]


def _plain_float(text: str) -> float:
    """A scanned number as a float; NaN where its points or commas make no sense."""
    parts = text.split(",")
    whole = parts[0].replace("-", "").replace("+", "")
    for group in parts[1 : len(parts)]:
        head = group.split(".")[0].split("e")[0].split("E")[0]
        if len(head) != 3 or len(whole) == 0 or len(whole) > 3:
            return math.nan
        whole = head
    joined = "".join(parts)
    if len(joined.split(".")) > 2:
        return math.nan
    return float(joined)


def parse_number(text: str) -> float:
    """The number a reader typed: "1.4e12", "1.4T", "1.4 trillion", "1,400", "3.14×10^23", "35 %".

    Returns NaN for anything else. A percentage is read as its share: "35 %" is 0.35.
    """
    s = _normal(text)
    found = _leading_number(s)
    if found[0] == "":
        return math.nan
    value = _plain_float(found[0])
    rest = found[1].strip()
    if rest[0:1] == "*" or rest[0:1] == "^":
        if rest[0:1] == "*":
            rest = rest[1 : len(rest)].strip()
            if rest[0:3] != "10^":
                return math.nan
            base = 10.0
            rest = rest[3 : len(rest)]
        else:
            base = value
            value = 1.0
            rest = rest[1 : len(rest)]
        power = _leading_number(rest.strip())
        if power[0] == "":
            return math.nan
        exponent = _plain_float(power[0])
        if base <= 0 or math.isnan(exponent) or abs(exponent * math.log(base)) > 700:
            return math.nan  # no number, or none that a float can hold
        value = value * base**exponent
        rest = power[1].strip()
    return value * _scale(rest)


def _scale(rest: str) -> float:
    """The factor that a suffix stands for; 1 for a unit or nothing."""
    if rest == "":
        return 1.0
    if rest[0] == "%":
        return 0.01
    word = rest.split(" ")[0]
    for name in _WORDS:
        if word.lower() == name:
            return _WORDS[name]
    for name in _SUFFIXES:
        if word == name:
            return _SUFFIXES[name]
    # "175B parameters" has its suffix alone above; "80GB" and "312 TFLOP/s" carry it before a unit.
    for name in _SUFFIXES:
        if (
            word[0:1] == name
            and name != "m"
            and name != "b"
            and name != "t"
            and _is_unit(word[1 : len(word)])
        ):
            return _SUFFIXES[name]
    return 1.0


def _is_unit(word: str) -> bool:
    """Whether the rest of a word is a unit that takes a prefix."""
    return word in ["B", "FLOP", "FLOPs", "FLOP/s", "FLOPS", "W", "Wh", "B/s"]


def close(value: float, key: float, rtol: float) -> bool:
    """Whether ``value`` is within the relative tolerance of ``key`` (absolute where the key is 0)."""
    return abs(value - key) <= rtol * (abs(key) if key != 0 else 1.0) + 1e-12 * abs(key)


def mark(question: dict, answer: Any) -> dict:
    """{right, score, feedback: list of sentences, option: list of {index, right, why}} for one answer."""
    kind = question["kind"]
    if kind == "numeric":
        return mark_numeric(question, answer)
    if kind == "ordering":
        return mark_ordering(question, answer)
    chosen = [answer] if kind == "single" else answer
    return mark_choice(question, chosen)


def mark_choice(question: dict, chosen: list) -> dict:
    """Mark ticked options; every ticked one is answered, and what was missed is counted."""
    options = question["options"]
    told = []
    wrong = 0
    for i in chosen:
        told.append({"index": i, "right": options[i]["right"], "why": options[i]["why"]})
        if not options[i]["right"]:
            wrong += 1
    total = len([o for o in options if o["right"]])
    hits = len(chosen) - wrong
    missed = total - hits
    right = wrong == 0 and missed == 0
    feedback = []
    if not right and question["kind"] == "multiple" and missed > 0:
        feedback.append(f"{missed} more to find.")
    return {
        "right": right,
        "score": max(0.0, (hits - wrong) / max(1, total)),
        "feedback": feedback,
        "option": told,
    }


def mark_numeric(question: dict, answer: Any) -> dict:
    """Mark a typed number; a known slip is answered by name."""
    value = parse_number(str(answer))
    if math.isnan(value):
        said = "That is not a number I can read. Try forms such as 1400, 1.4e12, 1.4T or 35 %."
        return {"right": False, "score": 0.0, "feedback": [said], "option": [], "unread": True}
    key = question["key"]
    if close(value, key, question["rtol"]):
        return {"right": True, "score": 1.0, "feedback": [question["why"]], "option": []}
    for trap in question["traps"]:
        if close(value, trap["value"], question["rtol"]):
            return {"right": False, "score": 0.0, "feedback": [trap["why"]], "option": []}
    return {"right": False, "score": 0.0, "feedback": [_how_far(value, key)], "option": []}


def _how_far(value: float, key: float) -> str:
    """A sentence that says which way to look without giving the key away."""
    if key != 0 and value != 0 and (value > 0) == (key > 0):
        ratio = abs(value / key)
        if ratio >= 8 or ratio <= 0.125:
            return "Off by about a factor of ten or more: check the powers of ten and the units."
        return "Too large." if abs(value) > abs(key) else "Too small."
    return "Too large." if value > key else "Too small."


def mark_ordering(question: dict, answer: list) -> dict:
    """Mark an order of item indices against 0, 1, 2, …; neighbors in the right order earn credit."""
    n = len(question["items"])
    good = 0
    for i in range(n - 1):
        if answer[i] < answer[i + 1]:
            good += 1
    right = good == n - 1
    said = question["why"] if right else f"{good} of {n - 1} neighboring pairs are in the right order."
    return {"right": right, "score": good / max(1, n - 1), "feedback": [said], "option": []}


def score_guess(guess: float, truth: float) -> float:
    """Credit for a committed guess, 1 when exact and 0 when a factor of ten away (or the wrong sign)."""
    if truth == 0 or guess / truth <= 0:
        return 1.0 if guess == truth else 0.0
    return max(0.0, 1.0 - abs(math.log10(guess / truth)))


guard.module(globals(), infinite=("parse_number",))  # NaN: not a number that can be read
