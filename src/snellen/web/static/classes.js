// Classes of one's own: a card for each, with photographs that are dropped, chosen, or taken by the camera.

import { h, freshId } from "./dom.js";
import { previewOf } from "./api.js";
import { camera } from "./camera.js";

/** The field: its value maps each class's name to its photographs. */
export function classesField(field, value, context, changed) {
  let cards = Object.entries(value).map(([name, photographs]) => ({ name, photographs: [...photographs] }));
  while (cards.length < 2) cards.push({ name: `class ${cards.length + 1}`, photographs: [] });
  const grid = h("div", { class: "classes" });
  const said = h("p", { class: "error", role: "alert", hidden: true });
  const tell = () => changed(Object.fromEntries(cards.map((card) => [card.name, card.photographs])));

  const take = async (card, files) => {
    said.hidden = true;
    for (const file of files) {
      try {
        const photograph = await context.upload(file);
        if (!card.photographs.includes(photograph.number)) card.photographs.push(photograph.number);
      } catch (error) {
        said.textContent = error.message;
        said.hidden = false;
      }
    }
    tell();
    draw();
  };

  const draw = () => {
    grid.replaceChildren(
      ...cards.map((card, place) => {
        const [nameId, fileId] = [freshId("class"), freshId("pictures")];
        const name = h("input", { id: nameId, type: "text", value: card.name, maxlength: 60 });
        name.addEventListener("input", () => { card.name = name.value; tell(); });
        const files = h("input", { id: fileId, type: "file", multiple: true, class: "unseen", "aria-label": `Photographs of ${card.name}` });
        files.addEventListener("change", () => take(card, [...files.files]));
        const element = h(
          "div", { class: "class-card", "data-class": String(place) },
          h("label", { for: nameId }, `Class ${place + 1}`), name,
          h("div", { class: "thumbs" }, ...card.photographs.map((number, which) => h("button", {
            type: "button", class: "thumb-button", title: "Take it away", "aria-label": `Photograph ${which + 1} of ${card.name}: take it away`,
            onclick: () => { card.photographs.splice(which, 1); tell(); draw(); },
          }, h("img", { src: previewOf(number), alt: "" })))),
          h("div", { class: "row" },
            h("label", { class: "button", for: fileId }, "Add photographs"), files,
            h("button", { type: "button", class: "small", onclick: () => camera((file) => take(card, [file])) }, "Camera"),
            cards.length > 2 ? h("button", { type: "button", class: "small", onclick: () => { cards.splice(place, 1); tell(); draw(); } }, "Remove") : null),
        );
        element.addEventListener("dragover", (event) => { event.preventDefault(); event.stopPropagation(); });
        element.addEventListener("drop", (event) => { event.preventDefault(); event.stopPropagation(); take(card, [...event.dataTransfer.files]); });
        return element;
      }),
    );
  };
  draw();
  const more = h("button", {
    type: "button",
    onclick: () => {
      if (cards.length >= field.most_classes) return;
      cards.push({ name: `class ${cards.length + 1}`, photographs: [] });
      tell();
      draw();
    },
  }, "Another class");
  return h("div", { class: "field", "data-field": field.name }, grid, h("div", { class: "row" }, more), said, h("p", { class: "help" }, "Two photographs of each class or more, ten are better. Drop them on a card."));
}
