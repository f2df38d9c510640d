"""How many files a test may have open: thousands of connections are as many of them."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from usher_testing.lacking import lacking


def _at_least(limit: int, count: int) -> int:
    return limit if limit == resource.RLIM_INFINITY else max(limit, count)


@contextmanager
def open_files(count: int) -> Iterator[None]:
    """So many of this process. Root may have more than the limit that it was given."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_at_least(soft, count), _at_least(hard, count)))
    except (ValueError, OSError):
        lacking(f"RLIMIT_NOFILE allows {hard} open files here, and {count} are wanted")
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
