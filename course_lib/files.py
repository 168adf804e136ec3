"""Files written all or nothing, and hashes of files by which a build knows what has changed.

A kill or a full disk leaves the old file or the new one, not half of one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

SKIPPED = {"__pycache__", "node_modules", ".ipynb_checkpoints"}


def replace(path: Path, content: bytes) -> None:
    """Put bytes in place of a file."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        said = f"{error.strerror or error}; what was there before is untouched"
        raise OSError(error.errno, f"could not write: {said}", str(path)) from error
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)  # make the new name itself durable
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def replace_text(path: Path, text: str) -> None:
    """Put a text in place of a file, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, text.encode())


def under(*folders: Path) -> list[Path]:
    """All files in folders, without caches."""
    found = (p for folder in folders for p in folder.rglob("*"))
    return [p for p in found if p.is_file() and not SKIPPED & set(p.parts)]


def digest(paths: Iterable[Path]) -> str:
    """One hash over the names and contents of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes() if path.is_file() else b"missing"
        total.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()
