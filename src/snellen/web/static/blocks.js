// A result's blocks as elements: one function for each kind.

import { h, percent, freshId } from "./dom.js";
import { fileOf } from "./api.js";
import { comparison } from "./compare.js";
import { curves } from "./curve.js";

const heading = (title) => (title ? h("h3", {}, title) : null);

/** Bars of shares, readable as a list. */
export function bars(block) {
  const rows = block.bars.map((bar, place) => {
    const fill = h("span", { class: place === 0 ? "fill first" : "fill" });
    fill.style.width = `${Math.max(0, Math.min(100, 100 * bar.share))}%`;
    return h(
      "li", {},
      h("span", { class: "label" }, bar.label),
      h("span", { class: "track", "aria-hidden": "true" }, fill),
      h("span", { class: "share" }, percent(bar.share)),
    );
  });
  return h("section", { class: "block" }, heading(block.title), h("ol", { class: "bars" }, ...rows));
}

function counts(block) {
  const rows = block.counts.map((one) =>
    h(
      "li", {},
      h("span", { class: "label" }, one.label),
      h("span", { class: "dots", "aria-hidden": "true" }, ...Array.from({ length: Math.min(one.of, 60) }, (_, place) => h("i", { class: place < one.count ? "on" : "" }))),
      h("span", { class: "share" }, `${one.count} of ${one.of}`),
    ));
  return h("section", { class: "block" }, heading(block.title), h("ul", { class: "counts" }, ...rows));
}

function figure(one, job) {
  const address = fileOf(job, one.file);
  const image = h("img", { src: address, alt: one.alt, loading: "lazy" });
  image.addEventListener("load", () => { if (image.naturalWidth < 300) image.classList.add("pixels"); });
  image.addEventListener("error", () => image.replaceWith(h("p", { class: "gone" }, "This picture is no longer here; answers are kept for an hour.")));
  return h("figure", {}, h("a", { href: address, target: "_blank", rel: "noopener" }, image), h("figcaption", {}, one.title));
}

const picture = (block, job) => h("section", { class: "block picture" }, figure(block, job));

function pictures(block, job) {
  const groups = new Map();
  for (const one of block.pictures) groups.set(one.group, [...(groups.get(one.group) || []), one]);
  const rows = [...groups].map(([group, members]) =>
    h("div", { class: "group" },
      group && groups.size > 1 ? h("h4", {}, group) : null,
      h("div", { class: members.length > 2 ? "pictures small" : "pictures" }, ...members.map((one) => figure(one, job)))));
  return h("section", { class: "block wide" }, heading(block.title), ...rows);
}

/** The chart is a table: a row for each transform, a letter for each strength, which opens that picture. */
function acuity(block, _job, chosen) {
  const most = Math.max(...block.lines.map((line) => line.letters.length));
  const rows = block.lines.map((line) =>
    h(
      "tr", {},
      h("th", { scope: "row" }, line.transform),
      ...Array.from({ length: most }, (_, place) => {
        const letter = line.letters[place];
        if (!letter) return h("td", { class: "none" });
        const said = `${letter.title}: ${letter.label}, ${percent(letter.share)}, ${letter.kept ? "kept" : "changed"}`;
        const button = h(
          "button", {
            type: "button", class: letter.kept ? "letter kept" : "letter lost", title: said, "aria-label": said,
            onclick: () => chosen(line.transform, letter.strength, block.photograph),
          },
          letter.kept ? "E" : "\u2715",
        );
        button.style.fontSize = `${1.25 - 0.08 * place}rem`;
        return h("td", {}, button);
      }),
    ));
  const all = block.lines.flatMap((line) => line.letters);
  const kept = all.filter((letter) => letter.kept).length;
  const aboutId = freshId("chart");
  return h(
    "section", { class: "block tall" },
    heading(block.title),
    h("p", { class: "help", id: aboutId }, `Mild on the left, strong on the right. ${kept} of ${all.length} letters are read (E); a cross is a changed answer. Press one to see that picture.`),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "The acuity chart; scrolls sideways" },
      h("table", { class: "acuity", "aria-label": block.title, "aria-describedby": aboutId },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "transform"), ...Array.from({ length: most }, (_, place) => h("th", { scope: "col" }, String(place + 1))))),
        h("tbody", {}, ...rows))),
  );
}

function table(block) {
  const numeric = block.columns.map((_, column) => block.rows.every((row) => row[column] === "" || !Number.isNaN(Number(row[column].replaceAll(",", "")))));
  const cell = (tag, text, column) => h(tag, { class: numeric[column] ? "number" : "" }, text);
  return h(
    "section", { class: "block" },
    heading(block.title),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": block.title },
      h("table", { class: "table" },
        h("thead", {}, h("tr", {}, ...block.columns.map((text, column) => cell("th", text, column)))),
        h("tbody", {}, ...block.rows.map((row) => h("tr", {}, ...row.map((text, column) => cell("td", text, column))))))),
  );
}

function text(block) {
  const paragraphs = block.paragraphs.flatMap((one) => one.split("\n\n"));
  return h("section", { class: paragraphs.length > 2 ? "block prose wide" : "block prose" }, heading(block.title), ...paragraphs.map((one) => h("p", {}, one)));
}

// A page of its own at an address of its own, so that its table of contents leads into itself; no script runs in it.
const page = (block, job) =>
  h("section", { class: "block wide" },
    h("iframe", { class: "document", title: block.title, sandbox: "allow-popups", src: fileOf(job, block.file) }));

const KINDS = { bars, counts, curves, picture, pictures, comparison, acuity, table, text, document: page };

/** One block as an element; `chosen` is told the letter that was pressed. */
export function block(one, job, chosen) {
  return KINDS[one.kind] ? KINDS[one.kind](one, job, chosen) : null;
}
