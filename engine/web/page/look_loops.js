// Loops of the built-in looks: animated WebP in place of their still pictures.
//
// With a mouse or a keyboard, the loop of one look plays while it is pointed at or focused; the others stay still, so that
// the live picture is what moves. A phone has no pointer, and a tap would start the look: there, the looks in view play.
// Nothing plays if the system asks for less motion.

const HAS_NO_POINTER = matchMedia("(hover: none)");
const WANTS_STILLS = matchMedia("(prefers-reduced-motion: reduce)");
const MIN_IN_VIEW = 0.9; // fraction of the picture

const blobs = new Map(); // URL of a loop: promise of a blob's URL. The engine's answers are not cached by the browser
const players = new WeakMap(); // picture: its player
const view = new IntersectionObserver(
  (entries) => entries.forEach(({ target, intersectionRatio }) => players.get(target).play(intersectionRatio >= MIN_IN_VIEW)),
  { threshold: MIN_IN_VIEW },
);

/** Lets `button`, which shows the still picture `img`, play the loop at `url`. */
export function playLoop(button, img, url) {
  const player = new Player(img, url);
  if (HAS_NO_POINTER.matches) {
    players.set(img, player);
    view.observe(img);
    return;
  }
  const follow = () => player.play(button.matches(":hover, :focus-visible"));
  for (const kind of ["pointerenter", "pointerleave", "focus", "blur"]) button.addEventListener(kind, follow);
}

class Player {
  #img;
  #url;
  #still;
  #plays = false;

  constructor(img, url) {
    [this.#img, this.#url, this.#still] = [img, url, img.src];
  }

  async play(plays) {
    this.#plays = plays && !WANTS_STILLS.matches;
    const src = this.#plays ? await fetchLoop(this.#url) : this.#still;
    if (src && this.#plays === (src !== this.#still) && this.#img.src !== src) this.#img.src = src;
  }
}

/** The URL of the loop in this page; null if it cannot be loaded now. */
function fetchLoop(url) {
  if (!blobs.has(url)) {
    const load = async () => {
      try {
        const answer = await fetch(url);
        if (answer.ok) return URL.createObjectURL(await answer.blob());
      } catch {
        // the connection was lost
      }
      blobs.delete(url); // retried the next time
      return null;
    };
    blobs.set(url, load());
  }
  return blobs.get(url);
}
