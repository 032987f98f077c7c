// Draws the tables of `figure[data-chart]` with uPlot: the table stays, for who cannot see a canvas and for who wants figures.
// A row is a moment (th[data-t], seconds), a cell a value (td[data-v], empty where nothing is known), a column a series, whose
// colour is that of its chip in the legend.
"use strict";
const Charts = (() => {
  const DRAWN = new WeakMap();
  const HEIGHT = 220;

  const UNITS = {
    usd: (value) => value === 0 ? "$0" : new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumSignificantDigits: 3, minimumFractionDigits: 0, notation: value >= 10000 ? "compact" : "standard" }).format(value),
    count: (value) => new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value),
    s: (value) => value === 0 ? "0" : value < 1 ? `${+(value * 1000).toPrecision(3)} ms` : `${+value.toPrecision(3)} s`,
  };

  const read = (figure) => {
    const rows = [...figure.querySelectorAll("tbody tr")];
    const times = rows.map((row) => Number(row.querySelector("[data-t]").dataset.t));
    const cells = rows.map((row) => [...row.querySelectorAll("[data-v]")]);
    const names = [...figure.querySelectorAll(".legend li")];
    const series = names.map((_, at) => cells.map((row) => row[at].dataset.v === "" ? null : Number(row[at].dataset.v)));
    return { times, cells, names, series };
  };

  const stacked = (series) => {
    const tops = [];
    series.forEach((values, at) => tops.push(values.map((value, n) => (value || 0) + (at ? tops[at - 1][n] : 0))));
    return tops;
  };

  const colour = (element, property) => getComputedStyle(element)[property];

  const tip = (figure, data) => {
    const box = figure.querySelector(".tip");
    return (plot) => {
      const { idx, left } = plot.cursor;
      if (idx == null || left < 0) { box.hidden = true; return; }
      const lines = [figure.querySelectorAll("tbody tr")[idx].querySelector("[data-t]").textContent];
      data.names.forEach((name, at) => {
        if (data.series[at][idx]) lines.push(`${name.textContent.trim()}  ${data.cells[idx][at].textContent.trim()}`);
      });
      box.textContent = lines.join("\n");
      box.hidden = false;
      const at = plot.over.offsetLeft + left + 16;  // beside the pointer, on the side where there is more room
      box.style.left = `${Math.max(4, at < plot.width / 2 ? at + 16 : at - box.offsetWidth - 16)}px`;
      box.style.top = `${plot.root.offsetTop + 8}px`;
    };
  };

  // Dragging over a stretch of time goes there: the range is in the address, as with any other choice.
  const zoom = (plot) => {
    if (plot.select.width < 8) return;
    const [from, to] = [plot.select.left, plot.select.left + plot.select.width].map((x) => new Date(Math.round(plot.posToVal(x, "x")) * 1000).toISOString().slice(0, 19) + "Z");
    const there = new URL(location.href);
    there.searchParams.delete("since");
    there.searchParams.set("from", from);
    there.searchParams.set("to", to);
    location.assign(there);
  };

  // Steps of a day and more begin at midnight, UTC; shorter ones are told on the clock of who looks.
  const when = (times) => {
    const step = times.length > 1 ? times[1] - times[0] : 3600;
    const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: step >= 86400 ? "UTC" : undefined });
    const time = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    let last = "";
    return (moment) => {
      const date = day.format(moment * 1000);
      if (step >= 86400) return date;
      const said = date === last ? time.format(moment * 1000) : `${time.format(moment * 1000)}\n${date}`;
      last = date;
      return said;
    };
  };

  const options = (figure, data, isStack, width) => {
    const unit = UNITS[figure.dataset.unit];
    const text = colour(figure.querySelector("figcaption .muted") || figure, "color");
    const line = colour(figure, "borderTopColor");
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const step = data.times.length > 1 ? data.times[1] - data.times[0] : 3600;
    const bars = uPlot.paths.bars({ size: [0.72, 48], gap: 1 });
    return {
      width, height: HEIGHT, padding: [8, 24, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: !isStack }, drag: { setScale: false, x: true, y: false } },
      scales: {
        x: { range: (_, low, high) => [low - (isStack ? step / 2 : 0), high + (isStack ? step / 2 : 0)] },
        y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        { ...axis, grid: { show: false }, space: 70, values: (_, moments) => { const say = when(data.times); return moments.map((one) => say(one)); } },
        { ...axis, size: 62, space: 40, values: (_, values) => values.map(unit) },
      ],
      series: [{}, ...data.names.map((name) => {
        const own = colour(name.querySelector(".chip"), "backgroundColor");
        return isStack
          ? { stroke: own, fill: own, width: 0, paths: bars, points: { show: false } }
          : { stroke: own, width: 2, spanGaps: true, points: { show: data.times.length < 40, size: 5, fill: own } };
      })],
      hooks: { setCursor: [tip(figure, data)], setSelect: [zoom] },
    };
  };

  const drawOne = (figure) => {
    DRAWN.get(figure)?.destroy();
    DRAWN.delete(figure);
    const room = figure.querySelector(".plot");
    const data = read(figure);
    const width = room.clientWidth;
    if (!data.times.length || !width) return;
    const isStack = figure.dataset.chart === "stack";
    const columns = isStack ? stacked(data.series) : data.series;
    const made = options(figure, data, isStack, width);
    // The tallest is drawn first and the others over it.
    if (isStack) { columns.reverse(); made.series = [{}, ...made.series.slice(1).reverse()]; }
    DRAWN.set(figure, new uPlot(made, [data.times, ...columns], room));
  };

  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const figure = target.closest("figure"), plot = DRAWN.get(figure);
      if (plot && plot.width !== target.clientWidth && target.clientWidth) plot.setSize({ width: target.clientWidth, height: HEIGHT });
      else if (!plot) drawOne(figure);
    }
  });

  const draw = (under) => {
    for (const figure of under.querySelectorAll("figure[data-chart]")) {
      drawOne(figure);
      watch.observe(figure.querySelector(".plot"));
    }
  };

  draw(document);
  return { draw };
})();
