#include <algorithm>

#include "limpid/tokenizers/jinja/access.h"
#include "limpid/tokenizers/jinja/filters.h"
#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

namespace {

Value default_filter(Run& run, const Value& value, Arguments arguments) {
  const Bound a("default", std::move(arguments), {"default_value", "boolean"});
  const bool missing = value.is_undefined() || (a.flag(1, false) && !truth(value));
  return missing ? a.has(0) ? a.value(0) : run.text("") : value;
}

Value length_filter(Run& run, const Value& value, Arguments arguments) {
  const Bound none("length", std::move(arguments), {});
  return int64_t(length(run, value));
}

Value first(Run& run, const Value& value, Arguments arguments) {
  const Bound none("first", std::move(arguments), {});
  const Sequence* sequence = value.sequence();
  if (sequence && sequence->kind == Sequence::Kind::Iterator && sequence->position < sequence->items.size())
    return sequence->items[sequence->position++];
  const auto items = elements(run, value);
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Value last(Run& run, const Value& value, Arguments arguments) {
  const Bound none("last", std::move(arguments), {});
  if (value.sequence() && value.sequence()->kind == Sequence::Kind::Iterator)
    fail("'generator' object is not reversible");
  const auto items = elements(run, value);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value list(Run& run, const Value& value, Arguments arguments) {
  const Bound none("list", std::move(arguments), {});
  return run.list(elements(run, value));
}

Value items_filter(Run& run, const Value& value, Arguments arguments) {
  const Bound none("items", std::move(arguments), {});
  if (value.is_undefined()) return run.iterator({});
  if (!value.dict()) fail("Can only get item pairs from a mapping.");
  return run.iterator(elements(run, call_attribute(run, value, "items", {})));
}

Value join_filter(Run& run, const Value& value, Arguments arguments) {
  const Bound a("join", std::move(arguments), {"d", "attribute"});
  const std::string between = a.has(0) ? str(run, a.value(0)) : "";
  const bool member = a.has(1) && !a.value(1).is_none();
  std::string out;
  bool behind_one = false;
  for (const Value& item : elements(run, value)) {
    if (behind_one) out += between;
    behind_one = true;
    append_str(run, out, member ? member_at(run, item, a.value(1)) : item);
    run.charge_text(between.size() + out.size() / 64);
  }
  return run.text(std::move(out));
}

Value reverse(Run& run, const Value& value, Arguments arguments) {
  const Bound none("reverse", std::move(arguments), {});
  if (value.text()) return run.text(slice_text(value.text()->bytes, {}, {}, -1), value.text()->markup);
  auto items = elements(run, value);
  std::reverse(items.begin(), items.end());
  return run.iterator(std::move(items));
}

Value batch(Run& run, const Value& value, Arguments arguments) {
  const Bound a("batch", std::move(arguments), {"linecount", "fill_with"}, 1);
  const int64_t size = a.integer(0);
  std::vector<Value> batches, current;
  for (const Value& item : elements(run, value)) {
    if (int64_t(current.size()) == size) batches.push_back(run.list(std::exchange(current, {})));
    current.push_back(item);
  }
  if (!current.empty()) {
    if (a.has(1) && !a.value(1).is_none() && size > int64_t(current.size())) {
      run.charge(size_t(size));
      current.resize(size_t(size), a.value(1));
    }
    batches.push_back(run.list(std::move(current)));
  }
  return run.iterator(std::move(batches));
}

Value slice_filter(Run& run, const Value& value, Arguments arguments) {
  const Bound a("slice", std::move(arguments), {"slices", "fill_with"}, 1);
  const auto items = elements(run, value);
  if (a.integer(0) <= 0) fail("integer division or modulo by zero");
  const size_t count = size_t(a.integer(0)), each = items.size() / count, longer = items.size() % count;
  run.charge(count);
  std::vector<Value> slices;
  size_t begin = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t end = begin + each + (i < longer);
    std::vector<Value> part(items.begin() + std::ptrdiff_t(begin), items.begin() + std::ptrdiff_t(end));
    if (a.has(1) && !a.value(1).is_none() && i >= longer) part.push_back(a.value(1));
    slices.push_back(run.list(std::move(part)));
    begin = end;
  }
  return run.iterator(std::move(slices));
}

Value attribute_filter(Run& run, const Value& value, Arguments arguments) {
  const Bound a("attr", std::move(arguments), {"name"}, 1);
  if (value.dict() && value_of_key(run, *value.dict(), a.value(0), Value()).is_undefined() == false)
    return Value::undefined(concat("'dict object' has no attribute '", a.text(0), "'"));  // entries are no attributes
  return attribute_of(run, value, a.text(0));
}

constexpr Filter kSequenceFilters[] = {
    {"default", default_filter},
    {"d", default_filter},
    {"length", length_filter},
    {"count", length_filter},
    {"first", first},
    {"last", last},
    {"list", list},
    {"items", items_filter},
    {"join", join_filter},
    {"reverse", reverse},
    {"batch", batch},
    {"slice", slice_filter},
    {"attr", attribute_filter},
};

}  // namespace

std::span<const Filter> sequence_filters() { return kSequenceFilters; }

}  // namespace limpid::jinja
