"""The features as a scikit-learn transformer, so that a probe is an ordinary ``Pipeline``."""

from __future__ import annotations

import functools
import io
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags

from snellen.data.datasets.base import Example
from snellen.data.images import Failure, Source, one_or_many, open_photo
from snellen.errors import ImageError
from snellen.inference.engines import Engine, choose_engine
from snellen.inference.features import embed_each, width_of, with_size
from snellen.models.classifier import Classifier, load
from snellen.models.resolve import DEFAULT_MODEL


class CNNFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """From photographs to the features of a pretrained network's layer before the classifier.

    ``transform`` takes one or many photographs, however they are given (:data:`~snellen.data.images.ImageLike`), and
    gives float32 (N, D). It learns nothing: ``fit`` only loads the network. Clones share it.

    Args:
        model: name of the model, as :func:`snellen.load` takes it.
        size: side of the network's square input in pixels; None takes the model's own.
        mirrored: whether to average the features of each photograph and its mirror image.
        engine: ``auto``, ``torch`` or ``openvino``.
        precision: ``float32`` or ``bfloat16``.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        size: int | None = None,
        mirrored: bool = False,
        engine: str = "auto",
        precision: str = "float32",
        device: str = "auto",
    ) -> None:
        self.model = model
        self.size = size
        self.mirrored = mirrored
        self.engine = engine
        self.precision = precision
        self.device = device

    def fit(self, X: Any = None, y: Any = None) -> Self:  # noqa: N803, ARG002  # scikit-learn's names
        """Load the network.

        Raises:
            InputError: the model, the engine or the device is not there.
        """
        self._n_features_out = width_of(self._loaded()[0])
        return self

    def transform(self, X: Any) -> npt.NDArray[np.float32]:  # noqa: N803
        """Features (N, D) of N photographs.

        Raises:
            ImageError: one of them cannot be read; rows must match, so none is left out.
            InputError: something else than photographs.
        """
        classifier, engine = self._loaded()
        images, _ = one_or_many(X, "CNNFeatures")
        examples = (Example(_source(one, number), None, f"image {number}") for number, one in enumerate(images))
        rows = []
        for result in embed_each(engine, classifier, examples, self.mirrored):
            if isinstance(result, Failure):
                raise ImageError(f"CNNFeatures: {result.error}", "leave it out: features and labels must match")
            rows.append(result.features)
        return np.stack(rows) if rows else np.empty((0, width_of(classifier)), np.float32)

    def _loaded(self) -> tuple[Classifier, Engine]:
        return _load(self.model, self.size, self.engine, self.precision, self.device)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


@functools.lru_cache(maxsize=2)
def _load(model: str, size: int | None, engine: str, precision: str, device: str) -> tuple[Classifier, Engine]:
    classifier = with_size(load(model, device=device), size)
    return classifier, choose_engine(classifier, engine, precision)


def _source(image: Any, number: int) -> Source:
    """A photograph as the source of an example: encoded without loss where it is not a file already."""
    if isinstance(image, Source):
        return image
    file = io.BytesIO()
    open_photo(image, "CNNFeatures", number).image.save(file, "PNG", compress_level=0)
    return file.getvalue()
