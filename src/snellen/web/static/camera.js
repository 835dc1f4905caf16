// A photograph by the camera of whoever visits.

import { h } from "./dom.js";

/** Opens the camera; `taken` is given each picture as a file. */
export async function camera(taken) {
  const video = h("video", { playsinline: true, muted: true });
  const said = h("p", { class: "help", role: "status" }, "Opening the camera");
  let stream = null;
  let number = 0;
  const dialog = h("dialog", { class: "camera", "aria-label": "Camera" }, video, said, h(
    "div", { class: "row" },
    h("button", { type: "button", class: "primary", onclick: () => {
      if (!video.videoWidth) return;
      const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      number += 1;
      const name = `camera-${number}.jpg`;
      canvas.toBlob((blob) => { taken(new File([blob], name, { type: "image/jpeg" })); said.textContent = `${number} taken`; }, "image/jpeg", 0.95);
    } }, "Take"),
    h("button", { type: "button", onclick: () => dialog.close() }, "Done"),
  ));
  dialog.addEventListener("close", () => {
    for (const track of stream ? stream.getTracks() : []) track.stop();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  try {
    if (!navigator.mediaDevices) throw new Error("a browser offers its camera to this machine's own page or over https only");
    stream = await navigator.mediaDevices.getUserMedia({ video: true });
    video.srcObject = stream;
    await video.play();
    said.textContent = "";
  } catch (error) {
    said.textContent = `No camera: ${error.message}`;
  }
}
