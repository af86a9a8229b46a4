#include <cmath>

#include "limpid/tokenizers/jinja/formatting.h"
#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

namespace {

[[noreturn]] void too_large() { fail("an integer does not fit into 64 bits"); }

int64_t integer_power(int64_t base, int64_t exponent) {
  int64_t out = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) && __builtin_mul_overflow(out, base, &out)) too_large();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) too_large();
  }
  return out;
}

Value integer_arithmetic(Operator op, int64_t a, int64_t b) {
  int64_t out = 0;
  switch (op) {
    case Operator::Add:
      if (__builtin_add_overflow(a, b, &out)) too_large();
      return out;
    case Operator::Subtract:
      if (__builtin_sub_overflow(a, b, &out)) too_large();
      return out;
    case Operator::Multiply:
      if (__builtin_mul_overflow(a, b, &out)) too_large();
      return out;
    case Operator::Power:
      if (b >= 0) return integer_power(a, b);
      if (a == 0) fail("0.0 cannot be raised to a negative power");
      return std::pow(double(a), double(b));
    default: break;
  }
  if (b == 0) fail(op == Operator::Divide ? "division by zero" : "integer division or modulo by zero");
  if (op == Operator::Divide) return double(a) / double(b);
  if (b == -1) {  // the one quotient that may not fit; its remainder is 0
    if (op == Operator::Modulo) return int64_t(0);
    if (a == INT64_MIN) too_large();
    return -a;
  }
  const int64_t remainder = a % b;  // C++ rounds towards 0, Python down
  const bool below = remainder != 0 && (remainder < 0) != (b < 0);
  return op == Operator::Modulo ? remainder + (below ? b : 0) : a / b - below;
}

Value float_arithmetic(Operator op, double a, double b) {
  switch (op) {
    case Operator::Add: return a + b;
    case Operator::Subtract: return a - b;
    case Operator::Multiply: return a * b;
    case Operator::Power: {
      if (a == 0 && b < 0) fail("0.0 cannot be raised to a negative power");
      const double out = std::pow(a, b);
      if (std::isnan(out) && !std::isnan(a) && !std::isnan(b)) fail("a negative number has no real power ", b);
      if (std::isinf(out) && std::isfinite(a) && std::isfinite(b)) fail("(34, 'Numerical result out of range')");
      return out;
    }
    default: break;
  }
  if (b == 0) fail(op == Operator::Divide ? "float division by zero" : "float floor division or modulo by zero");
  if (op == Operator::Divide) return a / b;
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0 && (remainder < 0) != (b < 0)) {
    remainder += b;
    quotient -= 1;
  } else if (remainder == 0) {
    remainder = std::copysign(0.0, b);
  }
  if (op == Operator::Modulo) return remainder;
  return quotient == 0 ? std::copysign(0.0, a / b) : std::floor(quotient) + (quotient - std::floor(quotient) > 0.5);
}

Value joined(Run& run, const Text& left, const Text& right) {
  const bool markup = left.markup || right.markup;
  const auto part = [&](const Text& side) { return markup && !side.markup ? escape_markup(side.bytes) : side.bytes; };
  run.charge_text(left.bytes.size() + right.bytes.size());
  return run.text(part(left) + part(right), markup);
}

/// text * count, list * count, tuple * count.
Value repeated(Run& run, const Value& value, int64_t given) {
  const size_t count = given < 0 ? 0 : size_t(given);
  if (const Text* text = value.text()) {
    run.charge_product(count, text->bytes.size());
    std::string out;
    for (size_t i = 0; i < count && !text->bytes.empty(); ++i) out += text->bytes;
    return run.text(std::move(out), text->markup);
  }
  const Sequence& sequence = *value.sequence();
  run.charge_product(count, sequence.items.size() * sizeof(Value));
  std::vector<Value> items;
  for (size_t i = 0; i < count && !sequence.items.empty(); ++i)
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  return run.sequence(sequence.kind, std::move(items));
}

bool is_repeatable(const Value& value) {
  return value.text() || (value.sequence() && value.sequence()->kind <= Sequence::Kind::Tuple);
}

}  // namespace

Value arithmetic(Run& run, Operator op, const Value& left, const Value& right) {
  if (op == Operator::Modulo && left.text())
    return run.text(format_percent(run, left.text()->bytes, right), left.text()->markup);
  for (const Value* side : {&left, &right})
    if (side->is_undefined()) fail(side->why_undefined());
  if (left.is_number() && right.is_number()) {
    if (left.is_float() || right.is_float()) return float_arithmetic(op, left.number(), right.number());
    return integer_arithmetic(op, *left.integer(), *right.integer());
  }
  if (op == Operator::Multiply && is_repeatable(left) && right.integer()) return repeated(run, left, *right.integer());
  if (op == Operator::Multiply && is_repeatable(right) && left.integer()) return repeated(run, right, *left.integer());
  if (op == Operator::Add) {
    if (left.text() && right.text()) return joined(run, *left.text(), *right.text());
    const Sequence *a = left.sequence(), *b = right.sequence();
    if (a && b && a->kind == b->kind && a->kind <= Sequence::Kind::Tuple) {
      std::vector<Value> items = a->items;
      items.insert(items.end(), b->items.begin(), b->items.end());
      return run.sequence(a->kind, std::move(items));
    }
    if (left.text()) fail("can only concatenate str (not \"", type_name(right), "\") to str");
  }
  fail("unsupported operand type(s) for ", name(op), ": '", type_name(left), "' and '", type_name(right), "'");
}

Value negated(const Value& value) {
  if (value.is_undefined()) fail(value.why_undefined());
  if (value.is_float()) return -value.number();
  if (!value.is_number()) fail("bad operand type for unary -: '", type_name(value), "'");
  if (*value.integer() == INT64_MIN) too_large();
  return -*value.integer();
}

}  // namespace limpid::jinja
