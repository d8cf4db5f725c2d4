"""What can be told from the words alone: two needs, a follow-up, danger, another language, an end to come."""

from __future__ import annotations

import re

_JOINTS = re.compile(
    r" (?:et puis(?: aussi)?|et aussi|et sinon|sinon|et au fait|au fait|et en plus|et également"
    r"|et par ailleurs|et tant que j'y suis|et pendant que j'y suis|et par la même occasion) "
    r"|(?: et )(?=je (?:voudrais|veux|voulais|souhaite)\b|j'aurais\b|il me faudrait\b|est-ce que\b)"
)
_DANGER = re.compile(
    r"\b(?:il|elle) vient de tomber\b(?! en)"
    r"|\b(?:maman|papa|mère|père|mari|femme|fils|fille|bébé|voisine?)(?: il| elle)?"
    r" (?:est tombée?|vient de tomber)\b(?! (?:malade|enceinte|en panne|d'accord))"
    r"|\by a le feu (?:à|aux|chez|dans)\b"
    r"|\b(?:arrive|arrivent|peut|peux|peuvent) (?:pas|plus) (?:à )?(?:me|se|la|le) relever\b"
    r"|\b(?:arrive|peut|peux) plus (?:à )?(?:me|se) lever\b"
    r"|\b(?:(?:répond|respire|bouge|réagit)(?: même)? plus|au feu|flammes|inconscient|évanoui|étouffe|saigne"
    r"|couteau|pistolet|fusil|(?:me|nous|la|le) tuer|noie|se noyer|arrêt cardiaque|malaise|au secours)\b"
)
_LITTLE_FRENCH = re.compile(
    r"\bpas (?:bien |beaucoup |très bien )?(?:parle|parler|comprendre)(?: bien| le| beaucoup)? français\b"
)
_LANGUAGES = {
    "en": re.compile(r"\b(?:speak|english|hello|please|would like|parl\w+ (?:l')?anglais|en anglais)\b"),
    "es": re.compile(r"\b(?:español|hola|hablo|habla|quisiera|parl\w+ (?:l')?espagnol|en espagnol)\b"),
    "pt": re.compile(
        r"\b(?:português|falo|obrigado|obrigada|bom dia|parl\w+ (?:le )?portugais|en portugais)\b"
    ),
    "it": re.compile(r"\b(?:italiano|parlo|buongiorno|vorrei|parl\w+ (?:l')?italien|en italien)\b"),
    "de": re.compile(r"\b(?:deutsch|guten tag|sprechen|ich möchte|parl\w+ (?:l')?allemand|en allemand)\b"),
    "ar": re.compile(r"\b(?:salam|arabi|marhaba|parl\w+ (?:l')?arabe|en arabe)\b"),
}
_UNFINISHED = re.compile(
    r"(?:^| |')(?:et|ou|mais|donc|alors|parce|que|qui|si|pour|de|du|des|d|la|le|les|l|un|une|au|aux|à|en"
    r"|dans|sur|avec|sans|par|chez|mon|ma|mes|son|sa|ses|votre|vos|ce|cette|ces|je|j|il|elle|on|vous|c|ne|est-ce"
    r"|voudrais|aimerais|veux|faudrait|suis|ai|est|sont|euh|ben|bah|heu|hum|numéro|rue|avenue|monsieur|madame)$"
)
_NUMBER_WORD = re.compile(
    r"(?:^| )(?:zéro|un|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize"
    r"|vingt|trente|quarante|cinquante|soixante|cent)(?:-[a-zé-]+)*$"
)
_AGAIN = re.compile(
    r"(?:(?:hein|pardon|quoi|comment|plaît-il|comment ça|vous dites|j'ai pas entendu)(?: |$))+"
)
_MOMENT = re.compile(
    r"^(?:(?:pardon|excusez-moi|oui|alors|euh|attendez|oh|ah|juste) )*"
    r"(?:(?:deux|une|cinq|trente) (?:petites? )?(?:secondes?|minutes?)|un (?:petit )?(?:instant|moment))\b"
    r"(?! (?:de|que) )"
)
_AGAIN_FIRST = re.compile(
    r"(?:(?:pardon|excusez-moi|attendez|euh|ah|oui|non|mais) )*"
    r"(?:(?:vous pouvez|pouvez-vous|vous pourriez|pourriez-vous) )?(?:me )?"
    r"(?:répéter|répétez|redites|redire)\b"
)
_LETS_GO = re.compile(
    r"(?:(?:finalement|non|bon|ah|oh|euh|ben|bah|allez|tant pis|écoutez|en fait|et|puis) )*"
    r"(?:laissez tomber|laisse tomber|oubliez(?: tout| ça)?|annulez tout|c'est plus la peine)\b"
)
MOST_AFTER_LETTING_GO = 8
"""Words that may follow; in more of them there may be another need."""
_ASIDE = re.compile(r"\b(?:tant que j'y suis|pendant que j'y pense|au fait|autre chose|dites-moi plutôt)\b")
_BESIDE = re.compile(r"\b(?:tant que j'y suis|pendant que j'y pense|pendant que je vous ai|au fait)\b")
_BACKCHANNEL = re.compile(
    r"(?:(?:oui|ouais|ok|d'accord|ah|oh|bon|mm|mmh|hum|euh|heu|bien|très|voilà|entendu"
    r"|je vois|c'est ça|hé|eh)\b ?)+"
)
MIN_WORDS = 4
"""A shorter piece is no need of its own."""
_FOLLOW_UP = re.compile(
    r"^(?:(?:ah|euh|bon|ok|d'accord|alors) )*(?:et|ou|sinon|même|pareil|celui|celle|ça|c'est combien)\b"
)
_FOR_WHOM = re.compile(
    r"^(?:(?:ah|euh|bon|ok|d'accord|alors|et|ou|même chose|pareil) )+(?:si c'est )?pour"
    r" (?:mon|ma|mes|un|une|les|deux|notre|nos) (?:petite? )?"
    r"(?:fils|filles?|garçons?|petite?|gamine?s?|gosses?|enfants?|bébé|ado|mineure?s?|mari|femme|épouse|conjointe?"
    r"|compagn[eo]n?e?|mère|père|maman|papa|frère|sœur|grand-mère|grand-père|voisine?)\b"
)
_BARE_PRICE = re.compile(
    r"(?:(?:ah|euh|bon|ok|d'accord|et|alors) )*(?:c'est|ça coûte|ça fait|je paie|il faut payer|combien)"
    r" (?:combien|payant|gratuit|cher|ça coûte|c'est|il faut payer|je dois payer|je paie)"
    r"(?: ou pas| ou payant| tout ça)?"
)
_WRONG_NUMBER = re.compile(
    r"\bme suis trompée? de numéro\b(?! (?:de |du |d'))"
    r"|^(?:(?:ah|oh|pardon|excusez-moi|c'est|un) )*faux numéro\b"
)
_BESIDE_THE_POINT = re.compile(
    r"\b(?:ça|vous|il|elle) (?:ne |me |n')*(?:répond(?:ez)?|avez(?: pas| toujours pas)? répondu)"
    r" (?:(?:pas|toujours|du tout|vraiment|absolument) )*(?:à ma (?:question|demande)|à côté)"
    r"|\b(?:machines?|robots?|elles?|ça|vous) (?:ne )?(?:comprend|comprennent|comprenez) (?:jamais )?rien\b"
    r"|\bc'est pas (?:(?:du tout|vraiment) )?ce que (?:je|j'ai) (?:(?:vous )?(?:ai )?demand(?:e|é|ais))\b"
)
_NO_MACHINE = re.compile(
    r"\b(?:(?:pas|plus|refuse)\b(?: [\w']+){0,5}? (?:parler|causer|discuter|affaire|expliquer)(?: à| avec)?"
    r"|marre|horreur)(?: d[eu]s?)? (?:un|une|des|votre|vos|cette|ce|ces|la|le|les) "
    r"(?:machines?|robots?|ordinateurs?|répondeurs?|automates?)\b"
    r"|\b(?:marre|horreur) des (?:machines?|robots?|répondeurs?)\b"
)
LONGEST_EXCUSE = 12
"""Words of somebody who dialled wrong; in more of them there may be a need."""
_PRICE = re.compile(r"\b(?:combien(?! de)|coûte|payante?|gratuite?|prix|tarifs?|cher|chère)\b")
_APPOINTMENT = re.compile(r"\b(?:veux|voudrais|prends?|prendre|faut|souhaite|donnez-moi)\b.* rendez-vous\b")
_SALES = re.compile(
    r"\b(nous proposons|nous avons une offre|notre offre|isolation|panneaux (?:solaires|photovoltaïques)"
    r"|démarch|responsable des achats|je représente|notre société|nos produits|un euro|cabinet)\b"
)
_STATUS = re.compile(
    r"\b(?:(?:où|ou|on|vous) en (?:est|sont)|où ça en est|des nouvelles|de réponse|suivi|avancé?|devient)\b"
    r".*\b(?:(?:ma|la) demande|mon signalement|ma réclamation)(?! d[e'u])"
    r"|\b(?:demande|signalement) numéro\b"
)
_UNRECORDED = re.compile(
    r"\bn(?:'|e (?:m'|nous ))enregistre[zr]? (?:pas|plus)|\bm'enregistrez pas"
    r"|\b(?:pas|plus|refuse d') ?être enregistrée?s?\b(?! (?:comme|sur|à|au|aux|dans|en)\b)"
    r"|\b(?:pas|refuse|stop|arrêtez|coupez) (?:d'|l')enregistre(?:ment|r)\b(?! d[eu']| sur)"
)
_REFUSES = re.compile(r"(?:(?:ah|euh|non|oui|bonjour|alors|mais|moi) )*je refuse(?: (?:non|merci))?")
_REFERENCE = re.compile(
    r"\bnuméro (?:de |du |d')?(?:la |ma |mon |votre )?(?:suivi|dossier|demande|référence)\b"
    r"|\b(?:quel|le|ce|mon) numéro(?: déjà| s'il vous plaît)?$"
)
_ERASE = re.compile(r"\b(?:effac|supprim|détrui|oublier? mes)")


