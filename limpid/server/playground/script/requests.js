// From the form to request bodies, and to the same as commands.

const isChat = () => document.querySelector("[name=mode]:checked").value === "chat";

function samplingFields() {
  const fields = {};
  for (const input of document.querySelectorAll("[data-field]"))
    if (input.value.trim() !== "") fields[input.dataset.field] = Number(input.value);
  const stop = byId("stop-texts").value.split("\n").filter((line) => line !== "");
  if (stop.length) fields.stop = stop;
  return fields;
}

function guardField() {
  const guard = {};
  for (const name of ["threshold", "rewinds"]) {
    const value = byId(`guard-${name}`).value.trim();
    if (value !== "") guard[name] = Number(value);
  }
  return Object.keys(guard).length ? guard : true;
}

function drawnSeed() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high & 0xfffff) * 2 ** 32 + low; // below 2^52: exact in JSON
}

/** Returns the two requests that the form stands for; both have one seed. @param seed  where the form names none */
function requestsOfForm(model, detox, seed) {
  const prompt = byId("prompt").value;
  const system = byId("system").value;
  const messages = [...(system.trim() ? [{ role: "system", content: system }] : []), { role: "user", content: prompt }];
  const shared = { model, ...(isChat() ? { messages } : { prompt }), seed, ...samplingFields(), stream: true, stream_options: { include_usage: true } };
  const detoxified = { ...shared, detox };
  if (byId("explain").checked) detoxified.explain = true;
  if (byId("guard").checked) detoxified.guard = guardField();
  return { path: isChat() ? "v1/chat/completions" : "v1/completions", plain: { ...shared, detox: false }, detoxified };
}

/** Returns the request as a command for a shell. The key stands in a variable, not in the command. */
function curlOf(path, body) {
  const address = new URL(path, location.href).href;
  const key = byId("key").value ? ` -H "Authorization: Bearer $LIMPID_API_KEY"` : "";
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  return `curl -N ${address} -H 'Content-Type: application/json'${key} \\\n  -d '${quoted}'`;
}
