#include "limpid/tokenizers/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <vector>

#include "limpid/core/error.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

// Note [Oniguruma in PCRE2]
// White space of Oniguruma is the property White_Space; PCRE2's \s has U+180E besides. \w has marks and all connectors
// there, and outside classes six fractions and powers of Latin-1; \h is a hexadecimal digit. \p{Han} is the script
// alone; PCRE2 adds what other scripts share with it. A class may hold classes and intersections (&&). (?m) lets the
// dot match line ends. x{2}+ repeats x{2}, x{2}? may leave it out, and x{,2} begins with none. These are spelt out; the
// rest of what tokenizers use reads the same in both.
constexpr std::string_view kWordInClass = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
constexpr std::string_view kHexadecimal = "0-9a-fA-F";

bool is_script(std::string_view name) {
  const std::string expression = concat("\\p{sc:", name, "}");
  int error = 0;
  size_t offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), PCRE2_UTF,
                                   &error, &offset, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

/// Appends the escape that starts at `at` as PCRE2 has it, and moves behind it.
void append_escape(std::string_view pattern, size_t& at, std::string& out) {
  const char kind = pattern[at + 1];
  out += pattern.substr(at, 2);
  at += 2;
  const size_t end = pattern.substr(at).starts_with('{') ? pattern.find('}', at) : std::string_view::npos;
  if (end == std::string_view::npos || std::string_view("pPxo").find(kind) == std::string_view::npos) return;
  std::string_view name = pattern.substr(at + 1, end - at - 1);
  at = end + 1;
  if (kind == 'x' || kind == 'o') return void(out += concat("{", name, "}"));
  if (name.starts_with('^')) {
    out.back() = out.back() == 'p' ? 'P' : 'p';
    name.remove_prefix(1);
  }
  out += concat(is_script(name) ? "{sc:" : "{", name, "}");
}

std::string negated(std::string_view items) { return concat("[^", items, "]"); }

/// Translates the classes of one expression.
class ClassReader {
 public:
  ClassReader(std::string_view pattern, const std::string& source) : pattern_(pattern), source_(source) {}

  /// Reads the class that starts with the [ at `at` and moves behind it. Returns an expression for one character.
  std::string read(size_t& at) {
    LIMPID_CHECK(++depth_ <= 50, FormatError, source_, ": classes nested deeper than 50");
    const Union all = read_union(at);
    --depth_;
    return all.text;
  }

 private:
  /// Characters of a class: `items` to stand between brackets, or, where brackets cannot say it, only `text`.
  struct Union {
    std::string text, items;
    bool plain = false;  // items say it all
  };

  Union read_union(size_t& at) {
    const bool negates = at + 1 < pattern_.size() && pattern_[at + 1] == '^';
    at += negates ? 2 : 1;
    std::string items, others, conditions;
    const auto one = [&] {
      const std::string characters = concat("[", items, "]");
      if (others.empty()) return characters;
      return items.empty() ? concat("(?:", others.substr(1), ")") : concat("(?:", characters, others, ")");
    };
    if (at < pattern_.size() && pattern_[at] == ']') items += "\\]", ++at;
    for (; at < pattern_.size() && pattern_[at] != ']';) {
      if (pattern_.substr(at).starts_with("&&")) {
        conditions += concat("(?=", one(), ")");
        items.clear(), others.clear();
        at += 2;
      } else {
        read_member(at, items, others);
      }
    }
    LIMPID_CHECK(at < pattern_.size(), FormatError, source_, ": regular expression: a [ without its ]");
    ++at;
    if (others.empty() && conditions.empty() && !negates) return {one(), items, true};
    if (others.empty() && conditions.empty()) return {negated(items), "", false};
    if (negates) return {concat("(?:(?!", conditions, one(), ")[\\s\\S])"), "", false};
    return {concat("(?:", conditions, one(), ")"), "", false};
  }

