"""Honest probabilities and thresholds from costs: `python -m callbot_nlu.calibrate --out FILE.json`.

Run in rasa_project with Rasa's Python. The model is trained without a quarter of the later readers'
sentences and asked about those: callers are other people than the first writers, and a model knows its
writers too well. (Without all of them, it would be worse than the one that serves: found too cautious.)
Intents that no second writer wrote for (out of scope, as a rule) and, where there is no second writer at all,
every intent, lend a fifth of their sentences, drawn at random.

Model of costs. A row is a sentence, its ranking, and the first move the thresholds lead to:

    move     if the likeliest (choose: one of two) is right     otherwise
    answer   0                                                  wrong
    confirm  question                                           the same + rephrase
    choose   1.35 questions                                     the same + rephrase
    rephrase question + half a transfer                         the same

A denied question is followed by another, and then half of the callers end with a person who need not have
been asked. A choice of two is longer to listen to than a yes or no. A sentence taken for out of scope is
always asked about again, never answered. The likeliest intent is tried as the policy does: answer, then
confirm, then choose, then rephrase.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.linear_model import LogisticRegression

from callbot_nlu.data import Sentence, digest, load

OUT_OF_SCOPE = "hors_sujet"
TINY = 1e-6
# The same as FEATURES in callbot/understanding/calibration.py; p and q: the two highest shares.
FEATURES = {
    "logit_top": "ln(p / (1 - p)), p held within 1e-6 and 1 - 1e-6",
    "margin": "p - q",
    "log_ratio": "ln(p / q), both at least 1e-6",
    "out_of_scope": "share of hors_sujet in the ranking",
    "log_words": "ln(1 + number of words between spaces)",
}
BINS = 15
LENT = 0.25
"""Share of the later readers' sentences that the model is asked about instead of learning them."""
LONGER = 1.35
"""Questions that a choice of two is worth: twice the words of a yes or no, but not twice the bother."""
LIKELY_ENOUGH = 0.45
"""Two guesses that are probably both wrong are not offered, whatever they cost: such a choice is a wall."""
MOVES = ("answer", "confirm", "choose", "rephrase")


@dataclass(frozen=True)
class Costs:
    """What a move costs, in any unit."""

    wrong: float = 20.0
    transfer: float = 3.0
    question: float = 1.0


@dataclass(frozen=True)
class Thresholds:
    """Probabilities from which the bot answers, confirms, offers two."""

    answer: float
    confirm: float
    choose: float


@dataclass(frozen=True)
class HeldOut:
    """Rankings of sentences that the model did not see; one row each, likeliest first."""

    texts: list[str]
    truth: np.ndarray
    intents: np.ndarray
    shares: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Is the likeliest intent the true one?"""
        return self.intents[:, 0] == self.truth

    @property
    def second_right(self) -> np.ndarray:
        """Is the second one?"""
        return self.intents[:, 1] == self.truth

    def features(self) -> np.ndarray:
        """FEATURES of each row."""
        top, second = self.shares[:, 0], self.shares[:, 1]
        held = np.clip(top, TINY, 1 - TINY)
        words = np.array([len(text.split()) for text in self.texts])
        out = np.where(self.intents == OUT_OF_SCOPE, self.shares, 0.0).sum(axis=1)
        ratio = np.log(np.maximum(top, TINY) / np.maximum(second, TINY))
        return np.column_stack([np.log(held / (1 - held)), top - second, ratio, out, np.log1p(words)])


def split(sentences: list[Sentence], seed: int = 0) -> tuple[list[Sentence], list[Sentence], str]:
    """Sentences to train on, sentences to ask about, and how they were parted."""
    random = np.random.default_rng(seed)
    seconds = {sentence.intent for sentence in sentences if sentence.second}
    # A writer is only held out of an intent that another wrote for too.
    firsts = {sentence.intent for sentence in sentences if not sentence.second}
    train, asked = [], []
    for sentence in sentences:
        by_writer = sentence.intent in seconds & firsts
        drawn = random.random()
        held_out = (sentence.second and drawn < LENT) if by_writer else drawn < 0.2
        (asked if held_out else train).append(sentence)
    return train, asked, "by writer" if seconds & firsts else "at random"


def rankings(model: Any, asked: list[Sentence], length: int) -> HeldOut:
    """What a model makes of sentences it did not see."""
    texts = [sentence.text for sentence in asked]
    shares = model.shares(texts)
    order = np.argsort(-shares, axis=1)[:, :length]
    return HeldOut(
        texts,
        np.array([sentence.intent for sentence in asked]),
        np.array(model.intents)[order],
        np.take_along_axis(shares, order, axis=1),
    )


def expected_calibration_error(probability: np.ndarray, right: np.ndarray) -> float:
    """Mean distance between what is promised and what is kept, over equally filled bins."""
    order = np.argsort(probability)
    bins = np.array_split(order, BINS)
    gaps = [len(bin_) * abs(probability[bin_].mean() - right[bin_].mean()) for bin_ in bins if len(bin_)]
    return float(sum(gaps) / len(order))


def fit_mapping(features: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and bias of P(right) = sigmoid(weights . features + bias)."""
    if right.all() or not right.any():
        return np.zeros(features.shape[1]), 4.0 if right.all() else -4.0
    # Fitted on standardised features, written for plain ones.
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit((features - mean) / spread, right)
    weights = fitted.coef_[0] / spread
    return weights, float(fitted.intercept_[0] - weights @ mean)


