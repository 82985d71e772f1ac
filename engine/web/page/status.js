// The engine's status: frame rate, sound, camera, child processes, sinks, warnings; and their buttons.

import { byId, make, write } from "./dom.js";
import { recall, remember } from "./remembered.js";

const MAX_WARNINGS = 30;
const SINK_ORDER = ["record", "snapshot", "shared", "ndi", "dmx", "window", "syphon", "spout"]; // those available on every system first
const NO_OUTPUT = "null"; // discards pictures: for measurements
const FAULT_COUNTS = new Set(["nan", "skipped"]); // counts of pictures, hidden while 0
const UNITS = { ms: ["ms", 1], mb: ["MB", 0], db: ["dB", 0], hz: ["Hz", 0], semitones: ["semitones", 1] }; // suffix of a fact's name: unit, decimal places
const MUCH_LATE = 0.01; // fraction of the frames; below it stutter is not visible
const MAX_UNIVERSE_ROWS = 8;
const FAULTY = new Set(["missing", "failed"]);
const AWAY = new Set(["loading", "hung", "restarting", "failed", "retrying", "lost", "permission?", "silence"]);

export class Status {
  #connection;
  #commands = new Map();
  #frames = -1;
  #parts = new Map();
  #warnings = []; // without notices
  #seenWarnings = recall("seen-warnings", []); // the warnings when the panel was last visible
  #isSeen = false;
  #isLate = false; // frames are late or dropped at the moment

