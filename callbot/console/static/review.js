// Small help for the review's pages, which work without it: intents found by any of their words, a turn heard
// at its place, verdicts without a reload, keys within a turn.
"use strict";

{
  const byId = (id) => document.getElementById(id);
  const MOST = 60;
  const REWIND_S = 0.3;

  // --- Intents: an input that finds them by words (APG combobox with list autocomplete) --------------------

  const fold = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "")
    .replaceAll("œ", "oe").replaceAll("æ", "ae").replace(/[^\p{L}\p{N}]+/gu, " ").trim();
  let intents = [];

  function matching(text) {
    const words = fold(text).split(" ").filter(Boolean);
    const found = intents.filter((one) => words.every((word) => one.found.includes(` ${word}`)));
    const inName = (one) => words.every((word) => ` ${fold(one.name)}`.includes(` ${word}`));
    return [...found.filter(inName), ...found.filter((one) => !inName(one))].slice(0, MOST);
  }

  class Combobox {
    constructor(input) {
      this.input = input;
      this.must = input.dataset.choices !== "some"; // else any words will do
      this.list = Object.assign(document.createElement("ul"), { id: `${input.id}-liste`, hidden: true });
      this.list.className = "choices";
      this.list.setAttribute("role", "listbox");
      this.list.setAttribute("aria-label", "Intentions");
      input.removeAttribute("list");
      for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"],
        ["aria-controls", this.list.id]]) input.setAttribute(name, value);
      input.after(this.list);
      this.active = -1;
      input.addEventListener("input", () => this.open());
      input.addEventListener("click", () => this.open());
      input.addEventListener("blur", () => this.leave());
      input.addEventListener("keydown", (event) => this.key(event));
      this.list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays
      this.list.addEventListener("click", (event) => {
        const option = event.target.closest("[role=option]");
        if (option) this.choose(option.dataset.name);
      });
    }

    open() {
      const found = matching(this.input.value);
      this.list.replaceChildren(...found.map((one, at) => {
        const option = Object.assign(document.createElement("li"), { id: `${this.list.id}-${at}` });
        option.setAttribute("role", "option");
        option.dataset.name = one.name;
        option.append(one.name, " ", Object.assign(document.createElement("span"), { className: "of", textContent: one.service }));
        return option;
      }));
      this.show(found.length > 0);
      this.mark(this.must && this.input.value.trim() && found.length ? 0 : -1);
    }

    show(yes) {
      this.list.hidden = !yes;
      this.input.setAttribute("aria-expanded", String(yes));
    }

    mark(at) {
      this.active = at;
      [...this.list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
      const option = this.list.children[at];
      if (option) {
        this.input.setAttribute("aria-activedescendant", option.id);
        option.scrollIntoView({ block: "nearest" });
      } else this.input.removeAttribute("aria-activedescendant");
    }

    choose(name) {
      this.input.value = name;
      this.show(false);
      this.mark(-1);
    }

    leave() { // the marked one is taken: a click on « Corriger » needs no other before it
      if (!this.list.hidden && this.active >= 0) this.choose(this.list.children[this.active].dataset.name);
      this.show(false);
    }

    key(event) {
      const last = this.list.children.length - 1;
      const closed = this.list.hidden;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (closed) return this.open();
        const step = event.key === "ArrowDown" ? 1 : -1;
        const at = this.active + step;
        this.mark(at < 0 ? last : at > last ? 0 : at);
      } else if (event.key === "Enter" && !closed && this.active >= 0) {
        event.preventDefault();
        this.choose(this.list.children[this.active].dataset.name);
      } else if (event.key === "Escape") {
        event.stopPropagation();
        if (!closed) return this.show(false);
        this.input.value = "";
        this.input.closest(".turn")?.focus();
      }
    }
  }

  function equip(root) {
    root.querySelectorAll("input[data-choices]").forEach((input) => new Combobox(input));
  }

  // --- Sound ----------------------------------------------------------------------------------------------

  let until = Infinity;

  function listen(link) {
    const player = byId("son");
    if (!player) return false;
    until = Number(link.dataset.ends) + REWIND_S;
    const begin = Math.max(0, Number(link.dataset.begins) - REWIND_S);
    const start = () => { player.currentTime = begin; player.play().catch(() => {}); };
    if (player.readyState > 0) start();
    else {
      player.addEventListener("loadedmetadata", start, { once: true });
      player.preload = "metadata";
      player.load();
    }
    return true;
  }

  document.addEventListener("timeupdate", (event) => {
    if (event.target.id === "son" && event.target.currentTime >= until) {
      until = Infinity;
      event.target.pause();
    }
  }, true);
  document.addEventListener("seeking", (event) => { // by hand: heard on to its end
    if (event.target.id === "son" && event.target.currentTime > until) until = Infinity;
  }, true);

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-begins]");
    if (link && listen(link)) event.preventDefault();
  });

  // --- Verdicts without a reload: the sound goes on --------------------------------------------------------

  async function send(form, button) {
    const fields = new URLSearchParams(new FormData(form, button));
    form.setAttribute("aria-busy", "true");
    let answer;
    try {
      answer = await fetch(form.getAttribute("action"), { method: "POST", body: fields });
    } catch {
      answer = null;
    }
    const fresh = answer?.ok && answer.redirected
      ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
    const part = fresh?.querySelector("[data-fresh]");
    if (!part) { // not what was expected: let the browser show it
      form.removeAttribute("data-stay");
      return form.requestSubmit(button);
    }
    const own = form.closest(".turn")?.id;
    const player = byId("son");
    const old = byId(part.id);
    const arrived = document.importNode(part, true);
    const said = arrived.querySelector("#dit")?.textContent ?? "";
    const other = arrived.querySelector("#son");
    if (player && other && player.getAttribute("src") === other.getAttribute("src")) other.replaceWith(player);
    old.replaceWith(arrived);
    equip(arrived);
    const target = byId(part.dataset.focus || own) ?? byId("suite");
    target?.focus();
    target?.scrollIntoView({ block: "nearest" });
    const status = byId("dit");
    if (status) { // an empty region first: what appears with it is not read out
      status.textContent = "";
      setTimeout(() => { status.textContent = said || "Avis retiré."; }, 100);
    }
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-stay]")) return;
    event.preventDefault();
    send(event.target, event.submitter);
  });

  // --- Keys: within a turn only, never while something is typed --------------------------------------------

  const press = (turn, part) => byId(`${turn.id}-${part}`)?.click();

  function go(turn, step) {
    const turns = [...document.querySelectorAll(".turn")];
    const next = turns[turns.indexOf(turn) + step];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    const turn = event.target.closest?.(".turn");
    if (!turn || event.ctrlKey || event.altKey || event.metaKey) return;
    if (["INPUT", "TEXTAREA", "SELECT", "AUDIO"].includes(event.target.nodeName)) return;
    const acts = {
      j: () => go(turn, 1), k: () => go(turn, -1), b: () => press(turn, "bonne"), e: () => press(turn, "ecouter"),
      a: () => press(turn, "annuler"), c: () => byId(`${turn.id}-autre`)?.focus(),
    };
    for (const number of ["1", "2", "3", "4"]) acts[number] = () => press(turn, `plutot-${number}`);
    const act = acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("DOMContentLoaded", () => {
    intents = [...document.querySelectorAll("#intentions option")].map((option) => (
      { name: option.value, service: option.textContent, found: option.dataset.found }));
    equip(document);
  });
}
