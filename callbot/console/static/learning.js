// While a training runs or a model is put into service: the page's upper part, brought up to date in place.
"use strict";

const EVERY_MS = 2000;

async function look() {
  let fresh;
  try {
    const answer = await fetch("/apprentissage", { redirect: "error" });
    if (!answer.ok) return setTimeout(look, EVERY_MS);
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return setTimeout(look, EVERY_MS);
  }
  const busy = fresh.querySelector("script[src='/static/learning.js']") !== null;
  if (!busy && !document.querySelector("main").contains(document.activeElement)) {
    document.querySelector("main").replaceChildren(...fresh.querySelector("main").childNodes);
    return undefined;
  }
  morph(document.getElementById("suivi"), fresh.getElementById("suivi")); // of board.js: keeps the focus
  return busy ? setTimeout(look, EVERY_MS) : undefined;
}

setTimeout(look, EVERY_MS);
