// What an answer will look like, roughly drawn: shown until there is one.

const NAMESPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [280, 96];

const box = (x, y, width, height, shade = 0.25) => ["rect", { x, y, width, height, rx: 2, opacity: shade }];
const dot = (cx, cy, shade) => ["circle", { cx, cy, r: 4, opacity: shade }];
const letter = (x, y, size, shade) => ["text", { x, y, "font-size": size, "font-weight": 700, "font-family": "Georgia, serif", opacity: shade }, "E"];
/** What `make` gives for each place: one shape, or several. */
const each = (count, make) => Array.from({ length: count }, (_, place) => make(place)).flatMap((made) => (typeof made[0] === "string" ? [made] : made));

const bars = () => each(4, (row) => [box(0, 6 + 22 * row, 60, 10), box(72, 6 + 22 * row, [150, 60, 28, 14][row], 10, row ? 0.35 : 0.7)]);
const SKETCHES = {
  classify: () => [...bars(), box(244, 6, 36, 76, 0.15)],
  probe: bars,
  features: () => [box(0, 4, 100, 84, 0.15), ["circle", { cx: 50, cy: 44, r: 24, opacity: 0.5 }], ...each(15, (place) => box(116 + 32 * (place % 5), 4 + 29 * Math.floor(place / 5), 26, 24, 0.2 + 0.1 * (place % 4)))],
  attack: () => [box(0, 4, 70, 84, 0.2), box(74, 4, 70, 84, 0.45), box(71, 0, 2, 92, 0.9), ...each(3, (row) => [box(160, 14 + 24 * row, 40, 10), box(206, 14 + 24 * row, [70, 66, 18][row], 10, row === 1 ? 0.7 : 0.35)])],
  stress: () => each(4, (row) => [box(0, 8 + 24 * row, 50, 8), ...each(8, (place) => letter(66 + 27 * place, 18 + 24 * row, 20 - 1.5 * place, place > 7 - row ? 0.2 : 0.7))]),
  evaluate: () => each(2, (row) => [box(0, 12 + 26 * row, 50, 10), ...each(16, (place) => dot(70 + 13 * place, 17 + 26 * row, place < [11, 14][row] ? 0.7 : 0.2))]),
  learn: () => each(2, (card) => [box(146 * card, 4, 134, 84, 0.12), box(10 + 146 * card, 14, 70, 10, 0.35), ...each(4, (place) => box(10 + 146 * card + 30 * place, 40, 24, 24, 0.3 + 0.2 * card))]),
  report: () => [box(0, 0, 70, 94, 0.12), box(8, 8, 40, 7, 0.6), ...each(4, (row) => box(8, 24 + 9 * row, 54, 3)), box(8, 64, 54, 22, 0.35), ...each(5, (row) => box(90, 6 + 14 * row, [120, 90, 100, 70, 110][row], 4))],
};

/** A drawing for a tab, for the eyes alone; nothing where there is none. */
export function sketch(name) {
  if (!SKETCHES[name]) return null;
  const element = (tag, attributes, text = "") => {
    const made = document.createElementNS(NAMESPACE, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const drawing = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "sketch", "aria-hidden": "true", fill: "currentColor" });
  drawing.append(...SKETCHES[name]().map((shape) => element(...shape)));
  return drawing;
}
