// The one clock that everything of a trial goes by: movies, cursors, readings.

const clock = {
  /** Frame of the trial that is shown. */
  frame: 0,
  /** First frame that any movie has, and the one after the last. */
  first: 0,
  end: 1,
  rate: 30,
  speed: 1,
  playing: false,
  listeners: new Set(),
  /** Sets the range; stays where it was when that is still within. */
  range(first, end, rate) {
    Object.assign(this, { first, end, rate });
    this.seek(this.frame);
  },
  seek(frame) {
    this.frame = Math.min(this.end - 1, Math.max(this.first, Math.round(frame)));
    this.time = this.frame;
    for (const listener of this.listeners) listener(this.frame);
  },
  play(playing) {
    if (playing === this.playing) return;
    this.playing = playing;
    this.before = null;
    if (playing) requestAnimationFrame((now) => this.tick(now));
    for (const listener of this.listeners) listener(this.frame);
  },
  tick(now) {
    if (!this.playing) return;
    // A tab that was away does not leap.
    const passed = this.before === null ? 0 : Math.min(now - this.before, 250);
    this.before = now;
    const time = this.time + (passed / 1000) * this.rate * this.speed;
    const length = this.end - this.first;
    const wrapped = this.first + ((time - this.first) % length);
    const frame = Math.floor(wrapped);
    if (frame !== this.frame) this.seek(frame);
    this.time = wrapped;
    requestAnimationFrame((now) => this.tick(now));
  },
};

/** The bar with the button to play, the scrubber, the time and the speed. */
function player() {
  const button = el("button", { type: "button", class: "play", onclick: () => clock.play(!clock.playing) });
  const scrubber = el("input", {
    type: "range",
    class: "scrubber",
    "aria-label": "Frame",
    step: 1,
    oninput: () => {
      clock.play(false);
      clock.seek(Number(scrubber.value));
    },
  });
  const time = el("output", { class: "time" });
  const speeds = [0.1, 0.25, 0.5, 1, 2, 4];
  const speed = el(
    "select",
    { "aria-label": "Speed", onchange: () => (clock.speed = Number(speed.value)) },
    speeds.map((factor) => el("option", { value: factor, selected: factor === 1 }, `${factor}\u00d7`)),
  );
  clock.listeners.add((frame) => {
    scrubber.min = clock.first;
    scrubber.max = clock.end - 1;
    scrubber.value = frame;
    const shown = clock.playing ? "Pause" : "Play";
    if (button.getAttribute("aria-label") !== shown) {
      button.setAttribute("aria-label", shown);
      button.textContent = clock.playing ? "\u275a\u275a" : "\u25b6\ufe0e";
    }
    const seconds = (frame / clock.rate).toFixed(2);
    time.textContent = `${seconds} s \u00b7 frame ${frame}`;
    scrubber.setAttribute("aria-valuetext", `${seconds} seconds`);
  });
  const bar = el(
    "div",
    { class: "player", role: "group", "aria-label": "Playback" },
    button,
    scrubber,
    time,
    speed,
  );
  return { bar, scrubber };
}

/** Space plays, arrows step, brackets change the trial; keys keep their meaning in fields and on buttons. */
function keys(changeTrial) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const on = event.target instanceof Element ? event.target : document.body;
    if (on.matches("select, textarea, input:not([type=range]):not([type=checkbox])")) return;
    const second = Math.round(clock.rate);
    const step = (by) => {
      clock.play(false);
      clock.seek(clock.frame + by);
    };
    const actions = {
      " ": () => clock.play(!clock.playing),
      ArrowLeft: () => step(event.shiftKey ? -second : -1),
      ArrowRight: () => step(event.shiftKey ? second : 1),
      Home: () => step(-Infinity),
      End: () => step(Infinity),
      "[": () => changeTrial(-1),
      "]": () => changeTrial(1),
    };
    // Space presses a button that has the focus; Home and End scroll the page unless the scrubber has it.
    if (event.key === " " && on.matches("button, a, summary, input[type=checkbox]")) return;
    if ((event.key === "Home" || event.key === "End") && !on.matches(".scrubber")) return;
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });
}
