"""Intent classifier: sublinear TF-IDF of words and characters, linear SVM, calibrated softmax."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, INTENT_RANKING_KEY, PREDICTED_CONFIDENCE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import LinearSVC

from callbot_nlu.french import normalize

MODEL_FILE = "tfidf.joblib"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TfidfIntentClassifier(GraphComponent, IntentClassifier):
    """Linear SVM over words (1-2) and characters (2-5); margins become probabilities by a temperature.

    The temperature minimises the log loss of held-out folds, so that a confidence of 0.8 is right about
    eight times in ten.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Defaults: SVM cost, folds of the calibration, intents returned, and the language to normalise for."""
        return {"C": 0.3, "folds": 3, "ranking_length": 10, "language": "fr"}

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._pipeline: Pipeline | None = None
        self._intents: list[str] = []
        self._temperature = 1.0

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> TfidfIntentClassifier:
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
    ) -> TfidfIntentClassifier:
        """A trained classifier."""
        loaded = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            loaded._pipeline, loaded._intents, loaded._temperature = joblib.load(folder / MODEL_FILE)
        return loaded

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on the intent examples and store the result."""
        examples = [example for example in training_data.intent_examples if example.get(TEXT)]
        texts = np.array([example.get(TEXT) for example in examples], dtype=object)
        labels = np.array([example.get(INTENT) for example in examples])
        self._pipeline = self._new_pipeline()
        self._temperature = self._calibrate(texts, labels)
        self._pipeline.fit(texts, labels)
        self._intents = [str(intent) for intent in self._pipeline.classes_]
        with self._storage.write_to(self._resource) as folder:
            joblib.dump((self._pipeline, self._intents, self._temperature), folder / MODEL_FILE, compress=3)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent and ranking of each message; a message without words gets none."""
        for message in messages:
            scores = self._scores(message.get(TEXT) or "")
            ranking = [{INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: value} for name, value in scores]
            nothing = {INTENT_NAME_KEY: None, PREDICTED_CONFIDENCE_KEY: 0.0}
            message.set(INTENT, ranking[0] if ranking else nothing, add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages

    def _scores(self, text: str) -> list[tuple[str, float]]:
        if self._pipeline is None or not normalize(text):
            return []
        margins = self._pipeline.decision_function([text])[0]
        shares = softmax(margins / self._temperature)
        best = np.argsort(-shares)[: self._config["ranking_length"]]
        return [(self._intents[at], float(shares[at])) for at in best]

    def _new_pipeline(self) -> Pipeline:
        clean = normalize if self._config["language"] == "fr" else str.lower
        words = TfidfVectorizer(
            preprocessor=clean, token_pattern=r"\S+", ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32
        )
        chars = TfidfVectorizer(
            preprocessor=clean, analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2, dtype=np.float32
        )
        return Pipeline(
            [
                ("features", FeatureUnion([("words", words), ("chars", chars)])),
                ("svm", LinearSVC(C=self._config["C"], class_weight="balanced")),
            ]
        )

    def _calibrate(self, texts: np.ndarray, labels: np.ndarray) -> float:
        """The temperature that gives held-out sentences the best likelihood."""
        smallest = min(np.unique(labels, return_counts=True)[1])
        folds = min(self._config["folds"], int(smallest))
        if folds < 2 or len(set(labels)) < 3:
            return 1.0
        margins = np.zeros((len(texts), len(set(labels))))
        truth = np.unique(labels, return_inverse=True)[1]
        for fit, held_out in StratifiedKFold(folds, shuffle=True, random_state=0).split(texts, labels):
            pipeline = self._new_pipeline().fit(texts[fit], labels[fit])
            margins[held_out] = pipeline.decision_function(texts[held_out])

        def loss(log_temperature: float) -> float:
            shares = log_softmax(margins / np.exp(log_temperature), axis=1)
            return float(-shares[np.arange(len(truth)), truth].mean())

        return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 2.0), method="bounded").x))
