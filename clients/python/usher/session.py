"""Causal sessions: "Reading your own writes" in docs/protocol.md."""

from __future__ import annotations

import threading

_EPOCHS_PAST = 4


class Session:
    """What one user or flow has seen: reads in it are never older than its writes.

    May be shared between threads, clients and tasks."""

    def __init__(self, revision: bytes = b""):
        self._lock = threading.Lock()
        self._revision = revision
        self._epochs_past: list[bytes] = []

    @property
    def revision(self) -> bytes:
        """The greatest one seen; b"" before the first write."""
        with self._lock:
            return self._revision

    def saw(self, revision: bytes) -> bool:
        """Keep a Response.revision if it is newer. False: it is no revision."""
        if len(revision) != 16:
            return False
        with self._lock:
            known = self._revision
            if known[:8] == revision[:8]:
                # Both halves are big-endian, so bytes compare as numbers do.
                self._revision = max(known, revision)
            elif revision[:8] not in self._epochs_past:
                # The database failed over: the later reply is the newer one. A late reply of
                # before must not lead back.
                if known:
                    self._epochs_past = [*self._epochs_past, known[:8]][-_EPOCHS_PAST:]
                self._revision = revision
        return True
