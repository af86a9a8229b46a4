// The server, as a client sees it. Addresses are relative: the page talks to whoever served it.

/** What went wrong, as a sentence for a person. */
class Failure extends Error {
  constructor(sentence, { status = 0, param = null } = {}) {
    super(sentence);
    this.status = status;
    this.param = param;
  }
}

const kUnreachable = "The server cannot be reached. Is it still running?";
const kBrokenOff = "The answer broke off: the connection to the server ended early.";

function asSentence(text) {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : sentence + ".";
}

/** Returns what a server's error, or an answer that is none of its own, says. */
function failureOf(status, error, retryAfter) {
  const param = error?.param ?? null;
  if (status === 401) return new Failure("This server asks for an API key: enter one at the top of the page.", { status, param });
  if (status === 429) return new Failure(`The server is busy. Try again ${retryAfter ? `in ${retryAfter} s` : "later"}.`, { status, param });
  if (error?.message) return new Failure(asSentence(error.message), { status, param });
  return new Failure(`The server answered with status ${status}.`, { status, param });
}

/** Sends a request: POST with a body, GET without. @throws Failure, or AbortError when it was stopped */
async function send(path, body, signal) {
  const headers = {};
  const key = byId("key").value.trim();
  if (/[^\x21-\x7e]/.test(key)) throw new Failure("An API key has neither spaces nor letters beyond ASCII.", { status: 401 });
  if (key) headers["Authorization"] = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  const options = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal, cache: "no-store", credentials: "omit" };
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Failure(kUnreachable);
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => null);
  throw failureOf(response.status, answer?.error, response.headers.get("Retry-After"));
}

async function ask(path, body, signal) {
  const response = await send(path, body, signal);
  try {
    return await response.json();
  } catch (error) {
    throw error.name === "AbortError" ? error : new Failure(kBrokenOff);
  }
}

/** Yields the events of a stream. @throws Failure also for an error event and for an end without [DONE] */
async function* streamEvents(path, body, signal) {
  const response = await send(path, body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      throw error.name === "AbortError" ? error : new Failure(kBrokenOff);
    }
    if (part.done) throw new Failure(kBrokenOff);
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      if (line === "data: [DONE]") return;
      const event = JSON.parse(line.slice(6));
      if (event.error) throw failureOf(500, event.error);
      yield event;
    }
  }
}
