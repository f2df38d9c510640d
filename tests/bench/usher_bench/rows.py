"""The table of rows. A row measures one or more lines of the table of targets, and the loads that
stand behind them."""

import dataclasses
from collections.abc import Callable

from usher_bench import of_auth, of_bridge, of_context, of_hostile


@dataclasses.dataclass
class Row:
    name: str
    what: str
    measure: Callable
    in_quick: bool = True


ROWS = [
    Row("start", "start to first answer, schema current", of_context.start),
    Row("memory", "usherd and the bridge, resident, idle", of_context.memory),
    Row("resolve", "Resolve from memory against an nng echo and a gRPC C++ echo", of_context.resolve),
    Row("client", "Resolve by the C client, calls together, against a gRPC C++ echo", of_context.client),
    Row("batch", "contexts a second through Batch and BatchGetContext", of_context.batch),
    Row("uncached", "Resolve with nothing from memory against pgbench -S -M prepared", of_context.uncached),
    Row("logins", "logins against the bare Argon2id loop", of_auth.logins),
    Row("floods", "p99 of cached Resolve while others flood", of_auth.floods),
    Row("hostile", "p99 of cached Resolve beside hostile clients, to that without", of_hostile.hostile),
    Row("refresh", "refreshes against pgbench's one-row update", of_auth.refresh),
    Row("bridge", "authenticated GET against a bare libmicrohttpd handler", of_bridge.bridge),
    Row("restrict", "RESTRICT methods, acknowledged, on one node and on two", of_auth.restrict),
    Row("connections", "Resolve with 1, 2 and 4 connections", of_context.connections),
    Row("users", "Resolve with 10 and 1,000 users", of_context.users),
    Row("blocks", "Resolve with blocks of 8 and 64 KiB", of_context.blocks),
    Row("million", "Resolve with 1,000,000 users", of_context.million, in_quick=False),
]
