#!/usr/bin/env python3
"""Three real telephone calls to the town hall's robot, live on screen, each left as a recording one can play.

Everything is started for the occasion and stopped afterwards: the town's Asterisk, the world's, the callbot
server and its Rasa. At a terminal it then stays up and says how to dial in with a softphone, until Ctrl-C.

    scripts/demo.py [--bind 127.0.0.1] [--port 5080] [--no-stay]
"""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.calls import voices
from tests.calls.asterisk import REPO, AsteriskError
from tests.calls.bot import Bot, BotError
from tests.calls.lab import (
    OPERATOR_SAYS,
    CallRecord,
    Lab,
    Step,
    await_hang_up,
    await_human,
    barge_in,
    hear,
    say,
)

RECORDINGS = REPO / "recordings"
GREY, BOLD, PLAIN = ("\033[90m", "\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


@dataclass(frozen=True)
class Scene:
    """A call of the demonstration."""

    name: str
    steps: list[Step]


def scenes() -> list[Scene]:
    """The three calls, placed at the same time."""
    question = "Bonjour, je voudrais une copie de mon acte de naissance."
    human = "Je voudrais parler à quelqu'un, s'il vous plaît."
    mutter = "Ben le truc là, avec le machin du voisin, enfin vous voyez."
    return [
        Scene("1-repondu", [hear(), say(question), hear(), say("Non merci, au revoir."), await_hang_up()]),
        Scene("2-un-humain", [barge_in(human, after=4, voice=voices.MAN), await_human(), await_hang_up(15)]),
        Scene(
            "3-incompris",
            [barge_in(mutter, after=3), hear(), say(mutter), await_human(), await_hang_up(15)],
        ),
    ]


def clock(since: float) -> str:
    """Time in a call, as printed."""
    return f"{time.monotonic() - since:6.1f} s".replace(".", ",")


class Transcript:
    """Prints a call while it goes on: from the caller's side, and from the bot's journal."""

    def __init__(self, lab: Lab, bot: Bot, scene: Scene, began: float) -> None:
        """`began`: the time all transcripts count from."""
        self.lab, self.bot, self.scene, self.began = lab, bot, scene, began
        self.number = lab.new_number()
        self.events = self.turns = 0

    def tell_news(self) -> None:
        """Print what has happened since the last time."""
        events = self.lab.events(self.number)[self.events :]
        self.events += len(events)
        for line in [line for event in events for line in caller_lines(event)]:
            self.tell(line)
        turns = self.bot.turns(self.bot.linkedid_from(self.number))[self.turns :]
        self.turns += len(turns)
        for line in [line for turn in turns for line in bot_lines(turn)]:
            self.tell(line)

    def tell(self, line: str) -> None:
        """Print a line with the time and the call it belongs to."""
        print(f"{GREY}{clock(self.began)}{PLAIN}  {self.scene.name[0]}  {line}", flush=True)

    def finish(self, record: CallRecord) -> None:
        """The last news, and the recording."""
        self.tell_news()
        for ring in record.rings:
            self.tell(f"{GREY}le poste {ring.operator} a sonné{PLAIN}")
        path = record.write_stereo(RECORDINGS / f"{self.scene.name}.wav")
        self.tell(f"{GREY}enregistrement : {path.relative_to(REPO)} (à gauche l'appelant){PLAIN}")


def bot_lines(turn: dict[str, object]) -> Iterator[str]:
    """A turn of the journal in words."""
    if turn["heard"] == "speech":
        understood = turn["intent"] or "rien"
        chance = f", {float(str(turn['confidence'])):.0%}" if turn["confidence"] is not None else ""
        yield f"{GREY}entendu « {turn['utterance']} », compris : {understood}{chance}{PLAIN}"
    yield f"{BOLD}Robot{PLAIN}      {turn['prompt']}"


def caller_lines(event: dict[str, object]) -> Iterator[str]:
    """An event on the caller's side in words."""
    match event["event"]:
        case "answered":
            yield f"{GREY}la mairie décroche{PLAIN}"
        case "say":
            yield f"{BOLD}Appelant{PLAIN}   {event['text']}"
        case "human":
            yield f"{BOLD}Opérateur{PLAIN}  {OPERATOR_SAYS}"
        case "hung_up_by_other_side":
            yield f"{GREY}la mairie raccroche{PLAIN}"
        case "finished":
            yield f"{GREY}l'appelant raccroche{PLAIN}"
        case "timed_out":
            yield f"{GREY}l'appelant se lasse ({event['step']}){PLAIN}"


def play(lab: Lab, bot: Bot) -> list[CallRecord]:
    """Place the three calls, print them live, keep their recordings."""
    print(f"\n{BOLD}Trois appels{PLAIN} : 1 obtient sa réponse, 2 veut quelqu'un, 3 n'est pas compris.\n")
    began = time.monotonic()
    transcripts = [Transcript(lab, bot, scene, began) for scene in scenes()]
    records: dict[str, CallRecord] = {}
    with ThreadPoolExecutor(len(transcripts)) as pool:
        calls = {
            transcript: pool.submit(lab.place_call, transcript.scene.steps, number=transcript.number)
            for transcript in transcripts
        }
        while len(records) < len(calls):
            for transcript, call in calls.items():
                if transcript.number in records:
                    continue
                if call.done():
                    records[transcript.number] = call.result()
                    transcript.finish(call.result())
                else:
                    transcript.tell_news()
            time.sleep(0.1)
    return list(records.values())


def stay(lab: Lab) -> None:
    """Let a person dial in, until Ctrl-C."""
    print(
        f"\n{BOLD}À vous.{PLAIN} Avec un téléphone logiciel sur cette machine (Linphone, baresip...) :\n"
        f"  compte        essai@{lab.town_address}:{lab.town.port}   (UDP, codec PCMA)\n"
        f"  mot de passe  {lab.secrets['SECRET_ESSAI']}\n"
        "  composez      0155000000\n"
        "Dites « quelqu'un » ou appuyez sur 0 : un opérateur simulé répond. Ctrl-C pour arrêter.",
        flush=True,
    )
    while True:
        time.sleep(1)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bind", default="127.0.0.1", help="address the town's Asterisk listens on")
    parser.add_argument("--port", type=int, help="its SIP port; any free one if unset")
    parser.add_argument("--no-stay", action="store_true", help="stop after the three calls, always")
    arguments = parser.parse_args()
    # A polite end for kill and for closing the terminal too: everything that was started is stopped.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    RECORDINGS.mkdir(exist_ok=True)
    began = time.monotonic()
    try:
        print("Démarrage d'Asterisk, du serveur callbot et de Rasa...", flush=True)
        with Lab(address=arguments.bind, sip_port=arguments.port) as lab, Bot(lab.state) as bot:
            print(f"prêt en {time.monotonic() - began:.0f} s", flush=True)
            records = play(lab, bot)
            if sys.stdout.isatty() and sys.stdin.isatty() and not arguments.no_stay:
                with contextlib.suppress(KeyboardInterrupt):
                    stay(lab)
    except KeyboardInterrupt:
        print("\narrêt", flush=True)
        return 130
    except (AsteriskError, BotError, TimeoutError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print(f"\nTrois appels passés, tout est arrêté. Enregistrements : {RECORDINGS.relative_to(REPO)}/")
    return 0 if all(record.ending != "lost" for record in records) else 1


def interrupt(number: int, frame: object) -> None:
    """A signal that asks to end, as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
