"""A recorded call and its erasure, in a real Asterisk: what was heard is on disk, then nothing of it is."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from callbot.dialogue.moves import Greet, StopRecording

from . import recording, voices
from .bot import Bot
from .lab import Lab, Step, await_hang_up, await_human, hear, say
from .second import own_bot

NUMBER = "0644556677"
REPORT = "Il y a un trou dans la route devant le douze rue Pasteur."
RIGHT = "Oui, c'est ça."
WANTS_HUMAN = "Je veux parler à quelqu'un."
REFUSES = "Je refuse d'être enregistré."
GOODBYE = "Non merci, au revoir."
CALLS: list[Step] = [hear(), say(REPORT), hear(), say(RIGHT), hear(), say(WANTS_HUMAN), await_human()]


def traces(folder: Path, *secrets: str) -> set[str]:
    """The secrets that stand in a file, in small or capital letters."""
    everything = b"".join(path.read_bytes().lower() for path in folder.rglob("*") if path.is_file())
    encodings = ("utf-8", "latin-1", "utf-16-le")
    return {one for one in secrets for encoding in encodings if one.lower().encode(encoding) in everything}


def test_nothing_is_left_of_a_recorded_call_after_its_erasure(lab: Lab, bot: Bot) -> None:
    secrets = ("pasteur", NUMBER, NUMBER[1:], "06 44 55 66 77", "devant le douze")
    with own_bot(lab, bot, CALLBOT_RECORDING_SHARE="1") as second:
        record = lab.place_call(CALLS, number=NUMBER, name="Jeanne Kerguélen")
        legal, notice, _ = second.wavs(Greet(recorded=True))
        assert record.find(legal) is not None
        heard = record.hears(notice)
        assert heard is not None and heard.share > 0.3, "nobody told the caller"
        row = second.call(lab.linkedid(NUMBER))
        wav = second.state / "recordings" / row["recording"]
        kept = voices.read(wav)
        turn = next(one for one in second.turns(row["linkedid"]) if "trou" in one["utterance"])
        said = recording.find(kept, voices.read(voices.speak(REPORT)), recording.STALLED_S)
        assert said is not None and said.share > 0.5
        assert said.start * 1000 == pytest.approx(turn["begins_ms"], abs=500)
        assert said.end * 1000 == pytest.approx(turn["ends_ms"], abs=700)
        assert not np.any(kept[: int(heard.start * voices.RATE)]), "recorded before it was told"
        masked = second.select("select utterance from turns where id = ?", turn["id"])[0]["utterance"]
        assert "[adresse]" in masked and "rue" not in masked
        assert traces(second.state, *secrets) >= {NUMBER, "pasteur"}

        done = subprocess.run(
            [sys.executable, "-m", "callbot", "privacy", "erase", "+33 6 44 55 66 77", "--yes"],
            env=second.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "effacé : 1 appels" in done.stdout
        assert not wav.exists()
        assert traces(second.state, *secrets, "kerguélen", "trou dans la route") == set()
        again = lab.place_call([hear(), say(GOODBYE), await_hang_up()])
        assert second.call(lab.linkedid(again.number))["result"] == "DONE", "and the server goes on"
    assert traces(second.state, *secrets, "kerguélen", "trou dans la route") == set()
    parsed = (bot.state / "rasa.log").read_text(encoding="utf-8", errors="replace").lower()
    assert not [secret for secret in secrets if secret.lower() in parsed], "in the log of Rasa"


def test_who_refuses_is_not_recorded_and_is_served(lab: Lab, bot: Bot) -> None:
    asks = say("Quel est le tarif de la piscine ?")
    with own_bot(lab, bot, CALLBOT_RECORDING_SHARE="1") as second:
        record = lab.place_call([hear(), say(REFUSES), hear(), asks, hear(), say(GOODBYE), await_hang_up()])
        row = second.call(lab.linkedid(record.number))
        moves = [turn["move"] for turn in second.turns(row["linkedid"])]
        assert moves[1] == "stoprecording+ask:go_on" and moves[2].startswith("answer:piscine"), moves
        (stopped,) = second.wavs(StopRecording())
        assert record.find(stopped) is not None
        assert row["recording"] == "" and list((second.state / "recordings").glob("*")) == []
