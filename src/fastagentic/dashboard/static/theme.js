// Before the first paint: the colours that were chosen here, if any. Without a choice the system's hold.
"use strict";
(() => {
  const chosen = localStorage.getItem("fastagentic-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