  void read_member(size_t& at, std::string& items, std::string& others) {
    if (pattern_[at] == '[' && at + 1 < pattern_.size() && pattern_[at + 1] == ':') {
      const size_t end = pattern_.find(":]", at + 2);
      LIMPID_CHECK(end != std::string_view::npos, FormatError, source_, ": regular expression: a [: without its :]");
      items += pattern_.substr(at, end + 2 - at);
      at = end + 2;
    } else if (pattern_[at] == '[') {
      LIMPID_CHECK(++depth_ <= 50, FormatError, source_, ": classes nested deeper than 50");
      const Union inner = read_union(at);
      --depth_;
      if (inner.plain)
        items += inner.items;
      else
        others += "|" + inner.text;
    } else if (pattern_[at] == '\\' && at + 1 < pattern_.size()) {
      const char kind = pattern_[at + 1];
      if (kind == 's')
        items += "\\p{wspace}";
      else if (kind == 'S')
        items += "\\P{wspace}";
      else if (kind == 'w' || kind == 'h')
        items += kind == 'w' ? kWordInClass : kHexadecimal;
      else if (kind == 'W' || kind == 'H')
        others += "|" + negated(kind == 'W' ? kWordInClass : kHexadecimal);
      else
        return append_escape(pattern_, at, items);
      at += 2;
    } else {
      items += pattern_[at++];
    }
  }

  std::string_view pattern_;
  const std::string& source_;
  int depth_ = 0;
};

/// Translates what stands outside classes.
class Translator {
 public:
  Translator(std::string_view pattern, const std::string& source) : pattern_(pattern), classes_(pattern, source) {}

  std::string all() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '{' && append_repetition()) continue;
      if (c == '(' && append_options()) continue;
      if (c == '[' || (c == '\\' && at_ + 1 < pattern_.size())) {
        atom_ = out_.size();
        c == '[' ? void(out_ += classes_.read(at_)) : append_outside_class();
        continue;
      }
      if (c == '(') groups_.push_back(out_.size());
      if (c == ')' && !groups_.empty())
        atom_ = groups_.back(), groups_.pop_back();
      else if (std::string_view("?*+").find(c) == std::string_view::npos && (uint8_t(c) & 0xC0) != 0x80)
        atom_ = out_.size();
      out_ += c;
      ++at_;
    }
    return out_;
  }

 private:
  void append_outside_class() {
    const char kind = pattern_[at_ + 1];
    if (kind == 's')
      out_ += "\\p{wspace}";
    else if (kind == 'S')
      out_ += "\\P{wspace}";
    else if (kind == 'w' || kind == 'h')
      out_ += concat("[", kind == 'w' ? kWord : kHexadecimal, "]");
    else if (kind == 'W' || kind == 'H')
      out_ += negated(kind == 'W' ? kWord : kHexadecimal);
    else
      return append_escape(pattern_, at_, out_);
    at_ += 2;
  }

  /// Appends {2}, {2,}, {,2} or {1,2}. Returns false for another brace, which is a character.
  bool append_repetition() {
    const size_t end = pattern_.find('}', at_);
    if (end == std::string_view::npos || out_.empty()) return false;
    const std::string_view range = pattern_.substr(at_ + 1, end - at_ - 1);
    const size_t comma = range.find(',');
    const bool numbers =
        range.find_first_not_of("0123456789,") == std::string_view::npos && range.size() > (comma == 0);
    if (!numbers || range.empty() || comma != range.rfind(',')) return false;
    out_ += concat("{", comma == 0 ? "0" : "", range, "}");
    at_ = end + 1;
    const char behind = at_ < pattern_.size() ? pattern_[at_] : ' ';
    if (behind == '+' || (behind == '?' && comma == std::string_view::npos)) {
      out_.insert(atom_, "(?:");
      out_ += ')';
    }
    return true;
  }

  /// Appends (?im) or (?im: with PCRE2's letters. Returns false for what else begins with a parenthesis.
  bool append_options() {
    if (!pattern_.substr(at_).starts_with("(?")) return false;
    const size_t end = pattern_.find_first_not_of("imx-", at_ + 2);
    if (end == at_ + 2 || end == std::string_view::npos || (pattern_[end] != ':' && pattern_[end] != ')')) return false;
    if (pattern_[end] == ':') groups_.push_back(out_.size());
    for (; at_ <= end; ++at_) out_ += pattern_[at_] == 'm' ? 's' : pattern_[at_];
    return true;
  }

  std::string_view pattern_;
  ClassReader classes_;
  std::string out_;
  size_t at_ = 0;
  size_t atom_ = 0;             // where in `out_` what a repetition is about begins
  std::vector<size_t> groups_;  // where those that are open begin
};

