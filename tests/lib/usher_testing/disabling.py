"""Taking somebody's access away by hand, as docs/operations.md says it is done: word for word."""

from __future__ import annotations

import re
from typing import NamedTuple

from usher_testing.process import SOURCE
from usher_testing.system import Database

_DOC = (SOURCE / "docs/operations.md").read_text()
_SECTION = _DOC.partition("\n## Take somebody's access away\n")[2].partition("\n## ")[0]
RECIPE = "".join(re.findall(r"^    .*\n", _SECTION, re.MULTILINE))


class Disabling(NamedTuple):
    """A row of the table there: of what, what is set, and what the nodes are told."""

    what: str
    update: str
    values: str


DISABLING = [
    Disabling(*row)
    for row in re.findall(
        r"^\| (\w+) \| `(usher\.\w+ SET [^`]*)` \| `(\d+, [^`]*)` \|", _SECTION, re.MULTILINE
    )
]


def _follow(database: Database, update: str, values: str, ids: dict[str, str]) -> None:
    text = RECIPE.replace(DISABLING[0].update, update).replace(DISABLING[0].values, values)
    for name, id in ids.items():
        text = text.replace(f"'{name.upper()}'", f"'{id}'")
    database.sql(text)


def _row(what: str) -> Disabling:
    return next(row for row in DISABLING if row.what == what)


def disable(database: Database, what: str, **ids: str) -> None:
    """ids: of what the recipe names, as user=..., account=..., chatbot=..., org=... Nodes hear of
    it a moment later."""
    row = _row(what)
    _follow(database, row.update, row.values, ids)


def enable(database: Database, what: str, **ids: str) -> None:
    """The way back."""
    row = _row(what)
    back = row.update.replace("status = 2", "status = 1")
    _follow(database, back.replace("disabled_at = now()", "disabled_at = NULL"), row.values, ids)
