"""`callbot console` beside a server, and the browser of somebody who sits before it."""

import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, Self

from ..console.browser import CHROMIUM
from ..patience import PATIENCE_S
from .asterisk import free_tcp_port
from .bot import Bot
from .lab import OPERATORS

PASSWORD = "trois petits chats"


class Console:
    """A console with one account, anne, who has the first operator's telephone. Use as a context manager."""

    def __init__(self, bot: Bot) -> None:
        port = free_tcp_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = bot.environment | {"CALLBOT_CONSOLE_PORT": str(port)}
        self._process: subprocess.Popen[bytes] | None = None
        add = ["account", "add", "anne", "--phone", f"PJSIP/{OPERATORS[0]}"]
        subprocess.run(
            [sys.executable, "-m", "callbot", *add],
            env=self._environment,
            input=PASSWORD + "\n",
            text=True,
            check=True,
        )

    def start(self) -> None:
        """Start; returns once it answers."""
        self._process = subprocess.Popen([sys.executable, "-m", "callbot", "console"], env=self._environment)
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, "the console did not come up"
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)

    def _answers(self) -> bool:
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{self.url}/connexion"):
            return True
        return False

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()


@contextlib.contextmanager
def chromium(playwright: Any) -> Iterator[Any]:
    """A page in a browser of its own, of the size of a switchboard's screen."""
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="fr-FR")
        page.set_default_timeout(1000 * PATIENCE_S)
        yield page
        browser.close()


def log_in(page: Any, console: Console) -> None:
    """Anne opens the board."""
    page.goto(console.url)
    page.get_by_label("Nom").fill("anne")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_text("Mis à jour en direct").wait_for()
