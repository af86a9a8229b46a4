#include "limpid/tokenizers/jinja/access.h"

#include <algorithm>
#include <iterator>

#include "limpid/core/parse.h"
#include "limpid/tokenizers/jinja/methods.h"
#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

namespace {

/// Returns what lies under the key itself: an entry of a dict, an element by its number.
std::optional<Value> stored(Run& run, const Value& value, const Value& key) {
  if (const Dict* dict = value.dict()) {
    if (key.dict() || (key.sequence() && key.sequence()->kind != Sequence::Kind::Tuple &&
                       key.sequence()->kind != Sequence::Kind::Range))
      return std::nullopt;
    const auto place = dict->places.find(spell_key(run, key));
    return place == dict->places.end() ? std::nullopt : std::optional(dict->entries[place->second].second);
  }
  const auto index = key.integer();
  if (!index) return std::nullopt;
  const auto place = [&](size_t size) -> std::optional<size_t> {
    const int64_t at = *index < 0 ? *index + int64_t(size) : *index;
    return at < 0 || at >= int64_t(size) ? std::nullopt : std::optional(size_t(at));
  };
  if (const Text* text = value.text()) {
    run.charge_text(text->bytes.size());
    const auto at = place(count_characters(text->bytes));
    if (!at) return std::nullopt;
    return run.text(slice_text(text->bytes, int64_t(*at), int64_t(*at) + 1, {}), text->markup);
  }
  const Sequence* sequence = value.sequence();
  if (!sequence || sequence->kind > Sequence::Kind::Range) return std::nullopt;
  const auto at = place(sequence->items.size());
  return at ? std::optional(sequence->items[*at]) : std::nullopt;
}

/// What changes a list or dict, which the sandbox forbids.
bool is_forbidden(const Value& value, const std::string& name) {
  static constexpr std::string_view kOfLists[] = {"append", "clear", "pop",    "reverse",
                                                  "insert", "sort",  "extend", "remove"};
  static constexpr std::string_view kOfDicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
  const auto among = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  if (name.starts_with("__")) return true;
  if (value.dict()) return among(kOfDicts);
  return value.sequence() && value.sequence()->kind == Sequence::Kind::List && among(kOfLists);
}

std::optional<Value> own_attribute(Run& run, const Value& value, const std::string& name) {
  if (Object* object = value.object()) return object->attribute(run, name);
  if (const Method* method = find_method(value, name))
    return Value(run.make<Function>(
        [method, value](Run& r, Arguments arguments) { return method->call(r, value, std::move(arguments)); }));
  return std::nullopt;
}

Value missing(Run& run, const Value& value, const Value& key) {
  const Text* name = key.text();
  if (name && is_forbidden(value, name->bytes))
    return Value::undefined(
        concat("access to attribute '", name->bytes, "' of '", type_name(value), "' object is unsafe"));
  std::string shown;
  append_repr(run, shown, key);
  const std::string what = describe_type(value);
  if (!name) return Value::undefined(concat(what, " has no element ", shown));
  return Value::undefined(concat("'", what, "' has no attribute ", shown));
}

}  // namespace

Value item_of(Run& run, const Value& value, const Value& key) {
  if (value.is_undefined()) fail(value.why_undefined());
  if (auto found = stored(run, value, key)) return *found;
  if (key.text())
    if (auto found = own_attribute(run, value, key.text()->bytes)) return *found;
  return missing(run, value, key);
}

Value attribute_of(Run& run, const Value& value, const std::string& name) {
  if (value.is_undefined()) fail(value.why_undefined());
  const Value key = run.text(name);
  const bool forbidden = value.dict() && is_forbidden(value, name);  // the method comes before an entry of that name
  if (auto found = own_attribute(run, value, name)) return *found;
  if (!forbidden || name.starts_with("__"))
    if (auto found = stored(run, value, key)) return *found;
  return missing(run, value, key);
}

Value slice_of(Run& run, const Value& value, const std::optional<Value> (&bounds)[3]) {
  if (value.is_undefined()) fail(value.why_undefined());
  std::optional<int64_t> places[3];
  for (size_t i = 0; i < 3; ++i) {
    if (!bounds[i] || bounds[i]->is_none()) continue;
    places[i] = bounds[i]->integer();
    if (!places[i]) fail("slice indices must be integers or None, found '", type_name(*bounds[i]), "'");
  }
  const auto& [start, stop, step] = places;
  if (const Text* text = value.text()) {
    run.charge_text(text->bytes.size());
    return run.text(slice_text(text->bytes, start, stop, step), text->markup);
  }
  const Sequence* sequence = value.sequence();
  if (!sequence || sequence->kind > Sequence::Kind::Range) fail("'", type_name(value), "' object has no slices");
  const SlicePlaces taken = slice_places(sequence->items.size(), start, stop, step);
  std::vector<Value> items;
  for (size_t i = 0; i < taken.count; ++i)
    items.push_back(sequence->items[size_t(taken.first + int64_t(i) * taken.step)]);
  return run.sequence(sequence->kind, std::move(items));
}

Value call_attribute(Run& run, const Value& value, const std::string& name, Arguments arguments) {
  if (!value.object())
    if (const Method* method = find_method(value, name)) return method->call(run, value, std::move(arguments));
  return call_value(run, attribute_of(run, value, name), std::move(arguments));
}

Value call_value(Run& run, const Value& value, Arguments arguments) {
  if (value.is_undefined()) fail(value.why_undefined());
  if (!value.object()) fail("'", type_name(value), "' object is not callable");
  return value.object()->call(run, std::move(arguments));
}

Value member_at(Run& run, const Value& value, const Value& path) {
  if (!path.text()) return item_of(run, value, path);
  Value member = value;
  for (const std::string& part : split(path.text()->bytes, '.')) {
    const auto number = parse_number<int64_t>(part);
    member = item_of(run, member, number && part[0] != '-' && part[0] != '+' ? Value(*number) : run.text(part));
  }
  return member;
}

}  // namespace limpid::jinja
