#include "limpid/server/requests/token_ids.h"

#include "limpid/server/requests/fields.h"

namespace limpid::server {

TokenIds read_token_ids(const Json& list, const std::string& path, int64_t vocabulary) {
  TokenIds ids;
  ids.reserve(list.size());
  for (const Json& id : list) {
    const bool is_ordinary = id.is_number_unsigned() && id.get<uint64_t>() < uint64_t(vocabulary);  // needs no path
    ids.push_back(is_ordinary ? id.get<TokenId>()
                              : TokenId(read_integer(id, concat(path, "[", ids.size(), "]"), {0, vocabulary - 1})));
  }
  return ids;
}

}  // namespace limpid::server
