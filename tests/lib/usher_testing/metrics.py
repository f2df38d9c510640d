"""What a usherd says at /metrics."""

from __future__ import annotations

import re
import urllib.request


def read_metrics(port: int) -> str:
    """port: of the node's metrics.listen."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        text: str = reply.read().decode()
    return text


def read_figure(port: int, name: str) -> float:
    """name: with its labels, as it stands there."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", read_metrics(port), re.M)
    assert found, name
    return float(found[1])
