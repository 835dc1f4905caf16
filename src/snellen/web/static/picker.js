// A name out of many, found as one types: a combobox as the ARIA practices describe it.

import { h, freshId } from "./dom.js";

const MOST = 12;

/** Entries [label, synonyms, id] that fit, the best first: whole words before beginnings before parts. */
export function search(entries, typed) {
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return entries.slice(0, MOST);
  const words = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  const quality = ([label, others, id]) => {
    let best = 9;
    [label, ...others, id].forEach((text, place) => {
      if (!text) return;
      const lower = text.toLowerCase();
      const own = place === 0 ? 0 : 0.5;
      if (lower === wanted) best = Math.min(best, own);
      else if (words(text).includes(wanted)) best = Math.min(best, 1 + own);
      else if (words(text).some((word) => word.startsWith(wanted))) best = Math.min(best, 3 + own);
      else if (lower.includes(wanted)) best = Math.min(best, 5 + own);
    });
    return best;
  };
  return entries
    .map((entry) => [quality(entry), entry])
    .filter(([found]) => found < 9)
    .sort((one, other) => one[0] - other[0])
    .slice(0, MOST)
    .map(([, entry]) => entry);
}

/** The field: `entries` is a function, since another model has other names. */
export function picker({ id, value, entries, changed, describedBy }) {
  const listId = freshId("list");
  let shown = [];
  let active = -1;
  const list = h("ul", { id: listId, role: "listbox", class: "options", "aria-label": "Names that fit", hidden: true });
  const input = h("input", {
    id, value, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", maxlength: 100,
    "aria-expanded": "false", "aria-controls": listId, "aria-autocomplete": "list", "aria-describedby": describedBy,
  });
  const close = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const choose = (label) => {
    input.value = label;
    changed(label);
    close();
  };
  const mark = (number) => {
    active = number;
    [...list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === number)));
    const option = list.children[number];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }
  };
  const open = () => {
    shown = search(entries(), input.value);
    list.replaceChildren(
      ...shown.map(([label, others, wordnet], place) => {
        const more = others.filter((other) => other !== label).join(", ");
        return h(
          "li",
          {
            id: `${listId}-${place}`, role: "option", "aria-selected": "false",
            onpointerdown: (event) => { event.preventDefault(); choose(label); },
          },
          h("span", {}, label),
          more || wordnet ? h("small", {}, [more, wordnet].filter(Boolean).join(" \u00b7 ")) : null,
        );
      }),
    );
    list.hidden = shown.length === 0;
    active = -1;
    input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-expanded", String(!list.hidden));
  };
  input.addEventListener("input", () => { changed(input.value); open(); });
  input.addEventListener("click", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) open();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (shown.length) mark((active + step + shown.length) % shown.length);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      choose(shown[active][0]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      close();
    }
  });
  return { element: h("div", { class: "picker" }, input, list), set: choose };
}
