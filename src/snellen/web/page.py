"""How the page looks: the Gradio wiring around :mod:`snellen.web.tabs`, and nothing else."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from snellen.data.photographs import bundled_photographs
from snellen.errors import SnellenError
from snellen.exam.parts import PARTS
from snellen.web import tabs
from snellen.web.content import CANCELLED, TabResult, Work, details, frame, status, without_backquotes
from snellen.web.report import report
from snellen.web.state import NO_PROBE, AppState

_PACE = 0.3
"""Seconds between two lines of progress."""
_ONE_AT_A_TIME = {"concurrency_limit": 1, "concurrency_id": "network"}

_BLUES = gr.themes.Color(
    "#eef6fb", "#d9ebf6", "#b3d7ed", "#86bfe1", "#4a9fd0", "#0072B2", "#00669f", "#005787", "#00486f", "#003a5a",
    "#002c45",
)  # fmt: skip
_GREYS = gr.themes.Color(
    "#fafbfb", "#f2f4f5", "#e3e7ea", "#cdd4d9", "#9aa6ae", "#5f6b73", "#4a565e", "#38444c", "#27343c", "#1b2a33",
    "#14212a",
)  # fmt: skip
# IBM Plex is part of Gradio and comes from this server (its 600 lacks letters); the others are the visitor's own.
_FONTS = (gr.themes.LocalFont("IBM Plex Sans", (400, 700)), "system-ui", "Helvetica Neue", "Arial", "sans-serif")
THEME = gr.themes.Base(primary_hue=_BLUES, secondary_hue=_BLUES, neutral_hue=_GREYS, font=_FONTS, radius_size="sm").set(
    body_background_fill="#ffffff",
    body_text_color="#1b2a33",
    block_border_width="0px",
    block_padding="6px 0",
    block_label_background_fill="transparent",
    block_shadow="none",
    button_primary_background_fill="#0072B2",
    button_primary_background_fill_hover="#005787",
    button_primary_text_color="#ffffff",
)
CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
# One calm look, by day and by night: the figures are made for white paper.
LIGHT = "() => document.body.classList.remove('dark')"

Updates = tuple[Any, Any, Any]
"""Of a tab's status, answer and files."""


@dataclass(frozen=True, eq=False)
class _Outputs:
    """Where a tab shows its progress, its answer and its files."""

    status: gr.HTML
    answer: gr.HTML
    files: gr.File

    @property
    def components(self) -> list[Any]:
        return [self.status, self.answer, self.files]


def build_page(state: AppState) -> gr.Blocks:
    """The page: a photograph and a model on the left, a tab for each part on the right."""
    with gr.Blocks(title="Snellen", analytics_enabled=False, fill_width=True) as page:
        gr.HTML('<header class="snellen-head"><h1>Snellen</h1><p>An eye exam for image classifiers</p></header>')
        with gr.Row(elem_classes="snellen-body"):
            with gr.Column(scale=1, min_width=280, elem_classes="snellen-side"):
                photograph = _upload(
                    gr.Image(
                        label="Photograph",
                        type="filepath",
                        sources=["upload"],
                        height=230,
                        elem_classes="snellen-drop",
                    )
                )
                gr.Examples(
                    [[str(example.path)] for example in bundled_photographs()],
                    [photograph],
                    label="Or one of these",
                    cache_examples=False,
                    api_visibility="private",
                )
                model = gr.Dropdown(list(state.models), value=next(iter(state.models)), label="Model", filterable=False)
            with gr.Column(scale=3, min_width=520), gr.Tabs():
                _classify_tab(state, photograph, model)
                _evaluate_tab(state, model)
                _features_tab(state, photograph, model)
                _attack_tab(state, photograph, model)
                _stress_tab(state, photograph, model)
                _probe_tab(state, photograph)
                _report_tab(state, photograph, model)
    page.queue(max_size=state.limits.waiting, api_open=False)
    return page


def _classify_tab(state: AppState, photograph: gr.Image, model: gr.Dropdown) -> None:
    def classify(photograph: str | None, model: str, categories: float) -> Iterator[Updates]:
        yield from _updates(tabs.classify(state, _path(photograph), model, categories))

    with gr.Tab("Classify"):
        _lead("What it sees: the most probable categories of the photograph.")
        categories = gr.Slider(1, state.limits.categories, value=3, step=1, label="Categories")
        _wire("Classify", classify, [photograph, model, categories], "classify")