def split(text: str) -> tuple[str, str] | None:
    """The two halves of a sentence that seems to hold two needs."""
    joint = _JOINTS.search(text)
    if joint is None:
        return None
    first, second = text[: joint.start()].strip(), text[joint.end() :].strip()
    if min(len(first.split()), len(second.split())) < MIN_WORDS:
        return None
    return first, second


def is_unfinished(text: str) -> bool:
    """`je voudrais`, `c'est pour euh`: more is to come."""
    return bool(_UNFINISHED.search(text))


def ends_on_a_number(text: str) -> bool:
    """The last word is a number: somebody may be dictating."""
    return bool(_NUMBER_WORD.search(text))


def asks_again(text: str) -> bool:
    """`hein`, `pardon`: the last words were not caught."""
    return bool(_AGAIN.fullmatch(text.strip()))


def begins_with_again(text: str) -> bool:
    """`répétez je vous prie j'avais pas de crayon`: however the rest of it was heard."""
    return bool(_AGAIN_FIRST.match(text))


def asks_a_moment(text: str) -> bool:
    """`pardon deux secondes`, whatever comes after."""
    return bool(_MOMENT.match(text))


def lets_go(text: str) -> bool:
    """`finalement laissez tomber`, and little more."""
    given_up = _LETS_GO.match(text)
    return given_up is not None and len(text[given_up.end() :].split()) <= MOST_AFTER_LETTING_GO


