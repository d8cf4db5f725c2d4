// Small help for the console's pages, which work without it: news as they come, forms without a reload,
// waits that count, keys. Nothing here moves the focus unless a key was pressed for it.
"use strict";

const byId = (id) => document.getElementById(id);
const csrf = document.body.dataset.csrf;
const link = byId("lien");
const PRESENCE_MS = 5 * 60 * 1000;

// --- Parts of the page brought up to date in place -------------------------------------------------------

const isDirty = (field) => field.value !== field.defaultValue;

/** Make an element like another one, keeping the nodes: focus, what is being typed, players, what is open. */
function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeName === "TEXTAREA") {
    const untouched = !isDirty(old) && old !== document.activeElement;
    if (old.defaultValue !== fresh.defaultValue) old.defaultValue = fresh.defaultValue;
    if (untouched) old.value = fresh.defaultValue;
    return;
  }
  const kept = old.nodeName === "DETAILS" ? ["open"] : [];
  for (const { name } of [...old.attributes])
    if (!kept.includes(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (!kept.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.hasAttribute("data-since") || old.hasAttribute("data-kept")) return; // tick(), reveal() write into it
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const staying = new Set([...fresh.children].map((child) => child.id).filter(Boolean));
  let here = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    let found = here;
    if (wanted.nodeType === Node.TEXT_NODE) found = here?.nodeType === Node.TEXT_NODE ? here : null;
    else while (found && !alike(found, wanted)) found = staying.has(found.id) ? null : found.nextSibling;
    if (!found) {
      old.insertBefore(document.importNode(wanted, true), here);
      continue;
    }
    while (here !== found) here = drop(here);
    morph(found, wanted);
    here = found.nextSibling;
  }
  while (here) here = drop(here);
}

const alike = (one, other) => one.nodeName === other.nodeName && (one.id ?? "") === (other.id ?? "");

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/** Somebody is at work in it: it stays until they are done. */
function inUse(element) {
  return element.contains(document.activeElement)
    || [...element.querySelectorAll("textarea")].some(isDirty)
    || [...element.querySelectorAll("audio")].some((player) => !player.paused);
}

function show({ order, changed }) {
  for (const [id, html] of Object.entries(changed)) {
    const fresh = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    const old = byId(id);
    if (old) morph(old, fresh);
    else listOf(id)?.append(document.importNode(fresh, true));
  }
  lastOrder = order;
  arrangeAll();
  document.querySelectorAll("[data-rings]").forEach(pop);
  tick();
}

const listOf = (id) => byId(`liste-${id.split("-")[0]}`);

let lastOrder = null;

function arrangeAll() {
  if (!lastOrder) return;
  for (const kind of ["appel", "demande"]) arrange(kind, lastOrder.filter((id) => id.startsWith(`${kind}-`)));
}

// What had to stay because somebody was at work in it goes once they have left.
for (const kind of ["focusout", "pause"]) document.addEventListener(kind, () => setTimeout(arrangeAll), true);

function arrange(kind, order) {
  const list = byId(`liste-${kind}`);
  for (const item of [...list.children])
    if (!order.includes(item.id) && !inUse(item)) item.remove();
  const items = order.map(byId).filter(Boolean);
  const still = items.find((item) => item.contains(document.activeElement));
  const present = [...list.children].filter((item) => order.includes(item.id));
  if (items.some((item, at) => item !== present[at])) {
    // The one with the focus stays where it is; the others move around it.
    const place = items.indexOf(still);
    items.forEach((item, at) => {
      if (item === still) return;
      if (still && at < place) list.insertBefore(item, still);
      else list.append(item);
    });
  }
  byId(`aucun-${kind}`).hidden = list.children.length > 0;
}

// --- The call that rings on one's own telephone ----------------------------------------------------------

const popped = new Set();

function pop(card) {
  if (popped.has(card.id)) return;
  popped.add(card.id);
  card.querySelector("details").open = true;
  const said = ["h3", ".sure", ".why"].map((part) => card.querySelector(part)?.textContent.trim());
  byId("annonce").textContent = `Un appel sonne sur votre poste. ${said.filter(Boolean).join(", ")}.`;
  const busy = document.activeElement !== document.body && document.activeElement?.closest("#contenu *");
  if (!busy) card.scrollIntoView({ block: "nearest" });
}

// --- Server-sent events ----------------------------------------------------------------------------------

function follow() {
  const source = new EventSource("/direct");
  source.addEventListener("open", () => connected(true));
  source.addEventListener("parts", (event) => show(JSON.parse(event.data)));
  source.addEventListener("over", () => { source.close(); sessionOver(); });
  source.addEventListener("error", async () => {
    connected(false);
    if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    if (await post("/moi/presence", new URLSearchParams()) === 401) sessionOver();
    else setTimeout(follow, 2000);
  });
}

