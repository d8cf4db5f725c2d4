"""The few words of Asterisk's manager interface the tests need; not the product's client, on purpose."""

import socket
from types import TracebackType
from typing import Self


class ManagerError(Exception):
    """The manager refused, or went away."""


class Manager:
    """One session, one action at a time; events are switched off."""

    def __init__(self, port: int, secret: str, user: str = "lab", patience: float = 40.0) -> None:
        """`patience` in seconds: the longest answer waited for."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self._file = self._socket.makefile("rwb")
        self._file.readline()  # the banner
        self.action("Login", Username=user, Secret=secret, Events="off")

    def action(self, name: str, variables: dict[str, str] | None = None, **fields: str) -> dict[str, str]:
        """Send an action, return its answer; `Output` holds all lines a command printed."""
        lines = [f"Action: {name}", *(f"{key}: {value}" for key, value in fields.items())]
        lines += [f"Variable: {key}={value}" for key, value in (variables or {}).items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise ManagerError("a line break in a manager action")
        self._file.write("\r\n".join([*lines, "", ""]).encode())
        self._file.flush()
        answer: dict[str, str] = {}
        while (line := self._file.readline().decode(errors="replace")).strip():
            key, _, value = line.rstrip("\r\n").partition(": ")
            answer[key] = f"{answer[key]}\n{value}" if key in answer else value
        if not answer:
            raise ManagerError(f"the manager closed the connection during {name}")
        if answer.get("Response") not in ("Success", "Goodbye"):
            raise ManagerError(f"{name}: {answer.get('Message', answer)}")
        return answer

    def command(self, line: str) -> str:
        """Run a command of Asterisk's console, return what it prints."""
        return self.action("Command", Command=line).get("Output", "")

    def close(self) -> None:
        """Hang up this session."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()
