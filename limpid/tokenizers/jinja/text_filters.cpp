#include <algorithm>

#include "limpid/tokenizers/jinja/access.h"
#include "limpid/tokenizers/jinja/filters.h"
#include "limpid/tokenizers/jinja/formatting.h"
#include "limpid/tokenizers/jinja/methods.h"
#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/jinja/text.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::jinja {

namespace {

std::string shown_text(Run& run, const Value& value) { return as_text(run, value).text()->bytes; }

const std::string& required_text(const Value& value, const char* filter) {
  if (value.is_undefined()) fail(value.why_undefined());
  if (!value.text()) fail(filter, ": expected a string, found '", type_name(value), "'");
  return value.text()->bytes;
}

template <std::string (*change)(std::string_view)>
Value changed_filter(Run& run, const Value& value, Arguments arguments) {
  const Bound none("filter", std::move(arguments), {});
  const Value text = as_text(run, value);
  return run.text(change(text.text()->bytes), text.text()->markup);
}

/// Words begin behind blanks and - ( { [ <, unlike those of str.title.
std::string title_words(std::string_view text) {
  std::string out, word;
  const auto flush = [&] {
    out += capitalize_text(word);
    word.clear();
  };
  for (const std::string_view character : characters(text)) {
    const bool splits =
        is_blank(decode_utf8(character, 0).code) || std::string_view("-({[<").find(character) != std::string::npos;
    if (splits) flush();
    (splits ? out : word) += character;
  }
  flush();
  return out;
}

Value trim(Run& run, const Value& value, Arguments arguments) {
  return call_attribute(run, as_text(run, value), "strip", std::move(arguments));
}

Value replace(Run& run, const Value& value, Arguments arguments) {
  const Bound a("replace", std::move(arguments), {"old", "new", "count"}, 2);
  Arguments given{{as_text(run, a.value(0)), as_text(run, a.value(1)), a.integer_or_none(2).value_or(-1)}, {}};
  return call_attribute(run, as_text(run, value), "replace", std::move(given));
}

Value center(Run& run, const Value& value, Arguments arguments) {
  const Bound a("center", std::move(arguments), {"width"});
  return call_attribute(run, as_text(run, value), "center", {{a.integer_or(0, 80)}, {}});
}

Value indent(Run& run, const Value& value, Arguments arguments) {
  const Bound a("indent", std::move(arguments), {"width", "first", "blank"});
  const bool is_text = a.has(0) && a.value(0).text();
  const int64_t width = is_text ? 0 : std::max<int64_t>(a.integer_or(0, 4), 0);
  run.charge_text(size_t(width));
  const std::string by = is_text ? a.text(0) : std::string(size_t(width), ' ');
  const std::string source = required_text(value, "indent") + "\n";
  const auto lines = split_lines(source, false);
  run.charge_product(lines.size(), by.size());
  std::string out = a.flag(1, false) ? by : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    if (i > 0 && (a.flag(2, false) || !lines[i].empty())) out += by;
    out += lines[i];
  }
  return run.text(std::move(out));
}

Value truncate(Run& run, const Value& value, Arguments arguments) {
  const Bound a("truncate", std::move(arguments), {"length", "killwords", "end", "leeway"});
  const std::string text = required_text(value, "truncate"), end = a.text_or(2, "...");
  const int64_t most = std::min<int64_t>(a.integer_or(0, 255), INT32_MAX), tail = int64_t(count_characters(end));
  const int64_t leeway = std::min<int64_t>(a.integer_or_none(3).value_or(5), INT32_MAX);
  if (most < tail) fail("expected length >= ", tail, ", got ", most);
  if (int64_t(count_characters(text)) <= most + leeway) return run.text(text);
  std::string out = slice_text(text, 0, most - tail, {});
  if (!a.flag(1, false)) out = out.substr(0, out.rfind(' '));
  return run.text(out + end);
}

Value word_count(Run& run, const Value& value, Arguments arguments) {
  const Bound none("wordcount", std::move(arguments), {});
  int64_t count = 0;
  bool inside = false;
  const std::string text = shown_text(run, value);
  run.charge(text.size());
  for (const std::string_view character : characters(text)) {
    const bool word = is_word(decode_utf8(character, 0).code);
    count += word && !inside;
    inside = word;
  }
  return count;
}

Value format(Run& run, const Value& value, Arguments arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    fail("format: can't handle positional and keyword arguments at the same time");
  const bool named = !arguments.named.empty();
  std::vector<std::pair<Value, Value>> entries;
  for (auto& [name, given] : arguments.named) entries.emplace_back(run.text(name), std::move(given));
  const Value values = named ? run.dict(std::move(entries)) : run.tuple(std::move(arguments.positional));
  return run.text(format_percent(run, shown_text(run, value), values));
}

Value safe(Run& run, const Value& value, Arguments arguments) {
  const Bound none("safe", std::move(arguments), {});
  return run.text(shown_text(run, value), true);
}

template <bool again>
Value escape(Run& run, const Value& value, Arguments arguments) {
  const Bound none("escape", std::move(arguments), {});
  const Value text = as_text(run, value);
  return text.text()->markup && !again ? text : run.text(escape_markup(text.text()->bytes), true);
}

Value string(Run& run, const Value& value, Arguments arguments) {
  const Bound none("string", std::move(arguments), {});
  return as_text(run, value);
}

Value url_encode(Run& run, const Value& value, Arguments arguments) {
  const Bound none("urlencode", std::move(arguments), {});
  std::string out;
  for (const char c : shown_text(run, value)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || std::string_view("_.-~/").find(c) != std::string_view::npos)
      out += c;
    else
      (((out += '%') += "0123456789ABCDEF"[uint8_t(c) >> 4])) += "0123456789ABCDEF"[uint8_t(c) & 15];
  }
  return run.text(std::move(out));
}

Value to_json(Run& run, const Value& value, Arguments arguments) {
  const Bound a("tojson", std::move(arguments), {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style{a.flag(0, false), a.flag(3, false), {}};
  if (a.has(1) && a.value(1).text()) {
    style.indent = a.text(1);
  } else if (const auto width = a.integer_or_none(1)) {
    run.charge_text(size_t(std::max<int64_t>(*width, 0)));
    style.indent = std::string(size_t(std::max<int64_t>(*width, 0)), ' ');
  }
  if (style.indent) style.between = ",";
  if (a.has(2) && !a.value(2).is_none()) {
    const auto parts = elements(run, a.value(2));
    if (parts.size() != 2 || !parts[0].text() || !parts[1].text()) fail("tojson(): separators must be two strings");
    style.between = parts[0].text()->bytes;
    style.colon = parts[1].text()->bytes;
  }
  std::string out;
  append_json(run, out, value, style);
  return run.text(std::move(out));
}

constexpr Filter kTextFilters[] = {
    {"trim", trim},
    {"upper", changed_filter<upper_text>},
    {"lower", changed_filter<lower_text>},
    {"title", changed_filter<title_words>},
    {"capitalize", changed_filter<capitalize_text>},
    {"replace", replace},
    {"center", center},
    {"indent", indent},
    {"truncate", truncate},
    {"wordcount", word_count},
    {"format", format},
    {"safe", safe},
    {"escape", escape<false>},
    {"e", escape<false>},
    {"forceescape", escape<true>},
    {"string", string},
    {"urlencode", url_encode},
    {"tojson", to_json},
};

}  // namespace

std::span<const Filter> text_filters() { return kTextFilters; }

}  // namespace limpid::jinja
