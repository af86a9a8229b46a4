#include <algorithm>

#include "limpid/core/parse.h"
#include "limpid/tokenizers/jinja/access.h"
#include "limpid/tokenizers/jinja/formatting.h"
#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::jinja {

namespace {

FormatSpec parse_spec(std::string_view text) {
  FormatSpec spec;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  const auto take = [&](char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
  };
  const auto number = [&] {
    size_t out = 0;
    for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1))
      out = std::min<size_t>(out * 10 + size_t(text[0] - '0'), INT32_MAX);
    return out;
  };
  const size_t first = text.empty() ? 0 : decode_utf8(text, 0).size;
  if (first > 0 && first < text.size() && is_align(text[first])) {
    spec.fill = text.substr(0, first);
    spec.align = text[first];
    text.remove_prefix(first + 1);
  } else if (first > 0 && is_align(text[0])) {
    spec.align = text[0];
    text.remove_prefix(1);
  }
  if (!text.empty() && (text[0] == '+' || text[0] == '-' || text[0] == ' ')) {
    spec.sign = text[0];
    text.remove_prefix(1);
  }
  spec.alternate = take('#');
  spec.zero = take('0');
  spec.width = number();
  spec.thousands = take(',');
  if (take('.')) spec.precision = number();
  if (text.size() == 1) spec.type = text[0];
  if (text.size() > 1) fail("Invalid format specifier");
  return spec;
}

/// Reads "{…}" fields one by one.
class BraceFormatter {
 public:
  BraceFormatter(Run& run, const Arguments& arguments) : run_(run), arguments_(arguments) {}

  std::string format(std::string_view text, int level = 0) {
    if (level > 1) fail("Max string recursion exceeded");
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const char c = text[at];
      const bool doubled = at + 1 < text.size() && text[at + 1] == c;
      if (c != '{' && c != '}') {
        out += c;
        ++at;
      } else if (doubled) {
        out += c;
        at += 2;
      } else if (c == '}') {
        fail("Single '}' encountered in format string");
      } else {
        const size_t end = field_end(text, at + 1);
        out += field(text.substr(at + 1, end - at - 1), level);
        run_.charge_text(out.size() / 64);
        at = end + 1;
      }
    }
    return out;
  }

 private:
  static size_t field_end(std::string_view text, size_t at) {
    for (int open = 1; at < text.size(); ++at) {
      open += (text[at] == '{') - (text[at] == '}');
      if (open == 0) return at;
    }
    fail("expected '}' before end of string");
  }

  std::string field(std::string_view text, int level) {
    const size_t colon = std::min(text.find(':'), text.size());
    std::string_view name = text.substr(0, colon);
    const std::string spec = colon < text.size() ? format(text.substr(colon + 1), level + 1) : "";
    char conversion = 0;
    if (const size_t mark = name.find('!'); mark != std::string_view::npos) {
      if (mark + 2 != name.size()) fail("expected ':' after conversion specifier");
      conversion = name[mark + 1];
      name = name.substr(0, mark);
    }
    Value value = look_up(name);
    if (conversion == 's') value = run_.text(str(run_, value));
    if (conversion == 'r' || conversion == 'a') {
      std::string shown;
      append_repr(run_, shown, value);
      value = run_.text(std::move(shown));
    }
    return spec.empty() ? str(run_, value) : format_value(run_, value, parse_spec(spec));
  }

  Value look_up(std::string_view name) {
    size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, end));
    while (end < name.size()) {
      const bool subscript = name[end] == '[';
      const size_t begin = end + 1;
      end = subscript ? name.find(']', begin) : std::min(name.find_first_of(".[", begin), name.size());
      if (end == std::string_view::npos) fail("Missing ']' in format string");
      const std::string part(name.substr(begin, end - begin));
      const auto index = parse_number<int64_t>(part);
      if (subscript)
        value = item_of(run_, value, index && *index >= 0 ? Value(*index) : run_.text(part));
      else
        value = attribute_of(run_, value, part);
      end += subscript;
    }
    return value;
  }

  Value argument(std::string_view name) {
    const auto index = name.empty() ? std::optional<size_t>(automatic_++) : parse_number<size_t>(name);
    if (index) {
      by_number_ = by_number_ || !name.empty();
      if (by_number_ && automatic_ > 0) fail("a format has either {} or numbers in its fields, not both");
      if (*index >= arguments_.positional.size())
        fail("Replacement index ", *index, " out of range for positional args tuple");
      return arguments_.positional[*index];
    }
    for (const auto& [key, value] : arguments_.named)
      if (key == name) return value;
    fail("the format's name '", name, "' is not given");
  }

  Run& run_;
  const Arguments& arguments_;
  size_t automatic_ = 0;
  bool by_number_ = false;
};

}  // namespace

std::string format_braces(Run& run, std::string_view format, const Arguments& arguments) {
  run.charge_text(format.size());
  return BraceFormatter(run, arguments).format(format);
}

}  // namespace limpid::jinja
