#include "limpid/tokenizers/jinja/lexer.h"

#include <algorithm>

#include "limpid/tokenizers/jinja/text.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::jinja {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || uint8_t(c) >= 0x80; }
bool is_tag_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string with_line_feeds(std::string_view source) {
  std::string text = replace_all(replace_all(to_valid_utf8(source), "\r\n", "\n"), "\r", "\n");
  if (text.ends_with('\n')) text.pop_back();  // Jinja's keep_trailing_newline is off
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(with_line_feeds(source)), rest_(source_) {}

  std::vector<Token> read() {
    while (!rest_.empty()) read_data();
    add(Token::Kind::End, "");
    return std::move(tokens_);
  }

 private:
  void add(Token::Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  void skip(size_t bytes) {
    line_ += size_t(std::count(rest_.begin(), rest_.begin() + std::ptrdiff_t(bytes), '\n'));
    if (bytes > 0) at_line_start_ = rest_[bytes - 1] == '\n';
    rest_.remove_prefix(bytes);
  }
  void skip_space() {
    size_t count = 0;
    while (count < rest_.size() && is_tag_space(rest_[count])) ++count;
    skip(count);
  }
  /// Skips what the end of a tag takes with it: all blanks behind -, a line end behind a block or comment.
  void skip_behind_tag(char sign, bool is_output) {
    if (sign == '-')
      skip(rest_.size() - strip(rest_, Side::Left).size());
    else if (sign != '+' && !is_output && rest_.starts_with('\n'))
      skip(1);
  }

  size_t find_opening(std::string_view text) const {
    for (size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1))
      if (at + 1 < text.size() && std::string_view("{%#").find(text[at + 1]) != std::string_view::npos) return at;
    return std::string_view::npos;
  }

  /// Returns data without what the tag behind it takes away.
  std::string_view trimmed_data(std::string_view text, char sign, bool is_output) const {
    if (sign == '-') return strip(text, Side::Right);
    if (sign == '+' || is_output) return text;
    const size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
    const bool from_line_start = line > 0 || at_line_start_;
    return from_line_start && strip(text.substr(line), Side::Both).empty() ? text.substr(0, line) : text;
  }

  char sign_at(size_t at) const { return at < rest_.size() && (rest_[at] == '-' || rest_[at] == '+') ? rest_[at] : 0; }

  void read_data() {
    const size_t open = find_opening(rest_);
    if (open == std::string_view::npos) {
      add(Token::Kind::Data, std::string(rest_));
      return skip(rest_.size());
    }
    const char kind = rest_[open + 1], sign = sign_at(open + 2);
    const std::string_view data = trimmed_data(rest_.substr(0, open), sign, kind == '{');
    if (!data.empty()) add(Token::Kind::Data, std::string(data));
    skip(open);
    if (kind == '#') return read_comment();
    if (kind == '%' && is_raw_tag(2 + (sign != 0))) return read_raw();
    add(kind == '{' ? Token::Kind::OutputBegin : Token::Kind::TagBegin, "");
    // A plus before an output's expression is its sign, not the tag's.
    skip(2 + (sign == '-' || (sign == '+' && kind == '%')));
    read_tag(kind == '{' ? "}}" : "%}", kind == '{');
  }

  void read_comment() {
    const size_t close = rest_.find("#}", 2);
    if (close == std::string_view::npos) throw SyntaxFault("a comment is not closed, expected #}", line_);
    const char sign = close > 2 ? rest_[close - 1] : 0;
    skip(close + 2);
    skip_behind_tag(sign, false);
  }

  /// Returns whether a tag says only this word; `at` moves behind it and its %}.
  bool is_word_tag(std::string_view word, size_t& at, char& sign) const {
    const auto space = [&] {
      while (at < rest_.size() && is_tag_space(rest_[at])) ++at;
    };
    space();
    if (rest_.substr(at, word.size()) != word) return false;
    at += word.size();
    space();
    sign = sign_at(at);
    at += sign != 0;
    if (rest_.substr(at, 2) != "%}") return false;
    at += 2;
    return true;
  }
  bool is_raw_tag(size_t at) const {
    char sign = 0;
    return is_word_tag("raw", at, sign) && sign != '+';
  }

  void read_raw() {
    const size_t begin_line = line_;
    size_t behind = 2 + (sign_at(2) != 0);
    char sign = 0;
    is_word_tag("raw", behind, sign);
    skip(behind);
    skip_behind_tag(sign, true);
    for (size_t open = rest_.find("{%"); open != std::string_view::npos; open = rest_.find("{%", open + 2)) {
      const char left_sign = sign_at(open + 2);
      size_t end = open + 2 + (left_sign != 0);
      if (!is_word_tag("endraw", end, sign)) continue;
      add(Token::Kind::Data, std::string(trimmed_data(rest_.substr(0, open), left_sign, false)));
      skip(end);
      return skip_behind_tag(sign, false);
    }
    throw SyntaxFault("a raw block is not closed, expected endraw", begin_line);
  }

  void read_tag(std::string_view close, bool is_output) {
    const size_t begin_line = line_;
    for (size_t open_brackets = 0;;) {
      skip_space();
      if (rest_.empty()) throw SyntaxFault(concat("a tag is not closed, expected ", close), begin_line);
      const char sign = rest_[0] == '-' || (rest_[0] == '+' && !is_output) ? rest_[0] : 0;
      if (open_brackets == 0 && rest_.substr(sign != 0, 2) == close) {
        add(is_output ? Token::Kind::OutputEnd : Token::Kind::TagEnd, "");
        skip(2 + (sign != 0));
        return skip_behind_tag(sign, is_output);
      }
      if (is_digit(rest_[0]))
        read_number();
      else if (is_letter(rest_[0]))
        read_name();
      else if (rest_[0] == '\'' || rest_[0] == '"')
        read_string();
      else
        read_symbol(open_brackets);
    }
  }

  void read_name() {
    size_t size = 0;
    while (size < rest_.size() && (is_letter(rest_[size]) || is_digit(rest_[size]))) {
      const Utf8 next = decode_utf8(rest_, size);
      const std::string_view character = rest_.substr(size, next.size);
      if (!is_word(next.code)) throw SyntaxFault(concat("found '", character, "', which means nothing here"), line_);
      size += next.size;
    }
    add(Token::Kind::Name, std::string(rest_.substr(0, size)));
    skip(size);
  }

  void read_string() {
    size_t end = 1;
    while (end < rest_.size() && rest_[end] != rest_[0]) end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) throw SyntaxFault("a string is not closed", line_);
    add(Token::Kind::String, unescape(rest_.substr(1, end - 1)));
    skip(end + 1);
  }

  /// Returns how many characters from `at` are digits that `fits` accepts, with single underscores between them.
  template <class Fits>
  size_t digits_at(size_t at, Fits fits) const {
    const size_t begin = at;
    while (at < rest_.size() && (fits(rest_[at]) || (rest_[at] == '_' && at > begin && rest_[at - 1] != '_' &&
                                                     at + 1 < rest_.size() && fits(rest_[at + 1]))))
      ++at;
    return at - begin;
  }

  void read_number() {
    const auto hex = [](char c) { return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f'); };
    const char prefix = rest_.size() > 1 && rest_[0] == '0' ? char(rest_[1] | 32) : 0;
    size_t size = digits_at(0, is_digit);
    bool whole = true;
    if (prefix == 'x' || prefix == 'o' || prefix == 'b') {
      const size_t digits = prefix == 'x'   ? digits_at(2, hex)
                            : prefix == 'o' ? digits_at(2, [](char c) { return c >= '0' && c <= '7'; })
                                            : digits_at(2, [](char c) { return c == '0' || c == '1'; });
      if (digits > 0) size = 2 + digits;
    } else {
      const bool behind_dot =
          !tokens_.empty() && tokens_.back().text == "." && tokens_.back().kind == Token::Kind::Symbol;
      if (!behind_dot && size < rest_.size() && rest_[size] == '.')
        if (const size_t fraction = digits_at(size + 1, is_digit)) {
          size += 1 + fraction;
          whole = false;
        }
      if (!behind_dot && size < rest_.size() && (rest_[size] | 32) == 'e') {
        const size_t sign = size + 1 < rest_.size() && (rest_[size + 1] == '-' || rest_[size + 1] == '+');
        if (const size_t exponent = digits_at(size + 1 + sign, is_digit)) {
          size += 1 + sign + exponent;
          whole = false;
        }
      }
    }
    std::string digits(rest_.substr(0, size));
    std::erase(digits, '_');
    add(whole ? Token::Kind::Integer : Token::Kind::Float, digits);
    skip(size);
  }

  void read_symbol(size_t& open_brackets) {
    static constexpr std::string_view kSymbols[] = {"**", "//", "==", "!=", ">=", "<=", "+", "-", "*",
                                                    "/",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                    ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    const auto symbol = std::find_if(std::begin(kSymbols), std::end(kSymbols),
                                     [&](std::string_view s) { return rest_.starts_with(s); });
    if (symbol == std::end(kSymbols))
      throw SyntaxFault(concat("found '", rest_.substr(0, 1), "', which means nothing here"), line_);
    if (std::string_view("[({").find(*symbol) != std::string_view::npos) ++open_brackets;
    if (std::string_view("])}").find(*symbol) != std::string_view::npos) {
      if (open_brackets == 0) throw SyntaxFault(concat("found '", *symbol, "', which nothing opens"), line_);
      --open_brackets;
    }
    add(Token::Kind::Symbol, std::string(*symbol));
    skip(symbol->size());
  }

  const std::string source_;
  std::string_view rest_;
  size_t line_ = 1;
  bool at_line_start_ = true;
  std::vector<Token> tokens_;
};

/// Reads `count` hexadecimal digits at `at`.
std::optional<char32_t> hex_code(std::string_view text, size_t at, size_t count) {
  if (at + count > text.size()) return std::nullopt;
  char32_t code = 0;
  for (size_t i = at; i < at + count; ++i) {
    const char c = char(text[i] | 32);
    if (!is_digit(text[i]) && !(c >= 'a' && c <= 'f')) return std::nullopt;
    code = code << 4 | char32_t(is_digit(text[i]) ? text[i] - '0' : c - 'a' + 10);
  }
  return code;
}

}  // namespace

