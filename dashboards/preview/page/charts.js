// Panels with an axis of time: lines, areas, bars and heatmaps, drawn by ECharts.
"use strict";

const AXIS = {axisLine: {show: false}, axisTick: {show: false}, axisLabel: {color: "#8e9098", fontSize: 10.5}, splitLine: {lineStyle: {color: "#24272d"}}};

function time_axis() {
  const span = RANGE.end - RANGE.start;
  return {...AXIS, type: "time", min: RANGE.start * 1000, max: RANGE.end * 1000, splitNumber: 5, splitLine: {show: false},
    axisLabel: {...AXIS.axisLabel, hideOverlap: true, formatter: (at) => new Date(at).toISOString().slice(11, span > 1200 ? 16 : 19)}};
}

function new_chart(body, bottom, top = 8) {
  const place = document.createElement("div");
  place.className = "chart";
  body.append(place);
  return {chart: echarts.init(place, null, {renderer: "canvas"}), grid: {left: 6, right: 10, top, bottom, containLabel: true}};
}

function matched(override, name) {
  if (override.matcher.id !== "byRegexp") return override.matcher.options === name;
  const [, pattern, flags] = override.matcher.options.match(/^\/(.*)\/([a-z]*)$/);
  return new RegExp(pattern, flags).test(name);
}

function is_dashed(panel, name) {
  return (panel.fieldConfig.overrides ?? []).some((one) => matched(one, name) && one.properties.some((each) => each.id === "custom.lineStyle"));
}

// Rows of ClickHouse over time: a column of time, one of a name, one of a value.
function lines_of_rows(rows) {
  const [time, name, value] = Object.keys(rows[0] ?? {});
  const found = new Map();
  for (const row of rows) {
    const at = Date.parse(String(row[time]).replace(" ", "T") + "Z") / 1000;
    if (!found.has(row[name])) found.set(row[name], []);
    found.get(row[name]).push([at, Number(row[value])]);
  }
  return [...found].map(([legend, points]) => ({legend, points}));
}

function draw_timeseries(body, panel, answers) {
  const lines = answers.flatMap((one) => (one.kind === "range" ? one.series : one.kind === "rows" ? lines_of_rows(one.rows) : []));
  if (!lines.length) return empty(body, "No data");
  const {unit, decimals, custom = {}, thresholds} = panel.fieldConfig.defaults;
  const last = (line) => line.points.findLast((point) => point[1] !== null)?.[1] ?? null;
  const max = (line) => Math.max(...line.points.map((point) => point[1] ?? -Infinity));
  lines.sort((one, other) => max(other) - max(one));
  const rows = Math.min(lines.length, 4), is_stacked = custom.stacking?.mode === "normal", are_bars = custom.drawStyle === "bars";
  const {chart, grid} = new_chart(body, 16 * (rows + 1) + 10);
  const moments = [...new Set(lines.flatMap((line) => line.points.map((point) => point[0])))].sort((a, b) => a - b);
  const filled = (line) => {
    const known = new Map(line.points);
    return moments.map((at) => [at * 1000, known.get(at) ?? (is_stacked ? 0 : null)]);
  };
  const series = lines.map((line, at) => ({
    type: are_bars ? "bar" : "line", name: line.legend, data: filled(line), showSymbol: false, color: COLOURS[at % COLOURS.length],
    stack: is_stacked ? "all" : undefined, barMaxWidth: 14, animation: false,
    lineStyle: {width: custom.lineWidth ?? 1, type: is_dashed(panel, line.legend) ? "dashed" : "solid"},
    areaStyle: are_bars || is_dashed(panel, line.legend) ? undefined : {opacity: (custom.fillOpacity ?? 0) / 100},
  }));
  const steps = custom.thresholdsStyle ? thresholds.steps.filter((step) => step.value) : [];
  if (steps.length) series[0].markLine = {silent: true, symbol: "none", label: {show: false}, animation: false,
    data: steps.map((step) => ({yAxis: step.value, lineStyle: {color: NAMED[step.color], type: "dashed"}}))};
  const top_of_all = Math.max(...lines.map(max));
  const dots = answers.filter((one) => one.kind === "exemplars").flatMap((one) => one.points);
  if (dots.length) series.push({type: "scatter", symbol: "diamond", symbolSize: 6, color: "#5794f2", animation: false,
    data: dots.filter((dot) => dot[1] <= top_of_all * 1.15).map(([at, value]) => [at * 1000, value])});
  chart.setOption({grid, xAxis: time_axis(), series,
    yAxis: {...AXIS, type: "value", min: custom.axisSoftMin === 0 && !custom.axisCenteredZero ? 0 : undefined, max: panel.fieldConfig.defaults.max,
      splitNumber: 3, axisLabel: {...AXIS.axisLabel, formatter: (value) => (unit === "percentunit" ? digits(Number((value * 100).toPrecision(3))) + "%" : said(value, unit))}}});
  legend(body, lines.slice(0, rows), lines.length - rows, (line) => [said(max(line), unit, decimals), said(last(line), unit, decimals)]);
}

