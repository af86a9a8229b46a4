#pragma once

#include "limpid/tokenizers/jinja/limits.h"
#include "limpid/tokenizers/jinja/object.h"

namespace limpid::jinja {

/// One rendering: what it has used of its limits, and the objects it made. Everything that grows is made here, where it
/// is counted first.
class Run {
 public:
  explicit Run(const Limits& limits) : limits_(limits) {}

  void charge(size_t steps);            ///< @throws Fault once all steps are used
  void check_size(size_t bytes) const;  ///< @throws Fault for a text that is too long
  void charge_text(size_t bytes);       ///< before a text of this size is made. @throws Fault for one that is too long
  void charge_product(size_t count, size_t bytes);  ///< the same for count times bytes

  Value text(std::string bytes, bool markup = false);
  Value list(std::vector<Value> items) { return sequence(Sequence::Kind::List, std::move(items)); }
  Value tuple(std::vector<Value> items) { return sequence(Sequence::Kind::Tuple, std::move(items)); }
  Value iterator(std::vector<Value> items) { return sequence(Sequence::Kind::Iterator, std::move(items)); }
  Value sequence(Sequence::Kind kind, std::vector<Value> items);
  /// Later entries with a key that is already there replace its value. @throws Fault for a key that Python cannot hash.
  Value dict(std::vector<std::pair<Value, Value>> entries);

  template <class T, class... Parts>
  T* make(Parts&&... parts) {
    charge(16);
    auto object = std::make_unique<T>(std::forward<Parts>(parts)...);
    T* const result = object.get();
    objects_.push_back(std::move(object));
    return result;
  }

  /// Counts what is inside one another, for as long as it lives.
  class Level {
   public:
    explicit Level(Run& run) : run_(run) {
      if (++run.depth_ > run.limits_.depth) {
        --run.depth_;
        fail("more than ", run.limits_.depth, " levels of expressions and calls inside one another");
      }
    }
    ~Level() { --run_.depth_; }
    Level(const Level&) = delete;

   private:
    Run& run_;
  };

 private:
  const Limits limits_;
  size_t steps_ = 0, depth_ = 0;
  std::vector<std::unique_ptr<Object>> objects_;
};

}  // namespace limpid::jinja
