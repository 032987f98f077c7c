// Values as a person reads them, by the panel's unit, and the colours of thresholds.
"use strict";

const COLOURS = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#ffb357", "#96d98d", "#ff7383", "#ca95e5", "#ffee52"];
const NAMED = {green: "#73bf69", orange: "#ff9830", red: "#f2495c", blue: "#8ab8ff", transparent: "transparent"};

function digits(value, decimals) {
  if (decimals !== undefined) return value.toLocaleString("en-US", {minimumFractionDigits: decimals, maximumFractionDigits: decimals});
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 100 || Number.isInteger(value)) return value.toLocaleString("en-US", {maximumFractionDigits: 0});
  return Number(value.toPrecision(3)).toLocaleString("en-US", {maximumFractionDigits: 9});
}

function scaled(value, decimals) {
  for (const [size, sign] of [[1e9, " Bil"], [1e6, " Mil"], [1e3, " K"]]) {
    if (Math.abs(value) >= size) return digits(value / size, decimals === undefined ? 2 : Math.min(decimals, 2)) + sign;
  }
  return digits(value, decimals);
}

function seconds(value, decimals) {
  if (value === 0) return "0 s";
  if (value < 1e-3) return digits(value * 1e6, 0) + " µs";
  if (value < 1) return digits(value * 1e3, value < 0.01 ? 1 : 0) + " ms";
  return digits(value, decimals ?? 2) + " s";
}

function moment(value) {
  const at = typeof value === "number" ? new Date(value) : new Date(String(value).replace(" ", "T") + "Z");
  return at.toISOString().slice(0, 19).replace("T", " ");
}

function said(value, unit, decimals) {
  if (value === null || value === undefined || value === "") return "";
  if (unit === "dateTimeAsLocal" || unit === "dateTimeAsIso") return moment(value);
  const number = Number(value);
  if (Number.isNaN(number)) return String(value);
  switch (unit) {
    case "currencyUSD": return (number < 0 ? "-$" : "$") + scaled(Math.abs(number), decimals ?? (Math.abs(number) >= 1 ? 2 : undefined));
    case "percentunit": return digits(number * 100, decimals ?? (number === 1 || number === 0 ? 0 : 1)) + "%";
    case "s": return seconds(number, decimals);
    case "reqps": return digits(number, decimals) + " req/s";
    case "cps": return scaled(number, decimals) + " c/s";
    case "short": return scaled(number, decimals);
    default: return String(value);
  }
}

function colour_of(value, thresholds) {
  let found = "blue";
  for (const step of thresholds?.steps ?? []) if (step.value === null || step.value === undefined || value >= step.value) found = step.color;
  return NAMED[found] ?? found;
}
