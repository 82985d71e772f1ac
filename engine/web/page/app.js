// READ FIRST: builds every part of the page and connects them.
//
//   engine ─ tree ─► schema ─► values ─► controls, master
//          ◄─ OSC ─► connection ─► values; presets, pads, cues, mapping, choices, shaders (commands and answers); toasts
//          ─ /live ─► meters, beat, strip, status, monitor        ─ /preview ─► preview, mixer

import { Beat, Quantise } from "./beat.js";
import { makeCamera } from "./camera.js";
import { makeChoices } from "./choosing.js";
import { Connection } from "./connection.js";
import { CueDrawer } from "./cue_drawer.js";
import { Cues } from "./cues.js";
import { byId, make, write } from "./dom.js";
import { listenToKeys } from "./keyboard.js";
import { Live } from "./live.js";
import { MacroFaders } from "./macros.js";
import { Mapping } from "./mapping.js";
import { Master } from "./master.js";
import { Meters } from "./meters.js";
import { Mixer } from "./mixer.js";
import { Modulation } from "./modulation.js";
import { Monitor } from "./monitor.js";
import { Hands, Pads } from "./pads.js";
import { Lock, placePicture } from "./perform.js";
import { PresetPictures } from "./preset_pictures.js";
import { Presets } from "./presets.js";
import { Preview } from "./preview.js";
import { readSchema } from "./schema.js";
import { Sections } from "./sections.js";
import { Shaders } from "./shaders.js";
import { Status } from "./status.js";
import { Strip } from "./strip.js";
import { Tabs } from "./tabs.js";
import { toast } from "./toast.js";
import { Transport } from "./transport.js";
import { Undo } from "./undo.js";
import { Values } from "./values.js";
import { Voice } from "./voice.js";

const STATE_LABELS = { waiting: "connecting", connected: "connected", gone: "disconnected", refused: "access denied", outdated: "reload" };

let schema = null; // the schema that the page was built from; null before, and if building failed

const connection = new Connection(takeTree, showState);
const values = new Values(connection);
const live = new Live();
const preview = new Preview();
const meters = new Meters(byId("meters"));
const beat = new Beat(byId("strip-beat"), values, connection);
const quantise = new Quantise(values);
const strip = new Strip();
const status = new Status(connection);
const monitor = new Monitor(live);
const master = new Master(connection, values, (isBlack) => preview.showBlackout(isBlack));
const pictures = new PresetPictures();
const pads = new Pads(connection, values, pictures);
const mixer = new Mixer(connection, values, pictures);
const macros = new MacroFaders(values);
const cues = new Cues(connection, (now, next, hasStarted) => {
  drawer.show(now, next);
  if (hasStarted) drawer.started(now);
});
const drawer = new CueDrawer(cues, pictures);
const presets = new Presets(connection, pictures, {
  names: (names) => cues.offer(names),
  look(name, isEdited) {
    strip.showLook(name, isEdited);
    pads.showLook(name);
    cues.showLook(name);
  },
  prepared(name) {
    mixer.show(name);
    pads.showPrepared(name);
  },
  add: (name) => pads.add(name),
});
new Hands(values, master);
const undo = new Undo(connection);
const lock = new Lock();
beat.watchQueue((waiting) => pads.showQueue(waiting));
const mapping = new Mapping(connection);
const modulation = new Modulation(connection, values, live, mapping);
const choices = [makeCamera(connection, values), ...makeChoices(connection, values)];
const transport = new Transport(connection);
const sections = new Sections({
  root: byId("areas"),
  search: byId("search"),
  matchCount: byId("found"),
  jumps: byId("jumps"),
  values,
  copyLayer: (from, to) => connection.command("/layer/copy", "ii", [from, to]),
});
const voice = new Voice();
const shaders = new Shaders(connection, values, sections, (entries) => mixer.offerTransitions(entries));
const placed = (name) => placePicture(name === "perform");
const tabs = new Tabs(placed, (name) => {
  preview.beProgram(name === "perform");
  mixer.look(name === "perform");
  monitor.show(name === "monitor");
  status.look(name === "status");
  if (name === "cues") cues.scrollToCurrent();
});

