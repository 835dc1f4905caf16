// The controls of a tab, made of what the server says that it asks for.

import { h, freshId } from "./dom.js";
import { picker } from "./picker.js";
import { classesField } from "./classes.js";
import { previewOf } from "./api.js";

/** One control; `context` knows the model's names, the photographs, and is told of changes. */
export function control(field, value, context) {
  const id = freshId(field.name);
  const helpId = field.help ? `${id}-help` : undefined;
  const help = field.help ? h("p", { id: helpId, class: "help" }, field.help) : null;
  const changed = (given) => context.changed(field.name, given);
  const labelled = (...controls) => h("div", { class: "field", "data-field": field.name }, h("label", { for: id }, field.label), ...controls, help);

  if (field.kind === "number") {
    const slider = h("input", { type: "range", min: field.low, max: field.high, value, "aria-label": field.label, "aria-describedby": helpId });
    const box = h("input", { id, type: "number", min: field.low, max: field.high, value, "aria-describedby": helpId });
    slider.addEventListener("input", () => { box.value = slider.value; changed(Number(slider.value)); });
    box.addEventListener("input", () => { slider.value = box.value; changed(box.value === "" ? null : Number(box.value)); });
    return labelled(h("div", { class: "number-row" }, slider, box));
  }
  if (field.kind === "switch") {
    const box = h("input", { id, type: "checkbox", checked: value, "aria-describedby": helpId });
    box.addEventListener("change", () => changed(box.checked));
    return h("div", { class: "field switch", "data-field": field.name }, h("label", { for: id }, box, " ", field.label), help);
  }
  if (field.kind === "choice") {
    if (!field.options.length) return h("p", { class: "help", "data-field": field.name }, field.help);
    const select = h("select", { id, "aria-describedby": helpId }, ...field.options.map(([name, title]) => h("option", { value: name }, title)));
    select.value = value;
    select.addEventListener("change", () => changed(select.value));
    return labelled(select);
  }
  if (field.kind === "choices") {
    const chosen = new Set(value);
    const boxes = field.options.map(([name, title]) => {
      const box = h("input", { type: "checkbox", checked: chosen.has(name) });
      box.addEventListener("change", () => {
        if (box.checked) chosen.add(name);
        else chosen.delete(name);
        changed(field.options.map(([one]) => one).filter((one) => chosen.has(one)));
      });
      return h("label", { class: "inline" }, box, " ", title);
    });
    return h("fieldset", { class: "field", "data-field": field.name }, h("legend", {}, field.label), ...boxes, help);
  }
  if (field.kind === "classname" || field.kind === "layername") {
    const entries = () => (field.kind === "classname" ? context.classes() : context.layers().map((name) => [name, [], ""]));
    const { element, set } = picker({ id, value, entries, changed, describedBy: helpId });
    const shortcuts = [];
    if (field.kind === "classname") {
      const pick = (text, find) => h("button", { type: "button", class: "small", onclick: async () => { const found = await find(); if (found) set(found); } }, text);
      shortcuts.push(pick("Second most likely", context.second), pick("Random", () => {
        const names = context.classes();
        return names.length ? names[Math.floor(Math.random() * names.length)][0] : "";
      }));
    }
    return labelled(element, shortcuts.length ? h("div", { class: "row" }, ...shortcuts) : null);
  }
  if (field.kind === "photographfield") {
    const select = h("select", { id, "aria-describedby": helpId },
      h("option", { value: "" }, "none: it was not"),
      ...context.photographs().map((one) => h("option", { value: one.number }, one.name)));
    select.value = value;
    const shown = h("img", { class: "thumb", alt: "", hidden: !value });
    if (value) shown.src = previewOf(value);
    select.addEventListener("change", () => {
      shown.hidden = !select.value;
      if (select.value) shown.src = previewOf(select.value);
      changed(select.value);
    });
    return labelled(h("div", { class: "row" }, select, shown));
  }
  if (field.kind === "classesfield") return classesField(field, value, context, changed);
  const line = h("input", { id, type: "text", value, maxlength: field.most, "aria-describedby": helpId });
  line.addEventListener("input", () => changed(line.value));
  return labelled(line);
}
