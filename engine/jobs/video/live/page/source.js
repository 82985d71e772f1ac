// The source of pictures: a camera, a looped video or a picture, encoded as JPEGs of the requested size.

const QUALITY = 0.85;
const STEP_PX = 8;
const MIN_PX = 64;
const MAX_REFERENCE_PX = 512;

export const NO_CAMERA_HERE =
  "Browsers allow the camera only on pages from https:// or localhost, and this page was loaded over http:// from another " +
  "machine. Start the server with a certificate and its key, or choose a file, which works everywhere.";

/** True if this page may request a camera. */
export function mayHaveCamera() {
  return window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
}

/** `[{id, label}]`; labels are empty until a camera was allowed once. */
export async function listCameras() {
  if (!mayHaveCamera()) return [];
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  return cameras.map(({ deviceId, label }, at) => ({ id: deviceId, label: label || `camera ${at + 1}` }));
}

export class Source {
  #video;
  #image;
  #shown = null; // the element shown
  #stream = null;
  #url = "";
  #isNew = false;
  #captured = null;
  #watch = 0;
  #canvas = document.createElement("canvas");

  /** `video` and `image`: elements that show the source. `onEnd()`: called when the camera disconnects. */
  constructor(video, image, onEnd) {
    this.#video = video;
    this.#image = image;
    this.onEnd = onEnd;
    video.muted = video.loop = video.playsInline = true;
  }

  get isOn() {
    return this.#shown !== null;
  }

  get isCamera() {
    return this.#stream !== null;
  }

  /** Opens a camera; "": the front camera. Throws the browser's error. */
  async openCamera(id) {
    const which = id ? { deviceId: { exact: id } } : { facingMode: "user" };
    const video = { ...which, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    this.close();
    this.#stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => this.#stream === stream && this.onEnd());
    this.#video.srcObject = stream;
    await this.#play();
    return stream.getVideoTracks()[0].getSettings().deviceId ?? "";
  }

  /** Opens a local file. Throws an error with a readable message if the browser cannot. */
  async openFile(file) {
    const url = URL.createObjectURL(file);
    try {
      if (file.type.startsWith("video/")) {
        await ready(this.#video, url, "loadeddata", file.name);
        this.#drop();
        this.#url = url;
        await this.#play();
      } else {
        await ready(this.#image, url, "load", file.name);
        this.#drop();
        this.#url = url;
        this.#show(this.#image);
      }
    } catch (error) {
      URL.revokeObjectURL(url);
      this.close();
      throw error;
    }
  }

  close() {
    this.#drop();
    this.#video.removeAttribute("src");
    this.#image.removeAttribute("src");
    this.#show(null);
  }

  /** True if there is a picture that was not grabbed yet; always true for a still picture. */
  get hasNew() {
    return this.#shown === this.#image ? this.isOn : this.#isNew;
  }

  /** Grabs the current picture, its longest side `side` px, as `{jpeg, width, height, captured}`; null if there is none. */
  async grab(side, isMirrored, now) {
    const from = this.#shown;
    const [width, height] = [from?.videoWidth || from?.naturalWidth || 0, from?.videoHeight || from?.naturalHeight || 0];
    if (!width || !height) return null;
    const captured = this.#captured !== null && this.#captured <= now ? this.#captured : now;
    this.#isNew = false;
    const size = paintedSize(width, height, side);
    drawCovering(this.#canvas, from, [width, height], size, isMirrored);
    const jpeg = await new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", QUALITY));
    return jpeg && { jpeg, width: size[0], height: size[1], captured };
  }

  async #play() {
    this.#show(this.#video);
    await this.#video.play();
    const watch = ++this.#watch;
    if (!this.#video.requestVideoFrameCallback) {
      const look = () => {
        if (watch !== this.#watch) return;
        this.#isNew = true;
        requestAnimationFrame(look);
      };
      look();
      return;
    }
    const seen = (now, metadata) => {
      if (watch !== this.#watch) return;
      this.#isNew = true;
      this.#captured = metadata.captureTime ?? now;
      this.#video.requestVideoFrameCallback(seen);
    };
    this.#video.requestVideoFrameCallback(seen);
  }

  #show(element) {
    this.#shown = element;
    this.#video.hidden = element !== this.#video;
    this.#image.hidden = element !== this.#image;
  }

  #drop() {
    this.#watch += 1;
    this.#isNew = false;
    this.#captured = null;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
  }
}

/** Encodes a picture file as a reference JPEG: `{jpeg, width, height}`. */
export async function asReference(file) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name}: this browser cannot read it as a picture`);
  }
  const scale = Math.min(1, MAX_REFERENCE_PX / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const jpeg = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return { jpeg, width: canvas.width, height: canvas.height };
}

/** The size as computed by the server, so that it need not scale again: multiples of 8, the longer side as requested. */
export function paintedSize(width, height, side) {
  const scale = side / Math.max(width, height);
  return [width, height].map((px) => Math.min(side, Math.max(MIN_PX, Math.round((px * scale) / STEP_PX) * STEP_PX)));
}

/** Draws the picture centred, scaled to cover the canvas. */
function drawCovering(canvas, picture, [width, height], [toWidth, toHeight], isMirrored) {
  if (canvas.width !== toWidth || canvas.height !== toHeight) {
    canvas.width = toWidth;
    canvas.height = toHeight;
  }
  const scale = Math.max(toWidth / width, toHeight / height);
  const context = canvas.getContext("2d", { alpha: false });
  context.setTransform(isMirrored ? -1 : 1, 0, 0, 1, isMirrored ? toWidth : 0, 0);
  context.drawImage(picture, (toWidth - width * scale) / 2, (toHeight - height * scale) / 2, width * scale, height * scale);
}

function ready(element, url, event, name) {
  return new Promise((resolve, reject) => {
    const done = (act) => () => {
      element.removeEventListener(event, loaded);
      element.removeEventListener("error", failed);
      act();
    };
    const loaded = done(resolve);
    const failed = done(() => reject(new Error(`${name}: this browser cannot play it; choose a picture or another video (MP4, WebM)`)));
    element.addEventListener(event, loaded);
    element.addEventListener("error", failed);
    if (element.srcObject) element.srcObject = null;
    element.src = url;
  });
}
