#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "limpid/core/parse.h"
#include "limpid/tokenizers/jinja/access.h"
#include "limpid/tokenizers/jinja/filters.h"
#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

namespace {

/// Removes underscores that stand between digits; other ones make the text no number.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto is_digit = [&](size_t at) { return at < text.size() && std::isxdigit(uint8_t(text[at])); };
    if (text[i] != '_')
      out += text[i];
    else if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1))
      return std::nullopt;
  }
  return out;
}

std::optional<double> read_float(std::string_view text) {
  auto digits = without_underscores(strip(text, Side::Both));
  if (!digits || digits->empty()) return std::nullopt;
  std::string_view rest = *digits;
  const bool negative = rest[0] == '-';
  if (negative || rest[0] == '+') rest.remove_prefix(1);
  const std::string word = lower_text(rest);
  if (word == "inf" || word == "infinity") return negative ? -HUGE_VAL : HUGE_VAL;
  if (word == "nan") return std::nan("");
  if (rest.empty() || !(std::isdigit(uint8_t(rest[0])) || rest[0] == '.') || word.starts_with("0x"))
    return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(rest.data(), &end);
  if (end != rest.data() + rest.size()) return std::nullopt;
  return negative ? -value : value;
}

std::optional<int64_t> read_integer(std::string_view text, int base) {
  auto digits = without_underscores(strip(text, Side::Both));
  if (!digits) return std::nullopt;
  std::string_view rest = *digits;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const char prefix = rest.size() > 2 && rest[0] == '0' ? char(rest[1] | 32) : 0;
  const int named = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 0;
  if (named != 0 && (base == named || base == 0)) {
    rest.remove_prefix(2);
    base = named;
  }
  if (base == 0) base = 10;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (end != rest.data() + rest.size() || error == std::errc::invalid_argument || rest.empty()) return std::nullopt;
  if (error != std::errc() || value > uint64_t(INT64_MAX))
    fail("the integer ", text.substr(0, 40), " does not fit into 64 bits");
  return negative ? -int64_t(value) : int64_t(value);
}

std::optional<int64_t> whole_part(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  if (std::abs(value) >= 0x1p63) fail("the number ", value, " does not fit into 64 bits");
  return int64_t(value);
}

Value to_integer(Run& run, const Value& value, Arguments arguments) {
  const Bound a("int", std::move(arguments), {"default", "base"});
  if (value.is_undefined()) fail(value.why_undefined());
  const Value fallback = a.value_or(0, int64_t(0));
  if (const auto integer = value.integer()) return *integer;
  if (value.is_float()) return whole_part(value.number()) ? Value(*whole_part(value.number())) : fallback;
  if (!value.text()) return fallback;
  const int64_t base = a.integer_or(1, 10);
  if (base != 0 && (base < 2 || base > 36)) return fallback;
  run.charge_text(value.text()->bytes.size());
  if (const auto integer = read_integer(value.text()->bytes, int(base))) return *integer;
  const auto real = read_float(value.text()->bytes);
  const auto whole = real ? whole_part(*real) : std::nullopt;
  return whole ? Value(*whole) : fallback;
}

Value to_float(Run& run, const Value& value, Arguments arguments) {
  const Bound a("float", std::move(arguments), {"default"});
  if (value.is_undefined()) fail(value.why_undefined());
  if (value.is_number()) return value.number();
  run.charge_text(value.text() ? value.text()->bytes.size() : 0);
  const auto real = value.text() ? read_float(value.text()->bytes) : std::nullopt;
  return real ? Value(*real) : a.value_or(0, 0.0);
}

Value absolute(Run&, const Value& value, Arguments arguments) {
  const Bound none("abs", std::move(arguments), {});
  if (value.is_undefined()) fail(value.why_undefined());
  if (value.is_float()) return std::abs(value.number());
  if (!value.is_number()) fail("bad operand type for abs(): '", type_name(value), "'");
  return *value.integer() < 0 ? negated(value) : Value(*value.integer());
}

double rounded_to(double value, int64_t precision) {
  if (!std::isfinite(value) || precision > 22) return value;
  if (precision < -308) return 0.0 * value;
  if (precision >= 0) {  // printf rounds the exact value, ties to even, as Python does
    char digits[400];
    std::snprintf(digits, sizeof digits, "%.*f", int(precision), value);
    return std::strtod(digits, nullptr);
  }
  const double unit = std::pow(10.0, double(-precision));
  return std::nearbyint(value / unit) * unit;
}

Value round_filter(Run& run, const Value& value, Arguments arguments) {
  const Bound a("round", std::move(arguments), {"precision", "method"});
  const int64_t precision = a.integer_or(0, 0);
  const std::string method = a.text_or(1, "common");
  if (method != "common" && method != "ceil" && method != "floor") fail("method must be common, ceil or floor");
  if (value.is_undefined()) fail(value.why_undefined());
  if (!value.is_number()) fail("type ", type_name(value), " doesn't define __round__ method");
  if (method == "common") {
    if (value.is_float()) return rounded_to(value.number(), precision);
    if (precision >= 0) return *value.integer();
    return *whole_part(rounded_to(value.number(), precision));
  }
  const Value power = arithmetic(run, Operator::Power, int64_t(10), precision);
  const double scaled = arithmetic(run, Operator::Multiply, value, power).number();
  const double whole = method == "ceil" ? std::ceil(scaled) : std::floor(scaled);
  return whole / power.number();
}

Value sum(Run& run, const Value& value, Arguments arguments) {
  const Bound a("sum", std::move(arguments), {"attribute", "start"});
  Value total = a.value_or(1, int64_t(0));
  for (const Value& item : elements(run, value)) {
    const bool member = a.has(0) && !a.value(0).is_none();
    total = arithmetic(run, Operator::Add, total, member ? member_at(run, item, a.value(0)) : item);
  }
  return total;
}

constexpr Filter kNumberFilters[] = {
    {"int", to_integer}, {"float", to_float}, {"abs", absolute}, {"round", round_filter}, {"sum", sum},
};

}  // namespace

std::span<const Filter> number_filters() { return kNumberFilters; }

}  // namespace limpid::jinja
