"""The real recogniser with the bundled model, and what is said of models that are not in order."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from callbot.errors import SpeechModelError
from callbot.rehearsal import load_pcm
from callbot.speech.closed import Grammar
from callbot.speech.ear import Ear, Heard, Speaking
from callbot.speech.endpoint import Endpointer
from callbot.speech.recognizer import Recognizer, RecognizerPool, SpeechModel, check_model, combine
from tests.conftest import MODEL

SENTENCE = "bonjour je voudrais une copie d'acte de naissance"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    wav = tmp_path_factory.mktemp("speech") / "s.wav"
    subprocess.run(["espeak-ng", "-v", "mb-fr4", "-s", "140", "-w", wav, SENTENCE], check=True)
    return load_pcm(wav, 8000)


def test_a_sentence_is_recognised_with_its_readings(speech_model: SpeechModel, speech: bytes) -> None:
    recognizer = speech_model.recognizer()
    partials = [recognizer.feed(speech[at : at + 1600]) for at in range(0, len(speech), 1600)]
    hypotheses = recognizer.finish()
    assert any("bonjour" in partial for partial in partials)
    assert "de naissance" in hypotheses[0].text
    assert 1 <= len(hypotheses) <= 3
    assert sum(item.confidence for item in hypotheses) == pytest.approx(1)
    assert [item.confidence for item in hypotheses] == sorted(
        (item.confidence for item in hypotheses), reverse=True
    )


def test_a_recogniser_serves_one_utterance_after_the_other(speech_model: SpeechModel, speech: bytes) -> None:
    recognizer = speech_model.recognizer()
    texts = []
    for _ in range(2):
        recognizer.feed(speech + bytes(3200))
        texts.append(recognizer.finish()[0].text)
    assert "naissance" in texts[0] and "naissance" in texts[1]


def test_silence_has_no_words(speech_model: SpeechModel) -> None:
    recognizer = speech_model.recognizer()
    recognizer.feed(bytes(32000))
    assert recognizer.finish() == ()


def test_a_grammar_limits_what_is_heard(speech_model: SpeechModel, tmp_path: Path) -> None:
    wav = tmp_path / "oui.wav"
    subprocess.run(["espeak-ng", "-v", "mb-fr4", "-s", "130", "-w", wav, "oui"], check=True)
    recognizer = speech_model.recognizer(Grammar(("oui", "non")))
    recognizer.feed(bytes(3200) + load_pcm(wav, 8000) + bytes(6400))
    assert recognizer.finish()[0].text == "oui"


def test_segments_closed_by_the_decoder_are_joined() -> None:
    joined = combine([[("je voudrais", 10.0), ("je voulais", 8.0)], [("un acte", 5.0)]], nbest=2)
    assert [item.text for item in joined] == ["je voudrais un acte", "je voulais un acte"]
    assert combine([], 3) == ()
    assert combine([[("", 10.0), ("un", 9.0)]], 3) == ()
    assert [item.text for item in combine([[("oui", 10.0), ("", 9.0)]], 3)] == ["oui"]


async def test_the_ear_hears_an_utterance_between_silences(speech_model: SpeechModel, speech: bytes) -> None:
    with ThreadPoolExecutor(1) as threads:
        ear = Ear(speech_model.pool, threads, Endpointer(500, 20000))
        sounds = []
        audio = bytes(16000) + speech + bytes(16000)
        for at in range(0, len(audio), 334):  # chunks that are no whole frames
            sound = await ear.hear(audio[at : at + 334])
            if sound is not None:
                sounds.append(sound)
    assert isinstance(sounds[0], Speaking) and isinstance(sounds[-1], Heard)
    assert "naissance" in sounds[-1].utterance.text
    assert sum(isinstance(sound, Heard) for sound in sounds) == 1


async def test_two_utterances_in_one_chunk_are_both_heard(speech_model: SpeechModel, speech: bytes) -> None:
    with ThreadPoolExecutor(1) as threads:
        ear = Ear(speech_model.pool, threads, Endpointer(500, 20000))
        pause = bytes(16000)
        first = await ear.hear(speech + pause + speech + pause)
        second = await ear.hear(b"")
    assert isinstance(first, Heard) and isinstance(second, Heard)
    assert "naissance" in first.utterance.text and "naissance" in second.utterance.text


async def test_only_who_speaks_holds_a_recogniser(speech_model: SpeechModel, speech: bytes) -> None:
    made: list[Recognizer] = []

    def make() -> Recognizer:
        made.append(speech_model.recognizer())
        return made[-1]

    pool, pause = RecognizerPool(make), bytes(16000)
    with ThreadPoolExecutor(1) as threads:
        ears = [Ear(pool, threads, Endpointer(500, 20000)) for _ in range(3)]
        for ear in ears:
            heard = await ear.hear(pause + speech + pause)
            assert isinstance(heard, Heard) and "naissance" in heard.utterance.text
        assert len(made) == 1, "one after the other"
        assert isinstance(await ears[0].hear(speech), Speaking)
        assert isinstance(await ears[1].hear(speech), Speaking)
        assert len(made) == 3, "used up; two speak at once"
        await ears[0].forget()
        heard = await ears[2].hear(speech + pause)
        assert isinstance(heard, Heard) and "naissance" in heard.utterance.text
        assert len(made) == 3, "an utterance that was dropped gave its recogniser back"


async def test_a_pause_is_decoded_only_where_speech_comes_after_it(
    speech_model: SpeechModel, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause that ends an utterance is a quarter of the sound, and nobody need decode it."""
    fed, feed = bytearray(), Recognizer.feed

    def count(recognizer: Recognizer, pcm: bytes) -> str:
        fed.extend(pcm)
        return feed(recognizer, pcm)

    monkeypatch.setattr(Recognizer, "feed", count)
    within, after = bytes(9600), bytes(32000)  # 0.6 and 2 s
    with ThreadPoolExecutor(1) as threads:
        ear = Ear(speech_model.pool, threads, Endpointer(1500, 20000))
        heard = await ear.hear(bytes(16000) + speech + within + speech + after)
    assert isinstance(heard, Heard) and heard.utterance.text.count("naissance") == 2
    assert speech + within in fed
    assert len(fed) < len(bytes(4800) + speech + within + speech) + 3200


