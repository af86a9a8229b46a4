#include <algorithm>
#include <cmath>

#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::jinja {

namespace {

void append_unit(std::string& out, char32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[unit >> shift & 15];
}

void append_escaped(std::string& out, char32_t c, bool ascii) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: break;
  }
  if (c >= 0x20 && (!ascii || c < 0x7F)) {
    append_utf8(out, c);
  } else if (c < 0x10000) {
    append_unit(out, c);
  } else {
    append_unit(out, 0xD800 + ((c - 0x10000) >> 10));
    append_unit(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
  }
}

void append_json_text(std::string& out, std::string_view text, bool ascii) {
  out += '"';
  for (size_t offset = 0; offset < text.size();) {
    const Utf8 next = decode_utf8(text, offset);
    append_escaped(out, next.code, ascii);
    offset += next.size;
  }
  out += '"';
}

std::string json_scalar(const Value& value) {
  if (value.is_none()) return "null";
  if (value.is_bool()) return *value.integer() ? "true" : "false";
  if (value.is_integer()) return std::to_string(*value.integer());
  if (!value.is_float()) fail("Object of type ", type_name(value), " is not JSON serializable");
  if (std::isnan(value.number())) return "NaN";
  if (std::isinf(value.number())) return value.number() < 0 ? "-Infinity" : "Infinity";
  return float_repr(value.number());
}

std::string json_key(const Value& key) {
  if (const Text* text = key.text()) return text->bytes;
  if (!key.is_number() && !key.is_none()) fail("keys must be str, int, float, bool or None, not ", type_name(key));
  return json_scalar(key);
}

/// Appends count elements between brackets, as `append(i)` writes them.
template <class Append>
void append_elements(Run& run, std::string& out, const char* brackets, size_t count, const JsonStyle& style,
                     size_t level, Append append) {
  const auto new_line = [&](size_t levels) {
    if (!style.indent) return;
    run.charge_product(levels, style.indent->size());
    out += '\n';
    for (size_t i = 0; i < levels; ++i) out += *style.indent;
  };
  out += brackets[0];
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out += style.between;
    new_line(level + 1);
    append(i);
  }
  if (count > 0) new_line(level);
  out += brackets[1];
}

std::vector<std::pair<std::string, const Value*>> json_members(Run& run, const Dict& dict, bool sorted) {
  auto entries = dict.entries;
  if (sorted)
    std::stable_sort(entries.begin(), entries.end(),
                     [&](const auto& a, const auto& b) { return compare(run, Comparison::Less, a.first, b.first); });
  std::vector<std::pair<std::string, const Value*>> members;
  for (const auto& [key, value] : entries) members.emplace_back(json_key(key), &value);
  return members;
}

}  // namespace

void append_json(Run& run, std::string& out, const Value& value, const JsonStyle& style, size_t level) {
  run.charge_text(style.between.size() + style.colon.size());
  if (const Text* text = value.text()) {
    run.charge_text(text->bytes.size());
    append_json_text(out, text->bytes, style.ascii);
  } else if (const Dict* dict = value.dict()) {
    const auto members = json_members(run, *dict, style.sort_keys);
    append_elements(run, out, "{}", members.size(), style, level, [&](size_t i) {
      run.charge_text(members[i].first.size());
      append_json_text(out, members[i].first, style.ascii);
      append_json(run, out += style.colon, *members[i].second, style, level + 1);
    });
  } else if (const Sequence* list = value.sequence(); list && list->kind <= Sequence::Kind::Tuple) {
    append_elements(run, out, "[]", list->items.size(), style, level,
                    [&](size_t i) { append_json(run, out, list->items[i], style, level + 1); });
  } else {
    out += json_scalar(value);
  }
}

}  // namespace limpid::jinja
