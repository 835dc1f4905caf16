"""The exam's configuration, a small TOML file; every mistake in it is named by its line."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from snellen.attacks.config import epsilon_steps
from snellen.data.datasets.digits import DIGITS
from snellen.data.preprocessing import PreprocessingConfig
from snellen.errors import InputError, did_you_mean, shown
from snellen.exam.options import AttackOptions, FeatureOptions, ProbeOptions, TrainingOptions
from snellen.exam.parts import PARTS, Part
from snellen.exam.paths import outside, relative_to
from snellen.models.classifier import given_preprocessing
from snellen.models.create import is_program
from snellen.prose import listed
from snellen.runs.serialise import LARGEST_INTEGER, from_plain
from snellen.runs.text import read_text

Paper = Literal["a4", "us-letter"]
ALL = "all"
"""As a sample: every photograph."""
SAMPLE = 8
"""Photographs that are examined where there are more: as many as one figure of attacks shows."""
_OF_A_FIRST_LOOK = 4
Appendix = Literal["methods", "full", "none"]


@dataclass(frozen=True)
class ExamConfig:
    """What to examine, on what, and how the report is headed.

    Attributes:
        title: heading of the report.
        author: author of the report; empty leaves it out.
        collaborators: people worked with, as the assignment asks.
        model: model to examine, as :func:`snellen.load` takes it.
        architecture: architecture of a ``.safetensors`` model, by timm's or torchvision's name. A program is named on
            the command line only: a configuration runs nothing.
        model_labels: names of the model's classes, where it does not say them: a file relative to the configuration's
            folder (a line each, or a JSON list), ``imagenet`` or ``numbered``.
        preprocessing: table of ``mean``, ``std``, ``size``, ``crop``, ``interpolation`` and ``crop_mode``, as far as
            they are not the model's own; or a JSON file of them, relative to the configuration's folder, or
            ``imagenet``.
        train_size: whether to take the size and crop that a timm model was trained with, in place of those of its
            published accuracy.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        photographs: files, folders or patterns, relative to the configuration's folder, and names of bundled
            photographs; empty takes all of those.
        labels: class that a person would choose for a photograph, by its path, or as much of its end as tells it from
            the others; or a .csv, .tsv or .jsonl file with columns ``file_name`` and ``label``. It counts before the
            name of the folder that a photograph lies in.
        credits: who took a photograph, and under what terms it may be shown, by its path as in ``labels``; the report's
            first page says it.
        objects: where a photograph's object lies, by its path as in ``labels``: left, top, right and bottom of a
            rectangle that you drew around it, in the photograph's own pixels; the crop by the object leaves 80% of it.
            Of other photographs the heat for their class stands for the object.
        sample: how many of the photographs are examined where there are more: files that are named by themselves, as
            long as they are fewer, and of folders and patterns a draw, even over what they show, by the seed; or
            ``all``.
        sure: probability in [0, 1): only photographs that the model gets right with at least that; 0 takes any.
        student: name that decides, with the seed, which photographs and which ``random`` target are drawn.
        target: class that the attack is to show; ``random`` draws one that no photograph shows; empty takes ImageNet's
            space shuttle, or the last class of a model that has none.
        epsilon: bound of the attack, such as ``4/255``.
        dataset: labelled photographs to learn from, one set or several: folders or parquet files relative to the
            configuration's folder, hub ids, or ``digits``, which need no download.
        origins: where a data set to learn from comes from and how it was drawn, in a sentence, by the name that the
            report calls it by.
        evaluate: labelled photographs on which the model itself is scored, one set or several, named as a ``dataset``
            is; where this is set, the part ``evaluation`` is among those that are run.
        corruptions: number of photographs, of the first of those sets, that the model is scored on under the 19
            corruptions of ImageNet-C at five severities; 0 leaves this out.
        robust_accuracy: number of photographs, of the same set, that the standard ensemble attacks within ``epsilon``;
            0 leaves this out.
        mapping: CSV or JSON file, relative to the configuration's folder: for a class of those sets, the model's class.
        training: images to train networks on from scratch, named as a ``dataset`` is; or a table of ``dataset`` and
            ``epochs``, passes over them in place of each recipe's own.
        training_runs: run folders of trainings, relative to the configuration's folder, shown in place of training.
        features: table of ``layers`` and ``channels`` whose maps are shown; without it those that are chosen.
        probe: table of ``classifier``: ``logistic``, ``svm`` or ``ridge``.
        attack: table of ``method``, ``apgd`` or ``gradient_ascent``, and ``robust``.
        parts: names of the parts to run; empty runs all.
        seed: seed of every random choice.
        paper: size of the PDF's pages, ``a4`` or ``us-letter``.
        checklist: whether the report is one for the assignment: with its checklist, and the problem of each section.
        appendix: code at the end of the report: ``methods``, function by function; ``full``, whole modules; ``none``.
        discussion: for the name of a part, a text file in place of its computed discussion, relative to the
            configuration's folder: paragraphs with a blank line between them. For the name, a hyphen and a number, such
            as ``training-2``, in place of that one of its discussions, as the files of ``--keep-source`` are numbered.
        references: publications of your own, by a key; in a text of ``discussion`` the key in brackets, such as
            ``[chen]``, becomes its number.
        quick: whether this is a first look: the bundled digits stand in for every data set to learn from, at most four
            photographs are examined, and ``corruptions`` and ``robust_accuracy`` are left out.
    """

    title: str = "An eye exam"
    author: str = ""
    collaborators: tuple[str, ...] = ()
    model: str = "tf_efficientnet_lite0"
    architecture: str | None = None
    model_labels: str | None = None
    preprocessing: PreprocessingConfig | str = field(default_factory=PreprocessingConfig)
    train_size: bool = False
    device: str = "auto"
    photographs: tuple[str, ...] = ()
    labels: Mapping[str, str] | str = field(default_factory=dict)
    credits: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sample: int | Literal["all"] = SAMPLE
    sure: float = 0.0
    student: str = ""
    target: str = ""
    epsilon: str = "4/255"
    dataset: tuple[str, ...] = (DIGITS,)
    origins: Mapping[str, str] = field(default_factory=dict)
    evaluate: tuple[str, ...] = ()
    corruptions: int = 0
    robust_accuracy: int = 0
    mapping: str = ""
    training: TrainingOptions | str = DIGITS
    training_runs: tuple[str, ...] = ()
    features: FeatureOptions = field(default_factory=FeatureOptions)
    probe: ProbeOptions = field(default_factory=ProbeOptions)
    attack: AttackOptions = field(default_factory=AttackOptions)
    parts: tuple[str, ...] = ()
    seed: int = 0
    paper: Paper = "a4"
    checklist: bool = True
    appendix: Appendix = "methods"
    discussion: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    quick: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.sample, int) and self.sample < 1:
            raise InputError(f"sample is {self.sample}", f"a whole number above 0, or {ALL}")
        if not 0 <= self.sure < 1:
            raise InputError(f"sure is {self.sure:g}", "a probability from 0 to below 1")
        for name in ("corruptions", "robust_accuracy"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}", "a number of photographs; 0 leaves it out")
        if epsilon_steps(self.epsilon) is None:
            raise InputError(f"epsilon is {self.epsilon}, and an exam has one bound for all", "such as 4/255")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed is {self.seed}", "0 to 4294967295")

    @property
    def trained(self) -> TrainingOptions:
        """What ``training`` says, as its table."""
        return TrainingOptions(self.training) if isinstance(self.training, str) else self.training

    def with_photographs(
        self,
        photographs: Sequence[str],
        labels: str | None,
        sample: str | None,
        sure: float | None,
        seed: int | None,
    ) -> ExamConfig:
        """The same exam with what the command line says of the photographs in place of what the configuration does.

        Raises:
            InputError: a sample that is no number and not ``all``, or as for the class.
        """
        changes: dict[str, Any] = {}
        if photographs:
            # What the configuration says, it says of its own photographs.
            changes |= {"photographs": tuple(photographs), "labels": {}, "credits": {}, "objects": {}}
        if labels is not None:
            changes["labels"] = labels
        if sample is not None:
            if sample != ALL and not re.fullmatch("[0-9]{1,9}", sample):
                raise InputError(f"sample is {sample!r}", f"a whole number above 0, or {ALL}")
            changes["sample"] = sample if sample == ALL else int(sample)
        if sure is not None:
            changes["sure"] = sure
        if seed is not None:
            changes["seed"] = seed
        return dataclasses.replace(self, **changes)

    def with_model(
        self,
        model: str | None,
        architecture: str | None,
        labels: str | None,
        preprocessing: PreprocessingConfig,
        train_size: bool,
    ) -> ExamConfig:
        """The same exam with what the command line says of the model in place of what the configuration does."""
        if model is not None:
            # What the configuration says, it says of its own model.
            plain = ExamConfig()
            return dataclasses.replace(
                self,
                model=model,
                architecture=architecture,
                model_labels=labels or plain.model_labels,
                preprocessing=preprocessing,
                train_size=train_size,
            )
        return dataclasses.replace(
            self,
            architecture=architecture or self.architecture,
            model_labels=labels or self.model_labels,
            preprocessing=preprocessing.over(given_preprocessing(self.preprocessing or None)),
            train_size=train_size or self.train_size,
        )


def read_exam_config(
    path: str | Path,
    parts: Mapping[str, Part] = PARTS,
    allowed: Sequence[Path] | None = None,
    replaced: Collection[str] = (),
) -> ExamConfig:
    """Read and check a configuration.

    Args:
        path: TOML file.
        parts: all parts there are, by name.
        allowed: of somebody else's configuration, the folders beside its own that it may name files of; None where it
            is one's own, which may name any.
        replaced: keys of such a one that may name anything, since the caller puts something in place of it.

    Raises:
        InputError: no such file, not TOML, an unknown key or part, a part without its number, a value of the wrong
            type, a file outside of the folders that it may name files of; names the line and what would be accepted.
    """
    path = Path(path)
    text, values = _read_toml(path)
    for key in ("dataset", "evaluate"):
        if isinstance(values.get(key), str):
            values[key] = [values[key]]
    if type(values.get("target")) is int and abs(values["target"]) < LARGEST_INTEGER:  # a class by its index
        values["target"] = str(values["target"])
    for key, value in values.items():
        # Each by itself, since that tells its line.
        from_plain(ExamConfig, {key: value}, f"{path}, line {_line_of_key(text, key)}")
    config = from_plain(ExamConfig, values, str(path))
    unknown = next((part for part in config.parts if part not in parts), None)
    if unknown is not None:
        check_parts([unknown], parts, f"{path}, line {_line_of_value(text, 'parts', unknown)}: ")
    check_numbers(config, parts, f"{path}, line {_line_of_key(text, 'parts')}: ")
    own = [discussed_part(key) for key in config.discussion]
    check_parts([name for name, _ in own], parts, f"{path}, line {_line_of_key(text, 'discussion')}: discussion: ")
    for name, number in own:
        if number and name in config.discussion:
            raise InputError(f"{path}: discussion: both {name} and {name}-{number}", "one or the other")
    if config.architecture is not None and is_program(config.architecture):
        raise InputError(
            f"{path}, line {_line_of_key(text, 'architecture')}: architecture is {config.architecture!r}, a program, "
            "which no configuration may run",
            "name it as `architecture` yourself",
        )
    named = relative_to(path.parent, config, strangers=allowed is not None)
    if allowed is not None:
        for key, name in outside(path.parent, named, allowed, replaced):
            raise InputError(
                f"{path}, line {_line_of_key(text, key)}: {key}: {shown(name)} is not below the configuration's folder",
                "a file there, or its folder as `allow`",
            )
    return named


_NUMBERED = re.compile("(.+)-([0-9]{1,3})")


def discussed_part(key: str) -> tuple[str, int]:
    """The part that a key of ``[discussion]`` is of, and which of its discussions: ``probe-2`` the second, 0 all."""
    found = _NUMBERED.fullmatch(key)
    return (found[1], int(found[2])) if found else (key, 0)


def check_parts(names: Iterable[str], parts: Collection[str], where: str = "") -> None:
    """Refuse a name that is none of ``parts``; ``where`` begins the message.

    Raises:
        InputError: names the nearest parts, and all of them.
    """
    for name in names:
        if name not in parts:
            hint = did_you_mean(name, parts) or f"valid: {', '.join(parts)}"
            raise InputError(f"{where}unknown part {name!r}", hint)


def check_numbers(config: ExamConfig, parts: Mapping[str, Part], where: str = "") -> None:
    """Refuse a named part whose key is a number that is not set; ``where`` begins the message.

    Raises:
        InputError: names the key.
    """
    for name in config.parts:
        key = parts[name].wanted_by
        if key and getattr(config, key) == 0:
            raise InputError(f"{where}part {name!r}: nobody says of how many photographs", f"such as {key} = 50")


def asked_parts(config: ExamConfig, parts: Mapping[str, Part] = PARTS) -> tuple[str, ...]:
    """The parts that are named; where none are, those of every exam and those that a key of the configuration asks for.

    A key that is set asks for its part beside parts that are named, too.
    """
    keys = {name for name, part in parts.items() if part.wanted_by and getattr(config, part.wanted_by)}
    chosen = config.parts or tuple(name for name, part in parts.items() if not part.wanted_by)
    return tuple(name for name in parts if name in chosen or name in keys)


def first_look(config: ExamConfig, parts: Mapping[str, Part] = PARTS) -> ExamConfig:
    """The same exam in less time, and the report says so.

    The bundled digits stand in for every data set to learn from, at most four photographs are examined, and the long
    parts that a key asks for (corruptions, robust accuracy) are left out.

    Raises:
        InputError: the configuration names no other part than these.
    """
    left_out = {name: part.wanted_by for name, part in parts.items() if part.long and part.wanted_by}
    others = tuple(name for name in config.parts if name not in left_out)
    if config.parts and not others:
        raise InputError(f"a first look leaves out {listed(config.parts)}", "no quick, or other parts")
    sample = _OF_A_FIRST_LOOK if config.sample == ALL else min(config.sample, _OF_A_FIRST_LOOK)
    shorter: dict[str, Any] = dict.fromkeys(left_out.values(), 0)
    return dataclasses.replace(
        config, dataset=(DIGITS,), training=DIGITS, training_runs=(), sample=sample, parts=others, **shorter
    )


def _read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    text = read_text(path)
    try:
        return text, tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of TOML, or of Python's own limits
        found = re.search(r"line (\d+)", str(error))
        line = text.splitlines()[int(found[1]) - 1 : int(found[1])] if found else []
        hint = (
            "in a path / for each backslash, or the path in single quotes" if any("\\" in one for one in line) else None
        )
        raise InputError(f"{path}: not TOML: {error}", hint) from error


def _line_of_key(text: str, key: str) -> int:
    """The line that sets ``key``, or opens the table of that name."""
    name = rf"[\"']?{re.escape(key)}[\"']?"
    pattern = re.compile(rf"\s*({name}\s*[.=]|\[+\s*{name}\s*[.\]])")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)


def _line_of_value(text: str, key: str, value: str) -> int:
    """The line, from the one that sets ``key`` on, that holds ``value`` in quotes."""
    first = _line_of_key(text, key)
    lines = list(enumerate(text.splitlines(), 1))[first - 1 :]
    return next((number for number, line in lines if re.search(rf"[\"']{re.escape(value)}[\"']", line)), first)
