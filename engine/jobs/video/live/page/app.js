// READ FIRST: builds every part of the page and connects them.
//
//   camera, file ─ source ─ JPEG ─► connection ─► server          flights: how many in flight
//   canvas ◄─ screen, playout (evenly) ◄─ connection ◄─ JPEG       controls ◄─► settings       figures ◄─ state

import { Connection } from "./connection.js";
import { Controls, say } from "./controls.js";
import { byId, make, write } from "./dom.js";
import { Figures } from "./figures.js";
import { Flights } from "./flights.js";
import { listenToKeys } from "./keyboard.js";
import { packed, PROTOCOL, REFERENCE, unpacked } from "./protocol.js";
import { recall, remember } from "./remembered.js";
import { Screen } from "./screen.js";
import { asReference, listCameras, mayHaveCamera, NO_CAMERA_HERE, Source } from "./source.js";

const MINE = "mine"; // value of ip_image: the picture that this page sent
const STATE_WORDS = { connecting: "connecting", connected: "connected", busy: "busy", gone: "server gone", asleep: "asleep", refused: "refused" };

const source = new Source(byId("source-video"), byId("source-image"), () => {
  closeSource();
  say("The camera was disconnected.");
});
const screen = new Screen(byId("result"));
const flights = new Flights();
const figures = new Figures(screen, flights);
const controls = new Controls(byId("controls"), ask, follow);
const connection = new Connection({ hello, settings, state: (now) => figures.take(now), lost, error: say, note: say, picture }, showState);

let index = 0;
let isGrabbing = false;
let grabbedAt = 0;
let model = ""; // the server's model; settings are stored per model
let isConnected = false;
let described = ""; // the controls shown on the page
let unanswered = {}; // changes made here that the server has not confirmed yet
let reference = null; // this browser's picture for the IP-Adapter, sent again after a reconnection

// -- messages from the server --------------------------------------------------------------------

function hello(told) {
  if (told.protocol !== PROTOCOL) {
    location.reload(); // the server was replaced by another version, with another page
    return;
  }
  write(byId("model"), `${told.model} on ${told.device}`);
  const before = controls.values;
  const here = model === told.model ? controls.changed(before) : {}; // for browsers without storage
  model = told.model;
  const now = told.settings.values;
  if (described !== JSON.stringify(told.controls)) controls.build(told.controls); // only if they differ, so that a text being typed is not lost
  described = JSON.stringify(told.controls);
  controls.show(now);
  flights.forget();
  screen.forget();
  if (reference && "ip_image" in now) {
    sendReference(); // this also selects it, even if it was deselected before
    unanswered = { ip_image: before.ip_image, ...unanswered };
  }
  const wanted = Object.entries({ ...recall(`settings of ${model}`, here), ...unanswered });
  const known = wanted.filter(([name, value]) => name in now && (value !== MINE || reference));
  const asked = known.filter(([name, value]) => name in unanswered || now[name] !== value);
  unanswered = {};
  if (asked.length) ask(Object.fromEntries(asked));
}

function settings({ values }) {
  unanswered = Object.fromEntries(Object.entries(unanswered).filter(([name, value]) => values[name] !== value));
  controls.show(values);
  // Store only changes made here: a server started with another prompt must show its own.
  remember(`settings of ${model}`, controls.changed(values));
}

function lost({ index: which, reason }) {
  flights.lost(which);
  say(reason);
}

function picture(buffer) {
  const answer = unpacked(buffer);
  if (!answer) return;
  const now = performance.now();
  flights.answered(answer.index, answer, now);
  if (!source.isOn) return; // it belongs to the stopped source
  figures.count("painted", now);
  screen.take(answer).catch(() => say("This browser cannot decode a picture from the server."));
}

function showState(state, line) {
  document.body.dataset.state = state;
  write(byId("state"), STATE_WORDS[state]);
  write(byId("banner"), line);
  byId("banner").hidden = line === "";
  isConnected = state === "connected";
  if (!isConnected) figures.clear();
  showRunning();
}

/** True if pictures are current; otherwise the last one is shown, without figures. */
function showRunning() {
  const isRunning = source.isOn && isConnected;
  screen.isOff = !isRunning;
  figures.isOff = !isRunning;
  document.body.classList.toggle("is-running", isRunning);
  write(byId("result-caption"), isRunning || !screen.hasPicture ? "painted" : "last picture");
  write(byId("result-empty"), source.isOn ? "The first picture is being painted …" : "Use a camera or choose a file: its pictures appear here, painted according to the prompt.");
}

// -- messages to the server ----------------------------------------------------------------------

function ask(values) {
  Object.assign(unanswered, values);
  connection.ask(values);
}

async function follow(file) {
  try {
    reference = await asReference(file);
  } catch (error) {
    say(error.message);
    return;
  }
  unanswered.ip_image = MINE;
  sendReference();
}

function sendReference() {
  const { jpeg, width, height } = reference;
  connection.send(packed({ kind: REFERENCE, index: 0, captured: performance.now(), width, height }, jpeg));
}

/** Sends a picture of the source if there is a new one, it is due, and neither network nor server is congested. */
async function grab(now) {
  const period = 1000 / byId("fps").valueAsNumber || 30;
  if (isGrabbing || screen.isFrozen || !source.isOn || !source.hasNew) return;
  if (connection.isAsleep) connection.start();
  if (!connection.hasRoom) return;
  if (now < grabbedAt + period - 4) return; // display refreshes come a little early or late
  if (!flights.hasRoom(now)) return;
  grabbedAt = Math.max(grabbedAt + period, now - period); // keeps the rate, without catching up
  isGrabbing = true;
  try {
    const grabbed = await source.grab(controls.values.side_px ?? 512, byId("mirror").checked, now);
    if (!grabbed || !connection.isOpen) return;
    index += 1;
    flights.sent(index, performance.now());
    connection.send(packed({ index, ...grabbed }, grabbed.jpeg));
    figures.count("sent", performance.now());
  } finally {
    isGrabbing = false;
  }
}

