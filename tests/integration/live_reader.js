// Watches a run as somebody who opens its live view does: drives a Chromium over a pipe, and writes down what is on
// the page. Arguments: the browser, the page's address, a folder for the browser's own files.
const { spawn } = require("node:child_process");
const [browser, url, profile] = process.argv.slice(2);
const found = { errors: [], frames: [], steps: [], trials: [] };
const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"];
const child = spawn(browser, [...flags, `--user-data-dir=${profile}`, "about:blank"], {
  stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
});
const [to, from] = [child.stdio[3], child.stdio[4]];
const waiting = new Map();
let [last, rest] = [0, ""];
from.on("data", (bytes) => {
  const texts = (rest + bytes).split("\0");
  rest = texts.pop();
  texts.map((text) => JSON.parse(text)).forEach(take);
});

function take({ id, method, params, result }) {
  if (id) waiting.get(id)(result);
  if (method === "Runtime.exceptionThrown") found.errors.push(params.exceptionDetails.text);
  if (method === "Log.entryAdded") found.errors.push(`${params.entry.text} ${params.entry.url ?? ""}`);
  if (method === "Runtime.consoleAPICalled" && ["error", "warning"].includes(params.type))
    found.errors.push(params.args.map((value) => value.value ?? value.description).join(" "));
}

function send(method, params = {}, sessionId = undefined) {
  const id = ++last;
  to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  return new Promise((resolve) => waiting.set(id, resolve));
}

/** What runs in the page: reads all screens at a frame. */
const READ = `(id) => v1reel.choose(id).then(() => {
  const { first } = v1reel.clock;
  v1reel.clock.play(false);
  v1reel.clock.seek(first + 5);
  const screens = [...document.querySelectorAll(".movies canvas")].map((canvas) => {
    const title = canvas.closest("figure").querySelector("figcaption").firstChild.textContent;
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return [title, [...pixels].filter((_, at) => at % 4 === 0)];
  });
  const { trial } = v1reel.view.state.done.find((done) => done.id === id);
  return { trial, first, screens: Object.fromEntries(screens) };
})`;

async function watch() {
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  for (const domain of ["Page", "Runtime", "Log"]) await send(`${domain}.enable`, {}, sessionId);
  const ask = async (expression) => {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const answer = await send("Runtime.evaluate", options, sessionId);
    if (answer.exceptionDetails) throw new Error(JSON.stringify(answer.exceptionDetails));
    return answer.result.value;
  };
  await send("Page.navigate", { url }, sessionId);
  const page = "globalThis.v1reel?.view";
  for (let ended = false; !ended; await later(50)) {
    const [frame, step, done, is_over] = await ask(
      `[globalThis.v1reel?.clock.frame, ${page}?.movie?.step, ${page}?.done.size, ${page}?.ended]`,
    );
    found.frames.push(frame ?? -1);
    found.steps.push(step ?? -1);
    ended = is_over && done === (await ask(`${page}.state.planned`));
  }
  // The run is gone by now, and the page stays.
  await later(2500);
  for (const id of await ask("[...v1reel.view.done.keys()]")) found.trials.push(await ask(`(${READ})(${id})`));
  found.status = await ask("document.querySelector('.status').textContent");
  found.canvases = await ask("document.querySelectorAll('.movies canvas').length");
}

watch()
  .catch((problem) => found.errors.push(String(problem)))
  .then(() => {
    process.stdout.write(JSON.stringify(found));
    child.kill();
  });
