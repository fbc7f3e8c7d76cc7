// The studio: which run, which view of it, and what every view is given. The state of the page is in its URL.

import { h } from "./dom.js";
import { toggle } from "./theme.js";
import * as api from "./api.js";
import { mark } from "./mark.js";
import { failure, nothing } from "./message.js";
import { format, merged, parse, same } from "./state.js";

const TABS = [
  ["run", "Run"],
  ["network", "Network"],
  ["try", "Try it"],
  ["features", "Features"],
  ["mistakes", "Mistakes"],
  ["data", "Data"],
];
const ENDED = new Set(["judged", "failed", "model", "unreadable", "gone"]); // states that nothing is written after
const PATIENCE = 200; // milliseconds before the page says that it is busy

const page = { state: parse(location.hash), runs: [], values: null, dataset: null, view: null, turn: 0 };
const scrolled = new Map(); // how far each address had been read
const shell = frame(document.getElementById("studio"));

// --- the frame ---

function frame(root) {
  const tabs = TABS.map(([view, title]) => h("button", { type: "button", role: "tab", id: `tab-${view}`, "aria-controls": "panel", "data-testid": `tab-${view}`, click: () => go({ view }, { stay: true }) }, title));
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Views of the run", keydown: arrows }, tabs);
  const runs = h("select", { id: "runs", "aria-label": "Run", "data-testid": "runs", change: () => go({ run: runs.value }, { stay: true }) });
  const state = h("span", { class: "run-state", "data-testid": "run-state" });
  const panel = h("div", { id: "panel", role: "tabpanel" });
  const main = h("main", { id: "main", tabindex: -1 }, panel);
  const progress = h("div", { class: "progress", role: "progressbar", "aria-label": "Waiting for the studio", hidden: true });
  const brand = h("a", { class: "brand", href: "#", click: home }, mark(), "Lamina");
  const top = h("header", { class: "top studio-top" }, brand, h("div", { class: "chooser" }, runs, state), list, toggle(), progress);
  root.replaceChildren(h("a", { class: "skip", href: "#main", click: skip }, "Skip to the view"), top, main, h("div", { id: "said", class: "unseen", role: "status" }));
  return { tabs, runs, state, main, panel, progress };
}

function home(event) {
  event.preventDefault();
  go({ view: "run" });
}

function skip(event) {
  event.preventDefault();
  shell.main.focus();
}

function arrows(event) {
  const here = shell.tabs.indexOf(event.target);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const next = event.key === "Home" ? 0 : event.key === "End" ? TABS.length - 1 : step ? (here + step + TABS.length) % TABS.length : -1;
  if (here < 0 || next < 0) return;
  event.preventDefault();
  shell.tabs[next].focus();
  go({ view: TABS[next][0] }, { stay: true });
}

