"""What random noise of an attack's size does where the network looks, and what the gradient there promises.

Noise that is drawn for each of a large photograph's pixels is a weak control: the resize averages it away. So the
network's own input is moved: each of its values by the bound, up or down by chance.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from snellen.attacks.result import AttackResult
from snellen.attacks.verify import Bytes, prediction
from snellen.data.images import open_photo, pixels_from_bytes
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction, logits_and_gradient, softmax
from snellen.runs.provenance import fingerprint

DRAWS = 20
_BATCH = 4


@dataclass(frozen=True)
class RandomSigns:
    """Random signs of an attack's bound on the network's input, beside what its gradient allows to first order.

    Attributes:
        name: path of the photograph, or what stands for it.
        epsilon: bound, in steps of 1/255.
        size: height and width of the network's input, which has three values for each of its pixels.
        strength, attack_strength: root mean square, at the network's input and in steps of 1/255, of this noise and of
            the attack's.
        draws: number of draws.
        hits: number of those in which the target is seen.
        changed: number of those in which neither the target nor what is seen in the photograph is.
        instead: the class that is seen most often in those, with its mean probability there; None where there are none.
        gap: logit of the class that is seen in the photograph less that of the target.
        most: what the target gains on that class, to first order, where each value moves by the bound along its
            gradient: the bound times the sum of the absolute gradient.
        by_chance: standard deviation of that gain under random signs: the bound times the gradient's Euclidean norm.
        within: what is left of ``most`` where no value leaves the range of 8 bits.
        stepped: what the target gains on that class in fact by that step along the gradient.
        promised: what the target gains on that class, to first order, by the attack's own noise where the network
            looks: the sum of its values times the gradient's.
        gained: what it gains by that noise in fact.
        cosine: cosine of the angle between the gradients at the attacked file and at the photograph.
    """

    name: str
    epsilon: int
    size: tuple[int, int]
    strength: float
    attack_strength: float
    draws: int
    hits: int
    changed: int
    instead: Prediction | None
    gap: float
    most: float
    by_chance: float
    within: float
    stepped: float
    promised: float
    gained: float
    cosine: float


def random_signs(classifier: Classifier, attack: AttackResult, seed: int, draws: int = DRAWS) -> RandomSigns:
    """Try random signs of the bound of an attack on a photograph's own pixels, on the network's input.

    Args:
        classifier: the attacked classifier.
        attack: the attack, which has a target.
        seed: seed of the draws, which are the photograph's own.
        draws: number of draws, each a forward pass.
    """
    assert attack.target is not None
    target, seen = attack.target.index, attack.original.index
    preprocess = classifier.preprocessing.preprocess_image
    before, after = preprocess(open_photo(attack.source, "attack").image), preprocess(attack.image)
    noisy = _with_signs(before, attack.epsilon, _generator(seed, attack.name), draws)
    probabilities = _probabilities(classifier, noisy)
    answers = probabilities.argmax(dim=1)
    changed = [row for row, top in zip(probabilities, answers.tolist(), strict=True) if top not in (target, seen)]
    logits, gradient = logits_and_gradient(classifier, pixels_from_bytes(before), target, seen)
    after_logits, after_gradient = logits_and_gradient(classifier, pixels_from_bytes(after), target, seen)
    stepped = _moved(before, attack.epsilon * gradient[0].sign().permute(1, 2, 0).short().numpy())
    with torch.inference_mode():
        stepped_logits = classifier.logits_from_inputs(pixels_from_bytes(stepped))[0].cpu()
    gap, left, rest = (float(one[seen] - one[target]) for one in (logits, after_logits, stepped_logits))
    step, noise = (pixels_from_bytes(one) - pixels_from_bytes(before) for one in (stepped, after))
    return RandomSigns(
        name=attack.name,
        epsilon=attack.epsilon,
        size=classifier.preprocessing.size,
        strength=_root_mean_square(noisy, before),
        attack_strength=_root_mean_square(after, before),
        draws=draws,
        hits=int((answers == target).sum()),
        changed=len(changed),
        instead=_commonest(classifier, changed),
        gap=gap,
        most=float(gradient.abs().sum()) * attack.epsilon / 255,
        by_chance=float(gradient.norm()) * attack.epsilon / 255,
        within=float((gradient * step).sum()),
        stepped=gap - rest,
        promised=float((gradient * noise).sum()),
        gained=gap - left,
        cosine=float(torch.cosine_similarity(gradient.flatten(), after_gradient.flatten(), dim=0)),
    )


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng(int(fingerprint(f"random signs {seed} {name.rpartition('/')[2]}")[:8], 16))


def _with_signs(inputs: Bytes, steps: int, generator: np.random.Generator, draws: int) -> Bytes:
    """``draws`` copies (D, h, w, 3) of the network's input (h, w, 3), each value of each moved up or down by chance."""
    signs = generator.integers(0, 2, size=(draws, *inputs.shape), dtype=np.int8)
    return _moved(inputs, steps * (2 * signs.astype(np.int16) - 1))


def _moved(inputs: Bytes, by: npt.NDArray[np.int16]) -> Bytes:
    """``inputs`` with ``by`` added, clipped to 8 bits."""
    moved: Bytes = np.clip(inputs + by, 0, 255).astype(np.uint8)
    return moved


def _probabilities(classifier: Classifier, inputs: Bytes) -> Tensor:
    """Class probabilities (D, K) of inputs (D, h, w, 3)."""
    with torch.inference_mode():
        batches = torch.cat([pixels_from_bytes(one) for one in inputs]).split(_BATCH)
        return torch.cat([softmax(classifier.logits_from_inputs(some)) for some in batches])


def _commonest(classifier: Classifier, rows: list[Tensor]) -> Prediction | None:
    """The most frequent answer of some probabilities (K,), with its mean probability where it is the answer."""
    if not rows:
        return None
    ((top, _),) = Counter(int(row.argmax()) for row in rows).most_common(1)
    mean = torch.stack([row for row in rows if int(row.argmax()) == top]).mean(dim=0)
    return prediction(classifier, mean, top)


def _root_mean_square(changed: Bytes, original: Bytes) -> float:
    difference: npt.NDArray[np.float64] = changed.astype(np.float64) - original
    return float(np.sqrt(np.square(difference).mean()))