def asks_price(text: str) -> bool:
    """`ça coûte combien`, `c'est payant`."""
    return bool(_PRICE.search(text))


def is_follow_up(text: str) -> bool:
    """`et pour mon fils`, `d'accord et ça coûte combien`, `c'est payant`: words that lean on those before."""
    return bool(_FOLLOW_UP.match(text) or _BARE_PRICE.fullmatch(text))


def is_for_another(text: str) -> bool:
    """`et pour mon fils il a neuf ans`: the same matter, for somebody else."""
    return bool(_FOR_WHOM.match(text))


def dialled_wrong(text: str) -> bool:
    """`je me suis trompé de numéro`."""
    return bool(_WRONG_NUMBER.search(text)) and len(text.split()) <= LONGEST_EXCUSE


def is_beside_the_point(text: str) -> bool:
    """`ça répond pas à ma question`: not a refusal, but a complaint about the answer."""
    return bool(_BESIDE_THE_POINT.search(text))


def wants_no_machine(text: str) -> bool:
    """`j'ai pas envie de causer à une machine`."""
    return bool(_NO_MACHINE.search(text))


def is_beside(text: str) -> bool:
    """`au fait`, `pendant que je vous ai`: what was begun before goes on after it."""
    return bool(_BESIDE.search(text))


def is_aside(text: str) -> bool:
    """`et tant que j'y suis`, `au fait`: another matter begins."""
    return bool(_ASIDE.search(text))


def is_backchannel(text: str) -> bool:
    """`oui d'accord`, `mm`: the caller follows, and wants to hear on."""
    return bool(_BACKCHANNEL.fullmatch(text.strip()))


def wants_appointment(text: str) -> bool:
    """`je veux bien un rendez-vous mardi`."""
    return bool(_APPOINTMENT.search(text))


def is_sales_pitch(text: str) -> bool:
    """Somebody who wants to sell something to the town."""
    return bool(_SALES.search(text))


def asks_status(text: str) -> bool:
    """Is it about a request that was taken before, and of no kind that has a file of its own?"""
    return bool(_STATUS.search(text))


def asks_reference(text: str) -> bool:
    """`le numéro de suivi`, `c'était quoi le numéro déjà`: of the request that was just taken, if one was."""
    return bool(_REFERENCE.search(text))


def refuses_recording(text: str) -> bool:
    """`ne m'enregistrez pas`, `je refuse d'être enregistré`."""
    return bool(_UNRECORDED.search(text))


def refuses(text: str) -> bool:
    """`je refuse`, and nothing else."""
    return bool(_REFUSES.fullmatch(text.strip()))


def wants_erasure(text: str) -> bool:
    """`effacez ce que j'ai dit`."""
    return bool(_ERASE.search(text))


def sounds_dangerous(text: str) -> bool:
    """Somebody's life may be at stake."""
    return bool(_DANGER.search(text))


def other_language(text: str) -> str:
    """The language a caller asks for or speaks (ISO 639-1), `fr` for one with little French; else empty."""
    for language, words in _LANGUAGES.items():
        if words.search(text):
            return language
    return "fr" if _LITTLE_FRENCH.search(text) else ""
