#include "limpid/nn/kv_cache.h"

#include <algorithm>

namespace limpid::nn {

KvPool::Page KvPool::take() {
  std::unique_ptr<float[]> memory;
  if (free_.empty()) {
    memory.reset(new float[floats_per_page()]);
  } else {
    memory = std::move(free_.back());
    free_.pop_back();
  }
  return Page(memory.release(), [pool = weak_from_this()](float* page) {
    std::unique_ptr<float[]> owned(page);
    if (const auto alive = pool.lock()) alive->free_.push_back(std::move(owned));
  });
}

void KvCache::reserve(size_t tokens) {
  const size_t page_tokens = pool_->shape().page_tokens, needed = (length_ + tokens + page_tokens - 1) / page_tokens;
  // A page that another sequence also owns is copied before the first write.
  for (size_t page = length_ / page_tokens; tokens > 0 && page < pages_.size(); ++page) {
    if (pages_[page].use_count() == 1) continue;
    auto copy = pool_->take();
    std::copy_n(pages_[page].get(), pool_->floats_per_page(), copy.get());
    pages_[page] = std::move(copy);
  }
  while (pages_.size() < needed) pages_.push_back(pool_->take());
}

void KvCache::truncate(size_t length) {
  length_ = std::min(length_, length);
  const size_t page_tokens = pool_->shape().page_tokens;
  pages_.resize(std::min(pages_.size(), (length_ + page_tokens - 1) / page_tokens));
}

float* KvCache::key(size_t layer, size_t position) {
  const KvShape& shape = pool_->shape();
  return pages_[position / shape.page_tokens].get() + layer * pool_->floats_per_layer() +
         position % shape.page_tokens * shape.head_dim;
}

float* KvCache::value(size_t layer, size_t position) { return key(layer, position) + pool_->floats_per_layer() / 2; }

}  // namespace limpid::nn