/** Handles a tree from the engine. The page is rebuilt only if a restarted engine has a different one. */
function takeTree(tree) {
  const fresh = readSchema(tree);
  const isNew = fresh.signature !== schema?.signature;
  values.load(fresh.params);
  if (!isNew) return;
  schema = null;
  values.forget();
  sections.build(fresh);
  master.load(fresh.params);
  beat.load(fresh.params);
  quantise.load(fresh.params);
  mixer.load(fresh.params);
  macros.load(fresh.params);
  pads.load(fresh.params);
  byId("perform-panel").dataset.exists = String(fresh.commands.has("/bank/list"));
  status.load(fresh);
  presets.load(fresh.commands);
  cues.load(fresh.commands);
  mapping.load(fresh.commands);
  modulation.load(fresh.params);
  for (const part of [...choices, transport]) part.load(fresh.commands);
  shaders.load(fresh.commands);
  voice.load();
  byId("addresses").replaceChildren(...[...fresh.params.keys()].map((address) => make("option", { value: address })));
  tabs.refresh();
  schema = fresh;
}

function showState(state, line) {
  document.body.dataset.state = state;
  write(byId("state"), STATE_LABELS[state]);
  write(byId("banner-line"), line);
  byId("banner").hidden = line === "";
  byId("reload").hidden = state !== "outdated";
  const isConnected = state === "connected";
  preview.want(isConnected);
  mixer.connected(isConnected);
  live.want(isConnected && !document.hidden);
  if (isConnected) {
    if (schema.commands.has("/bank/list")) pads.connected();
    beat.connected(schema.commands.has("/launch/list"));
    presets.connected();
    cues.connected(schema.commands.has("/cue/list"));
    mapping.connected(schema.commands.has("/map/list"));
    for (const choice of choices) choice.connected(schema.commands);
    shaders.connected();
  } else {
    meters.clear();
    values.showMoved({});
    beat.clear();
    strip.clear();
    status.clear();
  }
}

connection.on("/fail", ({ args: [command, reason] }) => {
  if (reason.startsWith("superseded") || reason === "taken back") return; // by the performer: not a failure
  if (command.endsWith("/list") || command === "/map/heard") return; // its list retries, and reports a final failure
  if (command === "/map/learn" && reason === "cancelled") toast("Learning cancelled; nothing was mapped");
  else toast(`${command}: ${reason}`, "fail");
});
connection.on("", (message) => values.receive(message));
live.on("levels", (levels) => meters.show(levels));
live.on("beat", (now, { fade = null }) => {
  beat.show(now);
  strip.showFade(fade);
  drawer.showBeat({ ...now, beatsABar: beat.beatsABar }, fade);
});
live.on("waiting", (waiting) => macros.showWaiting(waiting));
live.on("status", (now) => {
  status.show(now);
  beat.showAutopilot(now.autopilot_waits_s);
  strip.show(now);
  cues.showTimecode(now.timecode);
  transport.show(now.audio?.place);
  sections.showReasons(now.unavailable ?? {});
  shaders.show(now.shaders ?? []);
  voice.show(now);
  preview.offer((now.children ?? []).map(({ name }) => name));
});
// These stick to the top, on a phone the preview, too: scroll targets must stop below them, and other elements stick
// below the preview. All heights are read before the first is set, because each one styles the whole page again.
const heights = new ResizeObserver((entries) => {
  const news = entries.map(({ target }) => [`--${target.id}`, `${target.offsetHeight}px`]);
  for (const [name, height] of news) document.documentElement.style.setProperty(name, height);
});
for (const id of ["header", "tabs", "finding", "preview"]) heights.observe(byId(id));
byId("reload").addEventListener("click", () => location.reload());
document.addEventListener("visibilitychange", () => live.want(connection.isOpen && !document.hidden));

listenToKeys({
  blackout: () => master.toggle("blackout"),
  freeze: () => master.toggle("freeze"),
  perform: () => tabs.show("perform"),
  isLocked: () => lock.isOn,
  take: (verb) => undo.take(verb),
  canGo: () => tabs.current === "cues",
  go: () => cues.go(),
  cancel: () => {
    mapping.stop();
    modulation.stop();
  },
  search: () => {
    tabs.show("play");
    byId("search").focus({ preventScroll: true });
  },
});

if (new URLSearchParams(location.search).has("token")) {
  history.replaceState(null, "", location.pathname); // the token is in a cookie now: remove it from the address bar
}
showState("waiting", "");
connection.start();
