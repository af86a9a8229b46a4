#include "limpid/methods/layer_range.h"

#include "limpid/core/error.h"

namespace limpid {

std::pair<int64_t, int64_t> parse_layers(const std::string& text, const std::string& place) {
  const size_t dash = text.find('-');
  const std::string first = text.substr(0, dash), last = dash == std::string::npos ? first : text.substr(dash + 1);
  const auto number = [&](const std::string& digits) {
    LIMPID_CHECK(!digits.empty() && digits.size() < 10 && digits.find_first_not_of("0123456789") == std::string::npos,
                 ConfigError, place, "layers \"", text, "\", expected FIRST-LAST counted from 0, for example 5-20");
    return std::stoll(digits);
  };
  return {number(first), last.empty() ? -1 : number(last)};
}

}  // namespace limpid
