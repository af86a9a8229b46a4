#include "limpid/tokenizers/jinja/printing.h"

#include <charconv>
#include <cmath>

#include "limpid/tokenizers/jinja/text.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::jinja {

namespace {

void append_hex(std::string& out, char32_t code, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += "0123456789abcdef"[code >> shift & 15];
}

void append_text_repr(std::string& out, std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos,
             has_double = text.find('"') != std::string_view::npos;
  const char32_t mark = has_single && !has_double ? '"' : '\'';
  out += char(mark);
  for (size_t offset = 0; offset < text.size();) {
    const Utf8 next = decode_utf8(text, offset);
    const char32_t c = next.code;
    offset += next.size;
    if (c == mark || c == '\\')
      (out += '\\') += char(c);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (is_printable(c))
      append_utf8(out, c);
    else if (c < 0x100)
      append_hex(out += "\\x", c, 2);
    else if (c < 0x10000)
      append_hex(out += "\\u", c, 4);
    else
      append_hex(out += "\\U", c, 8);
  }
  out += char(mark);
}

void append_items(Run& run, std::string& out, const std::vector<Value>& items) {
  const char* before = "";
  for (const Value& item : items) {
    append_repr(run, out += before, item);
    before = ", ";
  }
}

void append_sequence(Run& run, std::string& out, const Sequence& sequence) {
  using Kind = Sequence::Kind;
  const auto enclosed = [&](const char* open, const char* close) {
    append_items(run, out += open, sequence.items);
    out += close;
  };
  switch (sequence.kind) {
    case Kind::List: return enclosed("[", "]");
    case Kind::Tuple: return enclosed("(", sequence.items.size() == 1 ? ",)" : ")");
    case Kind::Keys: return enclosed("dict_keys([", "])");
    case Kind::Values: return enclosed("dict_values([", "])");
    case Kind::Items: return enclosed("dict_items([", "])");
    case Kind::Iterator: out += "<generator object>"; return;
    case Kind::Range: break;
  }
  const auto& items = sequence.items;  // of a range Python shows its ends
  const auto number = [&](size_t i) { return uint64_t(*items[i].integer()); };
  const uint64_t first = items.empty() ? 0 : number(0), step = items.size() < 2 ? 1 : number(1) - first;
  out += concat("range(", int64_t(first), ", ", items.empty() ? 0 : int64_t(number(items.size() - 1) + step));
  out += step == 1 ? ")" : concat(", ", int64_t(step), ")");
}

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const double size = std::abs(value);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e16);
  char digits[400];
  const auto end = std::to_chars(digits, digits + sizeof digits, value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string out(digits, end.ptr);
  if (plain && out.find('.') == std::string::npos) out += ".0";
  return out;
}

void append_repr(Run& run, std::string& out, const Value& value) {
  run.charge(1);
  if (const Text* text = value.text()) {
    run.charge_text(text->bytes.size());
    if (text->markup) out += "Markup(";
    append_text_repr(out, text->bytes);
    if (text->markup) out += ")";
  } else if (const Sequence* sequence = value.sequence()) {
    append_sequence(run, out, *sequence);
  } else if (const Dict* dict = value.dict()) {
    const char* before = "{";
    for (const auto& [key, member] : dict->entries) {
      append_repr(run, out += before, key);
      append_repr(run, out += ": ", member);
      before = ", ";
    }
    out += dict->entries.empty() ? "{}" : "}";
  } else if (value.is_undefined()) {
    out += "Undefined";
  } else {
    append_str(run, out, value);
  }
}

void append_str(Run& run, std::string& out, const Value& value) {
  if (const Text* text = value.text()) {
    run.charge_text(text->bytes.size());
    out += text->bytes;
  } else if (value.is_none()) {
    out += "None";
  } else if (value.is_bool()) {
    out += *value.integer() ? "True" : "False";
  } else if (value.is_integer()) {
    out += std::to_string(*value.integer());
  } else if (value.is_float()) {
    out += float_repr(value.number());
  } else if (const Object* object = value.object()) {
    out += "<" + object->type_name() + ">";
  } else if (!value.is_undefined()) {
    append_repr(run, out, value);
  }
}

std::string str(Run& run, const Value& value) {
  std::string out;
  append_str(run, out, value);
  return out;
}

}  // namespace limpid::jinja