def _evaluate_tab(state: AppState, model: gr.Dropdown) -> None:
    def evaluate(photographs: list[str] | None, labels: str, model: str) -> Iterator[Updates]:
        yield from _updates(tabs.evaluate(state, [*map(Path, photographs or [])], labels, model))

    with gr.Tab("Evaluate"):
        _lead("How well it does its job: how often it is right on photographs whose classes you know.")
        many = _upload(gr.File(label="Photographs", file_count="multiple", height=140, elem_classes="snellen-drop"))
        labels = gr.Textbox(
            "",
            label="Their classes",
            info="A line for each: file name, class.",
            lines=4,
            max_length=4 * state.limits.text * state.limits.labelled,
        )
        _wire("Evaluate", evaluate, [many, labels, model], "evaluate")


def _features_tab(state: AppState, photograph: gr.Image, model: gr.Dropdown) -> None:
    def features(photograph: str | None, model: str) -> Iterator[Updates]:
        yield from _updates(tabs.features(state, _path(photograph), model))

    with gr.Tab("Features"):
        _lead("How it sees: fifteen feature maps from early, the middle and late, and what supports the answer.")
        _wire("Show the maps", features, [photograph, model], "features")


def _attack_tab(state: AppState, photograph: gr.Image, model: gr.Dropdown) -> None:
    def attack(
        photograph: str | None, model: str, target: str, epsilon: float, steps: float, robust: bool
    ) -> Iterator[Updates]:
        yield from _updates(tabs.attack(state, _path(photograph), model, target, epsilon, steps, robust))

    with gr.Tab("Attack"):
        _lead("Fooling it: noise too faint to see that makes the saved file look like something else to the model.")
        with gr.Row():
            target = gr.Textbox(
                "space shuttle", label="To be seen as", info="Empty: anything else.", max_length=state.limits.text
            )
            epsilon = gr.Slider(
                1, state.limits.epsilon, value=4, step=1, label="Epsilon", info="Of each value, in steps of 1/255."
            )
            steps = gr.Slider(1, state.limits.steps, value=state.limits.steps, step=1, label="Steps", info="At most.")
        robust = gr.Checkbox(label="Made to survive mirror, crop, rotation and grayscale: takes minutes")
        _wire("Attack", attack, [photograph, model, target, epsilon, steps, robust], "attack")


def _stress_tab(state: AppState, photograph: gr.Image, model: gr.Dropdown) -> None:
    def stress(photograph: str | None, model: str, original: str | None) -> Iterator[Updates]:
        yield from _updates(tabs.stress(state, _path(photograph), model, _path(original)))

    with gr.Tab("Stress"):
        _lead("A turn of the head: twelve transforms, mild to strong, and where each changes the answer.")
        with gr.Accordion("The photograph was attacked: compare with its original", open=False):
            original = _upload(
                gr.Image(label="Original", type="filepath", sources=["upload"], height=200, elem_classes="snellen-drop")
            )
        _wire("Stress", stress, [photograph, model, original], "stress")


def _probe_tab(state: AppState, photograph: gr.Image) -> None:
    def probe(photograph: str | None, probe: str | None) -> Iterator[Updates]:
        yield from _updates(tabs.probe(state, _path(photograph), probe))

    with gr.Tab("Probe"):
        _lead("What it can learn from few: a linear classifier that was trained on the network's features.")
        if not state.probes:
            _lead(re.sub("`(.*?)`", r"<code>\1</code>", NO_PROBE))
        names = list(state.probes)
        chosen = gr.Dropdown(names, value=names[0] if names else None, label="Probe", visible=bool(names))
        _wire("Ask the probe", probe, [photograph, chosen], "probe")