function grabOnAndOn(now) {
  requestAnimationFrame(grabOnAndOn);
  grab(now).catch((error) => say(`Cannot read a picture from the source: ${error.message}`));
}

// -- the source ---------------------------------------------------------------------------------

async function openCamera(id) {
  try {
    const opened = await source.openCamera(id);
    remember("camera", opened);
    await offerCameras(opened);
    showSource();
  } catch (error) {
    const reasons = {
      NotAllowedError: "Camera access was denied: allow it in the browser's address bar and try again.",
      NotFoundError: "No camera found: connect one, or choose a file.",
      NotReadableError: "The camera is in use by another program.",
      OverconstrainedError: "That camera is no longer available: choose another.",
    };
    say(reasons[error.name] ?? `The camera cannot be used: ${error.message}`);
  }
}

async function offerCameras(chosen) {
  const cameras = await listCameras();
  const list = byId("cameras");
  list.replaceChildren(make("option", { value: "" }, "default camera"), ...cameras.map(({ id, label }) => make("option", { value: id }, label)));
  list.value = cameras.some(({ id }) => id === chosen) ? chosen : "";
}

async function openFile(file) {
  try {
    await source.openFile(file);
  } catch (error) {
    say(error.message);
  }
  showSource();
}

function closeSource() {
  source.close();
  showSource();
}

function showSource() {
  document.body.classList.toggle("has-source", source.isOn);
  byId("stop").hidden = !source.isOn;
  byId("mirror").checked = source.isCamera && recall("mirror", true);
  byId("mirror-part").hidden = !source.isCamera;
  mirror();
  screen.forget();
  figures.clear();
  showRunning();
}

/** Gives the frame the proportions of its content. */
function shape(picture) {
  const [width, height] = [picture.videoWidth || picture.naturalWidth, picture.videoHeight || picture.naturalHeight];
  if (width && height) byId("source-frame").style.setProperty("--ratio", width / height);
}

function mirror() {
  byId("source-video").classList.toggle("is-mirrored", byId("mirror").checked);
}

// -- the view -----------------------------------------------------------------------------------

function setView(view) {
  document.body.dataset.view = view;
  for (const input of byId("views").querySelectorAll("input")) input.checked = input.value === view;
  remember("view", view);
}

function setControls(areShown) {
  document.body.classList.toggle("has-controls", areShown);
  byId("controls-toggle").setAttribute("aria-pressed", String(areShown));
  remember("controls", areShown);
}

function setFrozen(isFrozen) {
  screen.freeze(isFrozen);
  document.body.classList.toggle("is-frozen", isFrozen);
  byId("freeze").setAttribute("aria-pressed", String(isFrozen));
}

async function toggleFullScreen() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await byId("result-frame").requestFullscreen();
}

function toggleControls() {
  setControls(!document.body.classList.contains("has-controls"));
}

byId("use-camera").addEventListener("click", () => openCamera(byId("cameras").value));
byId("cameras").addEventListener("change", () => openCamera(byId("cameras").value));
byId("choose-file").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", () => {
  if (byId("file").files[0]) openFile(byId("file").files[0]);
  byId("file").value = ""; // so that choosing the same file again is an event
});
byId("stop").addEventListener("click", closeSource);
byId("mirror").addEventListener("change", () => {
  remember("mirror", byId("mirror").checked);
  mirror();
});
byId("fps").addEventListener("input", () => {
  write(byId("fps-value"), byId("fps").value);
  remember("fps", byId("fps").valueAsNumber);
});
byId("views").addEventListener("change", ({ target }) => setView(target.value));
byId("controls-toggle").addEventListener("click", toggleControls);
byId("freeze").addEventListener("click", () => setFrozen(!screen.isFrozen));
byId("full").addEventListener("click", toggleFullScreen);
byId("full").hidden = !document.fullscreenEnabled; // not available on an iPhone
byId("reset").addEventListener("click", () => controls.reset());
for (const event of ["dragover", "drop"]) {
  document.addEventListener(event, (dropped) => {
    dropped.preventDefault();
    const file = event === "drop" && dropped.dataTransfer.files[0];
    if (file) openFile(file);
  });
}
listenToKeys({ fullScreen: toggleFullScreen, freeze: () => setFrozen(!screen.isFrozen), controls: toggleControls });

byId("source-video").addEventListener("resize", () => shape(byId("source-video")));
byId("source-image").addEventListener("load", () => shape(byId("source-image")));

if (new URLSearchParams(location.search).has("token")) {
  history.replaceState(null, "", location.pathname); // hide the token from the address bar; a cookie has it now
}
setView(recall("view", "inset"));
setControls(recall("controls", true));
byId("fps").value = recall("fps", 30);
write(byId("fps-value"), byId("fps").value);
if (!mayHaveCamera()) {
  byId("use-camera").disabled = byId("cameras").disabled = true;
  write(byId("no-camera"), NO_CAMERA_HERE);
}
byId("no-camera").hidden = mayHaveCamera();
globalThis.multiverseLive = { record: screen.record, playout: screen.playout, flights }; // for measurements and tests
offerCameras(recall("camera", ""));
showSource();
showState("connecting", "");
requestAnimationFrame(grabOnAndOn);
connection.start();
