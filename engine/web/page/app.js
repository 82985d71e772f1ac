// READ FIRST: builds every part of the page and connects them.
//
//   engine ─ tree ─► schema ─► values ─► controls, master
//          ◄─ OSC ─► connection ─► values; presets, cues, mapping, camera, shaders (commands and their answers); toasts
//          ─ /live ─► meters, beat, status, monitor        ─ /preview ─► preview

import { Beat } from "./beat.js";
import { Camera } from "./camera.js";
import { Connection } from "./connection.js";
import { Cues } from "./cues.js";
import { byId, make, write } from "./dom.js";
import { listenToKeys } from "./keyboard.js";
import { Live } from "./live.js";
import { Mapping } from "./mapping.js";
import { Master } from "./master.js";
import { Meters } from "./meters.js";
import { Monitor } from "./monitor.js";
import { Presets } from "./presets.js";
import { Preview } from "./preview.js";
import { readSchema } from "./schema.js";
import { Sections } from "./sections.js";
import { Shaders } from "./shaders.js";
import { Status } from "./status.js";
import { Tabs } from "./tabs.js";
import { toast } from "./toast.js";
import { Values } from "./values.js";

const STATE_WORDS = { waiting: "connecting", connected: "connected", gone: "disconnected", refused: "access denied", outdated: "reload" };

let schema = null; // the schema that the page was built from; null before, and if building failed

const connection = new Connection(takeTree, showState);
const values = new Values(connection);
const live = new Live();
const preview = new Preview();
const meters = new Meters(byId("meters"));
const beat = new Beat(byId("meters"), values);
const status = new Status(connection);
const monitor = new Monitor(live);
const master = new Master(connection, values);
const cues = new Cues(connection);
const presets = new Presets(connection, (names) => cues.offer(names));
const mapping = new Mapping(connection);
const camera = new Camera(connection, values);
const sections = new Sections({
  root: byId("areas"),
  search: byId("search"),
  found: byId("found"),
  jumps: byId("jumps"),
  values,
  copyLayer: (from, to) => connection.command("/layer/copy", "ii", [from, to]),
});
const shaders = new Shaders(connection, values, sections);
const tabs = new Tabs((name) => {
  monitor.show(name === "monitor");
  status.look(name === "status");
  if (name === "cues") cues.shown();
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
  status.load(fresh);
  presets.load(fresh.commands);
  cues.load(fresh.commands);
  mapping.load(fresh.commands);
  camera.load(fresh.commands);
  shaders.load(fresh.commands);
  byId("addresses").replaceChildren(...[...fresh.params.keys()].map((address) => make("option", { value: address })));
  tabs.refresh();
  schema = fresh;
}

function showState(state, line) {
  document.body.dataset.state = state;
  write(byId("state"), STATE_WORDS[state]);
  write(byId("banner-line"), line);
  byId("banner").hidden = line === "";
  byId("reload").hidden = state !== "outdated";
  const isConnected = state === "connected";
  preview.want(isConnected);
  live.want(isConnected && !document.hidden);
  if (isConnected) {
    presets.connected();
    cues.connected(schema.commands.has("/cue/list"));
    mapping.connected(schema.commands.has("/map/list"));
    camera.connected(schema.commands.has("/camera/list"));
    shaders.connected();
  } else {
    meters.clear();
    beat.clear();
    status.clear();
  }
}

connection.on("/fail", ({ args: [command, reason] }) => {
  if (reason.startsWith("superseded")) return; // the next cue started before the last had finished: not a failure
  if (command.endsWith("/list") || command === "/map/heard") return; // its list retries, and reports a final failure
  if (command === "/map/learn" && reason === "cancelled") toast("Learning cancelled; nothing was mapped");
  else toast(`${command}: ${reason}`, "fail");
});
connection.on("", (message) => values.receive(message));
live.on("levels", (levels) => meters.show(levels));
live.on("beat", (now) => beat.show(now));
live.on("status", (now) => {
  status.show(now);
  cues.showTimecode(now.timecode);
  sections.showReasons(now.unavailable ?? {});
  shaders.show(now.shaders ?? []);
  preview.offer((now.children ?? []).map(({ name }) => name));
});
for (const id of ["tabs", "finding"]) {
  // These stick to the top: scroll targets must stop below them.
  const update = () => document.documentElement.style.setProperty(`--${id}`, `${byId(id).offsetHeight}px`);
  new ResizeObserver(update).observe(byId(id));
}
byId("reload").addEventListener("click", () => location.reload());
document.addEventListener("visibilitychange", () => live.want(connection.isOpen && !document.hidden));

listenToKeys({
  blackout: () => master.toggle("blackout"),
  freeze: () => master.toggle("freeze"),
  canGo: () => tabs.shown === "cues",
  go: () => cues.go(),
  cancel: () => mapping.stop(),
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