async def test_while_more_is_waited_for_the_last_word_is_decoded_to_its_end(
    speech_model: SpeechModel, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network tells a word up to 0.36 s after its end; a short pause has ended before."""
    fed = bytearray()
    feed = Recognizer.feed

    def count(recognizer: Recognizer, pcm: bytes) -> str:
        fed.extend(pcm)
        return feed(recognizer, pcm)

    async def decoded(patience_ms: int) -> int:
        fed.clear()
        pcm = speech + bytes(16000)
        with ThreadPoolExecutor(1) as threads:
            ear = Ear(speech_model.pool, threads, Endpointer(500, 20000))
            for at in range(0, len(pcm), 320):
                sound = await ear.hear(pcm[at : at + 320])
                if isinstance(sound, Speaking) and sound.silence_ms == 300:
                    ear.wait(patience_ms)
                if isinstance(sound, Speaking) and sound.silence_ms == 480:
                    await ear.forget()
        return len(fed)

    monkeypatch.setattr(Recognizer, "feed", count)
    usual = await decoded(500)
    assert await decoded(1000) - usual >= 16 * 200


@pytest.mark.parametrize("level", [0, 30, 60])
async def test_the_ear_hears_nothing_in_noise(speech_model: SpeechModel, level: int) -> None:
    noise = np.random.default_rng(1).normal(0, level, 8000 * 5).astype("<i2").tobytes()
    with ThreadPoolExecutor(1) as threads:
        ear = Ear(speech_model.pool, threads, Endpointer(500, 20000))
        assert not isinstance(await ear.hear(noise), Heard)


def broken(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    return folder


def test_a_missing_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SpeechModelError, match=r"not found.*callbot models install"):
        SpeechModel(tmp_path / "nothing", 8000)


@pytest.mark.parametrize("name", ["am/final.mdl", "graph/Gr.fst", "conf/mfcc.conf", "conf/model.conf"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = broken(tmp_path)
    (folder / name).unlink()
    with pytest.raises(SpeechModelError, match=name.rpartition("/")[2]):
        SpeechModel(folder, 8000)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    folder = broken(tmp_path)
    (folder / "am" / "final.mdl").write_bytes(b"")
    with pytest.raises(SpeechModelError, match=r"final\.mdl is empty"):
        SpeechModel(folder, 8000)


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    folder = broken(tmp_path)
    data = (folder / "am" / "final.mdl").read_bytes()
    (folder / "am" / "final.mdl").write_bytes(data[:1000])
    with pytest.raises(SpeechModelError, match="can't load"):
        SpeechModel(folder, 8000)


@pytest.mark.parametrize("name", ["graph/HCLr.fst", "graph/Gr.fst"])
def test_a_truncated_graph_is_refused_before_any_caller_speaks(tmp_path: Path, name: str) -> None:
    folder = broken(tmp_path)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(SpeechModelError, match="can't load"):
        SpeechModel(folder, 8000)


def test_a_configuration_that_is_no_text_is_said(tmp_path: Path) -> None:
    folder = broken(tmp_path)
    (folder / "conf" / "mfcc.conf").write_bytes(b"\xff\xfe")
    with pytest.raises(SpeechModelError, match=r"mfcc\.conf is no text"):
        SpeechModel(folder, 8000)


def test_many_segments_are_joined_in_no_time() -> None:
    segment = [("un", 3.0), ("une", 2.0), ("hein", 1.0)]
    assert len(combine([segment] * 40, nbest=3)) == 3


def test_another_sample_rate_is_said(tmp_path: Path) -> None:
    with pytest.raises(SpeechModelError, match="wants 8000 Hz but the line gives 16000 Hz"):
        SpeechModel(MODEL, 16000)


def test_a_wideband_model_that_may_upsample_fits_the_telephone(tmp_path: Path) -> None:
    folder = broken(tmp_path)
    (folder / "conf" / "mfcc.conf").write_text("--sample-frequency=16000\n--allow-upsample=true\n")
    check_model(folder, 8000)
    (folder / "conf" / "mfcc.conf").write_text("--sample-frequency=16000\n")
    with pytest.raises(SpeechModelError, match="16000 Hz"):
        check_model(folder, 8000)
