// The page: tabs with their questions, and the answers to them.

import { h, announce, duration } from "./dom.js";
import { get, post, follow, Refusal } from "./api.js";
import { recall, remember } from "./store.js";
import { control } from "./fields.js";
import { Card } from "./answers.js";
import { Side } from "./side.js";
import { livePanel } from "./live.js";
import { sketch } from "./sketch.js";

const FORECAST_PAUSE = 350;
const byId = (id) => document.getElementById(id);

class App {
  constructor(page, state) {
    Object.assign(this, { page, state, panels: {}, running: {}, models: {}, cards: {} });
    const names = page.tabs.map((tab) => tab.name);
    if (!names.includes(state.tab)) state.tab = names[0];
    this.openLink();
    this.side = new Side(byId("side"), page, state, {
      changed: () => this.changed(),
      modelChanged: () => { this.loadModel(); this.changed(); },
      recall: (entry) => this.recallAnswer(entry),
    });
    for (const tab of page.tabs) this.build(tab);
    this.show(state.tab);
    this.loadModel();
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.running[this.state.tab] && !event.defaultPrevented) this.cancel(this.tab);
    });
    for (const entry of [...state.history].reverse()) if (!this.cards[entry.tab]) this.recallAnswer(state.history.find((one) => one.tab === entry.tab), false);
    this.show(state.tab);
    window.addEventListener("hashchange", () => { if (this.openLink()) { this.side.drawModels(); for (const tab of page.tabs) this.drawFields(tab); this.show(state.tab); this.changed(); } });
  }

  get tab() { return this.page.tabs.find((tab) => tab.name === this.state.tab); }

  // Tabs

  build(tab) {
    const button = h("button", {
      type: "button", role: "tab", id: `tab-${tab.name}`, "aria-controls": `panel-${tab.name}`,
      onclick: () => this.show(tab.name), onkeydown: (event) => this.arrow(event, tab.name),
    }, tab.title);
    byId("tabs").append(button);
    const fields = h("div", { class: "fields" });
    const run = h("button", { type: "submit", class: "primary", id: `${tab.name}-run` }, tab.action);
    const cancel = h("button", { type: "button", id: `${tab.name}-cancel`, hidden: true, onclick: () => this.cancel(tab) }, "Cancel");
    const forecast = h("p", { class: "forecast", id: `${tab.name}-forecast` });
    const form = h("form", { novalidate: true }, fields, h("div", { class: "row run" }, run, cancel, forecast));
    form.addEventListener("submit", (event) => { event.preventDefault(); this.run(tab); });
    const panel = h("div", { role: "tabpanel", id: `panel-${tab.name}`, "aria-labelledby": button.id, hidden: true }, h("p", { class: "lead" }, tab.lead), form);
    const parts = { button, panel, fields, run, cancel, forecast, live: null };
    if (tab.name === "stress") {
      parts.live = livePanel(this.page, () => ({ photograph: this.state.selected, model: this.state.model }), (made) => this.side.add(made));
      panel.append(parts.live.element);
    }
    byId("panels").append(panel);
    this.panels[tab.name] = parts;
    this.drawFields(tab);
  }

  arrow(event, name) {
    const names = this.page.tabs.map((tab) => tab.name);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };
    let place = names.indexOf(name);
    if (event.key === "Home") place = 0;
    else if (event.key === "End") place = names.length - 1;
    else if (event.key in steps) place = (place + steps[event.key] + names.length) % names.length;
    else return;
    event.preventDefault();
    this.show(names[place]);
    this.panels[names[place]].button.focus();
  }

  show(name) {
    this.state.tab = name;
    for (const tab of this.page.tabs) {
      const { button, panel } = this.panels[tab.name];
      const chosen = tab.name === name;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
      panel.hidden = !chosen;
    }
    this.drawAnswers();
    this.forecastSoon();
    remember(this.state);
  }

  // Settings

  settings(tab) {
    const own = Object.fromEntries(tab.fields.map((field) => [field.name, field.value]));
    const given = this.state.settings[tab.name] || {};
    for (const name of Object.keys(own)) if (name in given) own[name] = given[name];
    return own;
  }

  drawFields(tab) {
    const context = {
      classes: () => (this.models[this.state.model] || { classes: [] }).classes,
      layers: () => (this.models[this.state.model] || { layers: [] }).layers,
      photographs: () => this.state.photographs,
      second: () => this.secondMostLikely(),
      upload: (file) => this.side.upload(file),
      changed: (name, value) => {
        this.state.settings[tab.name] = { ...this.settings(tab), [name]: value };
        this.changed(false);
      },
    };
    const settings = this.settings(tab);
    const controls = tab.fields.map((field) => control(field, settings[field.name], context));
    if (tab.most > 1 && this.state.photographs.length > 1) controls.unshift(this.everyPhotograph(tab));
    this.panels[tab.name].fields.replaceChildren(...controls);
  }

  everyPhotograph(tab) {
    const most = Math.min(this.state.photographs.length, tab.most);
    const box = h("input", { type: "checkbox", checked: this.state.allPhotographs });
    box.addEventListener("change", () => { this.state.allPhotographs = box.checked; this.changed(false); });
    return h("div", { class: "field switch" }, h("label", {}, box, ` All ${most} photographs on the page, not the chosen one alone`));
  }

  async secondMostLikely() {
    if (!this.state.selected) return "";
    try {
      const { bars } = await post("api/live", { photograph: this.state.selected, model: this.state.model, transform: "", strength: 0 });
      return bars.bars.length > 1 ? bars.bars[1].label : "";
    } catch (error) {
      announce(error.message);
      return "";
    }
  }

  async loadModel() {
    for (const name of [this.state.model, this.state.second]) {
      if (!name || this.models[name]) continue;
      try {
        this.models[name] = await get(`api/models/${encodeURIComponent(name)}`);
      } catch (error) {
        // A model that a visitor made is not kept for ever.
        this.state.learned = this.state.learned.filter((one) => one.name !== name);
        this.side.drawModels();
      }
    }
  }

  modelTitle(name) {
    const learned = this.state.learned.find((one) => one.name === name);
    return learned ? learned.title : name;
  }

  /** Inputs have changed: answers are of earlier ones now, and another forecast is due. */
  changed(redraw = true) {
    if (redraw) {
      const listing = (tab) => tab.most > 1 || tab.fields.some((field) => field.kind === "photographfield");
      for (const tab of this.page.tabs) if (listing(tab) && this.panels[tab.name]) this.drawFields(tab);
    }
    for (const cards of Object.values(this.cards)) for (const card of cards) card.markOld(!this.isOfNow(card));
    if (this.panels.stress && this.panels.stress.live) this.panels.stress.live.refresh();
    this.forecastSoon();
    remember(this.state);
  }

  question(tab, model = this.state.model) {
    const { state } = this;
    const chosen = tab.most > 1 ? this.several(tab) : state.selected ? [state.selected] : [];
    const hasPhotograph = !tab.fields.some((field) => field.kind === "classesfield");
    return { model, photographs: hasPhotograph ? chosen : [], settings: this.settings(tab) };
  }

  /** Of a tab that takes several: the chosen photograph, or all that were dropped, as many as it takes. */
  several(tab) {
    const numbers = this.state.photographs.map((one) => one.number);
    return this.state.allPhotographs ? numbers.slice(0, tab.most) : numbers.filter((one) => one === this.state.selected);
  }

  isOfNow(card) {
    const now = this.question(card.tab, card.asked.model);
    const models = card.tab.model ? [this.state.model, this.state.second] : [card.asked.model];
    return models.includes(card.asked.model)
      && JSON.stringify(now.photographs) === JSON.stringify(card.asked.photographs.map((one) => one.number))
      && JSON.stringify(now.settings) === JSON.stringify({ ...now.settings, ...card.asked.settings });
  }

  // Forecast

  forecastSoon() {
    clearTimeout(this.forecastTimer);
    this.forecastTimer = setTimeout(() => this.forecast(this.tab), FORECAST_PAUSE);
  }

  async forecast(tab) {
    const { forecast } = this.panels[tab.name];
    const question = this.question(tab);
    const nothing = !question.photographs.length && !tab.fields.some((field) => field.kind === "classesfield");
    const few = tab.fields.some((field) => field.kind === "classesfield") && Object.values(question.settings.classes).filter((some) => some.length > 1).length < 2;
    forecast.replaceChildren();
    forecast.classList.remove("refused");
    if (nothing || few || this.running[tab.name]) return;
    try {
      const said = await post(`api/forecast/${tab.name}`, question);
      if (this.running[tab.name] || this.tab !== tab) return;
      const memory = said.mebibytes > 1200 ? `, ${(said.mebibytes / 1024).toFixed(1)} GB of memory` : "";
      forecast.replaceChildren(`At most about ${duration(said.seconds)}${memory}.`);
      if (said.cheaper) {
        const { side, seconds } = said.cheaper;
        forecast.append(" ", h("button", { type: "button", class: "small", onclick: () => this.set(tab, "side", side) }, `At ${Number(side).toLocaleString("en")} pixels: ${duration(seconds)}`));
      }
    } catch (error) {
      // What the answer's place says already is not said twice.
      const said = (this.cards[tab.name] || []).some((card) => card.error === error.message);
      if (this.tab !== tab || said) return;
      forecast.classList.add("refused");
      forecast.textContent = error.message;
    }
  }

  set(tab, name, value) {
    this.state.settings[tab.name] = { ...this.settings(tab), [name]: value };
    this.drawFields(tab);
    this.changed(false);
  }

  // Answers

  actions() {
    return {
      modelTitle: (name) => this.modelTitle(name),
      letter: (transform, strength, photograph) => this.letter(transform, strength, photograph),
      go: (next, model) => this.go(next, model),
      link: (tab, asked) => this.link(tab, asked),
    };
  }

  card(tab, asked) { return new Card(tab, asked, this.actions()); }

  async run(tab) {
    if (this.running[tab.name]) return;
    const models = tab.model && this.state.second && this.state.second !== this.state.model ? [this.state.model, this.state.second] : [this.state.model];
    const run = { left: models.length, stops: [], jobs: [], cancelled: false };
    this.running[tab.name] = run;
    this.busy(tab, true);
    const photographs = (numbers) => numbers.map((number) => this.state.photographs.find((one) => one.number === number) || { number, name: "" });
    const cards = models.map((model) => {
      const question = this.question(tab, model);
      return this.card(tab, { ...question, photographs: photographs(question.photographs) });
    });
    for (const card of cards) card.waiting("Asking");
    this.cards[tab.name] = cards;
    this.drawAnswers();
    this.bringIntoSight();
    await Promise.all(cards.map((card) => this.ask(tab, card, run)));
  }

  /** The answer is seen while it comes: on a phone it lies below all that is asked. */
  bringIntoSight() {
    const answers = byId("answers");
    const low = answers.getBoundingClientRect().top > 0.6 * innerHeight;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (low) answers.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
  }

  async ask(tab, card, run) {
    const over = () => {
      run.left -= 1;
      if (run.left === 0 && this.running[tab.name] === run) {
        delete this.running[tab.name];
        this.busy(tab, false);
        this.forecastSoon();
      }
    };
    try {
      const { asked } = card;
      const said = await post(`api/jobs/${tab.name}`, { model: asked.model, photographs: asked.photographs.map((one) => one.number), settings: asked.settings });
      run.jobs.push(said.job);
      if (run.cancelled) { post(`api/jobs/${said.job}/cancel`).catch(() => {}); return; }
      card.asked = said.asked;
      let ended = false;
      run.stops.push(follow(said.job, (told) => {
        if (run.cancelled || ended) return;
        card.told(told);
        if (!["done", "failed", "cancelled"].includes(told.stage)) return;
        ended = true;
        if (told.stage === "done") this.answered(tab, card, told);
        over();
      }));
    } catch (error) {
      if (!run.cancelled) card.failed(error instanceof Refusal ? error.message : `Something went wrong on this page: ${error.message}`);
      over();
    }
  }

  answered(tab, card, said) {
    const { result } = said;
    announce(`${tab.title}: ${result.headline}`);
    if (result.model) {
      const title = `learned: ${Object.keys(card.asked.settings.classes || {}).join(", ")}`.slice(0, 80);
      this.state.learned = [{ name: result.model, title }, ...this.state.learned].slice(0, 8);
      this.side.drawModels();
    }
    const first = card.asked.photographs[0];
    const at = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    this.state.history.unshift({ tab: tab.name, title: tab.title, headline: result.headline, photograph: first ? first.name : "", at, said });
    this.state.history = this.state.history.slice(0, 30);
    this.side.drawHistory();
    card.markOld(!this.isOfNow(card));
    remember(this.state);
  }

  /** An answer that was given before, in the tab that gave it. */
  recallAnswer(entry, show = true) {
    const tab = this.page.tabs.find((one) => one.name === entry.tab);
    if (!tab || this.running[tab.name]) return;
    const card = this.card(tab, entry.said.asked);
    card.told(entry.said);
    card.markOld(!this.isOfNow(card));
    this.cards[tab.name] = [card];
    if (show) { this.show(tab.name); byId("answers").focus(); }
  }

  cancel(tab) {
    const run = this.running[tab.name];
    if (!run) return;
    run.cancelled = true;
    delete this.running[tab.name];
    for (const stop of run.stops) stop();
    for (const job of run.jobs) post(`api/jobs/${job}/cancel`).catch(() => {});
    for (const card of this.cards[tab.name]) if (!card.result) card.cancelled();
    this.busy(tab, false);
    this.panels[tab.name].run.focus();
    this.forecastSoon();
  }

  busy(tab, busy) {
    const { run, cancel, forecast } = this.panels[tab.name];
    run.disabled = busy;
    run.setAttribute("aria-busy", String(busy));
    run.classList.toggle("busy", busy);
    cancel.hidden = !busy;
    if (busy) forecast.replaceChildren();
  }

  drawAnswers() {
    const { tab } = this;
    const cards = this.cards[tab.name] || [];
    const answers = byId("answers");
    answers.classList.toggle("two", cards.length > 1);
    answers.replaceChildren(...(cards.length ? cards.map((card) => card.element) : [h("div", { class: "to-come" }, sketch(tab.name), h("p", {}, h("strong", {}, "Here will be: "), tab.empty))]));
  }

  // From one part to the next

  async go(next, model) {
    const tab = this.page.tabs.find((one) => one.name === next.tab);
    try {
      for (const number of [next.original, next.photograph]) {
        if (!number) continue;
        const photograph = await get(`api/photographs/${number}`);
        this.state.photographs = [photograph, ...this.state.photographs.filter((one) => one.number !== number)].slice(0, 24);
      }
    } catch (error) {
      announce(error.message);
      return;
    }
    this.state.selected = next.photograph;
    if (tab.fields.some((field) => field.name === "original")) this.state.settings[tab.name] = { ...this.settings(tab), original: next.original };
    if (next.another) {
      const others = this.page.models.filter((name) => name !== this.state.model);
      if (others.length) [this.state.model] = others;
      else this.state.second = "";
    }
    if (model) { this.state.model = model; if (tab.name === "attack") this.state.settings.attack = { ...this.settings(tab), target: "" }; }
    this.side.draw();
    this.side.drawModels();
    this.loadModel();
    this.drawFields(tab);
    this.show(tab.name);
    this.changed(false);
    this.run(tab);
  }

  letter(transform, strength, photograph) {
    const live = this.panels.stress.live;
    if (photograph && photograph !== this.state.selected && this.state.photographs.some((one) => one.number === photograph)) this.side.select(photograph);
    live.show(transform, strength);
    live.element.scrollIntoView({ block: "nearest" });
  }

  // Links

  link(tab, asked) {
    const plain = Object.fromEntries(Object.entries(asked.settings).filter(([, value]) => typeof value !== "object"));
    const query = new URLSearchParams({ model: asked.model, settings: JSON.stringify(plain) });
    return `${location.origin}${location.pathname}#${tab.name}?${query}`;
  }

  /** What a link says: the tab, the model, the settings. */
  openLink() {
    const [name, query] = location.hash.slice(1).split("?");
    const tab = this.page.tabs.find((one) => one.name === name);
    if (!tab) return false;
    this.state.tab = name;
    const given = new URLSearchParams(query || "");
    if (this.page.models.includes(given.get("model"))) this.state.model = given.get("model");
    try {
      const settings = JSON.parse(given.get("settings") || "{}");
      const known = Object.fromEntries(tab.fields.filter((field) => field.name in settings && typeof settings[field.name] === typeof field.value).map((field) => [field.name, settings[field.name]]));
      this.state.settings[name] = { ...this.settings(tab), ...known };
    } catch {
      return true;
    }
    return true;
  }
}

async function start() {
  const loading = byId("loading");
  const state = recall();
  const begun = performance.now();
  // What is being loaded is read out once; the seconds are for the eyes.
  const [stage, since] = [h("span"), h("span", { "aria-hidden": "true" })];
  loading.replaceChildren(stage, since);
  let page = null;
  while (!page) {
    try {
      const said = await get("api/started");
      if (stage.textContent !== said.text) stage.textContent = said.text;
      since.textContent = ` \u2026 (${Math.round((performance.now() - begun) / 1000)} s)`;
      if (said.ready) page = await get("api/page");
      else await new Promise((resolve) => setTimeout(resolve, 400));
    } catch (error) {
      if (stage.textContent !== error.message) stage.textContent = error.message;
      since.textContent = "";
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
  const present = await Promise.all(state.photographs.map((one) => get(`api/photographs/${one.number}`).catch(() => null)));
  state.photographs = present.filter(Boolean);
  if (!state.photographs.some((one) => one.number === state.selected)) state.selected = state.photographs.length ? state.photographs[0].number : "";
  loading.hidden = true;
  byId("page").hidden = false;
  new App(page, state);
}

start();