std::vector<Token> read_tokens(std::string_view source) { return Lexer(source).read(); }

std::string unescape(std::string_view literal) {
  static constexpr std::string_view kLetters = "abfnrtv\\'\"", kMeanings = "\a\b\f\n\r\t\v\\'\"";
  std::string out;
  const auto add = [&](char32_t code) {
    append_utf8(out, code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) ? 0xFFFD : code);
  };
  for (size_t at = 0; at < literal.size();) {
    if (literal[at] != '\\' || at + 1 == literal.size()) {
      out += literal[at++];
      continue;
    }
    const char c = literal[at + 1];
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (const size_t letter = kLetters.find(c); letter != std::string_view::npos) {
      out += kMeanings[letter];
      at += 2;
    } else if (c == '\n') {
      at += 2;
    } else if (const auto code = digits ? hex_code(literal, at + 2, digits) : std::nullopt) {
      add(*code);
      at += 2 + digits;
    } else if (c >= '0' && c <= '7') {
      char32_t code = 0;
      const size_t end = std::min(at + 4, literal.size());
      for (++at; at < end && literal[at] >= '0' && literal[at] <= '7'; ++at)
        code = code * 8 + char32_t(literal[at] - '0');
      add(code);
    } else {
      out += '\\';
      ++at;
    }
  }
  return out;
}

}  // namespace limpid::jinja
