"""Files written all or nothing: a kill or a full disk leaves the old file or the new one, not half of one."""

from __future__ import annotations

import os
from pathlib import Path


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
