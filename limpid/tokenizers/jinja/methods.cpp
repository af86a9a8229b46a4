#include "limpid/tokenizers/jinja/methods.h"

#include "limpid/tokenizers/jinja/operators.h"

namespace limpid::jinja {

namespace {

Value dict_get(Run& run, const Value& self, Arguments arguments) {
  const Bound a("get", std::move(arguments), {"key", "default"}, 1);
  return value_of_key(run, *self.dict(), a.value(0), a.value_or(1, None()));
}

Value dict_items(Run& run, const Value& self, Arguments arguments) {
  const Bound none("items", std::move(arguments), {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict()->entries) items.push_back(run.tuple({key, value}));
  return run.sequence(Sequence::Kind::Items, std::move(items));
}

Value dict_keys(Run& run, const Value& self, Arguments arguments) {
  const Bound none("keys", std::move(arguments), {});
  return run.sequence(Sequence::Kind::Keys, elements(run, self));
}

Value dict_values(Run& run, const Value& self, Arguments arguments) {
  const Bound none("values", std::move(arguments), {});
  std::vector<Value> items;
  for (const auto& entry : self.dict()->entries) items.push_back(entry.second);
  return run.sequence(Sequence::Kind::Values, std::move(items));
}

Value copied(Run&, const Value& self, Arguments arguments) {
  const Bound none("copy", std::move(arguments), {});
  return self;  // nothing can change either
}

Value list_count(Run& run, const Value& self, Arguments arguments) {
  const Bound a("count", std::move(arguments), {"value"}, 1);
  int64_t count = 0;
  for (const Value& item : self.sequence()->items) count += equal(run, item, a.value(0));
  return count;
}

Value list_index(Run& run, const Value& self, Arguments arguments) {
  const Bound a("index", std::move(arguments), {"value"}, 1);
  const auto& items = self.sequence()->items;
  for (size_t i = 0; i < items.size(); ++i)
    if (equal(run, items[i], a.value(0))) return int64_t(i);
  fail("the value is not in the list");
}

constexpr Method kDictMethods[] = {
    {"get", dict_get}, {"items", dict_items}, {"keys", dict_keys}, {"values", dict_values}, {"copy", copied}};
constexpr Method kListMethods[] = {{"count", list_count}, {"index", list_index}, {"copy", copied}};

template <size_t N>
const Method* named_method(const Method (&methods)[N], std::string_view name) {
  for (const Method& method : methods)
    if (name == method.name) return &method;
  return nullptr;
}

}  // namespace

const Method* find_method(const Value& value, std::string_view name) {
  if (value.text()) return find_text_method(name);
  if (value.dict()) return named_method(kDictMethods, name);
  const Sequence* sequence = value.sequence();
  if (!sequence || sequence->kind > Sequence::Kind::Range) return nullptr;
  if (sequence->kind != Sequence::Kind::List && name == "copy") return nullptr;
  return named_method(kListMethods, name);
}

}  // namespace limpid::jinja
