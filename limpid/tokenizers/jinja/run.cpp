#include "limpid/tokenizers/jinja/run.h"

#include <algorithm>

#include "limpid/tokenizers/jinja/operators.h"

namespace limpid::jinja {

void Run::charge(size_t steps) {
  if (steps > limits_.steps - steps_) fail("rendering takes more than ", limits_.steps, " steps");
  steps_ += steps;
}

void Run::check_size(size_t bytes) const {
  if (bytes > limits_.bytes) fail("a text grows beyond ", limits_.bytes, " bytes");
}

void Run::charge_text(size_t bytes) {
  check_size(bytes);
  charge(1 + bytes / 16);
}

void Run::charge_product(size_t count, size_t bytes) {
  check_size(bytes != 0 && count > limits_.bytes / bytes ? limits_.bytes + 1 : 0);
  charge_text(count * bytes);
}

Value Run::text(std::string bytes, bool markup) {
  charge(3);
  charge_text(bytes.size());
  return std::make_shared<const Text>(Text{std::move(bytes), markup});
}

Value Run::sequence(Sequence::Kind kind, std::vector<Value> items) {
  charge(1 + items.size());
  size_t inner = 0;
  for (const Value& item : items) inner = std::max(inner, nesting(item));
  if (inner >= kMaxNesting) fail("a value has more than ", kMaxNesting, " levels");
  return std::make_shared<const Sequence>(Sequence{kind, std::move(items), inner + 1});
}

Value Run::dict(std::vector<std::pair<Value, Value>> entries) {
  charge(1 + 16 * entries.size());
  auto dict = std::make_shared<Dict>();
  for (auto& [key, value] : entries) {
    const size_t inner = std::max(nesting(key), nesting(value));
    if (inner >= kMaxNesting) fail("a value has more than ", kMaxNesting, " levels");
    dict->nesting = std::max(dict->nesting, inner + 1);
    const auto [place, is_new] = dict->places.emplace(spell_key(*this, key), dict->entries.size());
    if (is_new)
      dict->entries.emplace_back(std::move(key), std::move(value));
    else
      dict->entries[place->second].second = std::move(value);
  }
  return std::shared_ptr<const Dict>(std::move(dict));
}

std::optional<Value> Namespace::attribute(Run&, const std::string& name) {
  for (const auto& [key, value] : values_)
    if (key == name) return value;
  return std::nullopt;
}

void Namespace::set(const std::string& name, Value value) {
  if (name.starts_with('_')) fail("a namespace cannot hold '", name, "': its name begins with an underscore");
  for (auto& [key, old] : values_) {
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  values_.emplace_back(name, std::move(value));
}

}  // namespace limpid::jinja
