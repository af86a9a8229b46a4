#include "limpid/metrics/mask.h"

#include <array>
#include <optional>

#include "limpid/core/error.h"
#include "limpid/data/generations.h"
#include "limpid/metrics/mask_words.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {
namespace {

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : text) hash = (hash ^ uint8_t(c)) * 0x100000001b3u;
  return hash;
}

struct Word {
  size_t begin, end;  ///< bytes in the text
};

bool is_word_byte(char c) {
  const auto byte = uint8_t(c);
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/// Returns the length of a letter outside ASCII at `offset`, 0 if there is none. Punctuation and symbols between U+0080
/// and U+00BF, and U+2000 to U+2BFF and U+3000 to U+303F, end words; other characters are taken as letters.
size_t other_letter(std::string_view text, size_t offset) {
  const auto lead = uint8_t(text[offset]);
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = 2 + (lead >= 0xE0) + (lead >= 0xF0);
  if (offset + length > text.size() || !is_valid_utf8(text.substr(offset, length))) return 0;
  const auto second = uint8_t(text[offset + 1]);
  if (lead == 0xC2 || (lead == 0xE2 && second < 0xB0) || (lead == 0xE3 && second == 0x80)) return 0;
  return length;
}

size_t letter_length(std::string_view text, size_t offset) {
  return is_word_byte(text[offset]) ? 1 : other_letter(text, offset);
}

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  for (size_t offset = 0; offset < text.size();) {
    const size_t begin = offset;
    while (offset < text.size()) {
      const size_t length = letter_length(text, offset);
      if (length == 0) break;
      offset += length;
    }
    if (offset > begin)
      words.push_back({begin, offset});
    else
      ++offset;
  }
  return words;
}

/// Offers the forms a word may be listed under: itself, and without -s, -es, -ies, -ed, -ing. Stops at the first
/// accepted.
template <class Accept>
bool any_form(const std::string& word, Accept accept) {
  constexpr size_t kShortestStem = 3;
  if (accept(word)) return true;
  const auto stem = [&](std::string_view suffix) -> std::optional<std::string> {
    if (!word.ends_with(suffix) || word.size() < suffix.size() + kShortestStem) return std::nullopt;
    return word.substr(0, word.size() - suffix.size());
  };
  if (const auto s = stem("s"); s && accept(*s)) return true;
  if (const auto s = stem("es"); s && accept(*s)) return true;
  if (const auto s = stem("ies"); s && accept(*s + "y")) return true;
  for (const char* suffix : {"ed", "ing"}) {
    const auto s = stem(suffix);
    if (!s) continue;
    if (accept(*s) || accept(*s + "e")) return true;
    const size_t n = s->size();
    if (n > kShortestStem && (*s)[n - 1] == (*s)[n - 2] && accept(s->substr(0, n - 1))) return true;
  }
  return false;
}

void mask_word(std::string_view word, std::string& out) {
  size_t offset = letter_length(word, 0);
  out += word.substr(0, offset);
  while (offset < word.size()) {
    offset += letter_length(word, offset);
    out += '*';
  }
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto c = uint8_t(out[i]);
    if (c >= 'A' && c <= 'Z') out[i] = char(c + 32);
    if (c < 0xC3 || c > 0xD0 || i + 1 == out.size() || (uint8_t(out[i + 1]) & 0xC0) != 0x80) continue;
    const uint32_t code = (c & 0x1Fu) << 6 | (uint8_t(out[i + 1]) & 0x3Fu);
    uint32_t lower = code;
    if ((code >= 0xC0 && code <= 0xDE && code != 0xD7) || (code >= 0x391 && code <= 0x3A9) ||
        (code >= 0x410 && code <= 0x42F))
      lower += 32;
    else if (code >= 0x400 && code <= 0x40F)
      lower += 80;
    else if ((code >= 0x100 && code <= 0x137) || (code >= 0x14A && code <= 0x177))
      lower |= 1;
    else if ((code >= 0x139 && code <= 0x148) || (code >= 0x179 && code <= 0x17E))
      lower += code & 1;
    if (code == 0x130 || code == 0x138) lower = code;  // dotted capital I has no single lower case; kra has no capital
    out[i] = char(0xC0 | lower >> 6);
    out[i + 1] = char(0x80 | (lower & 0x3F));
  }
  return out;
}

WordMask::WordMask() : hashes_(kMaskedWordHashes.begin(), kMaskedWordHashes.end()) {
  hashes_.insert(kMoreMaskedWordHashes.begin(), kMoreMaskedWordHashes.end());
}

void WordMask::add(std::string_view word_or_phrase) {
  const std::string lower = lower_case(word_or_phrase);
  const auto words = words_of(lower);
  LIMPID_CHECK(!words.empty(), ConfigError, "[mask] \"", word_or_phrase.substr(0, 40), "\" has no letters");
  LIMPID_CHECK(words.size() <= kMaxPhraseWords, ConfigError, "[mask] a phrase of ", words.size(),
               " words, expected at most ", kMaxPhraseWords);
  std::string joined;
  for (const Word& word : words)
    (joined += joined.empty() ? "" : " ") += lower.substr(word.begin, word.end - word.begin);
  hashes_.insert(fnv1a(joined));
  longest_phrase_ = std::max(longest_phrase_, words.size());
}

void WordMask::add_lexicon(const fs::path& path) {
  for_each_line(read_file(path), [&](std::string_view line, size_t number) {
    LIMPID_CHECK(is_valid_utf8(line), FormatError, path.string(), ":", number, ": not valid UTF-8");
    if (line.starts_with('#')) return;
    try {
      add(line);
    } catch (const ConfigError& error) {
      throw FormatError(concat(path.string(), ":", number, ": ", error.what()));
    }
  });
}

bool WordMask::matches(std::string_view word) const {
  return any_form(lower_case(word), [&](const std::string& form) { return hashes_.contains(fnv1a(form)); });
}

std::string WordMask::mask(std::string_view text) const {
  const std::string lower = lower_case(text);  // the same length and boundaries as `text`
  const auto words = words_of(text);
  const auto word_at = [&](size_t i) { return lower.substr(words[i].begin, words[i].end - words[i].begin); };
  // Returns how many words, from word i on, form something listed; the longest counts, and its last word may have a
  // suffix.
  const auto listed_at = [&](size_t i) {
    std::string before;
    size_t longest = 0;
    for (size_t n = 1; n <= longest_phrase_ && i + n <= words.size(); ++n) {
      const std::string last = word_at(i + n - 1);
      if (any_form(last, [&](const std::string& form) { return hashes_.contains(fnv1a(before + form)); })) longest = n;
      before += last + " ";
    }
    return longest;
  };
  std::string out;
  size_t done = 0;
  for (size_t i = 0; i < words.size();) {
    const size_t count = listed_at(i);
    for (size_t end = i + count; i < end; ++i) {
      out += text.substr(done, words[i].begin - done);
      mask_word(text.substr(words[i].begin, words[i].end - words[i].begin), out);
      done = words[i].end;
    }
    if (count == 0) ++i;
  }
  return out += text.substr(done);
}

std::string masked_line(std::string text) {
  static const WordMask mask;
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return mask.mask(text);
}

}  // namespace limpid
