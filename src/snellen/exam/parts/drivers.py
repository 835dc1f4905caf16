"""What an exam ran, part by part: the public calls with its values, for the code appendix.

Each function gives Python that can be run where the photographs, data sets and runs that it names lie; what one binds,
those of later parts use.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snellen.exam.context import Context, photograph_names, short_name
from snellen.exam.parts.attack import ASKED_FOR, GRADIENTS_OF_THE_RULE, tries_the_rule
from snellen.prose import called
from snellen.training.files import read_results
from snellen.training.recipe import ASSIGNMENT
from snellen.training.results import file_names_of, recipe_files_of


def setup(context: Context) -> str:
    """What all of them begin with: the classifier and the photographs."""
    names = list(photograph_names(context.photographs).values())
    return (
        "import snellen\n\n"
        f"classifier = snellen.load({called(context.classifier.name)!r})\n"
        f"photographs = {_list(names)}"
    )


def categories(_: Context) -> str:
    """The top three categories."""
    return (
        "results = snellen.classify(classifier, photographs, k=3)\n"
        "for result in results:\n"
        "    for one in result.predictions:\n"
        '        print(result.image, one.index, one.label, f"{one.probability:.4f}")\n'
        "results[0].plot()"
    )


def features(context: Context) -> str:
    """The feature maps and the heat map."""
    asked = [
        f", {name}={list(chosen)!r}"
        for name, chosen in (("layers", context.features.layers), ("channels", context.features.channels))
        if chosen
    ]
    return (
        f"maps = snellen.feature_maps(classifier, photographs[0]{''.join(asked)})\n"
        "for one in maps.maps:\n"
        "    print(one.layer, one.channel, one.cue, one.cue_correlation, one.importance)\n"
        "maps.plot()\n"
        "snellen.heatmap(classifier, photographs[0]).plot()"
    )


def probe(context: Context) -> str:
    """The linear classifier of each data set."""
    kind = context.probe.classifier
    return (
        f"for dataset in {_list([short_name(name) for name in context.datasets])}:\n"
        f"    for kind in ({kind!r}, {'ridge' if kind != 'ridge' else 'logistic'!r}):\n"
        f"        probed = snellen.probe(classifier, dataset, kind=kind, seed={context.seed})\n"
        "        print(dataset, kind, probed.c, probed.mean_per_class_accuracy)\n"
        "        probed.plot()"
    )


def training(context: Context) -> str:
    """The trainings, by the recipes that the appendix prints."""
    runs = [read_results(Path(folder)) for folder in context.training_runs]
    firsts = [results[0] for results in runs]
    trained = [
        (recipe, name, short_name(first.data.name), [one.seed for one in results], first.test_tta)
        for results, first, recipe, name in zip(
            runs, firsts, recipe_files_of(firsts), file_names_of(firsts), strict=True
        )
    ] or [(name, name, short_name(context.training), [context.seed], None) for name in ASSIGNMENT]
    calls = [
        f"    snellen.train_seeds(\n        {dataset!r}, '{recipe}.toml', out={name!r}, seeds={seeds}"
        f"{', tta=True' * bool(tta)}\n    ),"
        for recipe, name, dataset, seeds, tta in trained
    ]
    return "\n".join(
        [
            "# The recipes are printed below. Left out: snellen.data.datasets.cifar, which reads CIFAR-10's files;",
            "# snellen.training.trainer, which calls train_epoch for each epoch and keeps a checkpoint after it;",
            "# snellen.training.figures, which draws the curves.",
            "trained = [",
            *calls,
            "]",
            "runs = tuple(tuple(one.result for one in seeds) for seeds in trained)",
            "for one in (result for results in runs for result in results):",
            "    print(one.network_name, one.seed, one.history[-1].loss, one.test.accuracy)",
            "snellen.TrainingComparison(runs).plot()",
        ]
    )


def attack(context: Context) -> str:
    """The attack on each photograph, and the assignment's own update where it was tried beside it."""
    asked = context.attack
    robust = ", robust=True" if asked.robust else ""
    calls = (
        f"config = snellen.AttackConfig(\n    {context.target}, {context.epsilon!r}, method={asked.method!r}{robust}, "
        f"seed={context.seed}\n)\n"
        "attacks = snellen.attack(classifier, photographs, config=config)\n"
        "for one in attacks:\n"
        "    print(one.name, one.original, one.attacked)\n"
        "attacks[0].plot()"
    )
    if not tries_the_rule(context):
        return calls
    first = f"[:{ASKED_FOR}]" if len(context.photographs) > ASKED_FOR else ""
    return (
        f"{calls}\n"
        "# The assignment's own update on the same photographs.\n"
        f"config = snellen.AttackConfig(\n    {context.target}, {context.epsilon!r}, method='gradient_ascent', "
        f"steps={GRADIENTS_OF_THE_RULE},\n    seed={context.seed}\n)\n"
        f"for one in snellen.attack(classifier, photographs{first}, config=config):\n"
        "    print(one.name, one.original, one.attacked)"
    )


def stress(_: Context) -> str:
    """The transforms of the attacked photographs."""
    return (
        "for one in attacks:\n"
        "    stressed = snellen.stress(classifier, one.saved, one.source, label=one.label.index)\n"
        "    print(stressed.discussion())\n"
        "    stressed.plot()"
    )


def _list(texts: Sequence[str]) -> str:
    """A list of texts as Python writes it, a line each where one line would be too long."""
    line = repr(list(texts))
    return line if len(line) <= 60 else "[\n" + "".join(f"    {text!r},\n" for text in texts) + "]"
