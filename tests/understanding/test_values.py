"""Values said aloud."""

import pytest

from callbot.understanding.values import picked


@pytest.mark.parametrize(
    ("text", "which"),
    [
        ("le premier", 1),
        ("euh la première s'il vous plaît", 1),
        ("un", 1),
        ("le deuxième", 2),
        ("la seconde", 2),
        ("deux", 2),
        ("le dernier", 2),
        ("le premier ou le deuxième", None),
        ("une copie intégrale de mon acte de naissance", None),
        ("un instant s'il vous plaît", None),
        ("deux minutes", None),
        ("numéro deux", 2),
        ("attendez une seconde", None),
        ("une seconde", None),
        ("non pas le premier", None),
        ("ni le premier", None),
        ("le deux s'il vous plaît", 2),
        ("plutôt le un", 1),
        ("oui", None),
        ("", None),
    ],
)
def test_which_of_two(text: str, which: int | None) -> None:
    assert picked(text) == which
