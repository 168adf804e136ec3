"""Quizzes as widgets: ``load("01")`` for the quiz, ``predict`` and ``reveal`` for the guess, ``check`` for exercises."""

from __future__ import annotations

import functools
import html
import importlib
import pkgutil
from collections.abc import Sequence
from typing import Any

import traitlets

from course_lib.quizzes import marking
from course_lib.quizzes.prose import Reply, as_html
from course_lib.quizzes.questions import Lesson, Question
from course_lib.widgets.base import CourseWidget


def lesson_modules() -> dict[str, str]:
    """Two-digit lesson number -> module name, for every quiz file there is."""
    package = importlib.import_module("course_lib.quizzes")
    return {
        m.name[1:3]: m.name
        for m in pkgutil.iter_modules(package.__path__)
        if m.name[0] == "q" and m.name[1:3].isdigit()
    }


@functools.cache
def lesson(number: str) -> Lesson:
    """The questions of one lesson, with keys computed now. ``number`` is "01" to "20", or 1 to 20."""
    modules = lesson_modules()
    key = str(number)[:2].zfill(2) if not str(number).isdigit() else str(number).zfill(2)
    if key not in modules:
        raise ValueError(f"no quiz for lesson {number!r}; there are {sorted(modules)}")
    return importlib.import_module(f"course_lib.quizzes.{modules[key]}").build()


def mark(question: Question, answer: Any) -> dict[str, Any]:
    """Mark an answer; the same code marks it in the page. Raises ValueError for an answer of the wrong form."""
    if question.kind == "numeric":
        if isinstance(answer, bool) or not isinstance(answer, str | int | float):
            raise ValueError(
                f"{question.id}: expected a number or its text, such as '1.4e12', got {answer!r}"
            )
    else:
        n = len(question.items) if question.kind == "ordering" else len(question.options)
        answer = _indices(question, answer, n)
    return marking.mark(question.as_dict(), answer)


def _indices(question: Question, answer: Any, n: int) -> Any:
    """Options may be named by index or by their text."""
    names = list(question.items) or [o.text for o in question.options]
    parts = [answer] if question.kind == "single" else answer
    if isinstance(parts, str) or not isinstance(parts, Sequence):
        raise ValueError(f"{question.id}: expected a list of options, got {answer!r}")
    found = [names.index(p) if isinstance(p, str) and p in names else p for p in parts]
    if any(isinstance(i, bool) or not isinstance(i, int) or not 0 <= i < n for i in found):
        raise ValueError(f"{question.id}: expected options 0 to {n - 1} or one of {names}, got {answer!r}")
    if question.kind == "ordering" and sorted(found) != list(range(n)):
        raise ValueError(f"{question.id}: expected each of 0 to {n - 1} once, got {answer!r}")
    return found[0] if question.kind == "single" else found


def _say(result: dict[str, Any]) -> Reply:
    parts = [
        "Right." if result["right"] else "Not yet.",
        *(o["why"] for o in result["option"]),
        *result["feedback"],
    ]
    return Reply(" ".join(p for p in parts if p))


class _Asking(CourseWidget):
    """What quiz, guess and reveal share: questions of a lesson as JSON."""

    lesson = traitlets.Unicode().tag(sync=True)
    part = traitlets.Unicode("quiz").tag(sync=True)
    questions: Any = traitlets.List().tag(sync=True)
    answers = traitlets.Dict().tag(sync=True)

    def state(self) -> dict[str, Any]:
        return {"lesson": self.lesson, "part": self.part, "questions": self.questions, "answers": {}}

    def fallback_html(self) -> str:
        items = "".join(f"<li>{as_html(q['prompt'])}{_options_html(q)}</li>" for q in self.questions)
        return f"<ol>{items}</ol>"


def _options_html(q: dict[str, Any]) -> str:
    listed = "".join(f"<li>{as_html(o['text'])}</li>" for o in q["options"]) or "".join(
        f"<li>{as_html(t)}</li>" for t in sorted(q["items"])
    )
    told = "".join(f"<li>{as_html(o['text'])}: {as_html(o['why'])}</li>" for o in q["options"])
    key = f"{q['key']:.4g} {q['unit']}" if q["kind"] == "numeric" else " < ".join(q["items"])
    answer = f"<ul>{told}</ul>" if told else f"<p>{as_html(key)}. {as_html(q['why'])}</p>"
    return f"<ul>{listed}</ul><details><summary>Answer</summary>{answer}</details>"


