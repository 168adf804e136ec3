"""What a build computes from the library alone, kept for the next build: prose changes more often.

The list of explorables, the fact check and the widgets of Markdown pages take longer to compute than all
pages together take to write. They are kept as JSON with a hash of all that they can depend on.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_lib import files

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "_build" / "kept"
SOURCES = ("course_lib", "book/_ext")


@functools.cache
def library() -> str:
    """A hash of the library, its data, the pins and the extensions."""
    sources = files.under(*(ROOT / folder for folder in SOURCES))
    return files.digest([*sources, ROOT / "requirements.txt"])


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
