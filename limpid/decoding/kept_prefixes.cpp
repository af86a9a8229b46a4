#include "limpid/decoding/kept_prefixes.h"

#include <algorithm>
#include <unordered_set>

namespace limpid {
namespace {

size_t common_length(std::span<const TokenId> a, std::span<const TokenId> b) {
  return size_t(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

size_t whole_pages(const nn::KvCache& cache, size_t tokens) {
  const size_t page_tokens = cache.pool()->shape().page_tokens;
  return tokens / page_tokens * page_tokens;
}

}  // namespace

bool KeptPrefixes::may_use(const Prefix& prefix, const Request& request) const {
  return prefix.owner == request.prefix_owner && prefix.strengths == request.strengths;
}

void KeptPrefixes::resume(ActiveRow& row) {
  const Request& request = row.row.request;
  if (request.prefix_owner.empty()) return;
  const auto unread_end = std::span(request.prompt_ids).first(request.prompt_ids.size() - 1);
  auto longest = prefixes_.end();
  size_t length = 0;
  for (auto prefix = prefixes_.begin(); prefix != prefixes_.end(); ++prefix) {
    if (!may_use(*prefix, request)) continue;
    const size_t common = whole_pages(prefix->cache, common_length(prefix->ids, unread_end));
    if (common <= length || common < prefix->cache.least_length()) continue;
    length = common;
    longest = prefix;
  }
  if (longest == prefixes_.end()) return;
  row.cache = longest->cache;
  row.cache.truncate(length);
  row.kept_tokens = length;
  prefixes_.splice(prefixes_.begin(), prefixes_, longest);
}

void KeptPrefixes::keep(const ActiveRow& prompt) {
  const Request& request = prompt.row.request;
  const size_t length = whole_pages(prompt.cache, request.prompt_ids.size());
  if (request.prefix_owner.empty() || length == 0 || length < prompt.cache.least_length()) return;
  const auto ids = std::span(request.prompt_ids).first(length);
  for (auto prefix = prefixes_.begin(); prefix != prefixes_.end();) {
    const auto next = std::next(prefix);
    if (may_use(*prefix, request)) {
      const size_t common = common_length(prefix->ids, ids);
      if (common == length && prefix->cache.least_length() <= length) return;  // all of it is kept
      if (common == prefix->ids.size()) prefixes_.erase(prefix);
    }
    prefix = next;
  }
  Prefix fresh{request.prefix_owner, request.strengths, {ids.begin(), ids.end()}, prompt.cache};
  fresh.cache.truncate(length);
  prefixes_.push_front(std::move(fresh));
}

bool KeptPrefixes::drop_oldest() {
  if (prefixes_.empty()) return false;
  prefixes_.pop_back();
  return true;
}

size_t KeptPrefixes::bytes() const {
  std::unordered_set<const std::byte*> seen;
  size_t bytes = 0;
  for (const Prefix& prefix : prefixes_)
    prefix.cache.for_each_page([&](const std::byte* page, size_t of_page) {
      if (seen.insert(page).second) bytes += of_page;
    });
  return bytes;
}

}  // namespace limpid
