"""Cells of several lessons take turns: many run at once, but a cell that reads a clock runs alone.

What a clock measures while another kernel works beside it would say more about the neighbor. Such cells
carry the comment `# CLOCK` (lessons/conftest.py says in which forms).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

READS_CLOCK = re.compile(r"# CLOCK\b")


class Stopped(Exception):
    """Another lesson has failed or the build was interrupted: this one need not go on."""


class Turns:
    """Gives each cell its turn, from any thread; after `stop` there are no more."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._alone = False  # whether the running cell runs alone
        self._asking = 0  # cells that wait to run alone: no other begins before them
        self._stopped = False

    def stop(self) -> None:
        """Let no further cell begin: who waits, or asks later, gets Stopped."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @contextmanager
    def turn(self, source: str) -> Iterator[None]:
        """Hold this while the cell with this source runs."""
        alone = READS_CLOCK.search(source) is not None
        with self._changed:
            self._asking += alone
            self._changed.wait_for(lambda: self._stopped or self._is_free(alone))
            self._asking -= alone
            if self._stopped:
                raise Stopped
            self._running += 1
            self._alone = alone
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._alone = False
                self._changed.notify_all()

    def _is_free(self, alone: bool) -> bool:
        """Whether a cell may begin."""
        return not self._running if alone else not (self._alone or self._asking)