def apply_mapping(features: np.ndarray, weights: np.ndarray, bias: float) -> np.ndarray:
    """P(the likeliest is right)."""
    return 1 / (1 + np.exp(-np.clip(features @ weights + bias, -30, 30)))


def cross_fitted(features: np.ndarray, right: np.ndarray, folds: int = 5) -> np.ndarray:
    """The mapping's probabilities of rows it was not fitted on: an error measured on these is honest."""
    part = np.random.default_rng(1).permutation(len(right)) % folds
    probability = np.zeros(len(right))
    for fold in range(folds):
        weights, bias = fit_mapping(features[part != fold], right[part != fold])
        probability[part == fold] = apply_mapping(features[part == fold], weights, bias)
    return probability


def second_share(held: HeldOut, top: np.ndarray) -> np.ndarray:
    """The second intent's probability, as callbot rescales it: the others share what the top leaves."""
    others = np.maximum(held.shares[:, 1:].sum(axis=1), TINY)
    second = held.shares[:, 1]
    return second * np.minimum((1 - top) / others, top / np.maximum(second, TINY))


def moves(held: HeldOut, top: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """The first move of each row, as callbot's policy makes it: 0 answer, 1 confirm, 2 choose, 3 rephrase."""
    both = top + second_share(held, top)
    made = np.where(both >= thresholds.choose, 2, 3)
    made = np.where(top >= thresholds.confirm, 1, made)
    made = np.where(top >= thresholds.answer, 0, made)
    return np.where(held.intents[:, 0] == OUT_OF_SCOPE, 3, made)


def move_costs(held: HeldOut, costs: Costs) -> np.ndarray:
    """Cost of each of the four moves in each row, (rows, 4)."""
    right, either = held.right, held.right | held.second_right
    rephrase = costs.question + costs.transfer / 2
    choose = LONGER * costs.question
    return np.column_stack(
        [
            np.where(right, 0.0, costs.wrong),
            costs.question + np.where(right, 0.0, rephrase),
            choose + np.where(either, 0.0, rephrase),
            np.full(len(right), rephrase),
        ]
    )


def find_thresholds(held: HeldOut, top: np.ndarray, costs: Costs) -> tuple[Thresholds, float]:
    """The cheapest thresholds on a grid, and their mean cost."""
    table, rows = move_costs(held, costs), np.arange(len(top))
    best, least = Thresholds(1.0, 1.0, 1.0), np.inf
    for answer in np.arange(0.5, 0.996, 0.015):
        for confirm in np.arange(0.2, answer + 1e-9, 0.05):
            for choose in np.arange(LIKELY_ENOUGH, 0.96, 0.05):
                tried = Thresholds(round(float(answer), 3), round(float(confirm), 3), round(float(choose), 3))
                cost = table[rows, moves(held, top, tried)].mean()
                if cost < least - 1e-9:
                    best, least = tried, float(cost)
    return best, least


def curve(top: np.ndarray, held: HeldOut) -> list[dict[str, float]]:
    """Risk and coverage: of the rows answered from a threshold on, how many are wrong."""
    in_scope = held.intents[:, 0] != OUT_OF_SCOPE
    rows = []
    for threshold in (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99):
        answered = (top >= threshold) & in_scope
        wrong = (answered & ~held.right).sum()
        rows.append(
            {
                "threshold": threshold,
                "coverage": float(answered.mean()),
                "risk": float(wrong / max(answered.sum(), 1)),
                "wrong_of_all": float(wrong / len(top)),
            }
        )
    return rows


def calibrate(held: HeldOut, costs: Costs) -> dict[str, Any]:
    """Mapping, thresholds, errors and curve of held-out rankings."""
    features, right = held.features(), held.right
    weights, bias = fit_mapping(features, right)
    honest = cross_fitted(features, right)
    thresholds, cost = find_thresholds(held, honest, costs)
    made = moves(held, honest, thresholds)
    counts = {name: int((made == at).sum()) for at, name in enumerate(MOVES)}
    out = held.truth == OUT_OF_SCOPE
    return {
        "features": list(FEATURES),
        "definitions": FEATURES,
        "weights": [float(weight) for weight in weights],
        "bias": bias,
        "thresholds": asdict(thresholds),
        "costs": asdict(costs),
        "mean_cost": cost,
        "ece_before": expected_calibration_error(held.shares[:, 0], right),
        "ece_after": expected_calibration_error(honest, right),
        "rows": len(right),
        "top1": float(right.mean()),
        "top2": float((right | held.second_right).mean()),
        "wrong_answer_rate": float(((made == 0) & ~right).mean()),
        "out_of_scope_recall": float((made[out] != 0).mean()) if out.any() else None,
        "moves": counts,
        "curve": curve(honest, held),
    }


def draw(held: HeldOut, result: dict[str, Any], path: Path) -> None:
    """The risk-coverage curve before and after the mapping, and what is promised against what is kept."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    features, right = held.features(), held.right
    honest = apply_mapping(features, np.array(result["weights"]), result["bias"])
    figure, (left, second) = pyplot.subplots(1, 2, figsize=(11, 4.5))
    for name, probability in (("brut", held.shares[:, 0]), ("calibré", honest)):
        order = np.argsort(-probability)
        risk = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
        left.plot(np.arange(1, len(order) + 1) / len(order), risk, label=name)
        bins = [bin_ for bin_ in np.array_split(order, BINS) if len(bin_)]
        promised, kept = [probability[bin_].mean() for bin_ in bins], [right[bin_].mean() for bin_ in bins]
        second.plot(promised, kept, "o-", label=name)
    answered = (honest >= result["thresholds"]["answer"]).mean()
    left.axvline(answered, color="grey", linestyle=":", label="seuil de réponse")
    left.set(xlabel="part répondue sans question", ylabel="part d'erreurs", title="Risque et couverture")
    second.plot([0, 1], [0, 1], color="grey", linestyle=":")
    second.set(xlabel="probabilité annoncée", ylabel="part de réponses justes", title="Calibration")
    for axis in (left, second):
        axis.legend()
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def table(result: dict[str, Any]) -> str:
    """The curve and the thresholds as text."""
    lines = [
        f"{result['rows']} held-out sentences ({result['split']}): "
        f"top1 {result['top1']:.1%}, top2 {result['top2']:.1%}",
        f"expected calibration error: {result['ece_before']:.3f} before, {result['ece_after']:.3f} after",
        "threshold  answered  wrong of answered  wrong of all",
    ]
    lines += [
        f"{row['threshold']:9.3f}  {row['coverage']:8.1%}  {row['risk']:17.1%}  {row['wrong_of_all']:12.1%}"
        for row in result["curve"]
    ]
    cut = result["thresholds"]
    lines.append(
        f"thresholds: answer {cut['answer']:.3f}, confirm {cut['confirm']:.3f}, choose {cut['choose']:.3f}; "
        f"mean cost {result['mean_cost']:.2f}; moves {result['moves']}"
    )
    return "\n".join(lines)


def parse_costs(text: str) -> Costs:
    """`wrong=20,transfer=3` -> Costs.

    Raises:
        argparse.ArgumentTypeError: another name, or no number.
    """
    try:
        given = dict(part.split("=") for part in text.split(",") if part)
        costs = Costs(**{name.strip(): float(value) for name, value in given.items()})
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r}: wrong=20,transfer=3,question=1 expected") from error
    if min(asdict(costs).values()) < 0:
        raise argparse.ArgumentTypeError(f"{text!r}: a cost is below nothing")
    return costs


def main(arguments: list[str] | None = None) -> int:
    """Calibrate the project in the current folder."""
    parser = argparse.ArgumentParser(prog="callbot_nlu.calibrate", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--png", type=Path, metavar="FILE.png")
    parser.add_argument("--costs", type=parse_costs, default=Costs(), help="wrong=20,transfer=3,question=1")
    parser.add_argument("--config", type=Path, default=Path("config.yml"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    options = parser.parse_args(arguments)

    # Rasa takes seconds to import: not for --help.
    from callbot_nlu.classifier import DEFAULTS, model_from
    from callbot_nlu.model import best_temperature

    try:
        pipeline = yaml.safe_load(options.config.read_text(encoding="utf-8"))["pipeline"]
        component = next(item for item in pipeline if "callbot_nlu.classifier" in item["name"])
        sentences = load(options.data)
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        reason = error if str(error) else "no classifier of callbot_nlu"
        print(f"calibrate: {options.config}, {options.data}: {reason}", file=sys.stderr)
        return 1
    train, asked, how = split(sentences)
    print(f"training on {len(train)} sentences, asking about {len(asked)} ({how})", flush=True)
    model = model_from({key: value for key, value in component.items() if key != "name"})
    model.fit([sentence.text for sentence in train], [sentence.intent for sentence in train])
    held = rankings(model, asked, int(component.get("ranking_length", DEFAULTS["ranking_length"])))
    result = calibrate(held, options.costs)
    votes = model.votes(held.texts)
    truth = np.array([model.intents.index(intent) for intent in held.truth])
    result |= {
        "split": how,
        "data": digest(sentences),
        "temperature": model.temperature,
        "best_temperature": best_temperature(votes, truth),  # for config.yml, should it have drifted
    }
    options.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.png:
        draw(held, result, options.png)
    print(table(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
