#include <algorithm>

#include "limpid/tokenizers/jinja/formatting.h"
#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

namespace {

/// Reads "%…" conversions one by one and gives each its value.
class PercentFormatter {
 public:
  PercentFormatter(Run& run, std::string_view format, const Value& values)
      : run_(run),
        format_(format),
        values_(values) {
    const Sequence* several = values.sequence();
    if (several && several->kind == Sequence::Kind::Tuple) tuple_ = several;
  }

  std::string format() {
    std::string out;
    while (at_ < format_.size()) {
      if (format_[at_] != '%') {
        out += format_[at_++];
        continue;
      }
      ++at_;
      out += conversion();
      run_.charge_text(out.size() / 64);
    }
    const bool all_used = values_.dict() || (tuple_ ? used_ >= tuple_->items.size() : used_ >= 1 || values_.sequence());
    if (!all_used) fail("not all arguments converted during string formatting");
    return out;
  }

 private:
  char next() {
    if (at_ >= format_.size()) fail("incomplete format");
    return format_[at_++];
  }

  Value next_value() {
    const size_t place = used_++;
    if (tuple_ ? place >= tuple_->items.size() : place > 0) fail("not enough arguments for format string");
    return tuple_ ? tuple_->items[place] : values_;
  }

  std::optional<int64_t> number() {
    if (at_ < format_.size() && format_[at_] == '*') {
      ++at_;
      return std::clamp<int64_t>(next_value().integer().value_or(0), -INT32_MAX, INT32_MAX);
    }
    std::optional<int64_t> out;
    while (at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9')
      out = std::min<int64_t>(out.value_or(0) * 10 + (format_[at_++] - '0'), INT32_MAX);
    return out;
  }

  std::optional<Value> named_value() {
    if (at_ >= format_.size() || format_[at_] != '(') return std::nullopt;
    const size_t close = format_.find(')', at_);
    if (close == std::string_view::npos) fail("incomplete format key");
    const Value key = run_.text(std::string(format_.substr(at_ + 1, close - at_ - 1)));
    at_ = close + 1;
    if (!values_.dict()) fail("format requires a mapping");
    if (!contains(run_, values_, key)) fail("the format's key '", key.text()->bytes, "' is not there");
    return value_of_key(run_, *values_.dict(), key, None());
  }

  std::string conversion() {
    const auto given = named_value();
    FormatSpec spec;
    spec.align = '>';
    for (char flag = next();; flag = next()) {
      if (flag == '-')
        spec.align = '<';
      else if (flag == '0')
        spec.zero = true;
      else if (flag == '+' || (flag == ' ' && spec.sign == '-'))
        spec.sign = flag;
      else if (flag == '#')
        spec.alternate = true;
      else if (flag != ' ')
        break;
    }
    --at_;
    const int64_t width = number().value_or(0);
    if (width < 0) spec.align = '<';
    spec.width = size_t(width < 0 ? -width : width);
    if (at_ < format_.size() && format_[at_] == '.') {
      ++at_;
      spec.precision = size_t(std::max<int64_t>(number().value_or(0), 0));
    }
    char type = next();
    while (type == 'h' || type == 'l' || type == 'L') type = next();
    if (type == '%') return "%";
    return converted(given ? *given : next_value(), type, spec);
  }

  std::string converted(const Value& value, char type, FormatSpec spec) {
    if (type == 's' || type == 'r' || type == 'a') {
      std::string text;
      type == 's' ? append_str(run_, text, value) : append_repr(run_, text, value);
      if (spec.precision) text = slice_text(text, 0, int64_t(*spec.precision), {});
      return pad_text(run_, std::move(text), spec.width, spec.align);
    }
    if (type == 'c' && value.text() && count_characters(value.text()->bytes) == 1)
      return pad_text(run_, value.text()->bytes, spec.width, spec.align);
    if (std::string_view("diuoxXceEfFgG").find(type) == std::string_view::npos)
      fail("unsupported format character '", type, "'");
    if (value.is_undefined()) fail(value.why_undefined());
    if (!value.is_number()) fail("%", type, " format: a real number is required, not ", type_name(value));
    if (spec.zero && spec.align == '>') spec.align = 0;
    const bool decimal = type == 'd' || type == 'i' || type == 'u';
    spec.type = decimal ? 'd' : type;
    if (decimal && value.is_float()) {
      if (!(value.number() > -0x1p63 && value.number() < 0x1p63))
        fail("cannot convert ", value.number(), " to integer");
      return format_value(run_, int64_t(value.number()), spec);
    }
    return format_value(run_, value, spec);
  }

  Run& run_;
  std::string_view format_;
  const Value& values_;
  const Sequence* tuple_ = nullptr;
  size_t at_ = 0, used_ = 0;
};

}  // namespace

std::string format_percent(Run& run, std::string_view format, const Value& values) {
  run.charge_text(format.size());
  return PercentFormatter(run, format, values).format();
}

}  // namespace limpid::jinja
