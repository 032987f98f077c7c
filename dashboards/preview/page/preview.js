// Lays the panels of a dashboard's JSON out on Grafana's grid and fills each with the answers to its queries.
"use strict";

const {dashboard: DASHBOARD, answers: ANSWERS, range: RANGE, told: TOLD, chosen: CHOSEN} = DATA;
const ROW_HEIGHT = 28, GAP = 7;

function empty(body, text) {
  body.innerHTML = `<div class="empty"></div>`;
  body.firstChild.textContent = text;
}

function draw_stat(body, panel, answers) {
  const [answer] = answers, defaults = panel.fieldConfig.defaults;
  const value = answer.kind === "rows" ? Object.values(answer.rows[0] ?? {})[0] : answer.series[0]?.value;
  const place = document.createElement("div");
  place.className = "stat";
  if (value === undefined || value === null) {
    place.classList.add("words");
    place.textContent = defaults.noValue ?? "No data";
  } else {
    place.textContent = said(value, defaults.unit, defaults.decimals);
    place.style.color = colour_of(Number(value), defaults.thresholds);
  }
  body.append(place);
}

function draw_bargauge(body, panel, answers) {
  const {unit, decimals, thresholds} = panel.fieldConfig.defaults, series = answers[0].series;
  if (!series.length) return empty(body, "No data");
  const most = Math.max(...series.map((one) => one.value), 1e-12);
  const place = document.createElement("div");
  place.className = "bars";
  for (const one of series.slice(0, 9)) {
    const row = document.createElement("div");
    row.innerHTML = `<span></span><em style="width:${(100 * one.value) / most}%"></em><b></b>`;
    row.querySelector("span").textContent = one.legend;
    row.querySelector("em").style.background = row.querySelector("b").style.color = colour_of(one.value, thresholds);
    row.querySelector("b").textContent = said(one.value, unit, decimals);
    place.append(row);
  }
  body.append(place);
}

// The transformations that these dashboards use, on rows of name to value.
function transformed(rows, transformations = []) {
  for (const {id, options} of transformations) {
    if (id === "organize") {
      const order = Object.keys(options.indexByName).sort((one, other) => options.indexByName[one] - options.indexByName[other]);
      rows = rows.map((row) => Object.fromEntries(order.map((name) => [options.renameByName[name], row[name] ?? ""])));
    } else if (id === "groupingToMatrix") {
      const corner = `${options.rowField}\\${options.columnField}`, found = new Map();
      for (const row of rows) {
        const key = row[options.rowField] ?? "";
        if (!found.has(key)) found.set(key, {[corner]: key});
        found.get(key)[row[options.columnField] ?? ""] = row[options.valueField];
      }
      rows = [...found.values()];
    }
  }
  return rows;
}

function draw_table(body, panel, answers) {
  const [answer] = answers;
  if (answer.kind === "unasked") return empty(body, "Asked of Tempo, which is not part of this preview");
  const raw = answer.kind === "rows" ? answer.rows : answer.series.map((one) => ({...one.labels, Value: one.value}));
  const rows = transformed(raw, panel.transformations);
  if (!rows.length) return empty(body, panel.fieldConfig.defaults.noValue ?? "No data");
  const {unit, decimals, custom, thresholds} = panel.fieldConfig.defaults, overrides = panel.fieldConfig.overrides ?? [];
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const property = (name, id) => overrides.filter((one) => matched(one, name)).flatMap((one) => one.properties).find((one) => one.id === id)?.value;
  const is_number = (name) => rows.some((row) => typeof row[name] === "number") || (property(name, "unit") !== undefined && !String(property(name, "unit")).startsWith("date"));
  const table = document.createElement("table");
  table.innerHTML = `<tr>${names.map((name) => `<th class="${is_number(name) ? "number" : ""}">${name}</th>`).join("")}</tr>`;
  for (const row of rows.slice(0, 40)) {
    const line = table.insertRow();
    for (const name of names) {
      const cell = line.insertCell(), text = said(row[name], property(name, "unit") ?? (typeof row[name] === "number" ? unit : "none"), decimals);
      if (is_number(name)) cell.className = "number";
      if (property(name, "links")) cell.append(Object.assign(document.createElement("a"), {textContent: text}));
      else cell.textContent = text;
      if (custom?.cellOptions?.type === "color-background" && typeof row[name] === "number") cell.style.background = colour_of(row[name], thresholds) + "66";
    }
  }
  body.append(table);
}

const DRAW = {stat: draw_stat, timeseries: draw_timeseries, bargauge: draw_bargauge, heatmap: draw_heatmap, table: draw_table};

function put(panel) {
  const place = document.createElement("section"), {x, y, w, h} = panel.gridPos, column = GRID.clientWidth / 24;
  Object.assign(place.style, {left: `${x * column}px`, top: `${y * ROW_HEIGHT}px`, width: `${w * column - GAP}px`, height: `${h * ROW_HEIGHT - GAP}px`});
  GRID.append(place);
  if (panel.type === "row") {
    place.className = "row";
    place.textContent = panel.title.replace(/\$(\w+)/g, (_, name) => CHOSEN[name] ?? "");
    return;
  }
  place.innerHTML = `<h2><span></span></h2><div class="body"></div>`;
  place.querySelector("h2 span").textContent = panel.title;
  if (panel.links?.length) place.querySelector("h2").insertAdjacentHTML("beforeend", `<span class="alarm">runbook</span>`);
  DRAW[panel.type](place.querySelector(".body"), panel, ANSWERS[panel.id]);
}

const GRID = document.getElementById("grid");
document.getElementById("title").textContent = DASHBOARD.title;
document.getElementById("about").textContent = DASHBOARD.description;
document.getElementById("told").textContent = TOLD;
GRID.style.height = `${Math.max(...DASHBOARD.panels.map((one) => one.gridPos.y + one.gridPos.h)) * ROW_HEIGHT}px`;
DASHBOARD.panels.forEach(put);
