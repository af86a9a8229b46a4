#pragma once

#include <cstdint>
#include <vector>

namespace limpid {

using TokenId = int32_t;
using TokenIds = std::vector<TokenId>;

}  // namespace limpid