function marked() {
  const { view, run } = page.state;
  for (const tab of shell.tabs) {
    const on = tab.id === `tab-${view}`;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    if (on) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  shell.panel.setAttribute("aria-labelledby", `tab-${view}`);
  document.title = `${TABS.find(([name]) => name === view)[1]}${run ? ` · ${run}` : ""} · Lamina`;
}

function listed() {
  const { run } = page.state;
  const names = page.runs.map((r) => r.name);
  if (run && !names.includes(run)) names.unshift(run);
  const data = page.dataset?.name ? h("option", { value: "", selected: !run }, page.dataset.name) : "";
  shell.runs.replaceChildren(data, ...names.map((name) => h("option", { value: name, selected: name === run }, name)));
  shell.runs.disabled = !data && names.length === 0;
}

function told(state, epochs) {
  shell.state.className = `run-state ${state}`;
  shell.state.textContent = state === "training" && epochs ? `training, epoch ${epochs}` : state === "judged" ? "" : (state ?? "");
}

export function say(text) {
  document.getElementById("said").textContent = text;
}

// --- the state ---

// Changes of the state: null takes a name away. A view that knows update(state) is told, others are drawn anew.
function go(changes, { replace = false, stay = false } = {}) {
  const next = merged(page.state, changes);
  if (same(next, page.state)) return;
  scrolled.set(location.hash, scrollY);
  history[replace ? "replaceState" : "pushState"](null, "", format(next));
  return follow(next, { focus: !stay, scroll: 0 });
}

async function follow(next, { focus = false, scroll = 0 } = {}) {
  const before = page.state;
  page.state = next;
  marked();
  if (next.run !== before.run || !page.values) return open({ focus, scroll });
  if (next.view === before.view && page.view?.update) return page.view.update({ ...next });
  await draw({ focus, scroll: next.view === before.view ? scrollY : scroll });
}

async function start() {
  if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", location.pathname + location.hash);
  addEventListener("popstate", () => follow(parse(location.hash), { scroll: scrolled.get(location.hash) ?? 0 }));
  document.addEventListener("visibilitychange", () => (document.hidden ? unwatch() : look()));
  document.addEventListener("click", linked);
  marked();
  loaded(page.state.view).catch(() => null); // on its way while the run is read
  if (!page.state.run) return refresh(true);
  await Promise.all([open({}), refresh(false)]);
}

// A link to another state is gone to like a button's; with a key held down the browser opens it as it opens any.
function linked(event) {
  const href = event.target.closest?.("a")?.getAttribute("href");
  if (!href?.startsWith("#") || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const next = parse(href);
  const gone = Object.fromEntries(Object.keys(page.state).map((name) => [name, null]));
  go({ ...gone, ...next });
}

// The list of runs, then the run that the URL names, or the newest.
async function refresh(first) {
  try {
    page.runs = await waited(api.get("", "/api/runs"));
  } catch (error) {
    return first ? instead(failure(error, () => refresh(true))) : undefined;
  }
  if (!page.dataset) page.dataset = await api.get("", "/api/data").catch((error) => ({ error }));
  if (page.dataset.absent) page.dataset = {};
  if (!page.state.run && !page.dataset.name && !page.dataset.error && page.runs.length) {
    page.state = merged(page.state, { run: page.runs[0].name });
    history.replaceState(null, "", format(page.state));
  }
  listed();
  if (first) await open({});
}

// Without a run: the data file that the studio was started with, or how to come to a run.
async function untrained({ focus, scroll }) {
  told("");
  if (page.dataset?.error) return instead(failure(page.dataset.error, () => refresh(true)));
  if (page.dataset?.name && page.state.view === "data") return draw({ focus, scroll });
  closed();
  const command = page.dataset?.command ?? "lamina train sample:digits";
  instead(nothing(page.dataset?.name ? "No network was trained on this data yet." : "There is no run here yet.", h("p", null, "Train one with ", h("code", null, command), " and reload this page.")));
  if (focus) shell.main.focus({ preventScroll: true });
}

// Read the run that the state names and draw its view.
async function open({ focus = false, scroll = scrolled.get(location.hash) ?? 0 }) {
  const turn = (page.turn += 1);
  unwatch();
  listed();
  if (!page.state.run) {
    page.values = null;
    return untrained({ focus, scroll });
  }
  let values;
  try {
    values = await waited(api.get(page.state.run, ""));
  } catch (error) {
    if (turn !== page.turn) return;
    page.values = null;
    closed();
    told("");
    return instead(failure(error, () => open({ focus })));
  }
  if (turn !== page.turn) return;
  page.values = values;
  told(values.state);
  await draw({ focus, scroll });
  watch();
}

// --- the view ---

function heading() {
  return h("h1", { class: "unseen" }, document.title.replace(" · Lamina", ""));
}

// What stands in a view's place.
function instead(element) {
  shell.panel.replaceChildren(heading(), element);
}

async function draw({ focus, scroll }) {
  const turn = (page.turn += 1);
  const name = page.state.view;
  let module;
  try {
    module = await waited(loaded(name));
  } catch (error) {
    console.warn(error);
    if (turn !== page.turn) return;
    closed();
    return instead(failure({ message: `The view “${TABS.find(([view]) => view === name)[1]}” can’t be loaded.`, expected: `A module view_${name}.js that the browser understands.`, mend: "Reload the page; if that doesn’t help, install Lamina again." }));
  }
  if (turn !== page.turn) return;
  closed();
  const root = h("div", { class: `view view-${name}`, "data-testid": `view-${name}` });
  shell.panel.replaceChildren(root);
  const listeners = [];
  page.view = { name, listeners, close: null, update: null };
  const drawn = page.view;
  try {
    const made = await module.render(root, app(listeners));
    const parts = typeof made === "function" ? { close: made } : (made ?? {});
    if (page.view !== drawn) return parts.close?.();
    Object.assign(drawn, { close: parts.close, update: parts.update });
  } catch (error) {
    if (error.name === "AbortError") return;
    console.error(error);
    if (page.view !== drawn) return;
    root.replaceChildren(failure(error.expected === undefined ? { message: "This view can’t be shown.", expected: "Values as this version of Lamina makes them.", mend: "Reload the page. If the run is of an older version, train it again." } : error, () => draw({ focus, scroll })));
  }
  if (!root.querySelector("h1")) root.before(heading());
  if (focus) shell.main.focus({ preventScroll: true });
  scrollTo({ top: scroll, behavior: "instant" });
}

const sheets = new Map();

// A view's module and, where it has one of its own (export const sheet = "view_x.css"), its style sheet.
async function loaded(name) {
  const module = await import(`./view_${name}.js`);
  if (module.sheet && !sheets.has(module.sheet)) {
    const link = h("link", { rel: "stylesheet", href: new URL(module.sheet, import.meta.url).href });
    sheets.set(module.sheet, new Promise((resolve) => ["load", "error"].forEach((event) => link.addEventListener(event, resolve))));
    document.head.append(link);
  }
  await sheets.get(module.sheet);
  return module;
}

function closed() {
  try {
    page.view?.close?.();
  } catch (error) {
    console.error(error);
  }
  page.view = null;
}

// What a view is given.
function app(listeners) {
  const run = page.state.run;
  return {
    live: true, // a server answers, whatever is asked
    run,
    dataset: run ? null : page.dataset,
    get values() {
      return page.values;
    },
    get state() {
      return { ...page.state };
    },
    go,
    say,
    href: (changes) => format(merged(page.state, changes)),
    api: (path, params, options) => waited(api.get(run, path, params, options)),
    post: (path, body, options) => waited(api.post(run, path, body, options)),
    onChange: (listener) => listeners.push(listener),
  };
}

// --- waiting ---

let pending = 0;
let soon = null;

// The bar under the header comes only if an answer takes longer than a glance.
async function waited(promise) {
  pending += 1;
  soon ??= setTimeout(() => (shell.progress.hidden = false), PATIENCE);
  try {
    return await promise;
  } finally {
    pending -= 1;
    if (!pending) {
      clearTimeout(soon);
      soon = null;
      shell.progress.hidden = true;
    }
  }
}

// --- changes of the run ---

let watching = null;

// A run that is still written is watched while the page is seen: browsers allow six connections to one address.
function watch() {
  unwatch();
  if (!document.hidden && page.values && !ENDED.has(page.values.state)) watching = api.changes(page.state.run, changed);
}

function unwatch() {
  watching?.();
  watching = null;
}

// The page is seen again: what happened meanwhile?
async function look() {
  await refresh(false);
  const found = page.runs.find((run) => run.name === page.state.run);
  if (found && page.values && found.state !== page.values.state) await changed(found);
  watch();
}

let latest = 0;

async function changed(event) {
  const [run, mine] = [page.state.run, (latest += 1)];
  told(event.state, event.epochs);
  let values;
  try {
    values = await api.get(run, "");
  } catch {
    return; // it is being written, or gone: the next question says so
  }
  if (run !== page.state.run || mine !== latest) return;
  const before = page.values;
  page.values = values;
  told(values.state, event.epochs);
  if (page.view?.listeners.length) for (const listener of page.view.listeners) listener({ ...event, values });
  else if (JSON.stringify(before?.can) !== JSON.stringify(values.can)) await draw({ focus: false, scroll: scrollY });
  if (ENDED.has(values.state) && !ENDED.has(before?.state)) {
    say(`The run is ${values.state}.`);
    unwatch();
  }
}

start();
