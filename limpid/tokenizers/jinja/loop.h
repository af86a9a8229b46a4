#pragma once

#include "limpid/tokenizers/jinja/object.h"

namespace limpid::jinja {

/// The `loop` of a for block.
class Loop : public Object {
 public:
  using Recurse = std::function<Value(const Value& elements, size_t depth)>;
  /// @param depth    0 for a loop that no recursion is inside
  /// @param recurse  renders the block for other elements; empty unless it is recursive
  Loop(std::vector<Value> items, size_t depth, Recurse recurse)
      : items_(std::move(items)),
        depth_(depth),
        recurse_(std::move(recurse)) {}

  std::string type_name() const override { return "LoopContext"; }
  bool is_callable() const override { return bool(recurse_); }
  Value call(Run& run, Arguments arguments) override;
  std::optional<Value> attribute(Run& run, const std::string& name) override;

  const std::vector<Value>& items() const { return items_; }
  void move_to(size_t place) { place_ = place; }
  /// Lets the items go: the loop is over, though a template may still hold it.
  void end() {
    items_ = {};
    place_ = 0;
  }

 private:
  Value cycle(Arguments arguments);
  Value changed(Run& run, Arguments arguments);

  std::vector<Value> items_;
  size_t place_ = 0, depth_;
  Recurse recurse_;
  std::optional<std::vector<Value>> last_changed_;
};

}  // namespace limpid::jinja
