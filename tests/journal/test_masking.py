"""What tells who a caller is does not stay in their words; what tells needs apart does."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words

from callbot.journal.masking import mask

NLU = Path(__file__).parents[2] / "rasa_project" / "data" / "nlu"
MOST_ALTERED = 0.01
"""Share of the training sentences: they were written without real people, yet name some."""


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        # Telephones, dictated as French people do
        ("zéro six douze trente-quatre cinquante-six soixante-dix-huit merci", "[téléphone] merci"),
        (
            "mon numéro c'est le zéro un trente neuf quarante cinq douze douze",
            "mon numéro c'est le [téléphone]",
        ),
        ("au zéro six euh douze alors trente-quatre et cinquante-six soixante-dix-huit", "au [téléphone]"),
        ("zéro six douze c'est tout ce que je sais", "[téléphone] c'est tout ce que je sais"),
        ("six douze trente-quatre cinquante-six soixante-dix-huit", "[téléphone]"),
        ("plus trente-trois six douze trente-quatre cinquante-six soixante-dix-huit", "plus [téléphone]"),
        ("06 12 34 56 78", "[téléphone]"),
        ("au 06.12.34.56.78 ou au +33 6 12 34 56 78", "au [téléphone] ou au [téléphone]"),
        # Social security, cards, accounts, files, number plates
        (
            "deux quatre-vingt-cinq zéro sept soixante-dix-huit zéro zéro six quatre-vingt-quatre trente-six",
            "[numéro]",
        ),
        ("numéro 2 85 07 78 006 084 36", "numéro [numéro]"),
        ("ma carte 4970 1012 3456 7890", "ma carte [numéro]"),
        ("FR76 3000 6000 0112 3456 7890 189 voilà", "[numéro] voilà"),
        ("mon numéro de dossier c'est quatre cinq sept huit neuf", "mon numéro de dossier c'est [numéro]"),
        ("elle est immatriculée AB-123-CD", "elle est immatriculée [numéro]"),
        ("ma sécu deux quatre-vingt-dix zéro trois deux a zéro zéro six cent douze", "ma sécu [numéro]"),
        ("c'est le 1.85.05.78.006.084.36", "c'est le [numéro]"),
        # Mail
        ("écrivez à jean.dupont@orange.fr.", "écrivez à [courriel]."),
        ("mon mail c'est jean point dupont arobase orange point fr merci", "mon mail c'est [courriel] merci"),
        ("à marie tiret claire point le goff arobase la poste point net", "à [courriel]"),
        # Names
        ("je m'appelle jean dupont et j'ai perdu ma carte", "je m'appelle [nom] et j'ai perdu ma carte"),
        ("je m'appelle oriane kervadec", "je m'appelle [nom]"),
        ("mon nom c'est traoré", "mon nom c'est [nom]"),
        ("la réservation est au nom de benhaddou", "la réservation est au nom de [nom]"),
        ("c'est nadia lopes à l'appareil", "c'est [nom] à l'appareil"),
        ("oui c'est madame el amrani", "oui c'est madame [nom]"),
        ("monsieur de oliveira a appelé", "monsieur [nom] a appelé"),
        ("monsieur le goff", "monsieur [nom]"),
        ("bonjour je suis jean-pierre lefebvre", "bonjour je suis [nom]"),
        ("je suis sophie et moi c'est kevin", "je suis [nom] et moi c'est [nom]"),
        ("Je suis Mme. Dupont, voisine de M. Durand.", "Je suis Mme. [nom], voisine de M. [nom]."),
        ("Nom : Martin, prénom : Kevin", "Nom : [nom], prénom : [nom]"),
        ("madame moreau née lambert", "madame [nom] née [nom]"),
        ("c'est pour madame veuve perrin décédée hier", "c'est pour madame veuve [nom] décédée hier"),
        ("mon nom de jeune fille c'est petit", "mon nom de jeune fille c'est [nom]"),
        ("mon nom d'usage c'est blanc", "mon nom d'usage c'est [nom]"),
        ("je m'appelle marie de la fontaine", "je m'appelle [nom]"),
        ("je m'appelle d'almeida ma voisine madame n'diaye", "je m'appelle [nom] ma voisine madame [nom]"),
        ("ça s'écrit d u p o n t", "ça s'écrit [nom]"),
        ("d comme daniel u p deux n i", "[nom]"),
        # Addresses
        ("un trou au douze bis avenue du général de gaulle devant", "un trou au [adresse] devant"),
        ("j'habite au trente-quatre rue des lilas il y a du bruit", "j'habite au [adresse] il y a du bruit"),
        ("j'habite rue des lilas", "j'habite [adresse]"),
        ("tapage au vingt-deux de la rue haute", "tapage au [adresse]"),
        ("j'habite 3 allée jean moulin", "j'habite [adresse]"),
        ("3, av. Foch", "[adresse]"),
        ("rue pasteur au numéro douze", "[adresse]"),
        ("Je m'appelle Jean Dupont, j'habite 12 rue des Lilas.", "Je m'appelle [nom], j'habite [adresse]."),
    ],
)
def test_what_is_personal_goes_and_its_kind_stays(said: str, kept: str) -> None:
    assert mask(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "je voudrais douze sacs jaunes",
        "bonjour monsieur le maire",
        "je voudrais parler au maire monsieur le maire",
        "bonjour madame s'il vous plaît pourriez-vous me renseigner",
        "un monsieur couché devant la poste",
        "la rue de la gare est inondée",
        "quels jours passe le camion rue pasteur",
        "c'est pour deux places au cours de danse",
        "il y a quatre places de parking devant l'école jean moulin",
        "je viens le vingt-deux le vingt-trois ou le vingt-quatre décembre",
        "pour l'année deux mille vingt-six deux mille vingt-sept",
        "rue pasteur au quinze mai c'était bloqué",
        "deux cent cinquante mille euros de travaux",
        "le quinze à dix heures trente",
        "il y a une fuite",
        "la c a f me demande un papier du c c a s et ma carte p m r",
        "je suis maître d'œuvre",
        "au nom de mon père",
        "il est né prématuré née le douze mars",
        "un prénom composé mon nom n'apparaît pas on a déformé mon nom",
        "madame n'est pas là monsieur l'inspection de l'école",
        "je suis enceinte et je suis en retard",
        "je suis au trois de la liste rue pasteur",
        "ma mère m'appelle affolée",
        "j'habite rivemont depuis dix ans",
        "quelqu'un à l'appareil",
        "[nom] a laissé [téléphone] au [adresse]",
        "",
        " !? ",
    ],
)
def test_what_needs_are_told_by_stays(said: str) -> None:
    assert mask(said) == said


@pytest.mark.parametrize(
    ("slot", "said", "kept"),
    [
        ("name", "dupont comme le pont", "[nom]"),
        ("name_dates", "pour la petite du quatre au six", "[nom]"),
        ("street", "pasteur", "[adresse]"),
        ("phone", "douze", "[téléphone]"),
        ("reference", "mille douze", "[numéro]"),
        ("date", "mardi prochain", "mardi prochain"),
        ("details", "le voisin monsieur garnier fait du bruit", "le voisin monsieur [nom] fait du bruit"),
        ("name", "", ""),
    ],
)
def test_an_answer_is_what_was_asked_for(slot: str, said: str, kept: str) -> None:
    assert mask(said, slot) == kept


def test_masking_twice_changes_nothing_more() -> None:
    once = mask("je m'appelle jean dupont douze rue des lilas zéro six douze trente-quatre")
    assert once == "je m'appelle [nom] [adresse] [téléphone]" == mask(once)


def test_training_sentences_hardly_change() -> None:
    sentences = [
        line.removeprefix("- ")
        for file in sorted(NLU.glob("*.yml"))[::8]
        for item in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]
        for line in item.get("examples", "").splitlines()
    ]
    assert len(sentences) > 3000
    altered = [text for text in sentences if mask(text) != text]
    assert len(altered) / len(sentences) < MOST_ALTERED
    # Of those, few have nobody in them.
    announced = re.compile(
        r"monsieur|madame|maître|docteur|appelle|nom|rue|avenue|habite|appareil|victor|jean"
    )
    assert sum(announced.search(text) is None for text in altered) <= len(sentences) // 1000 + 1


@settings(deadline=None)
@given(st.text(max_size=200))
def test_whatever_is_typed_can_be_masked(text: str) -> None:
    mask(text)


@settings(deadline=None)
@given(
    st.integers(100_000_000, 799_999_999),
    st.sampled_from(["", " ", ".", "-"]),
    st.sampled_from(["rappelez-moi au {}", "{}", "c'est le {} merci", "numéro {}, portable"]),
)
def test_no_french_number_survives(national: int, between: str, sentence: str) -> None:
    digits = f"0{national}"
    written = between.join(digits[at : at + 2] for at in range(0, 10, 2))
    assert not re.search(r"\d", mask(sentence.format(written)))


@settings(deadline=None)
@given(st.integers(100_000_000, 799_999_999), st.sampled_from(["rappelez-moi au {}", "{}", "le {} merci"]))
def test_nor_does_one_that_is_said(national: int, sentence: str) -> None:
    digits = f"0{national}"
    pairs = [digits[at : at + 2] for at in range(0, 10, 2)]
    said = " ".join(
        f"zéro {num2words(int(two[1]), lang='fr')}" if two[0] == "0" else num2words(int(two), lang="fr")
        for two in pairs
    )
    assert mask(sentence.format(said)) == sentence.format("[téléphone]")
