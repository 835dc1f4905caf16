// What this browser remembers of a visit: photographs, settings, answers. The files themselves stay on the server.

const KEY = "snellen";
const MOST_ANSWERS = 30;

const empty = { photographs: [], selected: "", allPhotographs: false, tab: "", model: "", second: "", learned: [], settings: {}, history: [] };

/** What was remembered; what cannot be read is forgotten. */
export function recall() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) || "{}");
    return { ...empty, ...found };
  } catch {
    return { ...empty };
  }
}

/** Remember; where there is no room, with fewer answers. */
export function remember(state) {
  const kept = {};
  for (const name of Object.keys(empty)) kept[name] = state[name];
  for (let most = MOST_ANSWERS; most >= 0; most -= 10) {
    kept.history = state.history.slice(0, most);
    try {
      localStorage.setItem(KEY, JSON.stringify(kept));
      return;
    } catch {
      continue;
    }
  }
}
