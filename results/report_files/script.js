/* The episode list of a report: filters, and each episode's video, progress and actions, drawn when it is opened.

   The data is in `window.headway` (see results/report_episodes.py); curves come from files of their own. Text from
   records enters the page as text only. */
"use strict";

const data = window.headway;
const OUTCOMES = ["success", "failure", "error"];
const SYMBOLS = ["✓", "✗", "?"];
const COLOURS = 8;
const PAGE = 60;
const PAIRS = 12;
const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, LEFT, RIGHT] = [320, 30, 8];

const episodes = data.rows.map(([policy, task, index, outcome, steps, progress, failure, file, video], number) =>
  ({ policy, task, index, outcome, steps, progress, failure, file, video, number }));
const discordant = new Set(data.versus.flatMap(([, , pairs]) => pairs.flat()));

/* ---- elements ---- */

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/* ---- words ---- */

function policyName(policy) {
  const [setting, name] = data.policies[policy];
  const several = new Set(data.policies.map(([other]) => other)).size > 1;
  return several ? `${name} (${data.settings[setting]})` : name;
}

function outcomeText(episode) {
  const mode = data.failures[episode.failure];
  const said = episode.outcome === 1 && mode ? mode : ["success", "failure", "no verdict"][episode.outcome];
  return `${SYMBOLS[episode.outcome]} ${said}`;
}

function outcomeSpan(episode) {
  return element("span", { class: OUTCOMES[episode.outcome] }, outcomeText(episode));
}

function stepsText(episode) {
  return `${episode.steps} step${episode.steps === 1 ? "" : "s"}`;
}

/* ---- curves, read when they are wanted ---- */

const waiting = new Map();

window.headwayCurves = (file, curves) => waiting.get(file).resolve(curves);

function curvesOf(episode) {
  if (!waiting.has(episode.file)) {
    const entry = {};
    entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
    waiting.set(episode.file, entry);
    const script = element("script", { src: `curves/${episode.file}.js` });
    script.addEventListener("error", () => entry.reject(new Error(`curves/${episode.file}.js is not there`)));
    document.head.append(script);
  }
  return waiting.get(episode.file).promise.then((curves) => curves[episode.number]);
}

