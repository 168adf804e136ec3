"""What a build computes from the library alone, kept for the next build: prose changes more often.

The list of explorables, the fact check and the widgets of Markdown pages take longer to compute than all
pages together take to write. They are kept as JSON with a hash of all that they can depend on.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_lib import files

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "_build" / "kept"
SOURCES = ("course_lib", "book/_ext")
LEFT_OUT = {"__pycache__", "node_modules", ".ipynb_checkpoints"}


@functools.cache
def library() -> str:
    """A hash of the library, its data, the pins and the extensions."""
    found = (p for folder in SOURCES for p in (ROOT / folder).rglob("*"))
    paths = [p for p in found if p.is_file() and not LEFT_OUT & set(p.parts)]
    total = hashlib.sha256()
    for path in sorted([*paths, ROOT / "requirements.txt"]):
        total.update(f"{path.relative_to(ROOT)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def kept(name: str, compute: Callable[[], Any]) -> Any:
    """What `compute` gave (plain JSON) when the library was as it is, or else what it gives now."""
    path = FOLDER / f"{name}.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["library"] == library():
            return known["value"]
    except (OSError, ValueError, LookupError, TypeError):  # none, cut short, or of another form
        pass
    value = json.loads(json.dumps(compute()))
    files.replace_text(path, json.dumps({"library": library(), "value": value}))
    return value
