"""What words hint at."""

import pytest

from callbot.understanding import needs


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("vous pouvez me donner le numéro de suivi", True),
        ("et le numéro de ma demande c'est quoi", True),
        ("attendez c'était quoi le numéro déjà", True),
        ("redites-moi le numéro", True),
        ("je voudrais le numéro de la piscine", False),
        ("à quel numéro faut-il appeler pour un permis", False),
        ("c'est au numéro douze", False),
    ],
)
def test_the_number_of_a_request_is_asked_for(text: str, asked: bool) -> None:
    assert needs.asks_reference(text) == asked


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("répétez je veux que j'avais pas de crayon", True),
        ("pardon vous pouvez répéter l'adresse", True),
        ("je l'ai répété trois fois", False),
        ("il faut que je répète tous les ans", False),
    ],
)
def test_to_say_it_again_is_heard_at_the_beginning(text: str, again: bool) -> None:
    assert needs.begins_with_again(text) == again


@pytest.mark.parametrize(
    ("text", "let_go"),
    [
        ("finalement laissez tomber il vient de se rallumer", True),
        ("non laissez tomber", True),
        ("oh et puis non laissez tomber mon fils il va s'en occuper", True),
        ("bon laissez tomber je vous rappellerai quand je saurai au revoir", True),
        ("j'ai laissé tomber mes clés", False),
        ("laissez tomber la poubelle et dites-moi plutôt quand ouvre la piscine", False),
    ],
)
def test_giving_up_is_short_and_comes_first(text: str, let_go: bool) -> None:
    assert needs.lets_go(text) == let_go


@pytest.mark.parametrize(
    ("text", "leans"),
    [
        ("c'est payant", True),
        ("et ça coûte combien", True),
        ("combien il faut payer", True),
        ("combien ça coûte la piscine", False),
        ("c'est gratuit le parking de la gare", False),
    ],
)
def test_a_price_of_nothing_leans_on_what_was_said_before(text: str, leans: bool) -> None:
    assert needs.is_follow_up(text) == leans


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("oh pardon je me suis trompé de numéro désolé au revoir", True),
        ("c'est un faux numéro", True),
        ("je me suis trompé de numéro de dossier", False),
        ("vous avez un mauvais numéro pour moi", False),
        ("mon nouveau numéro de téléphone", False),
    ],
)
def test_who_dialled_wrong_says_so(text: str, wrong: bool) -> None:
    assert needs.dialled_wrong(text) == wrong


@pytest.mark.parametrize(
    ("text", "complains"),
    [
        ("ça répond pas du tout à ma question", True),
        ("vous ne répondez pas à ma demande", True),
        ("vous n'avez toujours pas répondu à ma question", True),
        ("mais vous répondez à côté", True),
        ("c'est pas du tout ce que je vous ai demandé", True),
        ("on n'a pas répondu à ma demande de logement", False),
        ("le service ne répond pas au téléphone", False),
        ("j'ai une question", False),
    ],
)
def test_an_answer_beside_the_point_is_complained_about(text: str, complains: bool) -> None:
    assert needs.is_beside_the_point(text) == complains


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("et pour mon fils il a neuf ans", True),
        ("d'accord et pour ma mère qui est en maison de retraite", True),
        ("et pour la piscine", False),
        ("pour mon fils je voudrais une place en crèche", False),
        ("et pour mon dossier de crèche", False),
    ],
)
def test_the_same_for_somebody_else(text: str, same: bool) -> None:
    assert needs.is_for_another(text) == same


@pytest.mark.parametrize(
    ("text", "unwanted"),
    [
        ("non mais j'ai pas envie de causer à une machine vous avez pas une collègue", True),
        ("je veux pas parler à un robot", True),
        ("j'en ai marre de vos machines", True),
        ("vous êtes une machine ou une personne", False),
        ("j'ai horreur des robots", True),
        ("l'horodateur marche plus la machine a avalé ma carte", False),
        ("dites j'ai pas le robot là", False),
        ("j'ai pas trouvé la salle", False),
    ],
)
def test_no_machine_is_wanted(text: str, unwanted: bool) -> None:
    assert needs.wants_no_machine(text) == unwanted


@pytest.mark.parametrize(
    ("text", "dangerous"),
    [
        ("attendez il vient de tomber", True),
        ("ma mère est tombée dans l'escalier", True),
        ("mon fils il est tombé de la fenêtre", True),
        ("elle répond plus", True),
        ("aidez-moi je suis tombée j'arrive pas à me relever", True),
        ("il est par terre il peut plus se lever", True),
        ("je suis tombée dans un trou du trottoir je veux une indemnité", False),
        ("l'ascenseur il vient de tomber en panne", False),
        ("ma fille est tombée malade je voudrais annuler la cantine", False),
        ("la barrière est tombée", False),
        ("mon dieu y a le feu chez la voisine", True),
        ("y a le feu à l'angle de la rue qui clignote", True),  # for the model to doubt
        ("le feu rouge ne marche plus", False),
        ("la fenêtre est tombée", False),
    ],
)
def test_somebody_fallen_is_in_danger(text: str, dangerous: bool) -> None:
    assert needs.sounds_dangerous(text) == dangerous


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("et ça coûte combien", True),
        ("c'est payant", True),
        ("et la carte c'est combien", True),
        ("combien de temps ça prend", False),
        ("et le samedi", False),
    ],
)
def test_a_price_is_asked(text: str, price: bool) -> None:
    assert needs.asks_price(text) == price


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("pardon deux secondes y en a un qui hurle à côté", True),
        ("un instant je cherche", True),
        ("deux minutes de musique", False),
        ("j'attends depuis cinq minutes", False),
    ],
)
def test_a_moment_is_asked_for(text: str, moment: bool) -> None:
    assert needs.asks_a_moment(text) == moment


def test_two_needs_joined_by_the_way() -> None:
    said = "je suis pas d'accord avec ma facture et tant que j'y suis je voudrais changer le rib"
    assert needs.split(said) == ("je suis pas d'accord avec ma facture", "je voudrais changer le rib")
    assert needs.is_beside("au fait la déchèterie elle ouvre le lundi") and not needs.is_beside(
        "au fond à gauche"
    )
    assert needs.wants_appointment("je veux bien un rendez-vous") and not needs.wants_appointment(
        "mon rendez-vous"
    )
