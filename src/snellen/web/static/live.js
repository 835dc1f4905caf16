// A transform whose strength is dragged: the newest question alone is answered, and stale answers are dropped.

import { h, percent, freshId } from "./dom.js";
import { post } from "./api.js";
import { bars } from "./blocks.js";

/** Asks about one strength after another; a new question takes the place of one that waits. */
export class Latest {
  constructor(ask, answered, failed) {
    Object.assign(this, { ask, answered, failed, running: null, next: null });
  }

  async put(question) {
    this.next = question;
    if (this.running) return;
    while (this.next !== null) {
      this.running = this.next;
      this.next = null;
      try {
        const answer = await this.ask(this.running);
        // Stale where another question has come meanwhile.
        if (this.next === null) this.answered(answer, this.running);
      } catch (error) {
        if (this.next === null) this.failed(error);
      }
    }
    this.running = null;
  }
}

/** The panel: `inputs` gives photograph and model as they are now, `taken` is given a picture that is to be kept. */
export function livePanel(page, inputs, taken) {
  const byName = Object.fromEntries(page.transforms.map((one) => [one.name, one]));
  const [nameId, strengthId] = [freshId("transform"), freshId("strength")];
  const name = h("select", { id: nameId }, ...page.transforms.map((one) => h("option", { value: one.name }, one.name)));
  const strength = h("input", { id: strengthId, type: "range", min: 0, max: 1, step: 0.01, value: 0 });
  const value = h("output", { for: strengthId }, "0");
  const about = h("p", { class: "help" });
  const picture = h("img", { alt: "", hidden: true });
  const seen = h("div", { class: "live-bars" });
  const said = h("p", { class: "error", role: "alert", hidden: true });
  const keep = h("button", { type: "button", disabled: true }, "Keep this picture");
  const latest = new Latest(
    (question) => post("api/live", question),
    (answer, question) => {
      picture.src = answer.picture;
      picture.alt = `The photograph under ${question.transform}: ${answer.bars.bars[0].label}, ${percent(answer.bars.bars[0].share)}`;
      picture.hidden = false;
      said.hidden = true;
      keep.disabled = question.strength === 0;
      seen.replaceChildren(bars(answer.bars));
      seen.dataset.strength = String(question.strength);
    },
    (error) => { said.textContent = error.message; said.hidden = false; },
  );
  // The strength itself: a slider stands at the nearest of its steps.
  let amount = 0;
  const ask = () => {
    const { photograph, model } = inputs();
    const chosen = byName[name.value];
    value.textContent = `${Number(amount.toPrecision(3))} ${chosen.unit}`;
    if (!photograph) return;
    latest.put({ photograph, model, transform: chosen.name, strength: amount });
  };
  const show = (transform, wanted) => {
    name.value = transform;
    amount = wanted;
    const chosen = byName[transform];
    strength.min = chosen.low;
    strength.max = chosen.high;
    strength.step = (chosen.high - chosen.low) / 100;
    strength.value = wanted;
    about.textContent = chosen.definition;
    ask();
  };
  name.addEventListener("change", () => show(name.value, 0));
  strength.addEventListener("input", () => { amount = Number(strength.value); ask(); });
  keep.addEventListener("click", async () => {
    const { photograph } = inputs();
    try {
      taken(await post("api/transformed", { photograph, transform: name.value, strength: amount }));
    } catch (error) {
      said.textContent = error.message;
      said.hidden = false;
    }
  });
  const element = h(
    "details", { class: "live" },
    h("summary", {}, "Drag one transform and watch the answer"),
    h(
      "div", { class: "live-body" },
      h("div", {},
        h("label", { for: nameId }, "Transform"), name, about,
        h("label", { for: strengthId }, "Strength"), strength, value,
        h("p", { class: "help" }, "On a copy of at most 512 pixels, so that it answers at once; the chart works at the size above."),
        h("div", { class: "row" }, keep), said),
      picture, seen,
    ),
  );
  element.addEventListener("toggle", () => { if (element.open) ask(); });
  show(page.transforms[2].name, 0);
  return { element, show: (transform, wanted) => { element.open = true; show(transform, wanted); }, refresh: () => { if (element.open) ask(); } };
}
