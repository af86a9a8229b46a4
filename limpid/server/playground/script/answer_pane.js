// One answer: its text as it grows, and what is known of it.

const kEndings = { stop: "ended by itself", length: "cut at the limit of tokens", content_filter: "ended by the guard" };

function plural(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Returns what the guard did, as a sentence. */
function guardSentence(guard) {
  const looked = `The guard looked ${guard.checks === 1 ? "once" : plural(guard.checks, "time")}`;
  if (guard.rewinds === 0 && !guard.refused) return `${looked} and let everything pass.`;
  const back = `took text back ${guard.rewinds === 1 ? "once" : plural(guard.rewinds, "time")} (${plural(guard.rewound_tokens, "token")})`;
  const strength = guard.strength ? `, wrote again at strengths up to ${number(guard.strength)}` : "";
  return `${looked}, ${back}${strength}${guard.refused ? ", and ended the answer" : ""}.`;
}

class AnswerPane {
  constructor(root) {
    this.state = root.querySelector(".state");
    this.box = root.querySelector(".answer");
    this.root = root.querySelector(".text");
    this.footer = root.querySelector("footer");
    const card = root.querySelector(".card");
    this.view = card && new TokenView(this.root, card);
    this.reset("Nothing yet.");
  }

  /** Forgets the answer. @param note  stands in its place until text comes */
  reset(note) {
    Object.assign(this, { text: "", segments: [], shown: 0, isFinished: false, usage: null, ending: null, guard: null, meanKl: null, note });
    this.box.querySelector(".refusal")?.remove();
    this.footer.replaceChildren();
    this.state.textContent = "";
    this.render();
  }

  /** Writes the answer to a request as it comes. Returns nothing, or what went wrong. */
  async write(path, body, signal) {
    this.reset("");
    this.box.setAttribute("aria-busy", "true");
    this.state.textContent = "waiting…";
    const began = performance.now();
    let failure = null;
    try {
      for await (const event of streamEvents(path, body, signal)) this.take(event);
    } catch (error) {
      if (error.name !== "AbortError" && !(error instanceof Failure)) throw error;
      failure = error;
    } finally {
      this.finish(failure, (performance.now() - began) / 1000);
    }
    return failure;
  }

  take(event) {
    if (event.usage) this.usage = event.usage;
    const choice = event.choices[0];
    if (!choice) return;
    const text = choice.delta?.content ?? choice.text ?? "";
    const explained = choice.limpid?.explain;
    this.append(text, explained?.tokens ?? []);
    this.meanKl = explained?.mean_kl ?? this.meanKl;
    this.guard = choice.limpid?.guard ?? this.guard;
    this.ending = choice.finish_reason ?? this.ending;
    if (choice.delta?.refusal) this.box.append(element("p", { className: "refusal", textContent: choice.delta.refusal }));
    if (text) this.state.textContent = "writing…";
    this.frame ??= requestAnimationFrame(() => this.render());
  }

  /** Takes a piece of text and its tokens, each by itself where they are whole characters. */
  append(text, tokens) {
    const isApart = tokens.map((token) => token.token).join("") === text;
    for (const [part, own] of isApart ? tokens.map((token) => [token.token, [token]]) : [[text, tokens]]) {
      if (part) this.segments.push({ begin: this.text.length, end: this.text.length + part.length, tokens: own });
      this.text += part;
    }
  }

  finish(failure, seconds) {
    this.isFinished = true;
    this.box.setAttribute("aria-busy", "false");
    const tokens = this.usage?.completion_tokens;
    if (failure) this.state.textContent = failure.name === "AbortError" ? "stopped" : "failed";
    else this.state.textContent = `${plural(tokens ?? 0, "token")}, ${kEndings[this.ending] ?? ""}`;
    if (!this.text && !failure) this.note = "The answer is empty.";
    if (!failure && tokens) this.tell(`${number(tokens / seconds, 1)} tokens a second, ${number(seconds, 1)} s in all${this.meanKl === null ? "" : `; mean KL ${number(this.meanKl, 3)} nats`}.`);
    if (this.guard) this.tell(guardSentence(this.guard));
    this.render();
  }

  tell(sentence) {
    this.footer.append(element("p", { textContent: sentence }));
  }

  /** Shows a score between 0 and 1; a threshold from which a text counts as toxic. */
  showScore(score, threshold, isFlagged) {
    const meter = element("meter", { min: 0, max: 1, high: threshold, low: threshold, optimum: 0, value: score });
    meter.setAttribute("aria-label", "Toxicity");
    const verdict = element("span", { className: isFlagged ? "flagged" : "", textContent: `${number(score, 3)} ${isFlagged ? "above" : "below"} ${number(threshold)}` });
    this.footer.prepend(element("div", { className: "score" }, "Toxicity", meter, verdict));
  }

  /** Shows what has come since the last call. */
  render() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    const reveals = byId("reveal").checked;
    const show = reveals ? (text) => text : mask;
    const all = show(this.text);
    const until = this.isFinished || reveals ? all.length : finishedLength(this.text);
    this.root.classList.toggle("empty", !this.text);
    if (!this.text || !this.view) {
      this.view?.clear();
      this.root.textContent = this.text ? all.slice(0, until) : this.note;
      return;
    }
    if (this.shown === 0) this.view.clear();
    for (; this.segments[this.shown]?.end <= until; ++this.shown) {
      const { begin, end, tokens } = this.segments[this.shown];
      const masked = (text) => show(this.text.slice(0, begin) + text).slice(begin);
      this.view.append({ shown: all.slice(begin, end), tokens, masked });
    }
  }

  renderAnew() {
    this.shown = 0;
    this.render();
  }
}
