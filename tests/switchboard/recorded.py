"""What an Asterisk 22 said on its manager interface (tests/calls' lab), from data/*.txt."""

from pathlib import Path

DATA = Path(__file__).parent / "data"


def text(name: str) -> str:
    """A recording, as it came (lines end in LF here)."""
    return (DATA / f"{name}.txt").read_text(encoding="utf-8")


def messages(name: str) -> list[dict[str, str]]:
    """Its messages."""
    blocks = [block.splitlines() for block in text(name).strip().split("\n\n")]
    return [dict(line.split(": ", 1) for line in block if ": " in line) for block in blocks]


def status(name: str) -> list[dict[str, str]]:
    """The answer to QueueStatus in it."""
    entries = ("QueueParams", "QueueMember", "QueueEntry")
    return [message for message in messages(name) if message.get("Event") in entries]


def channels(name: str) -> list[dict[str, str]]:
    """The answer to CoreShowChannels in it."""
    return [message for message in messages(name) if message.get("Event") == "CoreShowChannel"]


def events(name: str) -> list[dict[str, str]]:
    """What happened in it."""
    return [message for message in messages(name) if "Event" in message and "ActionID" not in message]


def answer(name: str, number: str, instead: str) -> str:
    """All of the answer to an action in it, for another ActionID."""
    blocks = text(name).strip().split("\n\n")
    own = [block for block in blocks if f"ActionID: {number}" in block.splitlines()]
    return "".join(f"{block}\n\n" for block in own).replace(f"ActionID: {number}\n", f"ActionID: {instead}\n")