def _report_tab(state: AppState, photograph: gr.Image, model: gr.Dropdown) -> None:
    def exam(
        photographs: list[str] | None, photograph: str | None, model: str, parts: list[str], title: str, author: str
    ) -> Iterator[Updates]:
        chosen = [*map(Path, photographs or ([photograph] if photograph else []))]
        yield from _updates(report(state, chosen, model, parts, title, author))

    with gr.Tab("Report"):
        _lead("All of it, as a PDF to hand in. Several photographs go here; without them, the one on the left is used.")
        many = _upload(gr.File(label="Photographs", file_count="multiple", height=140, elem_classes="snellen-drop"))
        parts = gr.CheckboxGroup(
            [(part.title, name) for name, part in PARTS.items() if not part.wanted_by],
            value=[name for name, part in PARTS.items() if not (part.long or part.wanted_by)],
            label="Parts",
            info="Those that learn from a data set take minutes.",
        )
        with gr.Row():
            title = gr.Textbox("An eye exam", label="Title", max_length=state.limits.text)
            author = gr.Textbox("", label="Author", max_length=state.limits.text)
        _wire("Take the exam", exam, [many, photograph, model, parts, title, author], "report")


def _lead(text: str) -> None:
    gr.HTML(f'<p class="snellen-lead">{text}</p>')


def _wire(label: str, run: Callable[..., Iterator[Updates]], inputs: Sequence[Any], name: str) -> None:
    """Two buttons and a place for the result; pressing the one runs, pressing the other stops it."""
    with gr.Row(elem_classes="snellen-buttons"):
        start = gr.Button(label, variant="primary", scale=0, min_width=160, elem_id=f"{name}-run")
        cancel = gr.Button("Cancel", scale=0, min_width=100, elem_id=f"{name}-cancel")
    outputs = _Outputs(
        gr.HTML(elem_id=f"{name}-status", elem_classes="snellen-progress"),
        gr.HTML(elem_id=f"{name}-answer"),
        gr.File(
            label="Files",
            file_count="multiple",
            interactive=False,
            elem_id=f"{name}-files",
            elem_classes="snellen-files",
        ),
    )
    running = start.click(
        run,
        list(inputs),
        outputs.components,
        api_name=name,
        api_description=_FILES_FIRST,
        show_progress="full",
        show_progress_on=[outputs.status],
        **_ONE_AT_A_TIME,
    )
    cancel.click(lambda: CANCELLED, None, outputs.status, cancels=[running], queue=False, api_visibility="private")


_FILES_FIRST = "Gives a line and the rest of the answer, both as HTML, and the files that can be downloaded."


def _updates(work: Work) -> Iterator[Updates]:
    """What the visitor is shown of some work; an error as one sentence."""
    last = 0.0
    try:
        for step in work:
            if isinstance(step, TabResult):
                yield status(step.headline), _answer(step), [str(path) for path in step.files]
            elif time.monotonic() - last > _PACE:
                first, last = last == 0.0, time.monotonic()
                rest = ("", None) if first else (gr.skip(), gr.skip())
                yield status(step.text, step.done, step.total), *rest
    except SnellenError as error:
        raise gr.Error(without_backquotes(str(error)), duration=None, print_exception=False) from error
    except Exception as error:
        # What went wrong inside is for who runs the page, not for who visits it.
        traceback.print_exc()
        raise gr.Error("Something is wrong with this page, not with your photograph.", print_exception=False) from error
    finally:
        # Now, not when it is collected: a process may be behind it.
        work.close()


def _answer(result: TabResult) -> str:
    pictures = "".join(
        f'<a href="{address}" target="_blank"><img class="snellen-figure" src="{address}" alt="{path.stem}"></a>'
        for path in result.figures
        for address in [f"gradio_api/file={quote(str(path))}"]
    )
    document = frame(result.document.read_text(encoding="utf-8")) if result.document else ""
    return f'<div class="snellen-answer">{pictures}{details(result)}{document}</div>'


def _upload(component: Any) -> Any:
    """``component`` with what was uploaded handed on as it is: no address is fetched, nothing is decoded or encoded."""
    move = component.async_move_resource_to_block_cache

    async def only_uploads(path: str | Path | None) -> str | None:
        if "://" in str(path):
            raise gr.Error("Upload the photograph itself, not its address.", print_exception=False)
        moved: str | None = await move(path)
        return moved

    component.async_move_resource_to_block_cache = only_uploads
    if isinstance(component, gr.Image):
        component.preprocess = lambda payload: payload.path if payload else None
    return component


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None
