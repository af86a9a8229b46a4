#include "limpid/nn/kv_cache.h"

namespace limpid::nn {

KvPool::KvPool(KvShape shape)
    : shape_(std::move(shape)),
      row_bytes_(kernels::cache_row_bytes(shape_.type, shape_.head_dim)),
      layer_bytes_(2 * shape_.kv_heads * shape_.page_tokens * row_bytes_) {
  for (size_t layer = 0; layer < shape_.layers; ++layer) {
    const bool slides = shape_.window > 0 && layer < shape_.slides.size() && shape_.slides[layer];
    const Kind kind = slides ? kSliding : kFull;
    place_.push_back({kind, layers_[kind]++});
  }
}

KvPool::Page KvPool::take(Kind kind) {
  std::unique_ptr<std::byte[]> memory;
  if (free_[kind].empty()) {
    memory.reset(new std::byte[page_bytes(kind)]);
  } else {
    memory = std::move(free_[kind].back());
    free_[kind].pop_back();
  }
  bytes_in_use_ += page_bytes(kind);
  return Page(memory.release(), [pool = weak_from_this(), kind](std::byte* page) {
    std::unique_ptr<std::byte[]> owned(page);
    const auto alive = pool.lock();
    if (!alive) return;
    alive->bytes_in_use_ -= alive->page_bytes(kind);
    alive->free_[kind].push_back(std::move(owned));
  });
}

void KvCache::reserve(size_t tokens) {
  const size_t page_tokens = pool_->shape().page_tokens, needed = (length_ + tokens + page_tokens - 1) / page_tokens;
  for (const KvPool::Kind kind : {KvPool::kFull, KvPool::kSliding}) {
    if (pool_->page_bytes(kind) == 0) continue;
    std::vector<KvPool::Page>& pages = pages_[kind];
    // A page that another sequence also owns is copied before the first write.
    for (size_t page = length_ / page_tokens; tokens > 0 && page < pages.size(); ++page) {
      if (pages[page].use_count() == 1) continue;
      auto copy = pool_->take(kind);
      std::copy_n(pages[page].get(), pool_->page_bytes(kind), copy.get());
      pages[page] = std::move(copy);
    }
    while (pages.size() < needed) pages.push_back(pool_->take(kind));
  }
}

size_t KvCache::bytes_to_append(size_t tokens) const {
  const size_t page_tokens = pool_->shape().page_tokens, needed = (length_ + tokens + page_tokens - 1) / page_tokens;
  size_t bytes = 0;
  for (const KvPool::Kind kind : {KvPool::kFull, KvPool::kSliding}) {
    const std::vector<KvPool::Page>& pages = pages_[kind];
    size_t fresh = needed - std::min(needed, pages.size());
    for (size_t page = length_ / page_tokens; tokens > 0 && page < pages.size(); ++page)
      fresh += pages[page].use_count() > 1;
    bytes += fresh * pool_->page_bytes(kind);
  }
  return bytes;
}

void KvCache::advance(size_t tokens) {
  length_ += tokens;
  const KvShape& shape = pool_->shape();
  std::vector<KvPool::Page>& pages = pages_[KvPool::kSliding];
  if (pages.empty()) return;
  // The next token, at position length_, sees keys from length_ - window + 1 on.
  while ((gone_ + 1) * shape.page_tokens + shape.window + kSlack <= length_ + 1) pages[gone_++].reset();
}

size_t KvCache::least_length() const {
  return gone_ == 0 ? 0 : gone_ * pool_->shape().page_tokens + pool_->shape().window - 1;
}

void KvCache::truncate(size_t length) {
  length_ = length < least_length() ? 0 : std::min(length_, length);
  if (length_ == 0) gone_ = 0;
  const size_t page_tokens = pool_->shape().page_tokens, kept = (length_ + page_tokens - 1) / page_tokens;
  for (std::vector<KvPool::Page>& pages : pages_) pages.resize(std::min(pages.size(), kept));
}

std::byte* KvCache::at(size_t layer, size_t position) {
  const size_t page_tokens = pool_->shape().page_tokens;
  return pages_[pool_->kind(layer)][position / page_tokens].get() + pool_->offset(layer) +
         position % page_tokens * pool_->row_bytes();
}

std::byte* KvCache::key(size_t layer, size_t position) { return at(layer, position); }

std::byte* KvCache::value(size_t layer, size_t position) { return at(layer, position) + pool_->layer_bytes() / 2; }

const std::byte* KvCache::key_page(size_t layer, size_t page) const {
  const std::byte* memory = pages_[pool_->kind(layer)][page].get();
  return memory ? memory + pool_->offset(layer) : nullptr;
}

const std::byte* KvCache::value_page(size_t layer, size_t page) const {
  const std::byte* keys = key_page(layer, page);
  return keys ? keys + pool_->layer_bytes() / 2 : nullptr;
}

size_t KvCache::bytes() const {
  size_t bytes = 0;
  for_each_page([&](const std::byte*, size_t of_page) { bytes += of_page; });
  return bytes;
}

}  // namespace limpid::nn
