#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "limpid/kernels/cache_rows.h"

/// Keys and values of growing sequences, in pages that sequences with a common beginning share.
namespace limpid::nn {

using kernels::CacheType;

struct KvShape {
  size_t layers, kv_heads, head_dim;
  size_t page_tokens = 32;
  CacheType type = CacheType::F32;
  std::vector<bool> slides = {};  ///< [layers], layers with a window; empty: none
  size_t window = 0;              ///< keys that a token sees in those, itself included
};

/// The pages of one model. Note [One cache per model]: a cache knows the pool it came from, and a model refuses the
/// cache of another. Two models that shared a cache would attend to keys made by the other's weights; the text stays
/// fluent, and nothing but a test could tell.
///
/// A page holds page_tokens positions of all layers of one kind: of those that see everything, or of those with a
/// window, whose pages go back when the text has grown beyond them.
class KvPool : public std::enable_shared_from_this<KvPool> {
 public:
  enum Kind : size_t { kFull, kSliding, kKinds };
  using Page = std::shared_ptr<std::byte[]>;

  explicit KvPool(KvShape shape);
  const KvShape& shape() const { return shape_; }
  Page take(Kind kind);  ///< a page, contents undefined; goes back when its last owner drops it
  Kind kind(size_t layer) const { return place_[layer].kind; }
  size_t offset(size_t layer) const { return place_[layer].index * layer_bytes_; }  ///< of a layer within its page
  size_t row_bytes() const { return row_bytes_; }                                   ///< of one head and position
  size_t layer_bytes() const { return layer_bytes_; }                               ///< of a page: keys, then values
  size_t page_bytes(Kind kind) const { return layers_[kind] * layer_bytes_; }
  size_t bytes_in_use() const { return bytes_in_use_; }  ///< of the pages that someone owns
  size_t bytes_per_page() const { return page_bytes(kFull) + page_bytes(kSliding); }  ///< of all layers

 private:
  struct Place {
    Kind kind;
    size_t index;  // among the layers of its kind
  };

  KvShape shape_;
  size_t row_bytes_, layer_bytes_;
  std::vector<Place> place_;             // [layers]
  std::array<size_t, kKinds> layers_{};  // of each kind
  std::array<std::vector<std::unique_ptr<std::byte[]>>, kKinds> free_;
  size_t bytes_in_use_ = 0;
};

/// The cache of one sequence. Copying is forking: pages are shared until one of the owners writes.
class KvCache {
 public:
  /// Positions that layers with a window keep behind it, so that a text can be taken back by so many.
  static constexpr size_t kSlack = 64;

  explicit KvCache(std::shared_ptr<KvPool> pool) : pool_(std::move(pool)) {}

  size_t length() const { return length_; }
  const KvPool* pool() const { return pool_.get(); }

  void reserve(size_t tokens);                  ///< makes room for tokens more positions, all of them writable
  size_t bytes_to_append(size_t tokens) const;  ///< of the pages that reserve(tokens) takes
  /// Counts the positions written in a finished pass from now on. Pages that lie behind the window of every token to
  /// come, and behind kSlack positions more, go back to the pool.
  void advance(size_t tokens);
  /// Returns the least length that truncate() can take it back to, besides 0.
  size_t least_length() const;
  /// Forgets all positions from `length` on; all there are below least_length(), since tokens there would see keys that
  /// are gone.
  void truncate(size_t length);

  /// Returns where a layer's key (head 0) of `position` is written: heads are page_tokens rows apart.
  std::byte* key(size_t layer, size_t position);
  std::byte* value(size_t layer, size_t position);

  size_t pages() const { return std::max(pages_[0].size(), pages_[1].size()); }  ///< of each layer, those gone included
  /// Returns a layer's keys in a page; null where they went back.
  const std::byte* key_page(size_t layer, size_t page) const;
  const std::byte* value_page(size_t layer, size_t page) const;
  size_t bytes() const;  ///< of the pages it holds, those that it shares included
  /// Calls visit(page, bytes) for each page it holds.
  template <class Visit>
  void for_each_page(Visit visit) const {
    for (const KvPool::Kind kind : {KvPool::kFull, KvPool::kSliding})
      for (const KvPool::Page& page : pages_[kind])
        if (page) visit(page.get(), pool_->page_bytes(kind));
  }

 private:
  std::byte* at(size_t layer, size_t position);

  std::shared_ptr<KvPool> pool_;
  std::array<std::vector<KvPool::Page>, KvPool::kKinds> pages_;  // by position; null: gone back
  size_t length_ = 0;
  size_t gone_ = 0;  // pages at the beginning that layers with a window gave back
};

}  // namespace limpid::nn
