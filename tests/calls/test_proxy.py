"""Several nodes behind Kamailio: calls go round, past a node that is dead or taken out."""

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..patience import PATIENCE_S
from .asterisk import Asterisk, free_udp_port
from .lab import dialplan
from .proxy import ADDRESS, STRANGER, Proxy

NODES = ("127.0.0.5", "127.0.0.6")


def node_at(home: Path, address: str, rtp: range) -> Asterisk:
    """An Asterisk with the files of dialplan/, the proxy its trunk; its bot is away, calls go on without."""
    node = Asterisk(home, address=address, port=free_udp_port(address, 5060), rtp=rtp, shared=[])
    dialplan.render(node.etc, f"{address}:{node.port}", trunk=ADDRESS)
    node.configure(
        extensions=f"[globals]\nCALLBOT_STATE_DIR={home}\nCALLBOT_BRIDGE={home}/none\n"
        "#include extensions_callbot.conf\n",
        queues="[general]\n#include queues_callbot.conf\n",
        pjsip="#include pjsip_callbot.conf\n",
    )
    return node


@pytest.fixture
def nodes(short_tmp: Path) -> Iterator[list[Asterisk]]:
    made = [
        node_at(short_tmp / f"n{number}", address, range(30000 + 1000 * number, 30900 + 1000 * number))
        for number, address in enumerate(NODES)
    ]
    with ExitStack() as stack:
        for node in made:
            stack.enter_context(node)
        yield made


@pytest.fixture
def proxy(short_tmp: Path, nodes: list[Asterisk]) -> Iterator[Proxy]:
    if shutil.which("kamailio") is None:
        tell = pytest.fail if "CI" in os.environ else pytest.skip
        tell("kamailio is not installed: make setup")
    with Proxy(short_tmp / "proxy", nodes, free_udp_port(ADDRESS, 5900)) as proxy:
        yield proxy


def taken(nodes: list[Asterisk]) -> list[int]:
    """How many calls each node has had since it started."""
    found = [re.search(r"(\d+) calls? processed", node.command("core show calls")) for node in nodes]
    return [int(match[1]) if match else -1 for match in found]


def test_calls_go_round_past_a_node_that_is_dead_or_taken_out(proxy: Proxy, nodes: list[Asterisk]) -> None:
    first, second = nodes
    for node in nodes:
        proxy.await_state("AP", node)
    assert proxy.call(4).succeed()
    assert taken(nodes) == [2, 2]

    # Taken out with a call in progress: that one ends as it should, no other comes.
    held = [proxy.call(hold_s=3), proxy.call(hold_s=3)]
    until_taken(nodes, [3, 3])
    proxy.set_state("dx", first)
    assert proxy.call(3).succeed()
    assert taken(nodes) == [3, 6]
    assert all(callers.succeed() for callers in held)
    assert proxy.state(first) == "DX", "it is not asked, so it does not come back by itself"
    proxy.set_state("ap", first)

    # Killed: the very next call, before anybody has noticed, is answered by the other node.
    os.kill(first.pid, signal.SIGKILL)
    first.stop()
    assert proxy.call(2).succeed()
    assert taken([second]) == [8]
    proxy.await_state("IP", first)
    first.start()
    proxy.await_state("AP", first)
    assert proxy.call(2).succeed()
    assert taken(nodes) == [1, 9]


def test_strangers_get_no_answer_and_callers_a_clear_no_when_no_node_is_left(
    proxy: Proxy, nodes: list[Asterisk]
) -> None:
    stranger = proxy.call(source=STRANGER, tries=1)
    for node in nodes:
        proxy.set_state("dx", node)
    refused = proxy.call()
    assert not refused.succeed() and "503" in refused.complaint
    assert not stranger.succeed() and "100" not in stranger.complaint
    assert taken(nodes) == [0, 0]


def until_taken(nodes: list[Asterisk], calls: list[int], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while taken(nodes) != calls:
        assert time.monotonic() < deadline, f"{taken(nodes)} calls, not {calls}"
        time.sleep(0.1)
