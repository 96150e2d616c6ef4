
const data = JSON.parse(document.getElementById("model").textContent);
const parameters = unpack(document.getElementById("weights").textContent.trim(), data.layout);
const characters = data.characters.map((point) => String.fromCodePoint(point));
const number = new Map(characters.map((character, k) => [character, k]));
const words = data.words;
const $ = (id) => document.getElementById(id);

let language = data.language;
let text = []; // [number, log-probabilities before it (none before the first), whether typed]
let state = start(), logP = null;
let writing = 0; // the number of the writer at work; 0: none
let writers = 0;
let chosen = -1;

function readOn(k, typed) {
  text.push([k, logP, typed]);
  [logP, state] = read(parameters, state, k);
}

function restart(numbers) {
  text = [];
  state = start();
  logP = null;
  for (const [k, typed] of numbers) readOn(k, typed);
}

// A character as one sees it.
function visible(character) {
  if (character === "\n") return "↵";
  if (character === "\t") return "⇥";
  return character === " " ? "␣" : character;
}

const bits = ([k, before]) => (before ? -before[k] / Math.LN2 : 0);

function show(from = 0) {
  const box = $("text");
  while (box.childNodes.length > from) box.lastChild.remove();
  const fresh = document.createDocumentFragment();
  for (let n = from; n < text.length; n++) {
    const span = document.createElement("span");
    span.textContent = characters[text[n][0]];
    const level = Math.min(7, Math.floor(bits(text[n])) - 1);
    span.className = `${text[n][2] ? "typed " : ""}${level > 0 ? `s${level}` : ""}`.trim();
    fresh.append(span);
  }
  box.append(fresh);
}

// The ten characters that were likeliest at a place of the text.
function choose(n) {
  $("text").childNodes[chosen]?.removeAttribute("id");
  chosen = Math.max(0, Math.min(n, text.length - 1));
  const span = $("text").childNodes[chosen];
  if (!span) return;
  span.id = "chosen";
  const [k, before] = text[chosen];
  $("list").replaceChildren();
  if (!before) return say("first", {});
  const found = likeliest(before, 10);
  if (!found.includes(k)) found.push(k);
  for (const one of found) {
    const button = document.createElement("button");
    const [name, bar, share] = ["span", "i", "span"].map((tag) => document.createElement(tag));
    const p = Math.exp(before[one]);
    name.textContent = visible(characters[one]);
    bar.style.setProperty("--p", `${100 * p}%`);
    share.textContent = p < 0.001 ? "< 0.1 %" : `${(100 * p).toFixed(1)} %`;
    button.append(name, bar, share);
    if (one === k) button.setAttribute("aria-current", "true");
    const at = chosen;
    button.addEventListener("click", () => branch(at, one));
    const row = document.createElement("li");
    row.append(button);
    $("list").append(row);
  }
  say("surprise", { bits: bits(text[chosen]).toFixed(1), character: visible(characters[k]) });
}

function fill(key, values) {
  return words[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

function say(key, values) {
  $("status").textContent = fill(key, values);
}

// Another character here, and the text goes on from it.
function branch(n, k) {
  restart([...text.slice(0, n).map(([one, , typed]) => [one, typed]), [k, true]]);
  show();
  go();
}

function begin() {
  const known = [], unknown = new Set();
  for (const character of $("prompt").value) {
    if (number.has(character)) known.push([number.get(character), true]);
    else unknown.add(character);
  }
  restart(known);
  if (!known.length) { // as after a line break
    [logP, state] = read(parameters, start(), number.get("\n") ?? 0);
  }
  show();
  go(unknown);
}

const setting = (id, least, most) =>
  Math.min(most, Math.max(least, Number($(id).value) || 0));

// Write in slices of some milliseconds, so that the page stays awake.
function go(unknown = new Set()) {
  const own = (writing = ++writers);
  const temperature = setting("temperature", 0, 100);
  const topK = Math.floor(setting("top_k", 0, characters.length));
  const count = Math.floor(setting("count", 0, 1e6));
  if ($("seed").value === "") $("seed").placeholder = Math.floor(Math.random() * 1e6);
  const random = generator(Math.floor(Number($("seed").value || $("seed").placeholder)) + text.length);
  const began = performance.now();
  let written = 0;
  $("stop").hidden = false;
  $("write").hidden = true;
  const slice = () => {
    if (writing !== own) return;
    const from = text.length, until = performance.now() + 24;
    while (written < count && performance.now() < until) {
      readOn(draw(logP, temperature, topK, random), false);
      written++;
    }
    show(from);
    const rate = Math.round((1000 * written) / (performance.now() - began));
    if (written < count) {
      say("writing", { count: written, rate });
      setTimeout(slice);
    } else {
      stop();
      if (unknown.size) say("unknown", { characters: [...unknown].slice(0, 20).join(" ") });
      else say("done", { count: written, rate });
    }
  };
  slice();
}

function stop() {
  writing = 0;
  $("stop").hidden = true;
  $("write").hidden = false;
}

function speak() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  document.querySelectorAll("[data-word]").forEach((one) => {
    one.textContent = fill(one.dataset.word, data.facts);
  });
  $("prompt").placeholder = fill("placeholder", {});
  $("text").setAttribute("aria-label", fill("written", {}));
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
$("stop").addEventListener("click", stop);
$("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  speak();
});
$("text").addEventListener("pointerover", (event) => {
  const n = [...$("text").childNodes].indexOf(event.target);
  if (n >= 0) choose(n);
});
$("text").addEventListener("focus", () => choose(chosen < 0 ? 0 : chosen));
$("text").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  choose(chosen + step);
});
speak();
