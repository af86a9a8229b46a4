#include "limpid/tokenizers/jinja/formatting.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/jinja/text.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::jinja {

namespace {

std::string integer_digits(uint64_t size, char type) {
  char digits[65];
  const int base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
  std::string out(digits, std::to_chars(digits, digits + sizeof digits, size, base).ptr);
  return type == 'X' ? upper_text(out) : out;
}

std::string float_digits(Run& run, double size, const FormatSpec& spec) {
  if (spec.type == 0 && !spec.precision) return float_repr(size);
  const size_t precision = spec.precision.value_or(6);
  if (precision > 1000) fail("a precision of ", precision, " is more than 1000 digits");
  const char type = spec.type == 0 ? 'g' : spec.type == '%' ? 'f' : spec.type;
  const char form[] = {'%', '.', '*', type, 0};
  char digits[1400];
  const int count = std::snprintf(digits, sizeof digits, form, int(precision), spec.type == '%' ? size * 100 : size);
  run.charge(1 + size_t(count) / 16);
  std::string out(digits, size_t(count));
  if (spec.type == 0 && out.find_first_of(".einf") == std::string::npos) out += ".0";
  return spec.type == '%' ? out + "%" : out;
}

/// Puts a comma before every third digit of the whole part.
std::string grouped(std::string digits) {
  size_t end = 0;
  while (end < digits.size() && digits[end] >= '0' && digits[end] <= '9') ++end;
  for (size_t i = end; i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string signed_number(Run& run, bool negative, std::string prefix, std::string digits, const FormatSpec& spec) {
  std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  if (spec.thousands) digits = grouped(std::move(digits));
  sign += prefix;
  if (spec.zero && spec.align == 0 && sign.size() < spec.width)
    return sign + pad_text(run, std::move(digits), spec.width - sign.size(), '>', "0");
  if (spec.align == '=')
    return sign + pad_text(run, std::move(digits), spec.width - std::min(spec.width, sign.size()), '>', spec.fill);
  return pad_text(run, sign + digits, spec.width, spec.align ? spec.align : '>', spec.fill);
}

bool is_one_of(char c, std::string_view chars) { return chars.find(c) != std::string_view::npos; }

std::string format_integer(Run& run, int64_t value, const FormatSpec& spec) {
  if (spec.type == 'c') {
    if (value < 0 || value > 0x10FFFF) fail("%c arg not in range(0x110000)");
    std::string out;
    append_utf8(out, value >= 0xD800 && value < 0xE000 ? 0xFFFD : char32_t(value));
    return pad_text(run, std::move(out), spec.width, spec.align ? spec.align : '<', spec.fill);
  }
  if (spec.precision) fail("Precision not allowed in integer format specifier");
  const uint64_t size = value < 0 ? 0 - uint64_t(value) : uint64_t(value);
  const std::string prefix = spec.alternate && is_one_of(spec.type, "boxX") ? std::string("0") + spec.type : "";
  return signed_number(run, value < 0, prefix, integer_digits(size, spec.type), spec);
}

}  // namespace

std::string pad_text(Run& run, std::string text, size_t width, char align, std::string_view fill) {
  const size_t size = count_characters(text);
  if (width <= size) return text;
  const size_t missing = width - size;
  run.charge_product(missing, fill.size());
  // str.center puts the odd one to the left when the width is odd; format puts it to the right
  const size_t before = align == '<'   ? 0
                        : align == '>' ? missing
                        : align == 'c' ? missing / 2 + (missing & width & 1)
                                       : missing / 2;
  std::string out;
  for (size_t i = 0; i < before; ++i) out += fill;
  out += text;
  for (size_t i = before; i < missing; ++i) out += fill;
  return out;
}

std::string format_value(Run& run, const Value& value, const FormatSpec& spec) {
  if (value.is_float() || (value.is_number() && spec.type != 0 && is_one_of(spec.type, "eEfFgG%"))) {
    if (spec.type != 0 && !is_one_of(spec.type, "eEfFgG%"))
      fail("Unknown format code '", spec.type, "' for object of type 'float'");
    return signed_number(run, std::signbit(value.number()), "", float_digits(run, std::abs(value.number()), spec),
                         spec);
  }
  if (value.is_number() && (spec.type == 0 || is_one_of(spec.type, "dboxXcn")))
    return format_integer(run, *value.integer(), spec);
  if (spec.type != 0 && spec.type != 's')
    fail("Unknown format code '", spec.type, "' for object of type '", type_name(value), "'");
  std::string out = str(run, value);
  if (spec.precision) out = slice_text(out, 0, int64_t(std::min<size_t>(*spec.precision, INT32_MAX)), {});
  return pad_text(run, std::move(out), spec.width, spec.align && spec.align != '=' ? spec.align : '<', spec.fill);
}

}  // namespace limpid::jinja
