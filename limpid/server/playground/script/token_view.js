// The tokens of an answer, coloured by how far the plain model disagreed, and a card with what it would have done.

const kSteps = [0.01, 0.1, 0.5, 1.5]; // nats: from which divergence on a token has colour 1, 2, 3, 4

const colourOf = (kl) => kSteps.filter((step) => kl >= step).length;

function showLegend(list) {
  const names = [`below ${kSteps[0]}`, ...kSteps.map((step, i) => (i + 1 < kSteps.length ? `${step} to ${kSteps[i + 1]}` : `${step} and more`))];
  list.replaceChildren(...names.map((name, i) => element("li", { className: `token kl-${i}`, textContent: name })));
}

const quoted = (text) => `“${text.replaceAll("\n", "↵")}”`;
const percent = (logProb) => `${(100 * Math.exp(logProb)).toPrecision(3)} %`;

class TokenView {
  constructor(root, card) {
    this.root = root;
    this.card = card;
    root.addEventListener("pointerover", (event) => event.pointerType !== "touch" && this.open(event.target.closest(".token")));
    root.addEventListener("pointerleave", () => this.open(root.querySelector(".token:focus")));
    root.addEventListener("focusin", (event) => this.open(event.target.closest(".token")));
    root.addEventListener("focusout", () => this.open(null));
    root.addEventListener("click", (event) => event.target.closest(".token")?.focus());
    root.addEventListener("keydown", (event) => this.step(event));
    this.clear();
  }
  clear() {
    this.segments = new Map(); // element -> segment
    this.root.replaceChildren();
    this.open(null);
  }
  /** Appends a piece of the text. @param segment  {shown, tokens, masked}: what to show, its tokens, and how others are shown in their place */
  append(segment) {
    if (!segment.tokens.length) return this.root.append(segment.shown);
    const kl = Math.max(...segment.tokens.map((token) => token.kl));
    const span = element("span", { className: `token kl-${colourOf(kl)}`, textContent: segment.shown, tabIndex: this.segments.size ? -1 : 0 });
    this.segments.set(span, segment);
    this.root.append(span);
  }
  /** Moves from token to token; one of them is in the order of Tab. */
  step(event) {
    const tokens = [...this.segments.keys()];
    const at = tokens.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: tokens.length - 1 }[event.key];
    if (event.key === "Escape") this.open(null);
    if (to === undefined || at < 0 || !tokens[to]) return;
    event.preventDefault();
    tokens[at].tabIndex = -1;
    tokens[to].tabIndex = 0;
    tokens[to].focus();
  }
  open(span) {
    this.root.querySelector(".shown")?.classList.remove("shown");
    const segment = this.segments?.get(span);
    this.card.hidden = !segment;
    if (!segment) return;
    span.classList.add("shown");
    this.card.replaceChildren(element("p", { className: "word", textContent: quoted(segment.shown) }), ...segment.tokens.flatMap((token) => this.describe(token, segment)));
    this.place(span);
  }
  describe(token, segment) {
    const first = token.base_id === token.id ? "The plain model's first choice, too." : `The plain model's first choice: ${quoted(segment.masked(token.base_token))}`;
    const row = (name, value) => element("tr", {}, element("th", { scope: "row", textContent: name }), element("td", { textContent: value }));
    const rows = [row("detoxified", percent(token.logprob)), row("plain", percent(token.base_logprob)), row("KL", `${number(token.kl, 3)} nats`)];
    return [element("p", { textContent: first }), element("table", {}, element("tbody", {}, ...rows))];
  }
  /** Puts the card below the token, inside the answer's box. */
  place(span) {
    const box = this.card.offsetParent.getBoundingClientRect();
    const at = span.getClientRects()[0] ?? span.getBoundingClientRect();
    const margin = 8;
    const left = Math.min(Math.max(margin, at.left - box.left), box.width - this.card.offsetWidth - margin);
    this.card.style.left = `${Math.max(0, left)}px`;
    this.card.style.top = `${at.bottom - box.top + 6}px`;
  }
}
