#include <algorithm>

#include "limpid/core/parse.h"
#include "limpid/tokenizers/jinja/access.h"
#include "limpid/tokenizers/jinja/filters.h"
#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

namespace {

/// What elements are compared by: themselves or members, texts without their case unless that counts.
struct Key {
  std::optional<Value> path;
  bool several = false;  ///< the path may name more than one: "role,content"
  bool cased = false;
  Value fallback;  ///< for members that are not there

  Value of(Run& run, const Value& item) const {
    if (!path || path->is_none()) return folded(run, item);
    if (!several || !path->text()) return member(run, item, *path);
    std::vector<Value> members;
    for (const std::string& part : split(path->text()->bytes, ','))
      members.push_back(member(run, item, run.text(part)));
    return run.list(std::move(members));
  }

  Value folded(Run& run, const Value& value) const {
    return cased || !value.text() ? value : run.text(lower_text(value.text()->bytes));
  }

 private:
  Value member(Run& run, const Value& item, const Value& at) const {
    Value found = member_at(run, item, at);
    return folded(run, found.is_undefined() && !fallback.is_undefined() ? fallback : found);
  }
};

struct Keyed {
  Value key, item;
};

std::vector<Keyed> keyed(Run& run, const Value& value, const Key& key) {
  std::vector<Keyed> out;
  for (const Value& item : elements(run, value)) out.push_back({key.of(run, item), item});
  return out;
}

void sort_by_key(Run& run, std::vector<Keyed>& items, bool reverse) {
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    run.charge(1);
    return compare(run, reverse ? Comparison::Greater : Comparison::Less, a.key, b.key);
  });
}

std::vector<Value> only_items(std::vector<Keyed> items) {
  std::vector<Value> out;
  for (Keyed& item : items) out.push_back(std::move(item.item));
  return out;
}

Key key_from(const Bound& a, size_t case_sensitive, size_t attribute) {
  Key key;
  key.cased = a.flag(case_sensitive, false);
  if (a.has(attribute)) key.path = a.value(attribute);
  return key;
}

Value sort(Run& run, const Value& value, Arguments arguments) {
  const Bound a("sort", std::move(arguments), {"reverse", "case_sensitive", "attribute"});
  Key key = key_from(a, 1, 2);
  key.several = true;
  auto items = keyed(run, value, key);
  sort_by_key(run, items, a.flag(0, false));
  return run.list(only_items(std::move(items)));
}

Value dict_sort(Run& run, const Value& value, Arguments arguments) {
  const Bound a("dictsort", std::move(arguments), {"case_sensitive", "by", "reverse"});
  const std::string by = a.text_or(1, "key");
  if (by != "key" && by != "value") fail("You can only sort by either \"key\" or \"value\"");
  Key key = key_from(a, 0, 0);
  key.path = int64_t(by == "value");
  auto items = keyed(run, call_attribute(run, value, "items", {}), key);
  sort_by_key(run, items, a.flag(2, false));
  return run.list(only_items(std::move(items)));
}

Value unique(Run& run, const Value& value, Arguments arguments) {
  const Bound a("unique", std::move(arguments), {"case_sensitive", "attribute"});
  std::vector<Value> out;
  std::unordered_map<std::string, bool> keys;
  for (const Keyed& item : keyed(run, value, key_from(a, 0, 1)))
    if (keys.emplace(spell_key(run, item.key), true).second) out.push_back(item.item);
  return run.iterator(std::move(out));
}

template <Comparison better>
Value extreme(Run& run, const Value& value, Arguments arguments) {
  const Bound a("min or max", std::move(arguments), {"case_sensitive", "attribute"});
  const auto items = keyed(run, value, key_from(a, 0, 1));
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const Keyed* best = &items.front();
  for (const Keyed& item : items)
    if (&item != best && compare(run, better, item.key, best->key)) best = &item;
  return best->item;
}

Value group_by(Run& run, const Value& value, Arguments arguments) {
  const Bound a("groupby", std::move(arguments), {"attribute", "default", "case_sensitive"}, 1);
  Key key = key_from(a, 2, 0);
  key.fallback = a.value_or(1, Value());
  auto items = keyed(run, value, key);
  sort_by_key(run, items, false);
  key.cased = true;
  std::vector<Value> groups, members;
  for (size_t i = 0; i < items.size(); ++i) {
    members.push_back(items[i].item);
    if (i + 1 < items.size() && equal(run, items[i].key, items[i + 1].key)) continue;
    const Value shown = key.of(run, members.front());
    groups.push_back(run.tuple({shown, run.list(std::exchange(members, {}))}));
  }
  return run.list(std::move(groups));
}

constexpr Filter kOrderingFilters[] = {
    {"sort", sort},
    {"dictsort", dict_sort},
    {"unique", unique},
    {"min", extreme<Comparison::Less>},
    {"max", extreme<Comparison::Greater>},
    {"groupby", group_by},
};

}  // namespace

std::span<const Filter> ordering_filters() { return kOrderingFilters; }

}  // namespace limpid::jinja
