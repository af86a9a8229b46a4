#include "limpid/tokenizers/jinja/loop.h"

#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/run.h"

namespace limpid::jinja {

Value Loop::call(Run&, Arguments arguments) {
  if (!recurse_) fail("the loop must have the word 'recursive' to be called");
  const Bound a("loop", std::move(arguments), {"iterable"}, 1);
  return recurse_(a.value(0), depth_ + 1);
}

std::optional<Value> Loop::attribute(Run& run, const std::string& name) {
  const size_t size = items_.size();
  const auto number = [](size_t value) { return Value(int64_t(value)); };
  if (name == "index") return number(place_ + 1);
  if (name == "index0") return number(place_);
  if (name == "revindex") return number(size - place_);
  if (name == "revindex0") return number(size - place_ - 1);
  if (name == "first") return place_ == 0;
  if (name == "last") return place_ + 1 == size;
  if (name == "length") return number(size);
  if (name == "depth") return number(depth_ + 1);
  if (name == "depth0") return number(depth_);
  if (name == "previtem") return place_ > 0 ? items_[place_ - 1] : Value::undefined("there is no previous item");
  if (name == "nextitem") return place_ + 1 < size ? items_[place_ + 1] : Value::undefined("there is no next item");
  if (name == "cycle")
    return Value(run.make<Function>([this](Run&, Arguments arguments) { return cycle(std::move(arguments)); }));
  if (name == "changed")
    return Value(run.make<Function>([this](Run& r, Arguments arguments) { return changed(r, std::move(arguments)); }));
  return std::nullopt;
}

Value Loop::cycle(Arguments arguments) {
  if (arguments.positional.empty()) fail("no items for cycling given");
  return arguments.positional[place_ % arguments.positional.size()];
}

Value Loop::changed(Run& run, Arguments arguments) {
  bool same = last_changed_ && last_changed_->size() == arguments.positional.size();
  for (size_t i = 0; same && i < arguments.positional.size(); ++i)
    same = equal(run, (*last_changed_)[i], arguments.positional[i]);
  last_changed_ = std::move(arguments.positional);
  return !same;
}

}  // namespace limpid::jinja