bool has_caret(std::string_view pattern) {
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\')
      ++i;
    else if (in_class)
      in_class = pattern[i] != ']';
    else if (pattern[i] == '[')
      in_class = true, i += i + 1 < pattern.size() && pattern[i + 1] == '^';
    else if (pattern[i] == '^')
      return true;
  }
  return false;
}

struct MatchData {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  MatchData() {
    pcre2_set_match_limit(context, 10'000'000);
    pcre2_set_heap_limit(context, 65'536);  // KiB
  }
  ~MatchData() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
  MatchData(const MatchData&) = delete;
  MatchData& operator=(const MatchData&) = delete;
};

}  // namespace

Regex::Regex(std::string_view pattern, const std::string& source) : source_(source) {
  LIMPID_CHECK(pattern.size() <= 20'000, FormatError, source, ": a regular expression of ", pattern.size(),
               " bytes, expected at most 20000");
  const std::string translated = Translator(pattern, source).all();
  std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context*)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 100);
  int error = 0;
  size_t offset = 0;
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &offset, context.get());
  if (!code) {
    PCRE2_UCHAR message[200];
    pcre2_get_error_message(error, message, sizeof message);
    throw FormatError(
        concat(source, ": regular expression, near byte ", offset, ": ", reinterpret_cast<const char*>(message)));
  }
  code_ = std::shared_ptr<const void>(
      code, [](const void* p) { pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(p))); });
  pcre2_jit_compile(code,
                    PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);  // without JIT the interpreter runs: same matches
  uint32_t lookbehind = 0;
  pcre2_pattern_info(code, PCRE2_INFO_MAXLOOKBEHIND, &lookbehind);
  forgets_ = lookbehind == 0 && !has_caret(pattern) && pattern.find("\\G") == std::string_view::npos &&
             pattern.find("\\K") == std::string_view::npos;
}

Regex::Result Regex::find(std::string_view text, size_t from, Span& match, bool stable) const {
  thread_local MatchData scratch;
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const uint32_t options = PCRE2_NO_UTF_CHECK | (stable ? PCRE2_PARTIAL_HARD : 0);
  int result = pcre2_match(code, subject, text.size(), from, options, scratch.data, scratch.context);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT)  // the interpreter keeps its stack on the heap
    result = pcre2_match(code, subject, text.size(), from, options | PCRE2_NO_JIT, scratch.data, scratch.context);
  if (result == PCRE2_ERROR_PARTIAL) return Result::kOpen;
  if (result == PCRE2_ERROR_NOMATCH) return stable ? Result::kOpen : Result::kNone;
  LIMPID_CHECK(result >= 0, FormatError, source_, ": the regular expression takes too much work on a text of ",
               text.size(), " bytes");
  const size_t* ends = pcre2_get_ovector_pointer(scratch.data);
  LIMPID_CHECK(ends[0] >= from && ends[1] >= ends[0] && ends[1] <= text.size(), FormatError, source_,
               ": the regular expression matches backwards");
  match = {ends[0], ends[1]};
  return Result::kMatch;
}

std::string Regex::replaced(std::string_view text, std::string_view to, size_t most) const {
  std::string out;
  size_t done = 0, from = 0;
  for (Span match{}; from <= text.size() && find(text, from, match) == Result::kMatch;) {
    out.append(text, done, match.begin - done).append(to);
    LIMPID_CHECK(out.size() <= most, FormatError, source_, ": what replaces its matches takes more than ", most,
                 " bytes; is the tokenizer damaged?");
    done = match.end;
    from = match.end;
    if (match.begin == match.end) from += match.end < text.size() ? decode_utf8(text, match.end).size : 1;
  }
  return out.append(text.substr(done));
}

}  // namespace limpid
