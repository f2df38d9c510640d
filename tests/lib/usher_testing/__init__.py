"""What the tests in Python stand on: a private PostgreSQL, the real binaries, clients.

Nothing sleeps: wait_until() asks for a condition, with a bound."""

from usher_testing.fleet import Figures, Fleet, FleetNode, Link, rounds
from usher_testing.http import Http, HttpReply, RawConnection
from usher_testing.metrics import read_figure, read_metrics
from usher_testing.organisation import Organisation, forged_secret, unverified_token
from usher_testing.process import (
    BINARIES,
    SLOWER,
    SOURCE,
    Process,
    free_port,
    stay_off_midnight,
    unless,
    wait_until,
)
from usher_testing.system import Bridge, Database, Node, Statements, System

__all__ = [
    "BINARIES",
    "SLOWER",
    "SOURCE",
    "Bridge",
    "Database",
    "Figures",
    "Fleet",
    "FleetNode",
    "Http",
    "HttpReply",
    "Link",
    "Node",
    "Organisation",
    "Process",
    "RawConnection",
    "Statements",
    "System",
    "forged_secret",
    "free_port",
    "read_figure",
    "read_metrics",
    "rounds",
    "stay_off_midnight",
    "unless",
    "unverified_token",
    "wait_until",
]