function legend(body, lines, more, values) {
  const place = document.createElement("div");
  place.className = "legend";
  place.innerHTML = `<div class="head"><span></span><b>Max</b><b>Last</b></div>`;
  lines.forEach((line, at) => {
    const row = document.createElement("div");
    row.innerHTML = `<i style="background:${COLOURS[at % COLOURS.length]}"></i><span></span>`;
    row.querySelector("span").textContent = line.legend + (at === lines.length - 1 && more > 0 ? `  (and ${more} more)` : "");
    for (const value of values(line)) row.insertAdjacentHTML("beforeend", `<b>${value}</b>`);
    place.append(row);
  });
  body.append(place);
}

function draw_heatmap(body, panel, answers) {
  const series = answers.find((one) => one.kind === "range")?.series ?? [];
  const bounds = series.map((one) => [one.labels.le === "+Inf" ? Infinity : Number(one.labels.le), new Map(one.points)]).sort((a, b) => a[0] - b[0]);
  const moments = [...new Set(series.flatMap((one) => one.points.map((point) => point[0])))].sort((a, b) => a - b);
  const cells = [];
  let most = 0, least = bounds.length, highest = 0;
  for (const [x, at] of moments.entries()) {
    bounds.forEach(([, points], y) => {
      const count = (points.get(at) ?? 0) - (y ? bounds[y - 1][1].get(at) ?? 0 : 0);  // buckets hold all below them too
      if (count <= 1e-9) return;
      [most, least, highest] = [Math.max(most, count), Math.min(least, y), Math.max(highest, y)];
      cells.push([x, y, count]);
    });
  }
  if (!cells.length) return empty(body, "No data");
  const {unit} = panel.fieldConfig.defaults;
  const shown = bounds.slice(least, highest + 1).map(([bound]) => (bound === Infinity ? "more" : said(bound, unit)));
  const {chart, grid} = new_chart(body, 10);
  const dots = answers.filter((one) => one.kind === "exemplars").flatMap((one) => one.points).map(([at, value]) => {
    const x = moments.findIndex((moment) => moment >= at);
    return [x < 0 ? moments.length - 1 : x, Math.min(Math.max(bounds.findIndex(([bound]) => value <= bound) - least, 0), shown.length - 1)];
  });
  chart.setOption({grid,
    xAxis: {...AXIS, type: "category", data: moments.map((at) => new Date(at * 1000).toISOString().slice(11, 16)), splitLine: {show: false}},
    yAxis: {...AXIS, type: "category", data: shown, splitLine: {show: false}},
    visualMap: {show: false, min: 0, max: most * 0.7, dimension: 2, seriesIndex: 0, inRange: {color: ["#3b2313", "#8a4513", "#d9701e", "#ffb357", "#fff0d9"]}},
    series: [
      {type: "heatmap", data: cells.map(([x, y, count]) => [x, y - least, count]), animation: false},
      {type: "scatter", data: dots, symbol: "diamond", symbolSize: 7, color: "#5794f2", animation: false, z: 5},
    ]});
}
