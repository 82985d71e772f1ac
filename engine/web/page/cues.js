// The cue list: go, back, jump to a cue, and its entries as editable rows.

import { byId, make, makeConfirmButton, showRows, write } from "./dom.js";
import { Listing } from "./listing.js";

const MISSING = "no such preset";
const QUIET_MS = 2000; // no automatic scrolling for this long after the user scrolled

export class Cues {
  #connection;
  #list;
  #cues = [];
  #current = null; // number and preset of the active cue
  #failed = null; // number, preset and reason, if the current cue failed
  #followed = null; // the cue last scrolled into view
  #top = 0; // scroll position set here; any other was set by the user
  #scrolledAt = -QUIET_MS;
  #presets = null; // names, once received
  #look = null; // the look on screen
  #onMark;

  /** `onMark(now, next, hasStarted)` is called with the entries of the cue on screen and of the next one, or null. */
  constructor(connection, onMark = () => {}) {
    this.#connection = connection;
    this.#onMark = onMark;
    this.#list = new Listing(connection, "/cue/list", "/cue/entry", (entries) => this.#show(entries));
    connection.on("/cue/changed", () => this.#list.refresh());
    // The list brings it, too: the cue that was started last, perhaps long ago.
    connection.on("/cue/current", ({ args }) => this.#mark(args, null, !this.#list.isAsking));
    connection.on("/cue/failed", ({ args }) => this.#mark(this.#current, args));
    byId("cue-go").addEventListener("click", () => this.go());
    byId("cue-back").addEventListener("click", () => this.back());
    document.addEventListener("scroll", () => {
      if (Math.abs(scrollY - this.#top) > 1) this.#scrolledAt = performance.now();
      this.#top = scrollY;
    });
    byId("cue-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    });
  }

  load(commands) {
    byId("cues-panel").dataset.exists = String(commands.has("/cue/go"));
  }

  connected(exists) {
    [this.#current, this.#failed] = [null, null]; // a restarted engine has none; the list brings it
    if (exists) this.#list.restart();
  }

  /** Sets the existing presets. */
  offer(names) {
    this.#presets = new Set(names);
    this.#markMissing();
    byId("preset-names").replaceChildren(...names.map((name) => make("option", { value: name })));
  }

  /** Called when the list becomes visible: scrolls the current cue into view. */
  scrollToCurrent() {
    this.#followed = null;
    this.#scrolledAt = -QUIET_MS;
    this.#follow();
  }

  go() {
    this.#connection.command("/cue/go");
  }

  back() {
    this.#connection.command("/cue/back");
  }

  /** The look on screen: a cue is on only until another look is. */
  showLook(name) {
    this.#look = name;
    this.#mark(this.#current, this.#failed);
  }

  /** Shows the timecode of the engine's status; hides it while there is none. */
  showTimecode(timecode) {
    const isOn = timecode !== undefined && timecode.source !== "off";
    byId("timecode").hidden = !isOn;
    byId("cues-panel").classList.toggle("has-timecode", isOn);
    if (!isOn) return;
    write(byId("timecode-now"), timecode.position || "--:--:--:--");
    write(byId("timecode-state"), `${timecode.source.toUpperCase()} ${timecode.state}`);
    byId("timecode").classList.toggle("is-bad", timecode.state === "lost" || timecode.state === "none");
  }

  #add() {
    const [preset, fade, follow] = ["cue-preset", "cue-fade", "cue-follow"].map((id) => byId(id).value.trim());
    const number = Number(byId("cue-number").value) || (this.#cues.at(-1)?.[0] ?? 0) + 1;
    this.#connection.command("/cue/insert", "isss", [number, preset, fade || "0", follow || "0"]);
    byId("cue-number").value = "";
    byId("cue-preset").value = "";
  }

  #mark(current, failed, hasStarted = false) {
    this.#current = current;
    this.#failed = failed;
    if (hasStarted) this.#look = current[1]; // its message comes a little later
    const isOn = current && this.#look === current[1];
    const now = current ? `${isOn ? "Now" : "Last"}: cue ${current[0]}, ${current[1]}` : "No cue started yet.";
    write(byId("cue-now"), now);
    write(byId("cue-failed"), failed ? `Cue ${failed[0]}, ${failed[1]}, failed: ${reasonOf(failed)}` : "");
    const next = this.#next;
    write(byId("cue-next"), next ? `Next: cue ${next[0]}, ${next[1]}` : this.#cues.length ? "That was the last cue." : "");
    const entryOf = (wantedNumber) => this.#cues.find(([number]) => number === wantedNumber) ?? null;
    this.#onMark(isOn ? entryOf(current[0]) : null, next ?? null, hasStarted);
    for (const row of byId("cues").children) {
      row.classList.toggle("is-current", isOn && Number(row.dataset.number) === current[0]);
      row.classList.toggle("is-failed", Number(row.dataset.number) === failed?.[0]);
    }
    this.#markMissing();
    this.#follow();
  }

  /** Scrolls to the current cue when it changes, unless the user scrolls or edits the list. */
  #follow() {
    const row = byId("cues").querySelector(".is-failed") ?? byId("cues").querySelector(".is-current");
    if (!row?.checkVisibility() || this.#followed === this.#standsOn) return;
    this.#followed = this.#standsOn;
    if (performance.now() - this.#scrolledAt < QUIET_MS) return;
    if (document.activeElement.matches("#cues-panel input")) return;
    row.scrollIntoView({ block: "nearest" });
    this.#top = scrollY;
  }

  /** Number of the last started cue, even if it failed; the next one follows it. */
  get #standsOn() {
    return this.#failed?.[0] ?? this.#current?.[0] ?? 0;
  }

  get #next() {
    return this.#cues.find(([number]) => number > this.#standsOn);
  }

  #show(cues) {
    this.#cues = cues;
    showRows(byId("cues"), cues, (cue) => this.#row(cue));
    write(byId("no-cues"), cues.length ? "" : "No cues yet. Add presets here in order: those of the engine, or your own.");
    const presetOf = (wantedNumber) => cues.find(([number]) => number === wantedNumber)?.[1] ?? "a deleted cue";
    this.#mark(this.#current && [this.#current[0], presetOf(this.#current[0])], this.#failed);
  }

  /** Marks each cue, and the next one, whose preset does not exist. */
  #markMissing() {
    const lineOf = (cue) => (cue && this.#presets && !this.#presets.has(cue[1]) ? MISSING : "");
    [...byId("cues").children].forEach((row, index) => write(row.querySelector(".missing"), lineOf(this.#cues[index])));
    write(byId("cue-go-missing"), lineOf(this.#next));
  }

  #row([number, preset, fadeTime, followTime, glide = 0, timecode = "", keep, note = ""]) {
    const field = (value, label, more) =>
      make("input", { value, "aria-label": `${label} of cue ${number}`, autocomplete: "off", ...more });
    const time = { size: 6, title: "seconds, or beats and bars: 4b, 2bars" };
    const rounded = (value) => (typeof value === "number" ? Number(value.toFixed(3)) : value);
    const name = field(preset, "preset", { list: "preset-names", class: "text" });
    const fade = field(rounded(fadeTime), "fade", time);
    const follow = field(rounded(followTime), "follow", time);
    const at = field(timecode, "timecode", { class: "timecode", placeholder: "--:--:--:--", size: 11 });
    const noteInput = field(note, "note", { class: "text", maxlength: 200 });
    const setTimecode = (text) => this.#connection.command("/cue/timecode", "is", [number, text]);
    const take = make("button", { type: "button", class: "take", "aria-label": `start cue ${number} at the timecode of now`, onclick: () => setTimecode("now") }, "now");
    const go = () => this.#connection.command(`/cue/${number}`);
    const about = { class: "cue-number", "aria-label": `go to cue ${number}`, "data-learn": `/cue/${number}` };
    const jump = make("button", { type: "button", ...about, onclick: go }, String(number));
    const row = make(
      "li",
      { "data-number": number },
      jump,
      name,
      make("span", { class: "missing" }),
      make("label", {}, make("span", {}, "fade"), fade),
      make("label", {}, make("span", {}, "follow"), follow),
      make("label", {}, make("span", {}, "timecode"), at),
      take,
      make("label", { class: "cue-note" }, make("span", {}, "note"), noteInput),
      makeConfirmButton({ class: "quiet", "aria-label": `delete cue ${number}` }, "delete", "really delete?", () =>
        this.#connection.command("/cue/delete", "i", [number]),
      ),
    );
    row.addEventListener("change", ({ target }) => {
      if (target === at) {
        setTimecode(at.value.trim());
        return;
      }
      if (target === noteInput) {
        this.#connection.command("/cue/note", "is", [number, noteInput.value.trim()]);
        return;
      }
      const values = [number, name.value.trim(), fade.value.trim() || "0", follow.value.trim() || "0", glide];
      this.#connection.command("/cue/set", "isssi", values);
    });
    return row;
  }
}

/** The reason why a cue failed, without the list of all presets. */
function reasonOf([, , reason]) {
  return reason.replace(/^preset '.*?': /, "").replace(/ \(known: .*\)$/, "");
}
