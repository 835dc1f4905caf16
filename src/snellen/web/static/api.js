// What the page asks its server. All addresses are relative: a proxy may offer the page below any path.

/** What the server refused, in one sentence. */
export class Refusal extends Error {}

async function answered(response) {
  const text = await response.text();
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(response.ok ? "the answer cannot be read" : `the page answered ${response.status}`);
  }
  if (!response.ok) throw new Refusal(value.error || `the page answered ${response.status}`);
  return value;
}

async function request(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("the page does not answer; is it still being served?");
  }
  return answered(response);
}

export const get = (address) => request(address);

export const post = (address, body = {}, signal = undefined) =>
  request(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });

/** Give the server a photograph; what it refuses it refuses now. */
export const upload = (file, name) =>
  request(`api/photographs?name=${encodeURIComponent(name)}`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: file,
  });

export const previewOf = (number) => `api/photographs/${number}/preview`;
export const inputOf = (number, model) => `api/photographs/${number}/input?model=${encodeURIComponent(model)}`;
export const fileOf = (job, name, download = false) =>
  `api/jobs/${job}/files/${encodeURIComponent(name)}${download ? "?download" : ""}`;

/** Follow a job until it is over; gives a function that stops following. */
export function follow(job, told) {
  const source = new EventSource(`api/jobs/${job}/events`);
  source.onmessage = (event) => {
    const said = JSON.parse(event.data);
    if (["done", "failed", "cancelled"].includes(said.stage)) source.close();
    told(said);
  };
  source.onerror = async () => {
    // A browser tries again by itself while the connection alone was lost.
    if (source.readyState !== EventSource.CLOSED) return;
    try {
      told(await get(`api/jobs/${job}`));
    } catch (error) {
      told({ job, stage: "failed", error: error.message });
    }
  };
  return () => source.close();
}
