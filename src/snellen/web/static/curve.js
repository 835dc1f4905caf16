// Curves as a figure: drawn in the page's own colours, and read out point by point.

import { h, percent, freshId } from "./dom.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [420, 230, 52, 14, 12, 40];

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The block `curves`: shares over a quantity whose values are doubled from step to step. */
export function curves(block) {
  const all = block.curves.flatMap((curve) => curve.points.map((point) => point.x));
  const ticks = [...new Set(all)].sort((one, other) => one - other);
  const [low, high] = [Math.log2(ticks[0]), Math.log2(ticks[ticks.length - 1])];
  const across = (x) => LEFT + (WIDTH - LEFT - RIGHT) * (high > low ? (Math.log2(x) - low) / (high - low) : 0.5);
  const up = (share) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share;
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: up(share), y2: up(share), class: "grid" }),
    svg("text", { x: LEFT - 6, y: up(share) + 4, "text-anchor": "end" }, `${100 * share}\u00a0%`),
  ]);
  const below = ticks.map((x) => svg("text", { x: across(x), y: HEIGHT - BOTTOM + 17, "text-anchor": "middle" }, String(x)));
  const lines = block.curves.map((curve, place) => svg(
    "g", { class: `curve c${place}` },
    svg("polyline", { points: curve.points.map((point) => `${across(point.x)},${up(point.share)}`).join(" ") }),
    ...curve.points.map((point) => svg("circle", { cx: across(point.x), cy: up(point.share), r: 4.5, class: point.met ? "met" : "" }, svg("title", {}, `${point.x}: ${point.label}, ${percent(point.share)}`))),
  ));
  const said = block.curves.map((curve) => `${curve.name}: ${curve.points.map((point) => `${percent(point.share)} at ${point.x}`).join(", ")}`).join("; ");
  const titleId = freshId("curves");
  return h(
    "figure", { class: "block curves" },
    h("h3", { id: titleId }, block.title),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${block.title}. ${said}` }, ...grid, ...below,
      svg("text", { x: (WIDTH + LEFT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, block.across), ...lines),
    h("ul", { class: "key" }, ...block.curves.map((curve, place) => h("li", { class: `c${place}` }, curve.name))),
    h("figcaption", {}, block.help),
  );
}
