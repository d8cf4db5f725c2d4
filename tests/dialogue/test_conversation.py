"""Whole conversations on a simulated line: real ear, real voice; only what Rasa would say is given.

Rasa itself is in tests/test_quality_gate.py and tests/calls.
"""

import subprocess
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callbot.agi.simulated import CallerStep, Press, Say, SimulatedLine, StaySilent
from callbot.dialogue import wording
from callbot.dialogue.conversation import Conversation, Tempo
from callbot.dialogue.dialogue import Dialogue
from callbot.dialogue.expected import YES_NO
from callbot.dialogue.state import Caller, Thresholds
from callbot.errors import JournalError, UnderstandingError, VoiceError
from callbot.rehearsal import TrialDesk, load_pcm
from callbot.speech.ear import Ear, Heard
from callbot.speech.endpoint import Endpointer
from callbot.speech.prompts import Prompts
from callbot.speech.recognizer import SpeechModel
from callbot.speech.recording import CallRecorder
from callbot.speech.voices import Pyttsx3Voice
from callbot.town.answers import Answers
from callbot.types import IntentScore, Outcome, TurnRecord
from callbot.understanding.understanding import Understanding
from tests.calls import voices

UNDERSTOOD = {
    "naissance": "etat_civil_acte_naissance_copie",
    "quelqu'un": "conversation_humain",
    "revoir": "conversation_au_revoir",
    "oui": "conversation_oui",
    "non": "conversation_non",
    "répéter": "conversation_repeter",
}


