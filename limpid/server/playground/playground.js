"use strict";
// One page, three parts: talking to the server, showing answers, and the form. Texts enter the page as textContent only.

const byId = (id) => document.getElementById(id);
const page = { detoxifiers: [], model: "", stop: null, tokens: [], masked: new Set(), unmasked: false, scorer: true };

// Talking to the server

function headers() {
  const key = byId("key").value.trim();
  return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

async function sentence(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The server answered with status ${response.status}.`;
  }
}

async function ask(path, body, signal) {
  const response = await fetch(path, { method: body ? "POST" : "GET", headers: headers(), body: body && JSON.stringify(body), signal });
  if (!response.ok) throw Object.assign(new Error(await sentence(response)), { status: response.status });
  return response;
}

/** Calls onEvent with each event of a stream. */
async function follow(path, body, signal, onEvent) {
  const response = await ask(path, { ...body, stream: true }, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    waiting += value;
    const parts = waiting.split("\n\n");
    waiting = parts.pop();
    for (const part of parts) {
      if (!part.startsWith("data: ") || part === "data: [DONE]") continue;
      const event = JSON.parse(part.slice(6));
      if (event.error) throw new Error(event.error.message);
      onEvent(event);
    }
  }
}

// The form

function sampling() {
  const number = (id) => Number(byId(id).value);
  return { model: page.model, max_tokens: number("max_tokens"), temperature: number("temperature"), top_p: number("top_p"), seed: number("seed") };
}

function request(detox) {
  const prompt = byId("prompt").value;
  const isChat = document.querySelector("input[name=mode]:checked").value === "chat";
  return {
    path: isChat ? "/v1/chat/completions" : "/v1/completions",
    body: { ...(isChat ? { messages: [{ role: "user", content: prompt }] } : { prompt }), ...sampling(), detox },
  };
}

const dials = () => page.detoxifiers.map((entry) => ({ name: entry.id, strength: Number(byId(`dial-${entry.id}`).value) })).filter((dial) => dial.strength !== 0);

function detoxified() {
  const made = request(dials());
  if (byId("explain").checked) made.body.explain = true;
  if (byId("guard").checked) made.body.guard = true;
  return made;
}

function showCurl() {
  const { path, body } = detoxified();
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  const key = byId("key").value ? " \\\n     -H \"Authorization: Bearer $LIMPID_KEY\"" : "";
  byId("curl").textContent = `curl ${location.origin}${path} -H 'Content-Type: application/json'${key} \\\n     -d '${quoted}'`;
}

function addDial(entry) {
  const [least, most] = entry.range;
  const row = document.createElement("label");
  row.className = "dial";
  row.title = `${entry.method}: ${entry.meaning}`;
  const name = document.createElement("span");
  name.textContent = entry.id;
  const slider = Object.assign(document.createElement("input"), { type: "range", id: `dial-${entry.id}`, min: least, max: most, step: (most - least) / 100 });
  slider.value = entry.strength;
  const shown = document.createElement("output");
  const show = () => {
    shown.textContent = Number(slider.value).toPrecision(2).replace(/\.?0+$/, "");
    showCurl();
  };
  row.append(name, slider, shown);
  byId("dials").append(row);
  slider.addEventListener("input", show);
  shown.textContent = String(Number(entry.strength.toPrecision(2)));
}

async function load() {
  try {
    const [models, listed] = await Promise.all([ask("/v1/models"), ask("/v1/detoxifiers")]);
    const { data } = await models.json();
    page.model = data[0].id;
    byId("model").textContent = `${page.model}, ${data[0].max_model_len} tokens`;
    page.detoxifiers = (await listed.json()).data;
    byId("dials").replaceChildren();
    page.detoxifiers.forEach(addDial);
    byId("error").hidden = true;
  } catch (error) {
    byId("model").textContent = error.status === 401 ? "give an API key below" : "not connected";
    if (error.status === 401) document.querySelector("details").open = true;
    fail(error);
  }
  showCurl();
}

function fail(error) {
  byId("error").textContent = error.message;
  byId("error").hidden = false;
}

// Showing answers

const isWord = /\p{L}[\p{L}\p{N}'’-]*/gu;
const mask = (text) => (page.unmasked ? text : text.replace(isWord, (word) => (page.masked.has(word.toLowerCase()) ? word[0] + "*".repeat(word.length - 1) : word)));

function heat(kl) {
  return [0.05, 0.3, 1, 2.5].filter((least) => kl >= least).length;
}

function addTokens(tokens, text) {
  if (!tokens.length) {
    if (text) byId("detox").append(document.createTextNode(text));
    return;
  }
  let rest = text;
  tokens.forEach((token, place) => {
    // A token that is a part of a character shows nothing; what stands for it comes with the last of them.
    const isLast = place === tokens.length - 1;
    const shown = isLast ? rest : rest.startsWith(token.token) ? token.token : "";
    rest = rest.slice(shown.length);
    const span = document.createElement("span");
    span.textContent = shown;
    span.className = `heat${heat(token.kl)}`;
    span.dataset.place = page.tokens.length;
    page.tokens.push(token);
    byId("detox").append(span);
  });
}

function showToken(place) {
  const spans = byId("detox").querySelectorAll("span");
  spans.forEach((span) => span.classList.toggle("now", Number(span.dataset.place) === place));
  const token = page.tokens[place];
  if (!token) return;
  const percent = (logprob) => `${(100 * Math.exp(logprob)).toPrecision(2)} %`;
  byId("token").textContent = `“${mask(token.token)}” ${percent(token.logprob)}; plain ${percent(token.base_logprob)}, its own word “${mask(token.base_token)}”; KL ${token.kl.toPrecision(2)} nats`;
}

function facts(id, choice, length, more = "") {
  const reasons = { stop: "ended by itself", length: "ended at its length", content_filter: "refused by the guard" };
  byId(id).textContent = `${length} tokens, ${reasons[choice.finish_reason] ?? choice.finish_reason}${more}`;
}

function guardText(guard) {
  if (!guard) return "";
  return `; guard: ${guard.checks} looks, ${guard.rewinds} rewritten${guard.refused ? ", refused" : ""}`;
}

async function write(made, id, signal, onChoice) {
  let text = "", count = 0;
  await follow(made.path, { ...made.body, stream_options: { include_usage: true } }, signal, (event) => {
    if (event.usage) count = event.usage.completion_tokens;
    const [choice] = event.choices;
    if (!choice) return;
    const piece = choice.text ?? choice.delta?.content ?? "";
    text += piece;
    onChoice(choice, piece);
  });
  return { text, count };
}

/** Scores both answers, and masks words that score as toxic by themselves. */
async function score(plain, detoxifiedText) {
  if (!page.scorer) return;
  try {
    const judged = await (await ask("/v1/moderations", { input: [plain || " ", detoxifiedText || " "] })).json();
    [["plain-facts", 0], ["detox-facts", 1]].forEach(([id, place]) => {
      const found = judged.results[place].category_scores.toxicity;
      byId(id).textContent += `; toxicity ${found.toFixed(2)}`;
    });
    const words = [...new Set(`${plain} ${detoxifiedText}`.toLowerCase().match(isWord) ?? [])].slice(0, 256);
    if (!words.length || !judged.results.some((result) => result.flagged)) return;
    const each = await (await ask("/v1/moderations", { input: words })).json();
    words.forEach((word, place) => each.results[place].category_scores.toxicity > 0.8 && page.masked.add(word));
    byId("unmask").hidden = page.masked.size === 0;
  } catch (error) {
    if (error.status === 404) page.scorer = false; // no scorer is loaded
  }
}

function remask() {
  for (const id of ["plain", "detox"])
    for (const node of byId(id).childNodes) {
      node.original ??= node.textContent;
      node.textContent = mask(node.original);
    }
}

async function run(event) {
  event?.preventDefault();
  page.stop?.abort();
  const stop = (page.stop = new AbortController());
  page.tokens = [];
  page.unmasked = false;
  for (const id of ["plain", "detox", "token", "plain-facts", "detox-facts"]) byId(id).replaceChildren();
  byId("error").hidden = true;
  byId("unmask").hidden = true;
  byId("run").disabled = true;
  byId("stop").disabled = false;
  byId("state").textContent = "writing …";
  let last = {}, plainLast = {};
  try {
    const [plain, made] = await Promise.all([
      write(request(false), "plain", stop.signal, (choice, piece) => {
        plainLast = choice;
        byId("plain").append(document.createTextNode(piece));
      }),
      write(detoxified(), "detox", stop.signal, (choice, piece) => {
        last = choice;
        addTokens(choice.limpid?.explain?.tokens ?? [], piece);
        if (choice.delta?.refusal) byId("detox").append(document.createTextNode(choice.delta.refusal));
      }),
    ]);
    const mean = last.limpid?.explain?.mean_kl;
    facts("plain-facts", plainLast, plain.count);
    facts("detox-facts", last, made.count, `${mean === undefined ? "" : `; mean KL ${mean.toPrecision(2)}`}${guardText(last.limpid?.guard)}`);
    await score(plain.text, made.text);
    remask();
    byId("state").textContent = plain.text === made.text ? "both say the same" : "";
  } catch (error) {
    stop.abort();
    if (error.name === "AbortError") byId("state").textContent = "stopped";
    else {
      byId("state").textContent = "";
      fail(error);
    }
  } finally {
    byId("run").disabled = false;
    byId("stop").disabled = true;
  }
}

byId("form").addEventListener("submit", run);
byId("form").addEventListener("input", showCurl);
byId("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(event);
});
byId("stop").addEventListener("click", () => page.stop?.abort());
byId("key").addEventListener("change", load);
byId("copy").addEventListener("click", () => navigator.clipboard?.writeText(byId("curl").textContent));
byId("unmask").addEventListener("click", () => {
  page.unmasked = true;
  byId("unmask").hidden = true;
  remask();
});
for (const kind of ["mouseover", "click"])
  byId("detox").addEventListener(kind, (event) => event.target.dataset.place && showToken(Number(event.target.dataset.place)));
byId("detox").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step || !page.tokens.length) return;
  event.preventDefault();
  const now = byId("detox").querySelector(".now");
  showToken(Math.min(page.tokens.length - 1, Math.max(0, (now ? Number(now.dataset.place) : -1) + step)));
});
load();
