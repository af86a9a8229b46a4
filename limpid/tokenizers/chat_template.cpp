#include "limpid/tokenizers/chat_template.h"

#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

char unescape(char c) {
  switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    default: return c;
  }
}

// Reads a literal that starts at `offset` (a quote), unescaped; `offset` moves behind it.
std::string read_literal(std::string_view tag, size_t& offset) {
  const char quote = tag[offset++];
  std::string out;
  for (; offset < tag.size() && tag[offset] != quote; ++offset) {
    if (tag[offset] != '\\' || offset + 1 == tag.size()) {
      out += tag[offset];
      continue;
    }
    out += unescape(tag[++offset]);
  }
  if (offset < tag.size()) ++offset;
  return out;
}

// Appends message.role as message['role']; loop.first stays as it is.
void append_code(std::string& out, std::string_view tag, size_t& offset) {
  const bool field = tag[offset] == '.' && offset + 1 < tag.size() && is_name(tag[offset + 1]) &&
                     (out.ends_with("message") || out.ends_with("]"));
  if (!field) {
    out += tag[offset++];
    return;
  }
  size_t end = ++offset;
  while (end < tag.size() && is_name(tag[end])) ++end;
  out.append("['").append(tag, offset, end - offset).append("']");
  offset = end;
}

std::string canonical_tag(std::string_view tag) {
  std::string out;
  bool after_literal = false;  // out ends with a literal, maybe followed by +
  for (size_t offset = 0; offset < tag.size();) {
    const char c = tag[offset];
    if (is_space(c)) {
      ++offset;
    } else if (c == '\'' || c == '"') {
      const std::string literal = read_literal(tag, offset);
      if (after_literal && out.ends_with("'+"))
        out.erase(out.size() - 2);
      else
        out += '\'';
      out.append(literal).append("'");
      after_literal = true;
    } else {
      if (c != '+') after_literal = false;
      append_code(out, tag, offset);
    }
  }
  // if (condition) as if condition
  if (out.starts_with("if(") && out.ends_with(')') && out.find(')') == out.size() - 1)
    out = "if" + out.substr(3, out.size() - 4);
  return out;
}

std::string without_leading_blanks(std::string text) {  // of the last line: what lstrip_blocks removes before a block
  size_t end = text.size();
  while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
  if (end == 0 || text[end - 1] == '\n') text.resize(end);
  return text;
}

void strip_right(std::string& text) {
  while (!text.empty() && is_space(text.back())) text.pop_back();
}

/// Returns where the next tag opens; size() - 1 or more when there is none.
size_t find_tag(std::string_view source, size_t offset) {
  const auto opens = [&](size_t i) {
    return source[i] == '{' && (source[i + 1] == '{' || source[i + 1] == '%' || source[i + 1] == '#');
  };
  while (offset + 1 < source.size() && !opens(offset)) ++offset;
  return offset;
}

/// Returns where a tag of this kind that begins at `offset` closes. A closing mark inside a literal does not count.
size_t find_tag_end(std::string_view source, size_t offset, char kind) {
  const char close_kind = kind == '{' ? '}' : kind;
  char quote = 0;
  for (; offset + 1 < source.size(); ++offset) {
    const char c = source[offset];
    if (quote) {
      if (c == '\\')
        ++offset;
      else if (c == quote)
        quote = 0;
    } else if (kind != '#' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == close_kind && source[offset + 1] == '}') {
      break;
    }
  }
  return offset;
}

/// Takes the text of a default system prompt out of a tag that writes one.
void take_default_system(std::string& code, CanonicalTemplate& out) {
  static constexpr std::string_view kSystem = "'<|im_start|>system\n", kEnd = "<|im_end|>\n'";
  if (!code.starts_with(kSystem) || !code.ends_with(kEnd) || code.size() <= kSystem.size() + kEnd.size()) return;
  const std::string prompt = code.substr(kSystem.size(), code.size() - kSystem.size() - kEnd.size());
  if (prompt.find("'+") != std::string::npos) return;
  out.default_system = prompt;
  code = std::string(kSystem) + "DEFAULT" + std::string(kEnd);
}

}  // namespace

CanonicalTemplate canonical_template(std::string_view source) {
  CanonicalTemplate out;
  bool strip_left = false, trim_newline = false;
  for (size_t begin = 0; begin <= source.size();) {
    const size_t open = find_tag(source, begin);
    const bool last = open + 1 >= source.size();
    std::string text(source.substr(begin, last ? std::string_view::npos : open - begin));
    if (strip_left)
      text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    else if (trim_newline && text.starts_with('\n'))
      text.erase(0, 1);
    if (last) {
      if (text == "\n") text.clear();  // keep_trailing_newline is off
      out.source += text;
      break;
    }
    const char kind = source[open + 1];
    const size_t close = find_tag_end(source, open + 2, kind);
    std::string_view tag = source.substr(open + 2, std::min(close, source.size()) - open - 2);
    const bool strip_before = tag.starts_with('-');
    if (strip_before)
      tag.remove_prefix(1);
    else if (kind != '{')
      text = without_leading_blanks(std::move(text));
    if (strip_before) strip_right(text);
    strip_left = tag.ends_with('-');
    if (strip_left) tag.remove_suffix(1);
    trim_newline = kind != '{';
    out.source += text;
    if (kind != '#') {
      std::string code = canonical_tag(tag);
      if (kind == '{') take_default_system(code, out);
      ((out.source += '{') += kind).append(code) += kind == '{' ? '}' : kind;
      out.source += '}';
    }
    begin = std::min(close, source.size()) + 2;
  }
  return out;
}

}  // namespace limpid
