// An answer: headed by what it is of, its blocks, its files, what can be done next.

import { h, duration, announce, copy } from "./dom.js";
import { previewOf, fileOf, get } from "./api.js";
import { block } from "./blocks.js";

/** The inputs of an answer in one line. */
function settingsLine(tab, asked) {
  const said = tab.fields
    .filter((field) => field.name in asked.settings && !["classesfield", "photographfield"].includes(field.kind))
    .map((field) => {
      const value = asked.settings[field.name];
      if (value === "" || value === false) return null;
      if (value === true) return field.label.toLowerCase();
      const titles = Object.fromEntries(field.options || []);
      const said = [value].flat().map((one) => titles[one] || one);
      return `${field.label.toLowerCase()} ${said.join(", ")}`;
    });
  return said.filter(Boolean).join(" \u00b7 ");
}

/** What an answer is of. */
function head(tab, asked, modelTitle) {
  const [first, ...others] = asked.photographs;
  return h(
    "header", { class: "of" },
    first ? h("img", { class: "thumb", src: previewOf(first.number), alt: "" }) : null,
    h("p", {},
      h("strong", {}, `${tab.title}: ${first ? first.name : asked.settings.classes ? Object.keys(asked.settings.classes).join(", ") : ""}${others.length ? ` and ${others.length} more` : ""}`),
      tab.model ? h("span", { class: "by" }, modelTitle(asked.model)) : null,
      h("span", { class: "settings" }, settingsLine(tab, asked))),
  );
}

/** A card that shows a job from its first moment to its answer. */
export class Card {
  constructor(tab, asked, actions) {
    Object.assign(this, { tab, asked, actions, job: "", result: null, error: "" });
    this.body = h("div", { class: "body" });
    this.old = h("p", { class: "old", hidden: true }, "Of earlier inputs");
    this.element = h("article", { class: "answer", "data-tab": tab.name }, this.old, head(tab, asked, actions.modelTitle), this.body);
    this.bar = h("progress", { "aria-label": "How far the work is" });
    this.line = h("p", { class: "progress-line" });
    this.partial = h("div", { class: "blocks" });
  }

  /** Mark the answer as one of inputs that have changed since. */
  markOld(old) {
    this.old.hidden = !old;
    this.element.classList.toggle("is-old", old);
  }

  waiting(text) {
    this.bar.removeAttribute("value");
    this.line.textContent = text;
    this.body.replaceChildren(h("div", { class: "progress" }, this.line, this.bar), this.partial);
  }

  /** Where the job stands, as the server says. */
  told(said) {
    this.job = said.job;
    if (said.stage === "waiting") {
      const others = said.ahead === 1 ? "one job is" : `${said.ahead} jobs are`;
      this.waiting(said.ahead ? `In the queue: ${others} before this, about ${duration(said.wait)}; then ${duration(said.seconds)} for this.` : "Next in the queue");
    } else if (said.stage === "running") {
      if (!this.line.isConnected) this.waiting("");
      const count = said.total ? ` ${said.done} of ${said.total}` : "";
      this.line.textContent = `${said.text}${count}: ${said.elapsed} s so far, about ${duration(said.remaining)} more`;
      if (said.total) { this.bar.max = said.total; this.bar.value = said.done; } else this.bar.removeAttribute("value");
      if (said.blocks.length) this.draw(this.partial, said.blocks);
    } else if (said.stage === "done") {
      this.done(said.result, said.elapsed);
    } else if (said.stage === "failed") {
      this.failed(said.error);
    } else {
      this.cancelled();
    }
  }

  draw(into, blocks) {
    const text = JSON.stringify(blocks);
    if (this.drawn === text) return;
    this.drawn = text;
    into.replaceChildren(...blocks.map((one) => block(one, this.job, this.actions.letter)).filter(Boolean));
  }

  failed(message) {
    this.error = message;
    this.body.replaceChildren(h("p", { class: "error", role: "alert" }, message));
  }

  cancelled() {
    this.body.replaceChildren(h("p", { class: "cancelled" }, "Cancelled."));
    announce("Cancelled");
  }

  done(result, elapsed) {
    this.result = result;
    const blocks = h("div", { class: "blocks" });
    this.drawn = null;
    this.draw(blocks, result.blocks);
    this.body.replaceChildren(
      h("h2", { class: "headline" }, result.headline),
      ...this.onward(result),
      blocks,
      this.files(result, elapsed),
    );
  }

  onward(result) {
    if (!result.onward.length) return [];
    return [h("div", { class: "row onward" }, ...result.onward.map((next) => h("button", { type: "button", onclick: () => this.actions.go(next, result.model) }, next.label)))];
  }

  files(result, elapsed) {
    const numbers = result.files.find((name) => ["result.json", "evaluation.json"].includes(name));
    const took = elapsed ? h("span", { class: "help" }, `Took ${elapsed.toFixed(1)} s.`) : null;
    return h(
      "footer", { class: "files" },
      h("ul", {}, ...result.files.map((name) => h("li", {}, h("a", { href: fileOf(this.job, name, true), download: name }, name)))),
      h("div", { class: "row" },
        result.files.length > 1 ? h("a", { class: "button", href: `api/jobs/${this.job}/files.zip`, download: `snellen-${this.tab.name}.zip` }, "Download all") : null,
        numbers ? h("button", { type: "button", onclick: async () => copy(JSON.stringify(await get(fileOf(this.job, numbers)), null, 2), "Numbers") }, "Copy the numbers") : null,
        result.command ? h("button", { type: "button", title: result.command, onclick: () => copy(result.command, "Command") }, "Copy the command") : null,
        h("button", { type: "button", onclick: () => copy(this.actions.link(this.tab, this.asked), "Link") }, "Copy a link"),
        took),
      result.command ? h("pre", { class: "command", tabindex: 0, "aria-label": "The command that does the same" }, result.command) : null,
    );
  }
}

