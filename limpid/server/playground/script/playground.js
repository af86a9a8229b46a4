// The page: asks what is served, runs both requests side by side, has both answers scored.

const panes = { plain: new AnswerPane(byId("plain")), detoxified: new AnswerPane(byId("detoxified")) };
const strengths = new Strengths(byId("detoxifiers"), () => showCommands());
let model = null; // what is served, once known
let sent = null; // the requests whose answers are shown
let running = null; // an AbortController while answers are written
let retry = 0;

function alertOf(sentences) {
  byId("alert").hidden = !sentences.length;
  byId("alert").textContent = sentences.join(" ");
}

async function connect() {
  clearTimeout(retry);
  try {
    const [models, detoxifiers] = [await ask("v1/models"), await ask("v1/detoxifiers")];
    model = models.data[0];
    byId("served").textContent = `${model.id}, ${number(model.max_model_len)} tokens of context`;
    strengths.set(detoxifiers.data);
    byId("run").disabled = running !== null;
    showCommands();
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    byId("served").textContent = failure.status === 503 ? "The server is not ready yet: asking again…" : failure.message;
    if (failure.status === 401) byId("key").focus();
    else retry = setTimeout(connect, 1500);
  }
}

/** Returns the field of the form that a request's path such as detox[0].strength stands for. */
function fieldOf(param) {
  const [, name, index] = /^(\w+)(?:\[(\d+)\])?/.exec(param ?? "") ?? [];
  if (name === "detox") return strengths.controls.find((control) => control.name === sent.detoxified.detox[index ?? 0]?.name)?.exact;
  if (name === "messages" || name === "prompt") return byId("prompt");
  if (name === "guard") return byId("guard");
  return name && (document.querySelector(`[data-field="${name}"]`) ?? (name === "stop" ? byId("stop-texts") : null));
}

function showFailures(failures) {
  const told = failures.filter((failure) => failure instanceof Failure);
  alertOf([...new Set(told.map((failure) => failure.message))]);
  for (const failure of told) {
    const field = failure.status === 401 ? byId("key") : fieldOf(failure.param);
    field?.closest("details")?.setAttribute("open", "");
    field?.setAttribute("aria-invalid", "true");
  }
}

/** Returns what keeps the form from being sent, as a sentence; nothing where it can be. */
function faultOfForm() {
  const faulty = [...document.querySelectorAll("#request input")].find((input) => !input.validity.valid && !input.closest("[hidden]"));
  if (faulty) {
    faulty.setAttribute("aria-invalid", "true");
    faulty.closest("details")?.setAttribute("open", "");
    faulty.focus();
    return `${faulty.labels[0].textContent.trim()}: ${faulty.validationMessage}`;
  }
  return isChat() && !byId("prompt").value.trim() ? "Write a message first." : null;
}

async function scoreAnswers(signal) {
  const scored = Object.values(panes).filter((pane) => pane.text);
  if (!scored.length) return;
  try {
    const answer = await ask("v1/moderations", { input: scored.map((pane) => pane.text) }, signal);
    scored.forEach((pane, i) => {
      const { flagged, category_scores: scores } = answer.results[i];
      pane.showScore(scores.toxicity, answer.limpid?.threshold ?? 0.5, flagged);
    });
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Failure)) throw error;
    for (const pane of scored) pane.tell(error.status === 404 ? "Not scored: this server has no scorer." : `Not scored. ${error.message}`);
  }
}

function setRunning(controller) {
  running = controller;
  byId("run").disabled = controller !== null || model === null;
  byId("stop").disabled = controller === null;
  document.body.classList.toggle("running", controller !== null);
}

function showSeed(seed, verb) {
  const keep = element("button", { type: "button", textContent: "Keep this seed" });
  keep.addEventListener("click", () => {
    byId("seed").value = seed;
    keep.remove();
  });
  byId("status").replaceChildren(`${verb} Both have the seed ${seed}.`, ...(byId("seed").value === "" ? [keep] : []));
}

async function run() {
  if (running || model === null) return;
  document.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
  const fault = faultOfForm();
  alertOf(fault ? [fault] : []);
  if (fault) return;
  sent = requestsOfForm(model.id, strengths.request, drawnSeed());
  showCommands();
  setRunning(new AbortController());
  const signal = running.signal;
  byId("legend").hidden = !sent.detoxified.explain;
  byId("status").textContent = "Writing both answers…";
  if (byId("answers").getBoundingClientRect().top > innerHeight * 0.6) byId("answers").scrollIntoView();
  try {
    const failures = await Promise.all(Object.entries(panes).map(([name, pane]) => pane.write(sent.path, sent[name], signal)));
    showFailures(failures);
    if (!signal.aborted && !failures.every((failure) => failure)) await scoreAnswers(signal);
    const isWhole = failures.every((failure) => !failure);
    if (isWhole || signal.aborted) showSeed(sent.plain.seed, isWhole ? "Done." : "Stopped.");
    else byId("status").textContent = "";
  } finally {
    setRunning(null);
  }
}

/** Shows the commands that give what is shown, or, before there is anything, what the form says. */
function showCommands() {
  const requests = sent ?? requestsOfForm(model?.id, strengths.request);
  for (const name of Object.keys(panes)) byId(`curl-${name}`).textContent = curlOf(requests.path, requests[name]);
}

function showMode() {
  byId("system-block").hidden = !isChat();
  byId("prompt-label").textContent = isChat() ? "Message" : "Beginning of the text";
}

async function copy(button) {
  const source = byId(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

byId("request").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
byId("request").addEventListener("input", (event) => {
  event.target.removeAttribute("aria-invalid");
  showMode();
  byId("guard-fields").hidden = !byId("guard").checked;
  if (!sent) showCommands();
});
byId("stop").addEventListener("click", () => running?.abort());
byId("reveal").addEventListener("change", () => Object.values(panes).forEach((pane) => pane.renderAnew()));
byId("key").addEventListener("change", () => {
  byId("key").removeAttribute("aria-invalid");
  connect();
  showCommands();
});
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  if (event.key === "Escape") running?.abort();
});
document.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button)));

showLegend(document.querySelector("#legend ul"));
setRunning(null);
showMode();
connect();
