#include "limpid/tokenizers/jinja/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

#include "limpid/tokenizers/jinja/value.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::jinja {

namespace {

bool holds(std::string_view chars, std::string_view character) {
  return chars.find(character) != std::string_view::npos;
}

/// Returns the first character of a text that is not empty.
std::string_view first_character(std::string_view text) { return text.substr(0, decode_utf8(text, 0).size); }

std::string backwards(std::string_view text) { return {text.rbegin(), text.rend()}; }

std::vector<std::string_view> split_blanks(std::string_view text, int64_t most) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = strip(text, Side::Left); !rest.empty(); rest = strip(rest, Side::Left)) {
    if (most >= 0 && int64_t(parts.size()) == most) {
      parts.push_back(rest);
      break;
    }
    size_t end = 0;
    while (end < rest.size()) {
      const Utf8 next = decode_utf8(rest, end);
      if (is_blank(next.code)) break;
      end += next.size;
    }
    parts.push_back(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return parts;
}

std::vector<std::string_view> split_blanks_from_right(std::string_view text, int64_t most) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = strip(text, Side::Right); !rest.empty(); rest = strip(rest, Side::Right)) {
    if (most >= 0 && int64_t(parts.size()) == most) {
      parts.push_back(rest);
      break;
    }
    size_t begin = rest.size();
    while (begin > 0) {
      const size_t last = last_character(rest.substr(0, begin));
      if (is_blank(decode_utf8(rest, last).code)) break;
      begin = last;
    }
    parts.push_back(rest.substr(begin));
    rest.remove_suffix(rest.size() - begin);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace

SlicePlaces slice_places(size_t length, std::optional<int64_t> start, std::optional<int64_t> stop,
                         std::optional<int64_t> step) {
  const int64_t by = std::max(step.value_or(1), -INT64_MAX), size = int64_t(length);
  if (by == 0) fail("slice step cannot be zero");
  const auto place = [&](std::optional<int64_t> given, int64_t none) {
    if (!given) return none;
    const int64_t lowest = by < 0 ? -1 : 0, highest = by < 0 ? size - 1 : size;
    return *given < 0 ? std::max(*given + size, lowest) : std::min(*given, highest);
  };
  const int64_t first = place(start, by < 0 ? size - 1 : 0), last = place(stop, by < 0 ? -1 : size);
  const int64_t distance = by > 0 ? last - first : first - last, stride = by > 0 ? by : -by;
  return {first, by, distance <= 0 ? 0 : size_t((distance - 1) / stride + 1)};
}

size_t count_characters(std::string_view text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (uint8_t(c) & 0xC0) != 0x80; }));
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t offset = 0; offset < text.size();) {
    const size_t size = decode_utf8(text, offset).size;
    out.push_back(text.substr(offset, size));
    offset += size;
  }
  return out;
}

std::string slice_text(std::string_view text, std::optional<int64_t> start, std::optional<int64_t> stop,
                       std::optional<int64_t> step) {
  if (is_ascii(text)) {
    const SlicePlaces places = slice_places(text.size(), start, stop, step);
    if (places.step == 1) return std::string(text.substr(size_t(places.first), places.count));
    std::string out;
    for (size_t i = 0; i < places.count; ++i) out += text[size_t(places.first + int64_t(i) * places.step)];
    return out;
  }
  const auto all = characters(text);
  const SlicePlaces places = slice_places(all.size(), start, stop, step);
  std::string out;
  for (size_t i = 0; i < places.count; ++i) out += all[size_t(places.first + int64_t(i) * places.step)];
  return out;
}

size_t find_text(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  const void* match = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return match ? size_t(static_cast<const char*>(match) - text.data()) : std::string_view::npos;
}

size_t find_last_text(std::string_view text, std::string_view part) {
  const size_t match = find_text(backwards(text), backwards(part));
  return match == std::string_view::npos ? match : text.size() - match - part.size();
}

bool is_blank(char32_t code) { return is_white_space(code) || (code >= 0x1C && code <= 0x1F); }

std::string_view strip(std::string_view text, Side side, std::optional<std::string_view> chars) {
  const auto goes = [&](std::string_view character) {
    return chars ? holds(*chars, character) : is_blank(decode_utf8(character, 0).code);
  };
  while (side != Side::Right && !text.empty() && goes(first_character(text)))
    text.remove_prefix(first_character(text).size());
  while (side != Side::Left && !text.empty() && goes(text.substr(last_character(text))))
    text = text.substr(0, last_character(text));
  return text;
}

std::vector<std::string_view> split_text(std::string_view text, std::optional<std::string_view> separator, int64_t most,
                                         bool from_right) {
  if (!separator) return from_right ? split_blanks_from_right(text, most) : split_blanks(text, most);
  const std::string turned = from_right ? backwards(text) : "",
                    turned_separator = from_right ? backwards(*separator) : "";
  const std::string_view searched = from_right ? turned : text, sought = from_right ? turned_separator : *separator;
  std::vector<std::string_view> parts;
  size_t begin = 0;
  const auto add = [&](size_t end) {
    parts.push_back(text.substr(from_right ? text.size() - end : begin, end - begin));
    begin = end + sought.size();
  };
  while (most < 0 || int64_t(parts.size()) < most) {
    const size_t match = find_text(searched, sought, begin);
    if (match == std::string_view::npos) break;
    add(match);
  }
  add(text.size());
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t offset = 0; offset < text.size();) {
    const Utf8 next = decode_utf8(text, offset);
    const char32_t c = next.code;
    size_t end = offset + next.size;
    if (!((c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029)) {
      offset = end;
      continue;
    }
    if (c == '\r' && end < text.size() && text[end] == '\n') ++end;
    lines.push_back(text.substr(begin, (keep_ends ? end : offset) - begin));
    begin = offset = end;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

size_t count_replacements(std::string_view text, std::string_view old, int64_t most) {
  size_t count = 0;
  if (old.empty()) {
    count = count_characters(text) + 1;
  } else {
    for (size_t match = find_text(text, old); match != std::string_view::npos;
         match = find_text(text, old, match + old.size()))
      ++count;
  }
  return most < 0 ? count : std::min(count, size_t(most));
}

std::string replace_text(std::string_view text, std::string_view old, std::string_view by, int64_t most) {
  std::string out;
  size_t left = count_replacements(text, old, most);
  while (left > 0) {
    const size_t match = find_text(text, old);
    out.append(text.substr(0, match)).append(by);
    text.remove_prefix(match + old.size());
    --left;
    if (old.empty() && left > 0 && !text.empty()) {
      out += first_character(text);
      text.remove_prefix(first_character(text).size());
    }
  }
  return out.append(text);
}

std::string escape_markup(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&#39;"; break;
      case '"': out += "&#34;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace limpid::jinja
