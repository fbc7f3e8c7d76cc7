// Mistakes: which classes are taken for which, what these examples look like, how sure it was, and where it fails.

import { h } from "./dom.js";
import { count, percent, plural, short } from "./numbers.js";
import { SECTIONS, section } from "./sections.js";
import { card, ghosts, load } from "./examples.js";
import { busy, failure, nothing } from "./message.js";

const PAGE = 24;

export function render(root, app) {
  const regression = app.values.task.kind === "regression";
  const spec = (id) => SECTIONS.find((s) => s.id === id);
  const { can } = app.values;
  const onpick = can.examples ? (target, predicted) => app.go({ target, predicted }, { stay: true }) : undefined;
  const matrix = section(spec("confusion"), app.values, { onpick });
  const calibration = regression ? [] : [section(spec("calibration"), app.values)];
  if (!can.examples) return void root.append(matrix, unkept(section(spec("mistakes"), app.values), can.why.examples), ...calibration);
  const wall = worst(app, regression);
  const slices = failing(app);
  root.append(matrix, wall.element, ...calibration, slices.element);
  update(app.state, true);
  slices.load();

  function update(state, first) {
    const picked = state.target !== undefined || state.predicted !== undefined;
    for (const cell of matrix.querySelectorAll("td[aria-current]")) cell.removeAttribute("aria-current");
    if (picked) matrix.querySelector(`[data-testid="${CSS.escape(`cell-${state.target}-${state.predicted}`)}"]`)?.closest("td").setAttribute("aria-current", "true");
    wall.show(state, !first && picked);
  }

  return {
    update: (state) => update(state, false),
    close() {
      wall.close();
      slices.close();
    },
  };
}

// Without examples the worst mistakes are those of the report, which lead nowhere.
function unkept(element, why) {
  element.append(h("p", { class: "absent" }, why));
  return element;
}

// The worst mistakes, or the examples of one cell of the matrix.
function worst(app, regression) {
  const title = h("h2", { id: "worst-title", tabindex: -1 });
  const lead = h("p", { class: "lead" });
  const back = h("button", { type: "button", class: "quiet", "data-testid": "all-mistakes", click: () => app.go({ target: null, predicted: null }, { stay: true }) }, regression ? "All errors" : "All mistakes");
  const list = h("ol", { class: "examples" });
  const more = h("button", { type: "button", class: "quiet more-button", "data-testid": "more", hidden: true, click: () => add() }, "Show more");
  const element = h("section", { id: "worst", "aria-labelledby": "worst-title" }, h("div", { class: "headed" }, title, back), lead, list, more);
  let asked = null;
  let control = null;
  let shown = 0;

  async function add() {
    const mine = (control = new AbortController());
    try {
      const found = await load(app, { ...asked, offset: shown, limit: PAGE }, { signal: mine.signal });
      if (mine.signal.aborted) return;
      if (shown === 0) list.replaceChildren();
      const fresh = found.items.map((item) => card(item, app));
      list.append(...fresh);
      if (shown && fresh.length) fresh[0].querySelector("a").focus();
      shown += found.items.length;
      more.hidden = shown >= found.total;
      told(found);
    } catch (error) {
      if (error.name !== "AbortError") list.replaceChildren(failure(error, () => add()));
    }
    list.removeAttribute("aria-busy");
  }

  function told({ total, absent }) {
    const few = total < (app.values.mistakes.wrong ?? 0) ? `, of ${count(app.values.mistakes.wrong)} in all` : "";
    if (!total) list.replaceChildren(nothing(absent || (asked.target !== undefined ? "None of these examples is kept with the run." : "None of the examples that are kept is answered wrong.")));
    lead.textContent = !total ? "" : sentence(asked, total, few, regression);
  }

  return {
    element,
    close: () => control?.abort(),
    show(state, moved) {
      const { target, predicted } = state;
      const next = target === undefined ? regression ? { part: "judged", sort: "loss" } : { part: "judged", sort: "sure", wrong: true } : { part: "judged", sort: target === predicted ? "loss" : "sure", target, predicted };
      if (JSON.stringify(next) === JSON.stringify(asked)) return;
      control?.abort();
      [asked, shown] = [next, 0];
      title.textContent = target === undefined ? (regression ? "Largest errors" : "Worst mistakes") : target === predicted ? `${target}, told right` : `${target} taken for ${predicted}`;
      back.hidden = target === undefined;
      if (list.children.length) list.setAttribute("aria-busy", "true");
      else list.replaceChildren(...ghosts(Math.min(PAGE, regression ? PAGE : (app.values.mistakes.wrong ?? 0)), app.values.kind));
      add();
      list.setAttribute("aria-label", title.textContent);
      if (!moved) return;
      title.focus({ preventScroll: true });
      element.scrollIntoView({ block: "start" });
    },
  };
}

function sentence(asked, total, few, regression) {
  if (regression) return `The rows it missed by most, of ${plural(total, "judged row")} that are kept: often unusual ones, or errors in the data.`;
  if (asked.target === undefined) return `${total === 1 ? "One wrong answer is" : `${count(total)} wrong answers are`} kept${few}, the surest first: look here for labels that are wrong and for what the network can’t see.`;
  return asked.target === asked.predicted ? `${plural(total, "example")} kept, the least sure first.` : `${plural(total, "example")} kept, the surest mistake first.`;
}

// Groups of rows that are answered worse than the others.
function failing(app) {
  const body = h("div", null, busy());
  const element = h(
    "section",
    { id: "slices", "aria-labelledby": "slices-title", hidden: true },
    h("h2", { id: "slices-title" }, "Where it fails"),
    h("p", { class: "lead" }, "Groups of rows that it gets wrong more often than the rest, by more than chance would."),
    body,
  );
  const control = new AbortController();
  return {
    element,
    close: () => control.abort(),
    async load() {
      try {
        const found = await app.api("slices", {}, { signal: control.signal });
        element.hidden = false;
        body.replaceChildren(found.items?.length ? bars(found.items) : nothing(found.absent || `No group stands out of ${count(found.tried)} that were looked at: it fails about as often everywhere.`));
      } catch (error) {
        if (error.name === "AbortError") return;
        element.hidden = false;
        body.replaceChildren(failure(error));
      }
    },
  };
}

function bars(slices) {
  const size = (slice) => slice.wrong ?? slice.error ?? 0;
  const most = Math.max(...slices.map((s) => Math.max(size(s), s.overall ?? 0)), 1e-12);
  const text = (slice, value) => (slice.wrong === undefined || slice.wrong === null ? short(value, 3) : percent(value, 1));
  const overall = slices[0].overall;
  return h(
    "ol",
    { class: "slices", style: { "--overall": (overall ?? 0) / most } },
    slices.map((slice) =>
      h(
        "li",
        { "data-testid": "slice" },
        h("span", { class: "slice-words" }, slice.words),
        h("span", { class: "slice-bar", "aria-hidden": "true", style: { "--share": size(slice) / most } }),
        h("span", { class: "slice-number" }, h("b", null, text(slice, size(slice))), h("small", null, `${slice.wrong === undefined || slice.wrong === null ? " off" : " wrong"} of ${plural(slice.rows, "row")}`)),
      ),
    ),
    overall === undefined ? null : h("li", { class: "overall" }, h("span", { class: "slice-words" }, "all rows"), h("span", { class: "slice-bar", "aria-hidden": "true", style: { "--share": overall / most } }), h("span", { class: "slice-number" }, h("b", null, text(slices[0], overall)))),
  );
}
