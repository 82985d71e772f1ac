// The source of layer 5: its list beside /layer/5/source, with the search for NDI.

import { Choice } from "./choosing.js";
import { toast } from "./toast.js";

const AT = "/layer/5/source";
const STRENGTH = "/layer/5/intensity";
const LOOK_FOR_NDI = "look for NDI"; // not a valid source name: no source name has a blank before its colon

export function makeCamera(connection, values) {
  let isNdiOn = false;
  connection.on("/camera/ndi", ({ args: [isOn] }) => (isNdiOn = isOn === 1));
  const look = () => connection.command("/camera/ndi", "i", [1]);
  return new Choice(connection, {
    at: "/camera",
    beside: AT,
    label: "source of layer 5",
    note: "opening …; the current picture stays until the new one arrives",
    extra: () => (isNdiOn ? [] : [[LOOK_FOR_NDI, "search the network for NDI …", look]]),
    onOpen: (source) => {
      if (source === "none" || values.get(STRENGTH) !== 0) return;
      toast(`${source} is on layer 5, but that layer's intensity is 0: raise ${STRENGTH} to see it`);
    },
  });
}
