"""Rasa component: the intent classifier of callbot (see `model.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import (
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from callbot_nlu.ear import Ear
from callbot_nlu.lexicon import Lexicon
from callbot_nlu.model import IntentModel, NetOptions, Options

MODEL_FILE = "intents.joblib"
PROJECT = Path(__file__).resolve().parents[1]
DEFAULTS: dict[str, Any] = {
    "language": "fr",
    "lexicon": "lexicon",
    "ear": "",
    "ear_rate": None,
    "ranking_length": 20,
    **{
        name: getattr(Options(), name)
        for name in ("cost", "balance", "keep", "misheard", "svm_scale", "temperature")
    },
    "net_share": None,
    "hidden": NetOptions().hidden,
    "updates": NetOptions().updates,
    "nets": None,
}


def model_from(config: dict[str, Any]) -> IntentModel:
    """An untrained model of a component's configuration.

    Raises:
        InvalidConfigException: a wrong language, or a lexicon that cannot be read.
    """
    config = DEFAULTS | config
    language = config["language"]
    if language not in ("fr", "none"):
        raise InvalidConfigException(f"language: {language!r}; fr or none expected")
    folder = PROJECT / str(config["lexicon"] or "")
    lexicon = None
    if language == "fr" and config["lexicon"]:
        try:
            lexicon = Lexicon.load(folder)
        except (OSError, ValueError) as error:
            raise InvalidConfigException(f"lexicon {folder}: {error}") from error
    ear = None
    if language == "fr" and config["ear"]:
        path = PROJECT / str(config["ear"])
        try:
            ear = Ear.load(path, config["ear_rate"])
        except (OSError, ValueError) as error:
            raise InvalidConfigException(f"ear {path}: {error}") from error
    options = Options(
        language=language,
        net_share=None if config["net_share"] is None else float(config["net_share"]),
        nets=None if config["nets"] is None else int(config["nets"]),
        net=NetOptions(hidden=int(config["hidden"]), updates=int(config["updates"])),
        **{
            name: float(config[name])
            for name in ("cost", "balance", "keep", "misheard", "svm_scale", "temperature")
        },
    )
    return IntentModel(options, lexicon, ear)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class ConceptIntentClassifier(GraphComponent, IntentClassifier):
    """Linear SVMs and a small network over stems, characters and concepts."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Defaults: see `model.Options`; `lexicon` is a folder, `ear` a file here; empty for none.

        `ear_rate`: mean share of the words misheard; none: as the file measured it.
        """
        return dict(DEFAULTS)

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._model: IntentModel | None = None

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ConceptIntentClassifier:
        """An untrained classifier."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> ConceptIntentClassifier:
        """A trained classifier."""
        loaded = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            loaded._model = joblib.load(folder / MODEL_FILE)
        return loaded

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on the intent examples and store the result."""
        examples = [example for example in training_data.intent_examples if example.get(TEXT)]
        self._model = model_from(self._config)
        texts = [example.get(TEXT) for example in examples]
        self._model.fit(texts, [example.get(INTENT) for example in examples])
        with self._storage.write_to(self._resource) as folder:
            joblib.dump(self._model, folder / MODEL_FILE, compress=3)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent and ranking of each message; a message without words gets none."""
        for message in messages:
            ranking = [
                {INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: share}
                for name, share in rank(self._model, message.get(TEXT) or "", self._config["ranking_length"])
            ]
            nothing = {INTENT_NAME_KEY: None, PREDICTED_CONFIDENCE_KEY: 0.0}
            message.set(INTENT, ranking[0] if ranking else nothing, add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages


def rank(model: IntentModel | None, text: str, length: int) -> list[tuple[str, float]]:
    """The likeliest intents of a text; none of a text without words."""
    if model is None or not model.readable(text):
        return []
    shares = model.shares([text])[0]
    return [(model.intents[at], float(shares[at])) for at in np.argsort(-shares)[:length]]
