#include "limpid/tokenizers/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "limpid/core/error.h"

namespace limpid {

namespace {

// Note [Oniguruma in PCRE2]
// White space of Oniguruma is the property White_Space; PCRE2's \s has U+180E besides. \w has marks and all connectors
// there, \h is a hexadecimal digit. These are spelt out; the rest of what tokenizers use reads the same in both.
std::string translate(std::string_view pattern, const std::string& source) {
  std::string out;
  int depth = 0;  // of character classes
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char kind = pattern[++i];
      if (kind == 's')
        out += "\\p{wspace}";
      else if (kind == 'S')
        out += "\\P{wspace}";
      else if (kind == 'w')
        out += depth ? "\\p{L}\\p{M}\\p{Nd}\\p{Pc}" : "[\\p{L}\\p{M}\\p{Nd}\\p{Pc}]";
      else if (kind == 'W' && !depth)
        out += "[^\\p{L}\\p{M}\\p{Nd}\\p{Pc}]";
      else if (kind == 'h')
        out += depth ? "0-9a-fA-F" : "[0-9a-fA-F]";
      else if (kind == 'H' && !depth)
        out += "[^0-9a-fA-F]";
      else if (kind == 'W' || kind == 'H')
        throw ConfigError(concat(source, ": \\", kind, " inside […] is not supported"));
      else
        (out += '\\') += kind;
      continue;
    }
    if (depth && c == '&' && i + 1 < pattern.size() && pattern[i + 1] == '&')
      throw ConfigError(concat(source, ": && inside […] is not supported"));
    if (depth && c == '[') throw ConfigError(concat(source, ": [ inside […] is not supported"));  // nested in Oniguruma
    if (c == '[') {
      ++depth;
      out += c;
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') (out += '\\') += pattern[++i];
      continue;
    }
    if (c == ']' && depth) --depth;
    out += c;
  }
  return out;
}

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
  const std::string translated = translate(pattern, source);
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

}  // namespace limpid
