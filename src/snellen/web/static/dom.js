// Elements made of data. Whatever a name or a label holds is written as text: no markup is ever read.

/** An element: attributes by name, listeners as `onclick`, properties such as `value` set as they are. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A share as a label writes it: `76.9%`; what is all but nothing is not called nothing. */
export function percent(share) {
  const value = 100 * share;
  if (value > 0 && value < 0.05) return "<\u00a00.1%";
  if (value < 100 && value >= 99.95) return ">\u00a099.9%";
  return `${value.toFixed(1)}%`;
}

/** Seconds as a person says them. */
export function duration(seconds) {
  if (seconds < 1.5) return "a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

/** Say something to those who listen to the page. */
export function announce(text) {
  document.getElementById("announce").textContent = text;
}

let numbered = 0;
/** A name for an element that another one refers to. */
export function freshId(stem) {
  numbered += 1;
  return `${stem}-${numbered}`;
}

/** Copy text, also where the page is not served over an encrypted connection. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { value: text, class: "unseen" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  announce(`${what} copied`);
}
