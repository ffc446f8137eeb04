// Reads a report as somebody who opens it does; the test holds what it finds against the files of the run.
const { clock, report } = v1reel;
const found = { errors, trials: [], keys: {}, sorted: [] };
const all = (selector) => [...document.querySelectorAll(selector)];
const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function screens() {
  const shown = all(".movies canvas").map((canvas) => {
    const title = canvas.closest("figure").querySelector("figcaption").firstChild.textContent;
    const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [title, [...image.data]];
  });
  return Object.fromEntries(shown);
}

function cursors() {
  return all(".plot").map((plot) => {
    const [whole, cursor] = [plot, plot.querySelector(".cursor")].map((node) => node.getBoundingClientRect());
    return (cursor.left + cursor.width / 2 - whole.left) / whole.width;
  });
}

async function readTrial(trial) {
  await v1reel.openTrial(trial.key);
  const members = document.querySelector(".raw");
  members.open = true;
  while (!members.querySelector("canvas")) await later(10);
  const { first, end } = clock;
  const read = { trial: trial.trial, first, end, drawn: {}, frames: [] };
  for (let frame = first; frame < end; frame++) {
    clock.seek(frame);
    for (const [title, pixels] of Object.entries(screens())) {
      read.drawn[title] ??= 0;
      // What can't be drawn is cleared.
      if (pixels.every((value, at) => at % 4 !== 3 || value === 255)) read.drawn[title]++;
    }
  }
  for (const frame of [first, Math.floor((first + end) / 2), end - 1]) {
    clock.seek(frame);
    const scrubber = Number(document.querySelector(".scrubber").value);
    read.frames.push({ frame, scrubber, cursors: cursors(), screens: screens() });
  }
  found.trials.push(read);
}

async function press() {
  const note = (name) => (found.keys[name] = [clock.frame, clock.playing]);
  const key = (name, key, more = {}, target = document.body) => {
    target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
    note(name);
  };
  const scrubber = document.querySelector(".scrubber");
  scrubber.value = clock.first + 10;
  scrubber.dispatchEvent(new Event("input", { bubbles: true }));
  note("scrubber to first + 10");
  key("right", "ArrowRight");
  key("shift right", "ArrowRight", { shiftKey: true });
  key("left", "ArrowLeft");
  key("end", "End", {}, scrubber);
  key("right at the end", "ArrowRight");
  key("space", " ");
  await later(500);
  note("a while later");
  key("space again", " ");
  const plot = document.querySelector(".plot");
  const { left, width } = plot.getBoundingClientRect();
  plot.setPointerCapture = () => {}; // There is no real pointer to capture.
  plot.dispatchEvent(
    new PointerEvent("pointerdown", { clientX: left + width / 2 + 0.5, bubbles: true, pointerId: 1 }),
  );
  note("middle of a strip");
}

try {
  await v1reel.open.ready;
  clock.play(false);
  for (const mouse of report.mice) for (const trial of mouse.trials) await readTrial(trial);
  await press();
  const head = all("#scores thead th").findIndex((head) => head.textContent.startsWith("pixel r"));
  const column = () =>
    all("#scores tbody tr").map((row) => Number(row.children[head].textContent.replace("\u2212", "-")));
  found.sorted.push(column());
  all("#scores thead button")[head].click();
  found.sorted.push(column());
  const look = () => [
    document.documentElement.dataset.theme,
    getComputedStyle(document.body).backgroundColor,
  ];
  const before = look();
  document.getElementById("theme").click();
  const after = look();
  [found.themes, found.backgrounds] = [0, 1].map((at) => [before[at], after[at]]);
  const pictures = all("canvas, img, svg, [role=img]").filter(
    (node) => !node.closest("[aria-hidden=true], a[aria-label], .dots"),
  );
  const named = (node) =>
    node.closest("[aria-label]:not(section):not([role=region]):not([role=group])") ||
    node.getAttribute("alt");
  found.unnamed = pictures.filter((node) => !named(node)).map((node) => node.outerHTML.slice(0, 120));
  found.notes = all(".note")
    .map((note) => note.textContent)
    .join(" ");
  found.loaded = all("[src], link[href]").map((node) => node.src || node.href);
} catch (problem) {
  errors.push(`${problem}\n${problem.stack}`);
}
const utf8 = new TextEncoder().encode(
  JSON.stringify({
    unnamed: [],
    notes: "",
    loaded: [],
    themes: ["", ""],
    backgrounds: ["", ""],
    ...found,
    sorted: found.sorted.length === 2 ? found.sorted : [[], []],
  }),
);
let binary = "";
for (const byte of utf8) binary += String.fromCharCode(byte);
const pre = document.createElement("pre");
pre.id = "found";
pre.textContent = btoa(binary);
document.body.append(pre);
