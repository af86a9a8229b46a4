#include "limpid/tokenizers/chat_template.h"

#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// A literal that starts at `at` (a quote), unescaped; `at` moves behind it.
std::string read_literal(std::string_view tag, size_t& at) {
  const char quote = tag[at++];
  std::string out;
  for (; at < tag.size() && tag[at] != quote; ++at) {
    if (tag[at] != '\\' || at + 1 == tag.size()) {
      out += tag[at];
      continue;
    }
    const char c = tag[++at];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  }
  if (at < tag.size()) ++at;
  return out;
}

// message.role as message['role']; loop.first stays as it is.
void append_code(std::string& out, std::string_view tag, size_t& at) {
  const bool field =
      tag[at] == '.' && at + 1 < tag.size() && is_name(tag[at + 1]) && (out.ends_with("message") || out.ends_with("]"));
  if (!field) {
    out += tag[at++];
    return;
  }
  size_t end = ++at;
  while (end < tag.size() && is_name(tag[end])) ++end;
  out.append("['").append(tag, at, end - at).append("']");
  at = end;
}

std::string canonical_tag(std::string_view tag) {
  std::string out;
  bool after_literal = false;  // out ends with a literal, maybe followed by +
  for (size_t at = 0; at < tag.size();) {
    const char c = tag[at];
    if (is_space(c)) {
      ++at;
    } else if (c == '\'' || c == '"') {
      const std::string literal = read_literal(tag, at);
      if (after_literal && out.ends_with("'+"))
        out.erase(out.size() - 2);
      else
        out += '\'';
      out.append(literal).append("'");
      after_literal = true;
    } else {
      if (c != '+') after_literal = false;
      append_code(out, tag, at);
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

/// Where the next tag opens; size() - 1 or more when there is none.
size_t find_tag(std::string_view source, size_t at) {
  const auto opens = [&](size_t i) {
    return source[i] == '{' && (source[i + 1] == '{' || source[i + 1] == '%' || source[i + 1] == '#');
  };
  while (at + 1 < source.size() && !opens(at)) ++at;
  return at;
}

/// Where a tag of this kind that begins at `at` closes. A closing mark inside a literal does not count.
size_t find_tag_end(std::string_view source, size_t at, char kind) {
  const char close_kind = kind == '{' ? '}' : kind;
  char quote = 0;
  for (; at + 1 < source.size(); ++at) {
    const char c = source[at];
    if (quote) {
      if (c == '\\')
        ++at;
      else if (c == quote)
        quote = 0;
    } else if (kind != '#' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == close_kind && source[at + 1] == '}') {
      break;
    }
  }
  return at;
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
  for (size_t at = 0; at <= source.size();) {
    const size_t open = find_tag(source, at);
    const bool last = open + 1 >= source.size();
    std::string text(source.substr(at, last ? std::string_view::npos : open - at));
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
    at = std::min(close, source.size()) + 2;
  }
  return out;
}

}  // namespace limpid
