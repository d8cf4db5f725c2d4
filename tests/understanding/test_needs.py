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