  constructor(connection) {
    this.#connection = connection;
    byId("sink-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const [kind, name] = [byId("sink-kind").value, byId("sink-name").value.trim()];
      connection.command("/sink/start", name ? "ss" : "s", name ? [kind, name] : [kind]);
    });
  }

  /** Reads the kinds of sinks and the commands from the schema. */
  load({ params, commands }) {
    this.#commands = commands;
    const kinds = [...params.keys()].map((address) => address.match(/^\/sink\/(\w+)\/enable$/)?.[1]);
    const offered = kinds.filter((kind) => kind && kind !== NO_OUTPUT).sort((one, other) => orderOf(one) - orderOf(other));
    byId("sink-kind").replaceChildren(...offered.map((kind) => make("option", { value: kind }, kind)));
    this.#parts.delete("unavailable");
    byId("sink-form").hidden = !commands.has("/sink/start");
  }

  show(status) {
    this.#showFacts(status);
    this.#replace(byId("children"), status.children ?? [], (child) => this.#child(child));
    this.#replace(byId("sinks"), status.sinks ?? [], (sink) => this.#sink(sink));
    this.#showUnavailable(status.unavailable ?? {});
    this.#showLate(status);
    this.#showWarnings(status.warnings ?? [], new Set(status.told));
    this.#hideRepeated(status.warnings ?? []);
    byId("children-part").hidden = (status.children ?? []).length === 0;
  }

  /** Called with true when the panel is visible: its warnings then count as seen. */
  look(isSeen) {
    this.#isSeen = isSeen;
    this.#countNews();
  }

  clear() {
    this.#frames = -1;
    write(byId("rate"), "");
    byId("flash-guard").hidden = true;
    byId("bypassed").hidden = true;
  }

  /** The lamp is lit while the flash guard dims, and crossed out while it is off. */
  #showFlashGuard(guard) {
    const lamp = byId("flash-guard");
    lamp.hidden = guard === undefined; // an older engine has none
    if (lamp.hidden) return;
    lamp.classList.toggle("is-on", guard.is_limiting);
    lamp.classList.toggle("is-off", !guard.is_on);
    write(lamp, guard.is_on ? "flash guard" : "flash guard off");
  }

  #showFacts(status) {
    this.#showFlashGuard(status.flash_guard);
    showBypassed(status.shaders ?? []);
    const stands = status.standing_s > 0 || status.frames === this.#frames;
    this.#frames = status.frames;
    const rate = byId("rate");
    const standing = status.standing_s ? `no picture for ${status.standing_s.toFixed(1)} s: ${status.standing_in}` : "no picture is being drawn";
    write(rate, stands ? standing : `${(status.fps ?? 0).toFixed(1)} fps`);
    rate.classList.toggle("is-bad", stands || status.fps < 0.8 * status.target_fps);
    const ms = status.frame_ms ?? {};
    const facts = [
      ["picture", `${status.width} × ${status.height}, ${status.renderer}`],
      ["rate", `${status.fps.toFixed(1)} of ${status.target_fps.toFixed(0)} frames per second`],
      ["frame time", `${ms.p50?.toFixed(1)} ms median, 1 in 100 takes more than ${ms.p99?.toFixed(1)} ms`],
      status.latency_ms?.packets && ["latency", latencyOf(status.latency_ms)],
      ["late, dropped", `${status.late}, ${status.dropped} of ${status.frames + status.dropped}`],
      status.osc && leftOut(status.osc) && ["OSC left out", leftOut(status.osc)],
      status.flash_guard && ["flash guard", guardOf(status.flash_guard)],
      ["sound", `${status.audio.state}: ${status.audio.description}`, AWAY.has(status.audio.state)],
      status.beat && ["beat", beatOf(status.beat)],
      status.timecode && status.timecode.source !== "off" && ["timecode", timecodeOf(status.timecode), AWAY.has(status.timecode.state)],
      status.camera && ["camera", `${status.camera.state}: ${status.camera.description}`, AWAY.has(status.camera.state)],
      ...lightingRows(status.dmx),
      ...midiRows(status.midi),
      status.link && status.link.state !== "off" && ["Ableton Link", linkOf(status.link), FAULTY.has(status.link.state)],
      status.last_fade && ["last fade", status.last_fade],
      ["running for", durationOf(status.seconds)],
    ].filter(Boolean);
    const rows = facts.flatMap(([name, text, isBad]) => [make("dt", {}, name), make("dd", { class: isBad ? "is-bad" : null }, text)]);
    byId("facts").replaceChildren(...rows);
  }

  #child(child) {
    const buttons = ["start", "restart", "stop"]
      .filter((verb) => this.#commands.has(`/child/${child.name}/${verb}`))
      .map((verb) => this.#button(verb, `${verb} the child ${child.name}`, `/child/${child.name}/${verb}`));
    return make(
      "li",
      {},
      make("strong", {}, child.name),
      badge(child.state),
      make("span", { class: "spacer" }),
      ...buttons,
      make("p", { class: "facts" }, `${child.results} results, ${child.ms_a_result.toFixed(0)} ms each, ${child.restarts} restarts. ${factsOf(child.facts ?? {})}`),
      child.coming && make("p", { class: "facts" }, `With new settings: ${child.coming}. This one goes on until the other has a result.`),
      child.detail && make("p", { class: "fault" }, `Last fault: ${child.detail}`),
      ...(child.quarantined ?? []).map((what) => make("p", { class: "fault" }, `Quarantined: ${what}`)),
    );
  }

  #sink(sink) {
    const kind = sink.picture === "main" ? sink.kind : `${sink.picture}:${sink.kind}`;
    const canStop = this.#commands.has("/sink/stop") && sink.state !== "ended";
    return make(
      "li",
      {},
      make("strong", {}, kind),
      make("span", { class: "what" }, sink.name),
      badge(sink.state),
      make("span", { class: "spacer" }),
      canStop && this.#button("stop", `stop the sink ${kind} ${sink.name}`, "/sink/stop", "s", [kind]),
      make("p", { class: "facts" }, [`${sink.frames} pictures`, sink.dropped && `${sink.dropped} dropped`, sink.detail].filter(Boolean).join(" · ")),
    );
  }

  #button(label, spoken, address, tags = "", values = []) {
    const act = () => this.#connection.command(address, tags, values);
    return make("button", { type: "button", "aria-label": spoken, onclick: act }, label);
  }

  /** Updates only changed entries of a list: a button that is being pressed must not be replaced. */
  #replace(root, items, makeItem) {
    const keys = items.map(({ name, kind, picture }) => JSON.stringify([name, kind, picture]));
    if (root.dataset.keys !== JSON.stringify(keys)) {
      root.dataset.keys = JSON.stringify(keys);
      root.replaceChildren(...items.map(makeItem));
    } else {
      items.forEach((item, index) => patch(root.children[index], makeItem(item)));
    }
  }

  /** `notices`: those of the lines that are notices, not warnings. */
  #showWarnings(all, notices) {
    const lines = all.slice(-MAX_WARNINGS).reverse();
    this.#warnings = all.filter((line) => !notices.has(line));
    this.#countNews();
    write(byId("no-warnings"), this.#warnings.length || this.#isLate ? "" : "No warnings.");
    const text = lines.join("\n");
    if (this.#parts.get("warnings") === text) return;
    this.#parts.set("warnings", text);
    byId("warnings").replaceChildren(...lines.map((line) => make("li", { class: notices.has(line) ? "is-notice" : null }, line)));
  }

  /** Unavailable kinds of sinks stay in the list, disabled, with the reason. */
  #showUnavailable(reasons) {
    if (this.#parts.get("unavailable") === JSON.stringify(reasons)) return;
    this.#parts.set("unavailable", JSON.stringify(reasons));
    const list = byId("sink-kind");
    for (const option of list.options) {
      const reason = reasons[`/sink/${option.value}/enable`] ?? "";
      option.disabled = reason !== "";
      option.title = reason;
      write(option, reason ? `${option.value} (${reason.split(":")[0]})` : option.value);
    }
    if (list.selectedOptions[0]?.disabled) list.value = [...list.options].find((option) => !option.disabled)?.value ?? "";
  }

  /** Frames late or dropped, recently and since the start, if more than one in a hundred. */
  #showLate({ frames, late, dropped, lately }) {
    const fraction = (count, due) => (due ? count / due : 0);
    const due = frames + dropped;
    const faults = lately ? lately.late + lately.dropped : 0;
    this.#isLate = fraction(faults, lately?.due) >= MUCH_LATE;
    const now = this.#isLate
      ? `In the last 10 s ${lately.dropped} of ${lately.due} frames were dropped and ${lately.late} were late (${percent(faults, lately.due)}): ` +
        "reduce the picture size or the frame rate (/engine/size, /engine/fps). "
      : "";
    const ever = fraction(late + dropped, due) >= MUCH_LATE ? `Since the start ${dropped} of ${due} frames were dropped and ${late} were late (${percent(late + dropped, due)}).` : "";
    write(byId("late"), `${now}${ever}`.trim());
    byId("late").classList.toggle("is-past", !this.#isLate);
    byId("late-mark").hidden = !this.#isLate;
  }

  /** Removes refusals that are also among the warnings. */
  #hideRepeated(warnings) {
    const failures = [...byId("failures").children];
    for (const failure of failures) failure.hidden = warnings.some((warning) => warning.startsWith(failure.line));
    byId("failures-part").hidden = failures.every((failure) => failure.hidden);
  }

  #countNews() {
    const news = newIn(this.#warnings, this.#seenWarnings);
    if (this.#isSeen && news) {
      this.#seenWarnings = this.#warnings;
      remember("seen-warnings", this.#seenWarnings);
    }
    const count = byId("warning-count");
    write(count, news && !this.#isSeen ? String(news) : "");
    count.hidden = count.textContent === "";
  }
}

/** Shows in the header which shaders are not drawn although they are chosen and switched on. */
function showBypassed(shaders) {
  const bypassed = shaders.filter(({ state, shown, file }) => state === "bypassed" || (state === "failed" && shown === file));
  const lamp = byId("bypassed");
  lamp.hidden = bypassed.length === 0;
  write(lamp, bypassed.length ? `bypassed: ${bypassed.map(({ file }) => file).join(", ")}` : "");
  lamp.title = bypassed.map(({ slot, detail }) => `/fx/${slot}: ${detail}`).join("\n");
}

/** Updates an element from a new one, keeping buttons that may be pressed right now. */
function patch(old, fresh) {
  if (old.childElementCount !== fresh.childElementCount) {
    old.replaceWith(fresh);
    return;
  }
  [...fresh.children].forEach((part, index) => {
    const standing = old.children[index];
    if (part.tagName === "BUTTON") return;
    write(standing, part.textContent);
    standing.className = part.className;
  });
}

/** Counts the lines that are newer than those seen. The engine keeps only the newest lines, so old ones may be missing. */
export function newIn(lines, seen) {
  for (let dropped = 0; dropped < seen.length; dropped += 1) {
    const rest = seen.slice(dropped);
    if (rest.every((line, index) => line === lines[index])) return lines.length - rest.length;
  }
  return lines.length;
}

/** Position of a sink kind in the list; a kind that only a newer engine knows comes last. */
function orderOf(kind) {
  const index = SINK_ORDER.indexOf(kind);
  return index < 0 ? SINK_ORDER.length : index;
}

function badge(state) {
  return make("span", { class: `badge ${AWAY.has(state) ? "is-bad" : ""}` }, state);
}

/** Rows of the facts for Art-Net and sACN: one for each universe, or one for all if there are many; shared ports. */
export function lightingRows(dmx) {
  if (!dmx) return [];
  const shared = dmx.shared_ports.map((port) => [`UDP port ${port}`, "another program has it, too; unicast reaches only one", true]);
  return [...universeRows(dmx), ...shared];
}

/** Rows of the facts for MIDI: one for each device, one for the names that no port has. */
export function midiRows(midi) {
  if (!midi) return [];
  const devices = midi.devices.map(({ name, messages, left_out }) => [`MIDI ${name}`, `${messages} messages${left_out ? `, ${left_out} left out` : ""}`, false]);
  const waiting = midi.detail || (midi.waiting.length > 0 && `waiting for ${midi.waiting.join(", ")}`);
  return waiting ? [...devices, ["MIDI", waiting, true]] : devices;
}

function universeRows(dmx) {
  const { universes } = dmx;
  const silent = universes.filter(({ state }) => state === "held");
  if (universes.length === 0) return [["lighting", `nothing received yet (${dmx.listen})`, false]];
  if (universes.length <= MAX_UNIVERSE_ROWS) {
    return universes.map((one) => [`universe ${one.number}`, universeOf(one), one.state === "held"]);
  }
  const rate = universes.reduce((sum, { packets_hz }) => sum + packets_hz, 0);
  const numbers = silent.slice(0, MAX_UNIVERSE_ROWS).map(({ number }) => number).join(", ");
  const note = silent.length > 0 ? `; ${silent.length} held: ${numbers}${silent.length > MAX_UNIVERSE_ROWS ? " ..." : ""}` : "";
  return [["lighting", `${universes.length} universes, ${rate.toFixed(0)} packets per second${note}`, silent.length > 0]];
}

/** A lighting universe in one line. */
export function universeOf({ state, source, sources, packets_hz }) {
  if (state === "held") return `nothing arrives; the levels of ${source} are held`;
  return `${source}, ${packets_hz.toFixed(0)} packets per second${sources > 1 ? `, of ${sources} desks` : ""}`;
}

/** The session of Ableton Link in one line. */
export function linkOf({ state, peers, bpm, detail }) {
  if (state === "stopped") return `${bpm.toFixed(2)} beats/min, stopped; the beat runs on`;
  if (state === "following") return `${bpm.toFixed(2)} beats/min, with ${peers} other ${peers === 1 ? "program" : "programs"}`;
  return state === "alone" ? `${bpm.toFixed(2)} beats/min, no other program yet` : detail || state;
}

/** A child's facts in one line: `memory_mb: 17` as "memory 17 MB". */
export function factsOf(facts) {
  return Object.entries(facts)
    .filter(([name, value]) => value !== 0 || !FAULT_COUNTS.has(name))
    .map(([name, value]) => {
      const parts = name.split("_");
      const [unit, digits] = (typeof value === "number" && UNITS[parts.at(-1)]) || []; // infinities come as null
      return unit ? `${parts.slice(0, -1).join(" ")} ${value.toFixed(digits)} ${unit}` : `${parts.join(" ")} ${plain(value)}`;
    })
    .join(" · ");
}

/** Time from an OSC packet's arrival to the published picture, over the last minute. */
export function latencyOf({ p50, p99, worst }) {
  return `${p50.toFixed(1)} ms median, 1 in 100 takes more than ${p99.toFixed(1)} ms, worst ${worst.toFixed(1)} ms (last minute)`;
}

/** OSC messages that were not executed since the start; "" if there are none. */
export function leftOut({ replaced, discarded, lost }) {
  const counts = [[replaced, "replaced by newer values"], [discarded, "discarded"], [lost, "lost by the system"]];
  return counts.filter(([count]) => count).map(([count, how]) => `${count} ${how}`).join(", ");
}

function percent(count, of) {
  return `${((100 * count) / of).toFixed(count / of < 0.1 ? 1 : 0)} %`;
}

function plain(value) {
  return typeof value === "number" && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}

function guardOf({ is_on, is_limiting, held_share, lately_share }) {
  const percent = (fraction) => `${Math.round(100 * fraction)}\u00a0%`;
  if (!is_on) return "off";
  const now = is_limiting ? `dimming now, by ${percent(held_share)} of the light` : "not dimming now";
  return `${now}; active in ${percent(lately_share)} of the last 10 s`;
}

/** The beat in use in one line: tempo, its clock, and how sure the engine is of the beat it detects. */
export function beatOf({ source, state, bpm, heard_confidence }) {
  const clock = { beat: "the sound", midi: "MIDI clock", link: "Ableton Link", timecode: "timecode", manual: "taps" }[source] ?? source;
  const confidence = `the beat of the sound is ${Math.round(100 * heard_confidence)} % sure`;
  if (state === "free") return `${bpm.toFixed(1)} beats/min, running on: nothing to follow from ${clock}; ${confidence}`;
  if (state === "stopped") return `${bpm.toFixed(1)} beats/min, running on: ${clock} is stopped; ${confidence}`;
  return `${bpm.toFixed(1)} beats/min from ${clock}; ${confidence}`;
}

function timecodeOf({ source, state, rate, position, speed }) {
  const way = state === "lost" || speed === 0 ? "standing" : `${speed.toFixed(2)} times the speed`;
  return [`${source.toUpperCase()} ${state}`, position, position && `${rate} frames per second, ${way}`].filter(Boolean).join(", ");
}

function durationOf(seconds) {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const rest = Math.floor(seconds % 60);
  return hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}
