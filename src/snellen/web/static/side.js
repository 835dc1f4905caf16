// The left side: photographs, model, earlier answers.

import { h, announce } from "./dom.js";
import { previewOf, inputOf, upload } from "./api.js";
import { camera } from "./camera.js";

/** Photographs come by dropping, choosing, pasting or the camera; what is refused is refused here and now. */
export class Side {
  constructor(root, page, state, actions) {
    Object.assign(this, { root, page, state, actions });
    this.error = h("p", { class: "error", role: "alert", hidden: true });
    this.busy = h("p", { class: "help", hidden: true });
    this.shown = h("img", { alt: "", hidden: true, class: "chosen" });
    this.about = h("p", { class: "help about" });
    this.strip = h("ul", { class: "strip", "aria-label": "Photographs" });
    this.seen = h("details", { class: "seen" }, h("summary", {}, "What the network sees"), h("img", { alt: "The photograph as the network sees it: resized and cropped" }));
    this.seen.addEventListener("toggle", () => this.drawSeen());
    const file = h("input", { type: "file", id: "photograph-file", multiple: true, class: "unseen", "aria-label": "Choose photographs" });
    file.addEventListener("change", () => { this.take([...file.files]); file.value = ""; });
    this.drop = h(
      "div", { class: "drop", id: "drop" },
      this.shown,
      h("p", { class: "row" },
        h("label", { class: "button", for: "photograph-file" }, "Choose photographs"), file,
        h("button", { type: "button", onclick: () => camera((one) => this.take([one])) }, "Camera")),
      h("p", { class: "help" }, `Drop or paste them too; up to ${page.limits.pixels / 1e6} megapixels each.`),
    );
    this.examples = h("ul", { class: "strip examples", "aria-label": "Examples" }, ...page.examples.map((one) => this.thumb(one, () => this.add(one))));
    this.models = h("div", { class: "models" });
    this.history = h("ol", { class: "history" });
    this.historyBox = h("details", { class: "history-box" }, h("summary", {}, "Earlier answers"), this.history);
    root.append(h("h2", { class: "unseen" }, "Photograph"), this.drop, this.error, this.busy, this.about, this.strip, h("p", { class: "label" }, "Or one of these"), this.examples, this.seen, this.models, this.historyBox);
    this.listen();
    this.draw();
    this.drawModels();
    this.drawHistory();
  }

  listen() {
    let over = 0;
    document.addEventListener("dragenter", (event) => { event.preventDefault(); over += 1; this.drop.classList.add("over"); });
    document.addEventListener("dragleave", () => { over -= 1; if (over <= 0) this.drop.classList.remove("over"); });
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      over = 0;
      this.drop.classList.remove("over");
      if (event.dataTransfer.files.length) this.take([...event.dataTransfer.files]);
    });
    document.addEventListener("paste", (event) => {
      const files = [...event.clipboardData.files];
      if (files.length) { event.preventDefault(); this.take(files); }
    });
  }

  /** Give the server some files; each is taken or refused by name. */
  async take(files) {
    this.error.hidden = true;
    const refused = [];
    for (const [number, file] of files.entries()) {
      this.busy.textContent = `Sending ${file.name}${files.length > 1 ? ` (${number + 1} of ${files.length})` : ""}`;
      this.busy.hidden = false;
      try {
        this.add(await this.upload(file));
      } catch (error) {
        refused.push(error.message);
      }
    }
    this.busy.hidden = true;
    if (refused.length) {
      this.error.textContent = refused.join(" \u2014 ");
      this.error.hidden = false;
    }
  }

  /** One file; a size that cannot be is not even sent. */
  async upload(file) {
    const most = this.page.limits.upload_bytes;
    if (file.size > most) throw new Error(`${file.name}: larger than ${Math.floor(most / (1 << 20))} MiB`);
    return upload(file, file.name || "pasted.png");
  }

  add(photograph) {
    const { state } = this;
    state.photographs = [photograph, ...state.photographs.filter((one) => one.number !== photograph.number)].slice(0, 24);
    this.select(photograph.number);
    announce(`${photograph.name} is here`);
  }

  select(number) {
    this.state.selected = number;
    this.error.hidden = true;
    this.draw();
    this.actions.changed();
  }

  remove(number) {
    const { state } = this;
    state.photographs = state.photographs.filter((one) => one.number !== number);
    if (state.selected === number) state.selected = state.photographs.length ? state.photographs[0].number : "";
    this.draw();
    this.actions.changed();
  }

  get selected() {
    return this.state.photographs.find((one) => one.number === this.state.selected) || null;
  }

  thumb(one, pressed) {
    const chosen = one.number === this.state.selected;
    const image = h("img", { src: previewOf(one.number), alt: "" });
    return h("li", {}, h("button", { type: "button", class: "thumb-button", title: one.name, "aria-label": one.name, "aria-pressed": String(chosen), onclick: pressed }, image));
  }

  draw() {
    const one = this.selected;
    this.drop.classList.toggle("empty", !one);
    this.shown.hidden = !one;
    if (one) {
      this.shown.src = previewOf(one.number);
      this.shown.alt = `The photograph: ${one.name}`;
    }
    this.about.replaceChildren(...(one ? [`${one.name}, ${one.width.toLocaleString("en")} \u00d7 ${one.height.toLocaleString("en")} pixels `, h("button", { type: "button", class: "small", onclick: () => this.remove(one.number) }, "Remove")] : []));
    this.strip.replaceChildren(...(this.state.photographs.length > 1 ? this.state.photographs.map((each) => this.thumb(each, () => this.select(each.number))) : []));
    this.strip.hidden = this.state.photographs.length < 2;
    for (const [place, item] of [...this.examples.children].entries()) {
      item.firstChild.setAttribute("aria-pressed", String(this.page.examples[place].number === this.state.selected));
    }
    this.drawSeen();
  }

  drawSeen() {
    const one = this.selected;
    this.seen.hidden = !one;
    if (one && this.seen.open) this.seen.querySelector("img").src = inputOf(one.number, this.state.model);
  }

  drawModels() {
    const { state, page } = this;
    const names = [...page.models.map((name) => [name, name]), ...state.learned.map((one) => [one.name, one.title])];
    if (!names.some(([name]) => name === state.model)) state.model = page.models[0];
    if (!names.some(([name]) => name === state.second)) state.second = "";
    const select = (id, label, options, value, told) => {
      const box = h("select", { id }, ...options.map(([name, title]) => h("option", { value: name }, title)));
      box.value = value;
      box.addEventListener("change", () => { told(box.value); this.drawSeen(); this.actions.modelChanged(); });
      return h("div", { class: "field" }, h("label", { for: id }, label), box);
    };
    this.models.replaceChildren(
      select("model", "Model", names, state.model, (name) => { state.model = name; }),
      names.length > 1 ? select("second", "Beside it", [["", "no other"], ...names], state.second, (name) => { state.second = name; }) : "",
    );
  }

  drawHistory() {
    const { state } = this;
    this.historyBox.hidden = !state.history.length;
    this.history.replaceChildren(...state.history.map((entry) =>
      h("li", {}, h("button", { type: "button", onclick: () => this.actions.recall(entry) },
        h("strong", {}, entry.title), ` ${entry.headline}`,
        h("small", {}, [entry.photograph, entry.at].filter(Boolean).join(" \u00b7 "))))));
  }
}

