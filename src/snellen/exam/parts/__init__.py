"""The explicit table of the exam's parts. A later part adds itself by one entry in :data:`PARTS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.exam.context import Context
from snellen.exam.parts import (
    attack,
    categories,
    corruptions,
    drivers,
    evaluation,
    features,
    probe,
    robust_accuracy,
    stress,
    training,
)
from snellen.exam.report.document import Answer, Block, Picture, Reference


@dataclass(frozen=True)
class Part:
    """One part of the exam.

    Attributes:
        title: heading of its section.
        assignment: item of the assignment that it answers.
        topic: heading of its section where the report answers the assignment, behind the item.
        asked: tasks of the assignment there: the problem, the task, the heading it is answered under (empty for the
            section's beginning), and words of the caption of the figure or table below it that answers it (empty where
            the text does).
        inputs: function that gives all that decides its answer, apart from model, seed, program and needs.
        run: function that examines, and writes results and figures below ``context.folder``.
        seconds: function that estimates how long ``run`` takes, from the context and the seconds that the network
            takes for one photograph; decoding and drawing are not counted.
        sources: modules that hold its method, for the full code appendix.
        methods: of these the functions and classes that the assignment wants to see, for the ordinary code appendix:
            for each module one entry, as :func:`snellen.exam.report.code.method_listing` takes it.
        further_methods: function that gives, from the context, more such entries, of what not every exam runs; None
            where there is nothing of the kind.
        references: publications that it rests on, with the words by which its text uses each.
        cover: function that gives a picture for the report's first page from the part's folder; None where the part
            has none.
        needs: names of the parts whose results it works on. It makes them itself where they were not asked for.
        long: whether it takes minutes, since it learns from a data set.
        wanted_by: key of the configuration that asks for it where it is set, whether parts are named or not; empty for
            a part of every exam.
        compare: function that holds two answers against each other, from their folders, the names of the two exams, a
            folder to draw into, and the folders that data sets may be opened in; None where their findings and figures
            side by side are all.
        code: function that gives, from the context and a picture's file name, Python that draws the picture anew in the
            report's notebook, where ``snellen``, ``classifier`` and the list ``photographs`` are bound, and so is what
            cells before it bind; empty shows the file, and so does None. It is never read from a folder, which may be a
            stranger's.
        driver: function that gives, from the context, the public calls that the part amounts to, for the code appendix;
            None where there are none to show.
    """

    title: str
    assignment: str
    asked: Sequence[tuple[str, str, str, str]]
    inputs: Callable[[Context], object]
    run: Callable[[Context], Answer]
    seconds: Callable[[Context, float], float]
    sources: tuple[str, ...]
    methods: tuple[str, ...]
    references: tuple[Reference, ...]
    cover: Callable[[Path], Picture] | None = None
    needs: tuple[str, ...] = ()
    long: bool = False
    wanted_by: str = ""
    compare: Callable[[Path, Path, tuple[str, str], Path, Sequence[Path]], list[Block]] | None = None
    code: Callable[[Context, str], str] | None = None
    driver: Callable[[Context], str] | None = None
    topic: str = ""
    further_methods: Callable[[Context], Sequence[str]] | None = None

    def titles(self, homework: bool) -> tuple[str, str]:
        """The title of its section and the item of the assignment before it, empty in a report that answers none."""
        return (self.topic, self.assignment) if homework and self.topic else (self.title, "")


PARTS: Mapping[str, Part] = {
    "categories": Part(
        title="What it sees",
        assignment="Problem 1, part 1",
        topic="the three most probable categories",
        asked=categories.ASKED,
        inputs=categories.inputs,
        run=categories.run,
        seconds=categories.seconds,
        sources=(
            "snellen.data.preprocessing",
            "snellen.models.classifier",
            "snellen.inspect.batches",
            "snellen.inspect.categories",
        ),
        methods=(
            "snellen.data.preprocessing:Preprocessing.preprocess_image, Preprocessing.geometry, Preprocessing._resized,"
            " _start_of_crop, Preprocessing.normalise",
            "snellen.models.classifier:Classifier.logits_from_inputs",
            "snellen.models.predictions:softmax, top_predictions",
            "snellen.inspect.categories:_runner",
        ),
        references=categories.REFERENCES,
        code=categories.code,
        driver=drivers.categories,
    ),
    "evaluation": Part(
        title="How well it does its job",
        assignment="",
        asked=(),
        inputs=evaluation.inputs,
        run=evaluation.run,
        seconds=evaluation.seconds,
        sources=("snellen.evaluation.matching", "snellen.evaluation.calibration", "snellen.evaluation.comparison"),
        methods=(
            "snellen.evaluation.calibration:reliability, calibration_error, risk_coverage, fit_temperature",
            "snellen.evaluation.comparison:compare_answers",
        ),
        references=evaluation.REFERENCES,
        wanted_by="evaluate",
        compare=evaluation.compare,
    ),
    "corruptions": Part(
        title="In bad weather",
        assignment="",
        asked=(),
        inputs=corruptions.inputs,
        run=corruptions.run,
        seconds=corruptions.seconds,
        sources=("snellen.evaluation.corruptions", "snellen.evaluation.corrupted"),
        methods=("snellen.evaluation.corrupted:over_alexnet",),
        references=corruptions.REFERENCES,
        long=True,
        wanted_by="corruptions",
    ),
    "robust_accuracy": Part(
        title="Under attack",
        assignment="",
        asked=(),
        inputs=robust_accuracy.inputs,
        run=robust_accuracy.run,
        seconds=robust_accuracy.seconds,
        sources=("snellen.attacks.standard", "snellen.attacks.balls", "snellen.attacks.robust_accuracy"),
        methods=("snellen.attacks.robust_accuracy:robust_accuracy",),
        references=robust_accuracy.REFERENCES,
        long=True,
        wanted_by="robust_accuracy",
    ),
    "features": Part(
        title="How it sees",
        assignment="Problem 1, part 2",
        topic="feature maps",
        asked=features.ASKED,
        inputs=features.inputs,
        run=features.run,
        seconds=features.seconds,
        sources=(
            "snellen.models.layers",
            "snellen.models.receptive_field",
            "snellen.inspect.activations",
            "snellen.inspect.batches",
            "snellen.inspect.cues",
            "snellen.inspect.feature_maps",
            "snellen.inspect.heatmap",
            "snellen.inspect.shape",
            "snellen.inspect.top_patches",
        ),
        methods=(
            "snellen.models.layers:hooked, _nth_call",
            "snellen.inspect.activations:read_activations",
            "snellen.inspect.feature_maps:_choose, _readable, _strongest, _deviation_and_autocorrelation, "
            "_relative_variance, ablate, _ablation, channel_contributions",
            "snellen.inspect.cues:fit_cues, _best_when_shifted, _cues, standardised",
            "snellen.inspect.figures:scaled, draw_layer",
            "snellen.inspect.heatmap:grad_cam",
        ),
        references=features.REFERENCES,
        code=features.code,
        driver=drivers.features,
    ),
    "probe": Part(
        title="What it can learn from few",
        assignment="Problem 2",
        topic="a linear classifier on its features",
        asked=probe.ASKED,
        inputs=probe.inputs,
        run=probe.run,
        seconds=probe.seconds,
        sources=("snellen.inference.features", "snellen.transfer.linear", "snellen.models.scores"),
        methods=(
            "snellen.models.classifier:penultimate, _vector",
            "snellen.inference.features:embed_each, embed_rows",
            "snellen.transfer.linear:linear_classifier, train_probe, middle_of_plateau, standard_error, _plateau, "
            "_alpha, _rotated, _coefficients, LinearProbe.decision_function",
            "snellen.models.scores:score, scores_of",
            "snellen.intervals:Estimate.of_classes",
        ),
        references=probe.REFERENCES,
        driver=drivers.probe,
        long=True,
    ),
    "training": Part(
        title="Learning from scratch",
        assignment="Problem 3",
        topic="networks trained from scratch",
        asked=training.ASKED,
        inputs=training.inputs,
        run=training.run,
        seconds=training.seconds,
        sources=(
            "snellen.models.networks",
            "snellen.training.initialise",
            "snellen.training.optimise",
            "snellen.training.augment",
            "snellen.training.loop",
            "snellen.training.filters",
        ),
        methods=(
            "snellen.models.networks:plain, batchnorm, deep, _deep_member, first_convolutions",
            "snellen.models.flip_equivariant:FlipEquivariantConv2d, FlipEquivariantBatchNorm2d, PairedMaxPool2d",
            "snellen.models.ensemble:Ensemble",
            "snellen.training.initialise:_independent, _he, _whitened, _whiten, flip_equivariant_whitening_filters, "
            "_covariance, _whitening",
            "snellen.training.optimise:orthogonalised, _polynomial, Muon.step, make_optimisers, learning_rate_factor, "
            "make_schedulers",
            "snellen.training.augment:alternating_flips, augment, _shifted, _cut, resized",
            "snellen.training.loop:batches, train_epoch",
            "snellen.training.evaluate:evaluate",
            "snellen.training.filters:stretched, mosaic, _extent, _places",
        ),
        references=training.REFERENCES,
        code=training.code,
        driver=drivers.training,
        long=True,
    ),
    "attack": Part(
        title="Fooling it",
        assignment="Problem 4, part 1",
        topic="photographs that fool it",
        asked=attack.ASKED,
        inputs=attack.inputs,
        run=attack.run,
        seconds=attack.seconds,
        sources=(
            "snellen.attacks.search",
            "snellen.attacks.gradient_ascent",
            "snellen.attacks.apgd",
            "snellen.attacks.batch",
            "snellen.attacks.verify",
            "snellen.attacks.control",
            "snellen.attacks.visibility",
        ),
        methods=(
            "snellen.data.preprocessing:Preprocessing.preprocess, Preprocessing.window, "
            "Preprocessing.preprocess_window, Preprocessing._filtered, _triangle, _cubic, resize_matrix, "
            "_apply_to_rows, _ResizeAxis",
            "snellen.attacks.search:Ball, Criterion.confidence, Criterion.is_met, probability, "
            "log_probability_or_margin",
            "snellen.attacks.gradient_ascent:gradient_ascent, searched_gradient_ascent",
            "snellen.attacks.apgd:checkpoints, apgd",
            "snellen.attacks.batch:AttackJob, round_to_bytes, run_jobs, _evaluate",
            "snellen.attacks.verify:verify, norm",
            "snellen.models.predictions:logits_and_gradient",
            "snellen.attacks.control:_with_signs",
        ),
        references=attack.REFERENCES,
        code=attack.code,
        driver=drivers.attack,
    ),
    "stress": Part(
        title="A turn of the head",
        assignment="Problem 4, part 2",
        topic="transforms of the attacked photographs",
        asked=stress.ASKED,
        inputs=stress.inputs,
        run=stress.run,
        seconds=stress.seconds,
        sources=(
            "snellen.data.transforms",
            "snellen.robustness.stress",
            "snellen.robustness.spectrum",
            "snellen.robustness.alignment",
            "snellen.robustness.detail",
            "snellen.exam.object_crop",
        ),
        methods=(
            "snellen.data.transforms:_mirror, _grayscale, crop_window, _placed, _crop, _resample, _rotation",
            "snellen.robustness.stress:StressTest.steps, StressTest._kept, _gray_alone",
            "snellen.robustness.spectrum:high_frequency_energy",
            "snellen.robustness.alignment:noise_gains",
        ),
        further_methods=stress.crops_by_objects,
        references=stress.REFERENCES,
        code=stress.code,
        driver=drivers.stress,
        cover=stress.cover,
        needs=("attack",),
    ),
}