async def parse(text: str) -> tuple[IntentScore, ...]:
    """Stands for Rasa: one word decides."""
    for word, intent in UNDERSTOOD.items():
        if word in text:
            return (IntentScore(intent, 0.95),)
    return (IntentScore("hors_sujet", 0.9),)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What callers say, by a voice the recogniser was never trained on."""
    folder = tmp_path_factory.mktemp("spoken")
    texts = {
        "acte": "bonjour je voudrais une copie d'acte de naissance",
        "humain": "je veux parler à quelqu'un",
        "revoir": "merci au revoir",
        "oui": "oui",
        "d'accord": "d'accord",
        "non": "non",
        "refus": "je refuse d'être enregistré",
        "message": "bonjour madame martin zéro six douze trente-quatre je rappelle pour mon dossier merci",
    }
    speech = {}
    for name, text in texts.items():
        subprocess.run(
            ["espeak-ng", "-v", "mb-fr4", "-s", "140", "-w", folder / f"{name}.wav", text], check=True
        )
        speech[name] = load_pcm(folder / f"{name}.wav", 8000)
    return speech


@pytest.fixture
async def prompts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prompts]:
    voice = Pyttsx3Voice()
    prompts = Prompts(tmp_path_factory.getbasetemp() / "prompts", voice)
    await prompts.prepare(wording.fixed())
    yield prompts
    await voice.close()


OFFICE_HOURS = datetime(2026, 11, 24, 15)


class Call:
    """A call in virtual time and what became of it."""

    def __init__(self, model: SpeechModel, prompts: Prompts, answers: Answers, messages: Path) -> None:
        self._model, self._prompts, self._answers = model, prompts, answers
        self.turns: list[TurnRecord] = []
        self.parse = parse
        self.journal_fails = False
        self.tempo = Tempo(no_input_ms=3000)
        self.desk = TrialDesk()
        self.now = OFFICE_HOURS
        self.unanswered = False
        self.messages = messages
        self.recorder: CallRecorder | None = None

    async def record(self, turn: TurnRecord) -> None:
        if self.journal_fails:
            raise JournalError("database or disk is full")
        self.turns.append(turn)

    def dialogue(self) -> Dialogue:
        return Dialogue(
            Understanding(self.parse),
            self._answers,
            Thresholds(0.6, 0.3, 0.5),
            self.desk,
            lambda: self.now,
            Caller(recorded=self.recorder is not None),
            self.unanswered,
        )

    async def run(self, *steps: CallerStep) -> Outcome:
        self.line = SimulatedLine(steps)
        with ThreadPoolExecutor(1) as threads:
            ear = Ear(self._model.pool, threads, Endpointer(500, 20000))
            return await Conversation(
                self.line, ear, self._prompts, self.dialogue(), self._answers, self.record,
                self.messages, self.tempo, self.recorder,
            ).run()  # fmt: skip

    @property
    def moves(self) -> list[str]:
        return [turn.move for turn in self.turns]


@pytest.fixture
def call(speech_model: SpeechModel, prompts: Prompts, answers: Answers, tmp_path: Path) -> Call:
    return Call(speech_model, prompts, answers, tmp_path / "messages")


async def test_a_question_is_answered_and_the_caller_says_goodbye(
    call: Call, spoken: dict[str, bytes]
) -> None:
    outcome = await call.run(Say(spoken["acte"]), Say(spoken["revoir"]))
    assert call.moves == ["greet", "answer:etat_civil_acte_naissance_copie", "goodbye"]
    assert outcome == Outcome("DONE", reason="goodbye")
    assert "naissance" in call.turns[1].utterance
    assert call.turns[1].hypotheses and call.turns[1].ranking
    assert call.turns[1].think_ms is not None and call.turns[1].nlu_ms is not None


async def test_somebody_please(call: Call, spoken: dict[str, bytes]) -> None:
    outcome = await call.run(Say(spoken["humain"]), StaySilent())
    assert outcome == Outcome("TRANSFER", "standard", "asked")


async def test_key_zero_works_during_the_greeting(call: Call) -> None:
    outcome = await call.run(Press("0"), StaySilent())
    assert outcome == Outcome("TRANSFER", "standard", "asked")
    assert call.line.clock_s < 5


async def test_key_nine_says_the_same_again(call: Call) -> None:
    await call.run(Press("9"), StaySilent())
    assert call.turns[1].prompt == call.turns[0].prompt


async def test_silence_is_asked_about_then_passed_to_a_human(call: Call) -> None:
    outcome = await call.run(*[StaySilent()] * 4)
    assert call.moves == ["greet", "ask:silence", "ask:silence", "transfer:accueil:no_input"]
    assert "appuyez sur zéro" in call.turns[2].prompt, "the second time with help"
    assert outcome.result == "TRANSFER"


async def test_forty_silent_minutes_are_not_spent_listening(call: Call) -> None:
    await call.run(*[StaySilent()] * 100)
    assert call.line.clock_s < 60


async def test_barge_in_cuts_the_prompt(call: Call, spoken: dict[str, bytes]) -> None:
    await call.run(Say(spoken["acte"], over_prompt_s=1.0), Say(spoken["revoir"]))
    assert call.turns[1].barge_in and call.turns[1].move == "answer:etat_civil_acte_naissance_copie"
    greeting_s = 6.0
    assert call.line.played[1][0] < greeting_s  # the answer began before the greeting would have ended


async def test_the_greeting_says_that_it_is_a_robot_whatever_happens(
    call: Call, spoken: dict[str, bytes]
) -> None:
    await call.run(Say(spoken["acte"], over_prompt_s=0.2), Say(spoken["revoir"]))
    (begun_s, legal), (after_s, after), *_ = call.line.played
    assert after_s - begun_s >= soundfile.info(legal).duration - 0.05
    assert call.turns[1].move == "answer:etat_civil_acte_naissance_copie"
    assert after != legal


async def test_a_caller_who_follows_does_not_interrupt(call: Call, spoken: dict[str, bytes]) -> None:
    await call.run(Say(spoken["acte"]), Say(spoken["d'accord"], over_prompt_s=1.0), Say(spoken["revoir"]))
    assert call.moves[:3] == ["greet", "answer:etat_civil_acte_naissance_copie", "ask:still_there"]
    answer = call.line.played[2:4]
    assert answer[1][0] - answer[0][0] >= soundfile.info(answer[0][1]).duration - 0.05


async def test_a_pause_is_as_long_as_the_words_ask_for(call: Call, spoken: dict[str, bytes]) -> None:
    quick, slow = [], []
    for tempo, delays in ((call.tempo, quick), (replace(call.tempo, quick_silence_ms=500), slow)):
        call.tempo = tempo
        await call.run(Say(spoken["acte"]), StaySilent())
        delays.append(call.line.played[2][0] - call.line.speech_ends_s[0])
    assert slow[0] - quick[0] == pytest.approx(0.2, abs=0.08)


async def test_a_short_yes_over_the_question_is_heard(call: Call, spoken: dict[str, bytes]) -> None:
    """« oui » is too short to interrupt, and no less an answer."""

    async def unsure(text: str) -> tuple[IntentScore, ...]:
        yes = "oui" in text.split()
        return (IntentScore("conversation_oui", 0.9) if yes else IntentScore("piscine_tarif", 0.4),)

    call.parse = unsure
    await call.run(Say(spoken["acte"]), Say(spoken["oui"], over_prompt_s=1.0), StaySilent())
    assert call.moves[:3] == ["greet", "confirm:piscine_tarif", "answer:piscine_tarif"]
    assert call.turns[2].barge_in


async def test_key_zero_during_the_goodbye_is_heard(call: Call, spoken: dict[str, bytes]) -> None:
    outcome = await call.run(Say(spoken["revoir"]), Press("0"))
    assert outcome == Outcome("TRANSFER", "standard", "asked")


async def test_what_was_said_before_a_fault_is_written_down(call: Call, spoken: dict[str, bytes]) -> None:
    async def down(text: str) -> tuple[IntentScore, ...]:
        raise UnderstandingError("connection refused")

    call.parse = down
    await call.run(Say(spoken["acte"]), StaySilent())
    assert call.moves == ["greet", "failed"]
    assert "naissance" in call.turns[1].utterance


async def test_a_hang_up_is_an_end_like_another(call: Call) -> None:
    assert await call.run() == Outcome("DONE", reason="hung_up")


async def test_rasa_away_means_a_human(call: Call, spoken: dict[str, bytes]) -> None:
    async def down(text: str) -> tuple[IntentScore, ...]:
        raise UnderstandingError("connection refused")

    call.parse = down
    outcome = await call.run(Say(spoken["acte"]), StaySilent())
    assert outcome == Outcome("FAILED", reason="fault")


async def test_a_voice_that_fails_means_a_human(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> Path:
        raise VoiceError("no voice")

    monkeypatch.setattr(Prompts, "wav", broken)
    outcome = await call.run(StaySilent())
    assert outcome == Outcome("FAILED", reason="fault")


async def test_a_journal_that_cannot_be_written_means_a_human(call: Call) -> None:
    call.journal_fails = True
    outcome = await call.run(StaySilent(), StaySilent())
    assert outcome == Outcome("FAILED", reason="fault")


async def test_an_endless_call_goes_to_a_human(call: Call, spoken: dict[str, bytes]) -> None:
    call.tempo = replace(call.tempo, max_call_s=1)
    await call.run(Say(spoken["acte"]), StaySilent())
    assert call.moves[-1] == "transfer:accueil:too_long"


async def test_a_closed_question_is_heard_as_one(speech_model: SpeechModel) -> None:
    """« non non » on a noisy line is « mon nom » to the language model; among the answers it is a no."""
    pcm = voices.read(voices.speak("Non non."))
    noisy = np.concatenate([np.zeros(2400), pcm, np.zeros(8000)])
    noisy += np.random.default_rng(1).normal(0, np.std(pcm) / 10, len(noisy))
    with ThreadPoolExecutor(1) as threads:
        ear = Ear(speech_model.pool, threads, Endpointer(500, 20000), 8000, speech_model.recognizer)
        ear.expect(YES_NO)
        heard = [
            sound.utterance.text
            for at in range(0, len(noisy), 160)
            if isinstance(sound := await ear.hear(noisy[at : at + 160].astype("<i2").tobytes()), Heard)
        ]
    assert heard == ["non non"]


NIGHT = datetime(2026, 11, 24, 22)


def recordings(call: Call) -> list[Path]:
    return sorted(call.messages.glob("*.wav"))


async def test_at_night_a_message_is_taken_with_consent(call: Call, spoken: dict[str, bytes]) -> None:
    call.now = NIGHT
    outcome = await call.run(
        *(Say(spoken["humain"]), Say(spoken["oui"]), Say(spoken["message"]), Say(spoken["revoir"]))
    )
    assert call.moves == ["greet", "offermessage:accueil:asked", "takemessage", "messagetaken", "goodbye"]
    assert outcome == Outcome("DONE", reason="goodbye")
    assert "rouvre demain à huit heures trente" in call.turns[1].prompt
    (recording,) = recordings(call)
    sound = soundfile.info(recording)
    length_s = len(spoken["message"]) / 2 / 8000
    assert length_s < sound.duration < length_s + 6 and sound.samplerate == 8000
    assert recording.stat().st_mode & 0o77 == 0, "only its owner may hear it"
    assert "dossier" in call.desk.messages[0] and "dossier" in call.turns[3].utterance
    tones = [wav for _, wav in call.line.played if wav.name == "tone.wav"]
    assert len(tones) == 1


async def test_without_consent_nothing_is_recorded(call: Call, spoken: dict[str, bytes]) -> None:
    call.now = NIGHT
    await call.run(Say(spoken["humain"]), Say(spoken["non"]), Say(spoken["revoir"]))
    assert call.moves[1:] == ["offermessage:accueil:asked", "ask:anything_else", "goodbye"]
    assert not recordings(call)


async def test_whoever_hangs_up_after_the_message_has_left_it(call: Call, spoken: dict[str, bytes]) -> None:
    call.now = NIGHT
    outcome = await call.run(Say(spoken["humain"]), Say(spoken["oui"]), Say(spoken["message"]))
    assert outcome == Outcome("DONE", reason="hung_up")
    assert len(recordings(call)) == 1 and len(call.desk.messages) == 1


async def test_nothing_said_after_the_tone_is_asked_for_once_more(
    call: Call, spoken: dict[str, bytes]
) -> None:
    call.now = NIGHT
    await call.run(Say(spoken["humain"]), Say(spoken["oui"]), StaySilent(), StaySilent(), StaySilent())
    assert call.moves[2:] == ["takemessage", "ask:unheard_message+takemessage", "goodbye"]
    assert not recordings(call) and call.line.clock_s < 70


async def test_a_call_that_nobody_answered_comes_back_for_a_message(
    call: Call, spoken: dict[str, bytes]
) -> None:
    call.unanswered = True
    await call.run(Say(spoken["oui"]), Say(spoken["message"]), Say(spoken["revoir"]))
    assert call.moves == ["offermessage:accueil:nobody", "takemessage", "messagetaken", "goodbye"]
    assert len(recordings(call)) == 1


async def test_a_recorded_call_is_announced_whole_and_kept_from_then_on(
    call: Call, spoken: dict[str, bytes], tmp_path: Path
) -> None:
    call.recorder = CallRecorder(tmp_path, 8000)
    loud = Say(spoken["acte"], over_prompt_s=0.2)
    await call.run(loud, Say(spoken["revoir"]))
    (begun_s, legal), (_, notice), (_, question), *_ = call.line.played
    told_s = sum(soundfile.info(wav).duration for wav in (legal, notice))
    answered_s = next(at for at, wav in call.line.played if wav not in (legal, notice, question))
    assert answered_s - begun_s >= told_s - 0.05
    samples, rate = soundfile.read(tmp_path / await call.recorder.close(), dtype="int16")
    assert len(samples) / rate == pytest.approx(call.line.clock_s, abs=0.05)
    notice_ends = int((begun_s + told_s - 0.1) * rate)
    assert not samples[:notice_ends].any(), "nothing is recorded before the caller knows"
    turn = call.turns[-1]
    assert turn.heard == "speech" and turn.begins_ms is not None and turn.ends_ms is not None
    heard = np.frombuffer(spoken["revoir"], "<i2").astype(float)
    inside = samples[turn.begins_ms * 8 : turn.ends_ms * 8].astype(float)
    outside = samples[turn.ends_ms * 8 + 1600 :].astype(float)
    assert (inside**2).sum() == pytest.approx((heard**2).sum(), rel=0.1)
    assert not len(outside) or np.abs(outside).max() < 500


async def test_who_refuses_is_recorded_no_more_and_still_served(
    call: Call, spoken: dict[str, bytes], tmp_path: Path
) -> None:
    call.recorder = CallRecorder(tmp_path, 8000)
    await call.run(Say(spoken["refus"]), Say(spoken["acte"]), Say(spoken["revoir"]))
    assert call.moves[:3] == ["greet", "stoprecording+ask:go_on", "answer:etat_civil_acte_naissance_copie"]
    assert await call.recorder.close() == "" and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("key", "move"), [("#", "stoprecording+ask:go_on"), ("0", "transfer:accueil:asked")])
async def test_who_cuts_the_notice_short_is_not_recorded(
    call: Call, tmp_path: Path, key: str, move: str
) -> None:
    call.recorder = CallRecorder(tmp_path, 8000)
    await call.run(Press(key), StaySilent(), StaySilent())
    assert call.moves[1] == move
    assert await call.recorder.close() == "" and list(tmp_path.iterdir()) == []


async def test_a_disk_that_is_full_never_harms_a_recorded_call(call: Call, spoken: dict[str, bytes]) -> None:
    call.recorder = CallRecorder(Path("/dev/full"), 8000)
    outcome = await call.run(Say(spoken["acte"]), Say(spoken["revoir"]))
    assert outcome == Outcome("DONE", reason="goodbye") and len(call.turns) == 3
    assert await call.recorder.close() == ""
