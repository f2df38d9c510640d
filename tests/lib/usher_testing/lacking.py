"""What a test wants and a machine may not have: tests are left out for it, and ./test says so.

With USHER_TEST_ALL set, as in CI, they fail instead. The twin in C is lacking.h."""

from __future__ import annotations

import os
from typing import NoReturn, TypeVar

import pytest

_Found = TypeVar("_Found")


def lacking(what: str) -> NoReturn:
    if os.environ.get("USHER_TEST_ALL"):
        pytest.fail(f"{what}; here nothing may be left out")
    pytest.skip(what)


def found_or_lacking(found: _Found, what: str) -> _Found:
    return found or lacking(f"{what} is not here")
