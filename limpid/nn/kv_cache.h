#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "limpid/kernels/ops.h"

/// Keys and values of growing sequences, in pages that sequences with a common beginning share.
namespace limpid::nn {

struct KvShape {
  size_t layers, kv_heads, head_dim;
  size_t page_tokens = 32;
};

/// The pages of one model. Note [One cache per model]: a cache knows the pool it came from, and a model refuses the
/// cache of another. Two models that shared a cache would attend to keys made by the other's weights; the text stays
/// fluent, and nothing but a test could tell.
class KvPool : public std::enable_shared_from_this<KvPool> {
 public:
  explicit KvPool(KvShape shape) : shape_(shape) {}
  const KvShape& shape() const { return shape_; }
  using Page = std::shared_ptr<float[]>;
  Page take();  ///< a page, contents undefined; goes back when its last owner drops it
  size_t floats_per_page() const { return shape_.layers * floats_per_layer(); }
  size_t floats_per_layer() const { return 2 * shape_.kv_heads * shape_.page_tokens * shape_.head_dim; }

 private:
  KvShape shape_;
  std::vector<std::unique_ptr<float[]>> free_;
};

/// The cache of one sequence: a page holds page_tokens positions of all layers. Copying is forking: pages are shared
/// until one of the owners writes.
class KvCache {
 public:
  explicit KvCache(std::shared_ptr<KvPool> pool) : pool_(std::move(pool)) {}

  size_t length() const { return length_; }
  const KvPool* pool() const { return pool_.get(); }

  void reserve(size_t tokens);                        ///< makes room for tokens more positions, all of them writable
  void advance(size_t tokens) { length_ += tokens; }  ///< the positions written in a finished pass count from now on
  void truncate(size_t length);                       ///< forgets all positions from `length` on

  /// Returns where a layer's key (head 0) of `position` is written: heads are page_tokens * head_dim floats apart.
  float* key(size_t layer, size_t position);
  float* value(size_t layer, size_t position);

  size_t pages() const { return pages_.size(); }
  const float* key_page(size_t layer, size_t page) const {
    return pages_[page].get() + layer * pool_->floats_per_layer();
  }
  const float* value_page(size_t layer, size_t page) const {
    return key_page(layer, page) + pool_->floats_per_layer() / 2;
  }

 private:
  std::shared_ptr<KvPool> pool_;
  std::vector<KvPool::Page> pages_;
  size_t length_ = 0;
};

}  // namespace limpid::nn
