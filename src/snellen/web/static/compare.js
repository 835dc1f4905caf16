// A photograph before and after, laid over each other, down to its single pixels.

import { h, freshId } from "./dom.js";
import { fileOf } from "./api.js";

const ZOOMS = [1, 2, 4, 8, 16];

/** The block `comparison`. */
export function comparison(block, job) {
  const before = h("img", { src: fileOf(job, block.before), alt: `Before: ${block.before_title}` });
  const after = h("img", { src: fileOf(job, block.after), alt: `After: ${block.after_title}`, class: "over" });
  const noise = h("img", { src: fileOf(job, block.noise), alt: `The difference, ${block.amplified.toFixed(0)} times`, class: "over", hidden: true });
  const edge = h("div", { class: "edge", "aria-hidden": "true" });
  const stage = h("div", { class: "stage" }, before, after, noise, edge);
  const view = h("div", { class: "view", tabindex: 0, role: "group", "aria-label": "Before and after; scrolls when zoomed" }, stage);
  const slider = h("input", {
    id: freshId("slider"), type: "range", min: 0, max: 100, value: 50, class: "wipe",
    "aria-label": "How much of the photograph before is shown, from the left",
  });
  const show = () => {
    const share = Number(slider.value);
    after.style.clipPath = `inset(0 0 0 ${share}%)`;
    edge.style.left = `${share}%`;
    slider.setAttribute("aria-valuetext", `${share}% before, ${100 - share}% after`);
  };
  slider.addEventListener("input", show);

  const flip = h("button", { type: "button", "aria-pressed": "false" }, "Before only");
  flip.addEventListener("click", () => {
    const before_ = flip.getAttribute("aria-pressed") !== "true";
    flip.setAttribute("aria-pressed", String(before_));
    after.hidden = before_;
    edge.hidden = before_;
  });
  const noisy = h("button", { type: "button", "aria-pressed": "false" }, `Noise, \u00d7 ${block.amplified.toFixed(0)}`);
  noisy.addEventListener("click", () => {
    const on = noisy.getAttribute("aria-pressed") !== "true";
    noisy.setAttribute("aria-pressed", String(on));
    noise.hidden = !on;
  });
  const zoom = h("select", { "aria-label": "Zoom" }, ...ZOOMS.map((times) => h("option", { value: times }, times === 1 ? "whole" : `\u00d7 ${times}`)));
  zoom.addEventListener("change", () => {
    const times = Number(zoom.value);
    const middle = (view.scrollLeft + view.clientWidth / 2) / stage.clientWidth;
    const down = (view.scrollTop + view.clientHeight / 2) / stage.clientHeight;
    stage.style.width = `${100 * times}%`;
    stage.classList.toggle("pixels", times > 1);
    view.scrollTo(middle * stage.clientWidth - view.clientWidth / 2, down * stage.clientHeight - view.clientHeight / 2);
  });
  drag(view, slider, stage);
  show();
  return h(
    "figure", { class: "comparison block wide" },
    h("div", { class: "titles" }, h("span", {}, h("small", {}, "Before"), block.before_title), h("span", {}, h("small", {}, "After"), block.after_title)),
    view,
    slider,
    h("div", { class: "row" }, flip, noisy, h("label", { class: "inline" }, "Zoom ", zoom)),
  );
}

/** Drag: the edge where all is in sight, the picture where it is zoomed. */
function drag(view, slider, stage) {
  let from = null;
  view.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = { x: event.clientX, y: event.clientY, left: view.scrollLeft, top: view.scrollTop };
    view.setPointerCapture(event.pointerId);
    move(event);
  });
  const move = (event) => {
    if (!from) return;
    if (stage.clientWidth > view.clientWidth + 2) {
      view.scrollTo(from.left - event.clientX + from.x, from.top - event.clientY + from.y);
      return;
    }
    const box = stage.getBoundingClientRect();
    slider.value = String(Math.round((100 * (event.clientX - box.left)) / box.width));
    slider.dispatchEvent(new Event("input"));
  };
  view.addEventListener("pointermove", move);
  view.addEventListener("pointerup", () => { from = null; });
  view.addEventListener("pointercancel", () => { from = null; });
  for (const image of stage.querySelectorAll("img")) image.draggable = false;
}
