// What a page does beyond links and forms: it hears of new calls and fetches itself anew, switches colours, copies ids.
// Everything that is shown comes from the server as HTML; nothing that is stored is ever put together into markup here.
"use strict";
(() => {
  const said = document.getElementById("said");
  const say = (text) => { said.textContent = text; };

  // --- colours ---------------------------------------------------------------------------------------------------------
  const THEMES = ["system", "light", "dark"];
  const theme = document.getElementById("theme");
  const themeNow = () => document.documentElement.dataset.theme || "system";
  const nameTheme = () => { theme.setAttribute("aria-label", `Colours: ${themeNow() === "system" ? "as the system has them" : themeNow()}`); };
  theme.hidden = false;
  nameTheme();
  theme.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(themeNow()) + 1) % THEMES.length];
    if (next === "system") {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem("fastagentic-theme");
    } else {
      document.documentElement.dataset.theme = next;
      localStorage.setItem("fastagentic-theme", next);
    }
    nameTheme();
    say(`Colours: ${next}`);
    Charts.draw(document);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => Charts.draw(document));

  // --- copying ---------------------------------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say("Copied");
      button.classList.add("done");
    } catch {
      const range = document.createRange();
      range.selectNodeContents(button.previousElementSibling);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      say("Selected; copy it with the keyboard");
    }
  });

  // --- filters: a choice is sent at once, a text when it was entered ---------------------------------------------------
  document.addEventListener("change", (event) => {
    if (event.target.matches("form[data-auto] select")) event.target.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    for (const field of event.target.elements) {  // an empty field is no part of the address
      if (event.target.method === "get" && field.name && field.value === "") field.disabled = true;
    }
  });
  addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form :disabled")) field.disabled = false;
  });

  // --- live ------------------------------------------------------------------------------------------------------------
  const LEAST_MS = 1000;  // between two fetches of the page; more where one takes long, so that the server rests as well
  const live = document.getElementById("live");
  const word = live.querySelector(".word");
  const hasParts = () => document.querySelector("[data-swap]") !== null;
  let source = null, isHeld = false, isFetching = false, isStale = false, fetched = 0, took = 0, timer = 0;

  const show = (state, text) => { live.dataset.state = state; word.textContent = text; live.setAttribute("aria-pressed", String(!isHeld)); };

  const isBusy = () => {
    const at = getSelection();
    return !document.hidden && at && !at.isCollapsed && at.anchorNode && at.anchorNode.parentElement?.closest("[data-swap]");
  };

  const swap = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const focused = document.activeElement?.id;
    const ours = [...document.querySelectorAll("[data-swap]")], theirs = [...fresh.querySelectorAll("[data-swap]")];
    if (ours.map((part) => part.id).join() !== theirs.map((part) => part.id).join()) {  // another kind of page: a store has come
      document.querySelector("main").replaceWith(document.adoptNode(fresh.querySelector("main")));
      document.title = fresh.title;
    } else {
      ours.forEach((part, at) => {
        if (part.isEqualNode(theirs[at])) return;
        const open = new Set([...part.querySelectorAll("details[open][id]")].map((one) => one.id));
        const scrolled = [...part.querySelectorAll("[data-scroll]")].map((one) => one.scrollLeft);
        const fresh = document.adoptNode(theirs[at]);
        for (const one of fresh.querySelectorAll("details[id]")) if (open.has(one.id)) one.open = true;
        part.replaceWith(fresh);
        fresh.querySelectorAll("[data-scroll]").forEach((one, n) => { one.scrollLeft = scrolled[n] || 0; });
      });
    }
    document.body.dataset.mark = fresh.body.dataset.mark;
    Charts.draw(document);
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    clearTimeout(timer);
    if (isHeld || document.hidden || !hasParts() || isFetching || isBusy()) { isStale = true; return; }
    const wait = fetched + Math.max(LEAST_MS, 4 * took) - performance.now();
    if (wait > 0) { timer = setTimeout(refresh, wait); return; }
    isFetching = true;
    isStale = false;
    const begun = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") location.reload();
      else swap(await answer.text());
    } catch {
      isStale = true;
    } finally {
      isFetching = false;
      fetched = performance.now();
      took = fetched - begun;
      if (isStale) timer = setTimeout(refresh, LEAST_MS);
    }
  };

  const listen = () => {
    source = new EventSource(document.body.dataset.live);
    source.addEventListener("open", () => show("on", "Live"));
    source.addEventListener("changed", (event) => {
      if (JSON.parse(event.data).mark !== document.body.dataset.mark) refresh();  // else the page shows it already
    });
    source.addEventListener("error", () => show("off", source.readyState === EventSource.CLOSED ? "Not live" : "Reconnecting"));
  };
  const stop = () => { source?.close(); source = null; };

  live.hidden = !document.body.dataset.live || !hasParts();
  live.addEventListener("click", () => {
    isHeld = !isHeld;
    if (isHeld) { show("held", "Held"); say("The page is held still"); return; }
    show("on", "Live");
    say("New calls appear as they are made");
    refresh();
  });
  document.addEventListener("visibilitychange", () => {  // a tab that nobody sees keeps no connection: browsers allow six a host
    if (document.hidden) { stop(); return; }
    if (!source) listen();
  });
  document.addEventListener("selectionchange", () => { if (isStale && !isBusy()) refresh(); });
  if (!live.hidden && !document.hidden) { show("on", "Live"); listen(); }
})();
