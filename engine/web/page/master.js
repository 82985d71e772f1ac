// The controls that are always visible: blackout, freeze, panic and the master's fade.

import { byId, make, write } from "./dom.js";
import { Fader } from "./fader.js";
import { encodeBundle } from "./osc.js";
import { toast } from "./toast.js";
import { encodeValue } from "./values.js";

const SWITCHES = { blackout: "/master/blackout", freeze: "/master/freeze", strobe: "/master/strobe/enable" };
const HANDS = { blackout: "hand-blackout", freeze: "hand-freeze", strobe: "hand-strobe" }; // the same in the perform view
const PANIC = "/master/panic";
const FADE = "/master/fade";

export class Master {
  #connection;
  #values;
  #params = new Map();
  #onBlackout;

  /** `onBlackout(isOn)` is called when the blackout changes. */
  constructor(connection, values, onBlackout) {
    this.#connection = connection;
    this.#onBlackout = onBlackout;
    this.#values = values;
    for (const name of Object.keys(SWITCHES)) byId(name)?.addEventListener("click", () => this.toggle(name));
    byId("panic").addEventListener("click", () => this.panic());
  }

  /** Connects the controls to the engine's values; called after every new schema. */
  load(params) {
    this.#params = params;
    for (const [name, address] of Object.entries(SWITCHES)) {
      this.#values.watch(address, (value) => {
        for (const button of [byId(name), byId(HANDS[name])].filter(Boolean)) {
          button.setAttribute("aria-pressed", String(Boolean(value)));
          write(button, value ? `${name} is on` : name);
        }
        if (name === "blackout") this.#onBlackout(Boolean(value));
      });
    }
    const param = params.get(FADE);
    const fader = new Fader(param, (value) => this.#values.change(FADE, value));
    byId("master-fade").replaceChildren(make("span", { class: "name" }, "fade"), fader.track, make("span", { class: "value" }, fader.box));
    this.#values.watch(FADE, (value) => fader.show(value));
  }

  toggle(name) {
    if (!this.#connection.isOpen) return; // it must not look dark here and be bright on stage
    const address = SWITCHES[name];
    this.#values.change(address, !this.#values.get(address));
  }

  /** Resets all controls at once; can be undone for a few seconds. */
  panic() {
    if (!this.#connection.isOpen) return;
    const looks = [...this.#params.values()].filter((param) => param.isLook);
    const before = looks.map((param) => [param, this.#values.get(param.address)]);
    this.#values.change(PANIC, true);
    toast("Panic: all controls are reset to their defaults and the strobe ends (audio, sinks and master stay)", "done", {
      label: "undo",
      act: () => {
        this.#connection.send(encodeBundle(before.map(([param, value]) => encodeValue(param, value))), "#undo");
        for (const [param, value] of before) this.#values.assume(param.address, value);
      },
    });
  }
}
