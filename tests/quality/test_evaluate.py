"""How rows are judged, and what is said of files that can't be used."""

from pathlib import Path

import pytest

from callbot.dialogue.moves import (
    Answer,
    Ask,
    AskSlot,
    Choose,
    Confirm,
    ConfirmRequest,
    Emergency,
    Goodbye,
    Move,
    Repeat,
    Transfer,
    Wait,
)
from callbot.errors import EvaluationError
from callbot.quality.evaluate import Judged, Report, Row, is_served, is_wrong, read_rows
from callbot.types import IntentScore

KNOWN = {"piscine_tarif", "hors_sujet"}


@pytest.mark.parametrize(
    ("intent", "move", "wrong", "served"),
    [
        ("piscine_tarif", Answer("piscine_tarif"), False, True),
        ("piscine_tarif", Answer("piscine_horaires"), True, False),
        ("piscine_tarif", Confirm("piscine_tarif"), False, True),
        ("piscine_tarif", Confirm("piscine_horaires"), False, False),
        ("piscine_tarif", Choose("piscine_horaires", "piscine_tarif"), False, True),
        ("piscine_tarif", Choose("a", "b"), False, False),
        ("piscine_tarif", Ask("unclear"), False, False),
        ("piscine_tarif", Goodbye(), True, False),
        ("piscine_tarif", Repeat(), True, False),
        ("piscine_tarif", Transfer("accueil", "asked"), True, False),
        ("piscine_tarif", Transfer("accueil", "not_understood"), False, False),
        ("hors_sujet", Transfer("accueil", "not_understood"), False, True),
        ("voirie_nid_de_poule", Transfer("voirie", "service", "voirie_nid_de_poule"), False, True),
        ("voirie_nid_de_poule", Transfer("voirie", "service", "voirie_feu"), True, False),
        ("conversation_humain", Transfer("accueil", "asked"), False, True),
        ("conversation_au_revoir", Goodbye(), False, True),
        ("conversation_repeter", Repeat(), False, True),
        ("conversation_saluer", Ask("go_on"), False, True),
        ("hors_sujet", Ask("unclear"), False, True),
        ("hors_sujet", Answer("piscine_tarif"), True, False),
        ("hors_sujet", Confirm("piscine_tarif"), False, False),
        ("voirie_nid_de_poule", AskSlot("voirie_nid_de_poule", "address"), False, True),
        ("voirie_nid_de_poule", AskSlot("voirie_feu", "address"), True, False),
        ("voirie_nid_de_poule", ConfirmRequest("voirie_feu", ()), False, False),
        ("conversation_plus_lentement", Repeat("slower"), False, True),
        ("conversation_repeter", Repeat("slower"), True, False),
        ("conversation_attendre", Wait(), False, True),
        ("urgence_vitale", Emergency(), False, True),
        ("piscine_tarif", Emergency(), True, False),
        ("conversation_insatisfait", Ask("sorry"), False, True),
        ("conversation_insatisfait", Transfer("accueil", "dissatisfied"), False, True),
        ("hors_sujet", Goodbye(off_topic=True), False, True),
    ],
)
def test_a_row_is_judged_by_the_first_move(intent: str, move: Move, wrong: bool, served: bool) -> None:
    item = Judged(Row(intent), (), (move,))
    assert (is_wrong(item), is_served(item)) == (wrong, served)


def test_figures_of_a_report() -> None:
    right = (IntentScore("a", 0.9), IntentScore("b", 0.1))
    report = Report(
        [
            Judged(Row("a", text="un deux"), right, (Answer("a"),), heard="un"),
            Judged(Row("b"), right, (Answer("a"),)),
            Judged(Row("hors_sujet"), (), (Ask("unclear"),)),
            Judged(Row("c"), right, (Transfer("accueil", "asked"),)),
        ]
    )
    figures = report.as_json()
    assert (figures["n"], figures["top1"], figures["top2"]) == (4, 0.5, 0.75)
    assert (figures["wrong_answer_rate"], figures["served_rate"]) == (0.5, 0.5)
    assert (figures["oos_recall"], figures["transfer_rate"], figures["wer"]) == (1.0, 0.25, 0.5)
    assert figures["moves"] == {"answer": 2, "ask": 1, "transfer": 1}
    assert {"intent": "b", "taken_for": "a", "n": 1} in figures["confusions"]
    assert any("top1" in line and "2/4" in line for line in report.lines())


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_are_read_and_paths_are_the_files_own(tmp_path: Path) -> None:
    assert read_rows(write(tmp_path, "id,utterance\npiscine_tarif,combien\n"), KNOWN, False) == [
        Row("piscine_tarif", "combien")
    ]
    (row,) = read_rows(write(tmp_path, "id,path,text\nhors_sujet,a.wav,bonjour\n"), KNOWN, True)
    assert (row.path, row.text) == (tmp_path / "a.wav", "bonjour")


@pytest.mark.parametrize(
    ("text", "spoken", "said"),
    [
        ("id,text\na,b\n", False, "column missing: utterance"),
        ("utterance\nx\n", False, "column missing: id"),
        ("id,utterance\na,b\n", True, "column missing: path"),
        ("id,utterance\npiscine_tarif,x\nnonsense,y\n", False, "row 3: unknown intent 'nonsense'"),
        (b"id,utterance\npiscine_tarif,\xff\xfe\n", False, "can't read"),
        ("", False, "column missing"),
    ],
)
def test_a_wrong_file_names_the_row(tmp_path: Path, text: str | bytes, spoken: bool, said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        read_rows(write(tmp_path, text), KNOWN, spoken)