function connected(yes) {
  const text = yes ? "Mis à jour en direct" : "Liaison perdue : nouvel essai en cours…";
  link.classList.toggle("lost", !yes);
  byId("actualiser").hidden = yes;
  if (link.textContent !== text) link.textContent = text;
}

function sessionOver() {
  link.classList.add("lost");
  link.replaceChildren("Votre session est terminée. ", Object.assign(document.createElement("a"), {
    href: "/connexion", textContent: "Reconnectez-vous",
  }), ".");
}

// --- Waits -----------------------------------------------------------------------------------------------

const ahead = link?.dataset.now ? Date.parse(link.dataset.now) - Date.now() : 0;

function lasted(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
}

function tick() {
  for (const count of document.querySelectorAll("[data-since]")) {
    const since = Math.max(0, Math.floor((Date.now() + ahead - Date.parse(count.dataset.since)) / 1000));
    count.textContent = lasted(since);
  }
}

// --- Forms -----------------------------------------------------------------------------------------------

async function ask(path, fields) {
  fields.set("csrf", csrf);
  try {
    return await fetch(path, { method: "POST", body: fields, headers: { "X-Callbot": "1" } });
  } catch {
    return { status: 0 };
  }
}

const post = async (path, fields) => (await ask(path, fields)).status;

async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form, button));
  const note = form.querySelector("textarea");
  const status = await post(form.getAttribute("action"), fields);
  const alert = byId("alerte");
  alert.hidden = status === 204;
  if (status === 204) {
    if (note) note.defaultValue = fields.get("note");
    byId("annonce").textContent = "Enregistré.";
    const task = form.closest(".task");
    if (task) { // it is about to leave the list: on to the next one
      const next = task.nextElementSibling ?? task.previousElementSibling;
      (next?.querySelector("form button") ?? byId("a-faire")).focus();
    }
  } else if (status === 401) sessionOver();
  else alert.textContent = "Ce n'est pas enregistré. Réessayez ; si cela se répète, actualisez la page.";
}

/** A caller's whole number: it stays in its place until the page is left or the number is kept no more. */
async function reveal(form) {
  const answer = await ask(form.getAttribute("action"), new URLSearchParams());
  const alert = byId("alerte");
  alert.hidden = answer.status === 200;
  if (answer.status === 200) {
    const shown = new DOMParser().parseFromString(await answer.text(), "text/html").body.firstElementChild;
    byId(form.dataset.reveal)?.replaceChildren(document.importNode(shown, true));
  } else if (answer.status === 401) sessionOver();
  else alert.textContent = "Le numéro n'est pas disponible. Actualisez la page.";
}

document.addEventListener("submit", (event) => {
  if (!link) return;
  if (event.target.matches("[data-script]")) send(event.target, event.submitter);
  else if (event.target.matches("[data-reveal]")) reveal(event.target);
  else return;
  event.preventDefault();
});

// --- Keys: within a call only, never while something is typed ---------------------------------------------

function go(card) {
  if (!card) return;
  card.querySelector("summary").focus();
  card.scrollIntoView({ block: "nearest" });
}

function inCard(card, event) {
  const press = (part) => byId(`${card.id}-${part}`).click();
  switch (event.key.toLowerCase()) {
    case "j": return go(card.nextElementSibling) ?? true;
    case "k": return go(card.previousElementSibling) ?? true;
    case "1": case "2": case "3": press(`avis-${event.key}`); return true;
    case "r": press("rappele"); return true;
    case "v": byId(`${card.id}-numero`)?.click(); return true;
    case "n":
      card.querySelector("details").open = true;
      byId(`${card.id}-note`).focus();
      return true;
    default: return false;
  }
}

document.addEventListener("keydown", (event) => {
  if (!link) return;
  if (event.key === "F2") {
    event.preventDefault();
    go(document.querySelector("[data-rings]") ?? document.querySelector(".card.mine") ?? document.querySelector(".card"));
    return;
  }
  const card = event.target.closest?.(".card");
  if (!card) return;
  if (event.target.nodeName === "TEXTAREA") {
    if (event.key === "Escape") card.querySelector("summary").focus();
    if (event.key === "Enter" && event.ctrlKey) send(event.target.form, byId(`${card.id}-noter`));
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (inCard(card, event)) event.preventDefault();
});

// --- Presence: who reads and types keeps the session ------------------------------------------------------

let lastPresence = Date.now();
function present() {
  if (Date.now() - lastPresence < PRESENCE_MS) return;
  lastPresence = Date.now();
  post("/moi/presence", new URLSearchParams());
}
for (const kind of ["pointermove", "keydown", "scroll"]) document.addEventListener(kind, present, { passive: true });

if (link) {
  document.querySelectorAll("[data-rings]").forEach(pop);
  tick();
  setInterval(tick, 1000);
  follow();
}
