// A slider and a number for each detoxifier. Strength 0 is off, whatever the range.

const kWidestLinear = 20; // wider ranges have a cubic scale, so that small strengths can be told apart

/** From a slider's position to a strength and back, for a range whose ends may be open (null). */
class Scale {
  constructor([least, most], start) {
    this.least = least ?? Math.min(0, 2 * start);
    this.most = most ?? Math.max(1, 2 * start);
    this.low = Math.min(0, this.least);
    this.high = Math.max(0, this.most);
    this.power = this.high - this.low > kWidestLinear ? 3 : 1;
  }
  position(strength) {
    const end = strength < 0 ? -this.low : this.high;
    return end ? Math.sign(strength) * (Math.abs(strength) / end) ** (1 / this.power) : 0;
  }
  strength(position) {
    const value = position < 0 ? -this.low * -((-position) ** this.power) : this.high * position ** this.power;
    return this.nearest(Number(value.toPrecision(value && this.power > 1 ? 2 : 6)));
  }
  /** Returns a strength that the detoxifier takes: 0, or one of its range. */
  nearest(strength) {
    if (strength === 0 || Number.isNaN(strength)) return 0;
    if (strength >= this.least && strength <= this.most) return strength;
    const end = strength < this.least ? this.least : this.most;
    return Math.abs(strength) < Math.abs(end) / 2 ? 0 : end;
  }
}

/** One detoxifier's controls. */
class StrengthControl {
  constructor(detoxifier, index, changed) {
    this.name = detoxifier.id;
    this.scale = new Scale(detoxifier.range, detoxifier.strength);
    const { low, high } = this.scale;
    const id = `strength-${index}`;
    this.exact = element("input", { type: "number", step: "any", inputMode: "decimal", id });
    this.slider = element("input", { type: "range", min: low < 0 ? -1 : 0, max: high > 0 ? 1 : 0, step: high - low > kWidestLinear ? 0.002 : 0.01 });
    this.exact.setAttribute("aria-describedby", `${id}-meaning`);
    this.slider.setAttribute("aria-label", `Strength of ${this.name}`);
    this.slider.addEventListener("input", () => { this.show(this.scale.strength(Number(this.slider.value)), this.slider); changed(); });
    this.exact.addEventListener("input", () => { this.show(Number(this.exact.value), this.exact); changed(); });
    this.root = element("div", { className: "detoxifier" },
      element("div", { className: "name" }, element("label", { htmlFor: id, textContent: this.name }), this.exact),
      this.slider,
      element("div", { className: "ends" }, element("span", {}, number(low)), element("span", {}, detoxifier.method), element("span", {}, number(high))),
      element("p", { className: "meaning", id: `${id}-meaning`, textContent: detoxifier.meaning }));
    this.show(detoxifier.strength, null);
  }
  /** Shows a strength in both controls but the one that a person is using. */
  show(strength, used) {
    this.strength = strength;
    if (used !== this.exact) this.exact.value = strength;
    if (used !== this.slider) this.slider.value = this.scale.position(strength);
    this.slider.setAttribute("aria-valuetext", strength === 0 ? "0, off" : String(strength));
  }
}

class Strengths {
  constructor(root, changed) {
    this.root = root;
    this.changed = changed;
    this.controls = [];
  }
  set(detoxifiers) {
    const before = new Map(this.controls.map((control) => [control.name, control.strength]));
    this.controls = detoxifiers.map((detoxifier, i) => new StrengthControl(detoxifier, i, this.changed));
    for (const control of this.controls) if (before.has(control.name)) control.show(before.get(control.name), null);
    const none = element("p", { className: "meaning", textContent: "This server has no detoxifiers, so both answers are the plain model's. Start it with --detox to compare." });
    this.root.replaceChildren(...(detoxifiers.length ? this.controls.map((control) => control.root) : [none]));
  }
  /** Returns what a request says of them. */
  get request() {
    return this.controls.filter((control) => control.strength !== 0).map(({ name, strength }) => ({ name, strength }));
  }
}