function floats(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/* ---- one episode ---- */

const HEIGHT = 120;

/* The charts of an episode, as high as the video where that stands beside them. */
async function courseOf(episode, height = HEIGHT) {
  const about = await curvesOf(episode);
  const progress = floats(about.progress);
  const actions = floats(about.actions);
  const box = element("div", { class: episode.video ? "course" : "course bare" });
  const told = element("p", { class: "remark wide" }, `“${about.instruction}”`);
  if (about.error) told.append(" ", element("span", { class: "error" }, `No verdict: ${about.error}`));
  box.append(told);
  const cursors = [];
  const video = episode.video ? videoOf(episode) : null;
  if (video) box.append(element("div", {}, element("h6", {}, "Video"), video));
  const charts = [["Progress", progressChart(about, progress, episode, height, cursors)]];
  if (actions.length) charts.push(actionChart(about, actions, episode.steps, height, cursors));
  for (const [title, chart] of charts) {
    const part = element("div", {}, element("h6", {}, title), chart);
    const marks = [about.events.length && "Dotted: events.", about.looks.length && "Thin: the policy's own estimate."];
    if (title === "Progress") part.append(element("small", {}, marks.filter(Boolean).join(" ")));
    box.append(part);
  }
  if (!actions.length && episode.steps) box.append(element("p", { class: "remark" }, "The actions are not in this source."));
  if (episode.steps) box.append(scrubber(episode, progress, actions, about.width, video, cursors));
  const events = about.events.map(([step, name]) => `${name} (step ${step})`).join(", ");
  box.append(element("div", { class: "remark wide" },
    ...(events ? [element("p", {}, `Events: ${events}`)] : []),
    element("p", {}, `Start ${about.fingerprint.slice(0, 8)}, record ${about.key.slice(0, 8)}`)));
  return box;
}

function videoOf(episode) {
  const name = `${data.tasks[episode.task]}, episode ${episode.index}, ${policyName(episode.policy)}`;
  return element("video", { src: episode.video, controls: "", muted: "", playsinline: "", preload: "auto", "aria-label": name });
}

function place(step, steps) {
  return LEFT + ((WIDTH - LEFT - RIGHT) * step) / Math.max(steps, 1);
}

function line(values, first, stride, steps, height, low, high, from = 0) {
  const points = [];
  for (let at = first, step = from; at < values.length; at += stride, step += 1) {
    const y = height - (height * (Math.min(Math.max(values[at], low), high) - low)) / (high - low);
    points.push(`${place(step, steps).toFixed(1)},${y.toFixed(1)}`);
  }
  return points.join(" ");
}

function chart(name, height, steps, cursors, ...inside) {
  const cursor = drawn("line", { class: "cursor", x1: LEFT, x2: LEFT, y1: 0, y2: height, visibility: "hidden" });
  cursors.push(cursor);
  const marks = [0, steps].map((step, end) => drawn("text",
    { x: place(step, steps), y: height + 14, "text-anchor": end ? "end" : "start" }, step));
  return drawn("svg", { viewBox: `0 -6 ${WIDTH} ${height + 26}`, role: "img", "aria-label": name }, ...inside, cursor, ...marks);
}

function progressChart(about, progress, { steps, policy }, height, cursors) {
  const colour = data.policies[policy][2] % COLOURS;
  const inside = [0, 0.5, 1].flatMap((share) => [
    drawn("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: height * (1 - share), y2: height * (1 - share) }),
    drawn("text", { x: LEFT - 5, y: height * (1 - share) + 3.5, "text-anchor": "end" }, share),
  ]);
  for (const [step] of about.events)
    inside.push(drawn("line", { class: "event", x1: place(step, steps), x2: place(step, steps), y1: 0, y2: height }));
  const looks = about.looks.map(([step, estimate]) =>
    `${place(step, steps).toFixed(1)},${(height * (1 - Math.min(Math.max(estimate, 0), 1))).toFixed(1)}`);
  inside.push(drawn("polyline", { class: "estimate", points: looks.join(" ") }));
  inside.push(drawn("polyline", { class: `line c${colour}`, points: line(progress, 0, 1, steps, height, 0, 1, 1) }));
  const last = progress.length ? progress[progress.length - 1].toFixed(2) : "unknown";
  return chart(`Progress over ${steps} control steps, ${last} at the end`, height, steps, cursors, ...inside);
}

function actionChart(about, actions, steps, height, cursors) {
  const row = Math.max(12, height / about.width);
  const most = actions.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-9);
  const inside = [];
  for (let entry = 0; entry < about.width; entry += 1) {
    const middle = row * (entry + 0.5);
    const trace = drawn("polyline", { class: "line", points: line(actions, entry, about.width, steps, row * 0.86, -most, most, 1) });
    inside.push(
      drawn("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: middle, y2: middle }),
      drawn("text", { x: LEFT - 5, y: middle + 3.5, "text-anchor": "end" }, entry + 1),
      drawn("g", { transform: `translate(0 ${row * (entry + 0.07)})` }, trace));
  }
  const title = `Actions, ${about.width} entries, each ±${most.toFixed(2)}`;
  const name = `${title}, over ${steps} control steps`;
  const made = chart(name, row * about.width, steps, cursors, ...inside);
  made.classList.add("actions");
  return [title, made];
}

/* A slider over the control steps that the video follows, and that follows the video. */
function scrubber(episode, progress, actions, width, video, cursors) {
  const slider = element("input", { type: "range", min: 0, max: episode.steps, value: episode.steps, "aria-label": "control step" });
  const said = element("output", { "aria-live": "off" });
  const moving = () => (Number.isFinite(video?.duration) ? Math.max(video.duration - data.hold_s, 0.01) : 0);
  function show(step) {
    const at = place(step, episode.steps);
    for (const cursor of cursors)
      for (const [name, value] of [["x1", at], ["x2", at], ["visibility", "visible"]]) cursor.setAttribute(name, value);
    const acted = Array.from(actions.subarray(Math.max(step - 1, 0) * width, step * width), (value) => value.toFixed(2));
    said.value = step < 1 ? "start"
      : `step ${step}: progress ${progress[step - 1].toFixed(3)}${acted.length ? `; action ${acted.join(", ")}` : ""}`;
    slider.ariaValueText = said.value;
  }
  slider.addEventListener("input", () => {
    show(Number(slider.value));
    if (moving()) { video.pause(); video.currentTime = (moving() * slider.value) / episode.steps; }
  });
  function follow() {
    if (!moving()) return;
    slider.value = Math.min(episode.steps, Math.round((video.currentTime / moving()) * episode.steps));
    show(Number(slider.value));
    if (!video.paused) requestAnimationFrame(follow);
  }
  video?.addEventListener("play", follow);
  show(episode.steps);
  return element("div", { class: "scrub wide" }, slider, said);
}

/* A box that is filled when it is opened for the first time. */
function folded(summary, fill) {
  const body = element("div", { class: "body" });
  const made = element("details", {}, summary, body);
  made.addEventListener("toggle", async () => {
    if (!made.open) { body.querySelectorAll("video").forEach((video) => video.pause()); return; }
    if (body.hasChildNodes()) return;
    body.append("reading …");
    try { body.replaceChildren(...(await fill())); }
    catch (error) { body.replaceChildren(`Cannot be shown: ${error.message}; make the report again.`); }
  });
  return made;
}

function episodeBox(episode) {
  const reached = episode.progress === null ? "" : episode.progress.toFixed(2);
  const summary = element("summary", {},
    element("span", { class: "arrow", "aria-hidden": "true" }),
    element("span", {}, `${data.tasks[episode.task]} #${episode.index}`),
    element("span", {}, policyName(episode.policy)),
    outcomeSpan(episode),
    element("span", {}, `${stepsText(episode)}${episode.video ? ", video" : ""}`),
    element("span", { title: "progress at the end" }, reached));
  return folded(summary, async () => [await courseOf(episode, episode.video ? 2 * HEIGHT : HEIGHT)]);
}

/* ---- discordant pairs ---- */

function pairBox(first, second) {
  const sides = [first, second];
  const summary = element("summary", {},
    element("span", { class: "arrow", "aria-hidden": "true" }),
    element("span", {}, `${data.tasks[first.task]} #${first.index}`),
    ...sides.map((side) => element("span", {}, `${data.policies[side.policy][1]}: `, outcomeSpan(side), ` at ${side.steps}${side.video ? ", video" : ""}`)));
  return folded(summary, async () => {
    const courses = await Promise.all(sides.map((side) => courseOf(side)));
    const columns = sides.map((side, number) => element("div", {},
      element("h6", {}, `${data.policies[side.policy][1]}: `, outcomeSpan(side)), courses[number]));
    const box = element("div", { class: "both" }, ...columns);
    const videos = [...box.querySelectorAll("video")];
    if (videos.length < 2) return [box];
    const play = element("button", { type: "button" }, "Play both");
    play.addEventListener("click", () => videos.forEach((video) => { video.currentTime = 0; video.play(); }));
    return [element("p", {}, play), box];
  });
}

/* Boxes, as many as a page has, and a button for more. */
function paged(target, button, boxes, page = PAGE) {
  let shown = 0;
  function more() {
    target.append(...boxes.slice(shown, shown + page).map((make) => make()));
    shown = Math.min(boxes.length, shown + page);
    button.hidden = shown >= boxes.length;
    button.textContent = `Show more (${boxes.length - shown} left)`;
  }
  target.replaceChildren();
  button.onclick = () => {
    const next = target.children.length;
    more();
    target.children[next]?.querySelector("summary").focus();
  };
  more();
}

for (const target of document.querySelectorAll("[data-versus]")) {
  const button = element("button", { type: "button", hidden: "" });
  target.after(button);
  const pairs = data.versus[target.dataset.versus][2];
  paged(target, button, pairs.map(([first, second]) => () => pairBox(episodes[first], episodes[second])), PAIRS);
}

/* ---- the list and its filters; what is chosen stands in the address ---- */

const form = document.querySelector(".filters");
const list = document.querySelector("#episodes .episodes");

function options(select, names) {
  select.append(...names.map(([value, name]) => element("option", { value }, name)));
}

options(form.elements.policy, data.policies.map((_, policy) => [policy, policyName(policy)]));
options(form.elements.task, [...data.tasks].sort().map((name) => [name, name]));
const modes = data.failures.map((name, failure) => [failure, name]).filter(([, name]) => name);
options(form.elements.failure, modes);
form.elements.failure.closest("label").hidden = !modes.length;
form.elements.discordant.closest("label").hidden = !discordant.size;
form.elements.video.closest("label").hidden = !episodes.some((episode) => episode.video);

const ORDERS = {
  task: (one, other) => one.task - other.task || one.index - other.index || one.policy - other.policy,
  steps: (one, other) => one.steps - other.steps,
  progress: (one, other) => (one.progress ?? 2) - (other.progress ?? 2),
};

function chosen(wanted) {
  const found = episodes.filter((episode) =>
    ["policy", "outcome", "failure"].every((name) => !wanted.get(name) || episode[name] === Number(wanted.get(name)))
    && (!wanted.get("task") || data.tasks[episode.task] === wanted.get("task"))
    && (!wanted.get("video") || episode.video)
    && (!wanted.get("discordant") || discordant.has(episode.number)));
  return wanted.get("order") ? found.sort(ORDERS[wanted.get("order")]) : found;
}

function refresh() {
  const found = chosen(new FormData(form));
  document.querySelector(".count").value = `${found.length} of ${episodes.length} episodes`;
  paged(list, document.querySelector(".more"), found.map((episode) => () => episodeBox(episode)));
}

function readAddress() {
  const [anchor, asked] = location.hash.slice(1).split("?");
  if (anchor !== "episodes" || asked === undefined) return;
  form.reset();
  for (const [name, value] of new URLSearchParams(asked)) {
    const field = form.elements[name];
    if (field?.type === "checkbox") field.checked = value === "1";
    else if (field) field.value = value;
  }
  refresh();
  document.getElementById("episodes").scrollIntoView();
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", () => {
  const kept = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  history.replaceState(null, "", `#episodes?${kept}`);
  refresh();
});
form.addEventListener("reset", () => setTimeout(() => { history.replaceState(null, "", "#episodes"); refresh(); }));
window.addEventListener("hashchange", readAddress);
refresh();
readAddress();