class Quiz(_Asking):
    """A lesson's quiz. In a live notebook ``quiz.answer(3, "1.4e12")`` marks an answer in Python."""

    def __init__(self, content: Lesson) -> None:
        self._content = content
        super().__init__(
            kind="quiz", lesson=content.id, part="quiz", questions=[q.as_dict() for q in content.questions]
        )

    def answer(self, which: int | str, answer: Any) -> Reply:
        """Mark an answer to question ``which`` (its place from 1, or its id) and say why."""
        question = self._content.find(which)
        result = mark(question, answer)
        self.answers = {
            **self.answers,
            question.id: {"answer": answer, "right": result["right"], "score": result["score"]},
        }
        return _say(result)

    def answer_key(self) -> str:
        """A line per question with its key, computed by the library: what nbval compares."""
        return "\n".join(f"{i}. {q.id}: {q.key_text()}" for i, q in enumerate(self._content.questions, 1))

    def __repr__(self) -> str:
        return f"<Quiz {self.lesson}: {len(self.questions)} questions>"


class Predict(_Asking):
    """Guesses to commit to before the evidence."""

    def __init__(self, content: Lesson) -> None:
        super().__init__(
            kind="quiz",
            lesson=content.id,
            part="predict",
            questions=[q.as_dict() for q in content.predictions],
        )

    def __repr__(self) -> str:
        return f"<Predict {self.lesson}: {len(self.questions)} guesses>"


class Reveal(_Asking):
    """Opens a committed guess beside the evidence and scores it."""

    def __init__(self, content: Lesson, question: Question) -> None:
        super().__init__(kind="reveal", lesson=content.id, part="reveal", questions=[question.as_dict()])

    def fallback_html(self) -> str:
        q = self.questions[0]
        return f"<p>The evidence: {as_html(lesson(self.lesson).find(q['id']).key_text())}. {as_html(q['why'])}</p>"

    def __repr__(self) -> str:
        return f"<Reveal {self.lesson}: {self.questions[0]['id']}>"


class Progress(CourseWidget):
    """The progress page: every lesson with its questions; scores are read from the reader's browser."""

    lessons: Any = traitlets.List().tag(sync=True)

    def __init__(self, folder: str = "../lessons/") -> None:
        rows = []
        for number in sorted(lesson_modules()):
            content = lesson(number)
            ids = {
                "questions": [{"id": q.id} for q in content.questions],
                "predictions": [{"id": q.id} for q in content.predictions],
            }
            rows.append(
                {"id": content.id, "title": content.title, "href": f"{folder}{content.id}.html", **ids}
            )
        super().__init__(kind="progress", lessons=rows)

    def state(self) -> dict[str, Any]:
        return {"lessons": self.lessons}

    def fallback_html(self) -> str:
        items = "".join(
            f"<li><a href='{html.escape(row['href'])}'>{html.escape(row['title'])}</a>: {len(row['questions'])} questions</li>"
            for row in self.lessons
        )
        return f"<p>Scores are kept by the page's script, in your browser.</p><ul>{items}</ul>"


def load(number: str | int) -> Quiz:
    """The quiz of a lesson."""
    return Quiz(lesson(str(number)))


def predict(number: str | int) -> Predict:
    """The guesses of a lesson."""
    return Predict(lesson(str(number)))


def reveal(number: str | int, question: str | None = None) -> Reveal:
    """A guess of a lesson (its first where none is named) beside the evidence."""
    content = lesson(str(number))
    return Reveal(content, content.find(question) if question else content.predictions[0])


def check(exercise: str, answer: Any) -> Reply:
    """Tell right from wrong, and why, for an exercise such as ``"01.ratio"``: lesson number, point, id."""
    number, _, name = exercise.partition(".")
    if not name:
        raise ValueError(f"expected an exercise such as '01.ratio', got {exercise!r}")
    return _say(mark(lesson(number).find(name), answer))


def progress() -> Progress:
    """The progress widget for the book's progress page."""
    return Progress()
