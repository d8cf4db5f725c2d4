"""Rasa component: sentence vectors from a pre-trained encoder that a site downloaded itself.

Any TensorFlow SavedModel that maps strings to vectors will do, for instance the multilingual transformer
universal-sentence-encoder-multilingual-large. Nothing is downloaded here: `model` names a local folder.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, TEXT, TEXT_TOKENS
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

BATCH = 64


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoderFeaturizer(DenseFeaturizer, GraphComponent):
    """Adds a sentence vector; each word gets the same, for classifiers that read words."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Words are counted."""
        return [Tokenizer]

    @staticmethod
    def required_packages() -> list[str]:
        """TensorFlow comes with Rasa."""
        return ["tensorflow"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`model`: folder of the SavedModel, seen from the project."""
        return {**DenseFeaturizer.get_default_config(), "model": "encoder"}

    def __init__(self, config: dict[str, Any], name: str) -> None:
        super().__init__(name, config)
        folder = Path(__file__).resolve().parents[1] / config["model"]
        if not (folder / "saved_model.pb").is_file():
            raise InvalidConfigException(f"{folder}: no TensorFlow SavedModel there (config.yml needs none)")
        with contextlib.suppress(ImportError):  # registers operations that multilingual encoders use
            import tensorflow_text  # noqa: F401
        self._encoder = tf.saved_model.load(str(folder))

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoderFeaturizer:
        """Load the encoder."""
        return cls(config, execution_context.node_name)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Nothing beyond what loading checks."""

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Vectors of all training sentences."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Vectors of messages."""
        spoken = [message for message in messages if message.get(TEXT) and message.get(TEXT_TOKENS)]
        for start in range(0, len(spoken), BATCH):
            batch = spoken[start : start + BATCH]
            vectors = self._encoder(tf.constant([message.get(TEXT) for message in batch]))
            for message, vector in zip(batch, np.asarray(vectors, dtype=np.float32), strict=True):
                words = np.repeat(vector[None], len(message.get(TEXT_TOKENS)), axis=0)
                for values, kind in ((words, FEATURE_TYPE_SEQUENCE), (vector[None], FEATURE_TYPE_SENTENCE)):
                    message.add_features(Features(values, kind, TEXT, self._identifier))
        return messages
