#include "limpid/tokenizers/growth.h"

#include "limpid/core/error.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {
namespace {

// The longest that Unicode makes of one character is eleven times as long.
constexpr size_t kMostGrowth = 32, kRoomToGrow = 4096;

}  // namespace

GrowthLimit::GrowthLimit(size_t size, const char* part) : most_(kMostGrowth * size + kRoomToGrow), part_(part) {}

void GrowthLimit::check(size_t size) const {
  LIMPID_CHECK(size <= most_, FormatError, "[tokenizer] the ", part_, " makes more than ", most_, " bytes of a text, ",
               kMostGrowth, " times as many as it has; is the tokenizer damaged?");
}

std::string GrowthLimit::replace_all(std::string text, const std::string& from, const std::string& to) const {
  if (to.size() > from.size() && !from.empty()) {
    size_t matches = 0;
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + from.size())) ++matches;
    check(text.size() + matches * (to.size() - from.size()));
  }
  return limpid::replace_all(std::move(text), from, to);
}

}  // namespace limpid
