#include "limpid/tokenizers/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

namespace {

using Kind = Sequence::Kind;

bool equal_items(Run& run, const std::vector<Value>& left, const std::vector<Value>& right) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i)
    if (!equal(run, left[i], right[i])) return false;
  return true;
}

bool equal_dicts(Run& run, const Dict& left, const Dict& right) {
  if (left.entries.size() != right.entries.size()) return false;
  for (const auto& [key, place] : left.places) {
    const auto other = right.places.find(key);
    if (other == right.places.end()) return false;
    if (!equal(run, left.entries[place].second, right.entries[other->second].second)) return false;
  }
  return true;
}

/// Returns -1, 0 or 1; of numbers, nothing when one is no number at all.
std::optional<int> order(Run& run, const Value& left, const Value& right, const char* spelling) {
  const auto sign = [](const auto& a, const auto& b) { return a < b ? -1 : int(b < a); };
  if (left.is_number() && right.is_number()) {
    if (!left.is_float() && !right.is_float()) return sign(*left.integer(), *right.integer());
    if (std::isnan(left.number()) || std::isnan(right.number())) return std::nullopt;
    const auto wide = [](const Value& v) {
      return v.is_float() ? (long double)(v.number()) : (long double)(*v.integer());
    };
    return sign(wide(left), wide(right));
  }
  if (left.text() && right.text()) {
    run.charge_text(std::min(left.text()->bytes.size(), right.text()->bytes.size()));
    return sign(left.text()->bytes, right.text()->bytes);  // the order of UTF-8 is that of code points
  }
  const Sequence *a = left.sequence(), *b = right.sequence();
  if (!a || !b || a->kind != b->kind || a->kind > Kind::Tuple)
    fail("'", spelling, "' not supported between instances of '", type_name(left), "' and '", type_name(right), "'");
  for (size_t i = 0; i < a->items.size() && i < b->items.size(); ++i)
    if (!equal(run, a->items[i], b->items[i])) return order(run, a->items[i], b->items[i], spelling);
  return sign(a->items.size(), b->items.size());
}

}  // namespace

bool truth(const Value& value) {
  if (value.is_float()) return value.number() != 0;
  if (const auto number = value.integer()) return *number != 0;
  if (const Text* text = value.text()) return !text->bytes.empty();
  if (const Sequence* sequence = value.sequence()) return sequence->kind == Kind::Iterator || !sequence->items.empty();
  if (const Dict* dict = value.dict()) return !dict->entries.empty();
  return value.object() != nullptr;
}

bool equal(Run& run, const Value& left, const Value& right) {
  run.charge(1);
  if (left.is_number() && right.is_number()) return order(run, left, right, "==") == 0;
  if (left.text() && right.text()) {
    const std::string &a = left.text()->bytes, &b = right.text()->bytes;
    run.charge_text(a.size() == b.size() ? a.size() : 0);
    return a == b;
  }
  const Sequence *a = left.sequence(), *b = right.sequence();
  if (a && b)
    return a == b || (a->kind == b->kind && a->kind != Kind::Iterator && equal_items(run, a->items, b->items));
  if (left.dict() && right.dict()) return equal_dicts(run, *left.dict(), *right.dict());
  if (left.object() || right.object()) return left.object() == right.object();
  return (left.is_none() && right.is_none()) || (left.is_undefined() && right.is_undefined());
}

bool compare(Run& run, Comparison comparison, const Value& left, const Value& right) {
  switch (comparison) {
    case Comparison::Equal: return equal(run, left, right);
    case Comparison::NotEqual: return !equal(run, left, right);
    case Comparison::In: return contains(run, right, left);
    case Comparison::NotIn: return !contains(run, right, left);
    default: break;
  }
  for (const Value* side : {&left, &right})
    if (side->is_undefined()) fail(side->why_undefined());
  const auto ordered = order(run, left, right, name(comparison));
  if (!ordered) return false;
  switch (comparison) {
    case Comparison::Less: return *ordered < 0;
    case Comparison::LessEqual: return *ordered <= 0;
    case Comparison::Greater: return *ordered > 0;
    default: return *ordered >= 0;
  }
}

bool contains(Run& run, const Value& container, const Value& item) {
  if (const Text* text = container.text()) {
    if (!item.text()) fail("'in <string>' requires string as left operand, not ", type_name(item));
    run.charge_text(text->bytes.size());
    return find_text(text->bytes, item.text()->bytes) != std::string::npos;
  }
  if (const Dict* dict = container.dict()) return dict->places.contains(spell_key(run, item));
  if (const Sequence* sequence = container.sequence()) {
    size_t& taken = sequence->position;  // what an iterator has passed does not come back
    for (size_t i = sequence->kind == Kind::Iterator ? taken : 0; i < sequence->items.size(); ++i) {
      if (sequence->kind == Kind::Iterator) taken = i + 1;
      if (equal(run, sequence->items[i], item)) return true;
    }
    return false;
  }
  if (container.is_undefined()) return false;
  fail("argument of type '", type_name(container), "' is not iterable");
}

size_t length(Run& run, const Value& value) {
  if (const Text* text = value.text()) {
    run.charge_text(text->bytes.size());
    return count_characters(text->bytes);
  }
  if (const Dict* dict = value.dict()) return dict->entries.size();
  const Sequence* sequence = value.sequence();
  if (sequence && sequence->kind != Kind::Iterator) return sequence->items.size();
  if (value.is_undefined()) return 0;
  fail("object of type '", type_name(value), "' has no len()");
}

std::vector<Value> elements(Run& run, const Value& value) {
  std::vector<Value> out;
  if (const Sequence* sequence = value.sequence()) {
    const size_t begin =
        sequence->kind == Kind::Iterator ? std::exchange(sequence->position, sequence->items.size()) : 0;
    run.charge(sequence->items.size() - begin);
    out.assign(sequence->items.begin() + std::ptrdiff_t(begin), sequence->items.end());
  } else if (const Dict* dict = value.dict()) {
    run.charge(dict->entries.size());
    for (const auto& entry : dict->entries) out.push_back(entry.first);
  } else if (const Text* text = value.text()) {
    for (const std::string_view character : characters(text->bytes)) out.push_back(run.text(std::string(character)));
  } else if (!value.is_undefined()) {
    fail("'", type_name(value), "' object is not iterable");
  }
  return out;
}

Value value_of_key(Run& run, const Dict& dict, const Value& key, Value fallback) {
  const auto place = dict.places.find(spell_key(run, key));
  return place == dict.places.end() ? fallback : dict.entries[place->second].second;
}

std::string spell_key(Run& run, const Value& key) {
  run.charge(1);
  if (const Text* text = key.text()) {
    run.charge_text(text->bytes.size());
    return "s" + text->bytes;
  }
  if (const auto integer = key.integer()) return concat("i", *integer);
  if (key.is_float()) {
    const double value = key.number();
    const bool whole = std::trunc(value) == value && std::abs(value) < 0x1p63;
    return whole ? concat("i", int64_t(value)) : "f" + float_repr(value);
  }
  if (const Sequence* tuple = key.sequence(); tuple && (tuple->kind == Kind::Tuple || tuple->kind == Kind::Range)) {
    std::string out = tuple->kind == Kind::Tuple ? "t" : "r";
    for (const Value& item : tuple->items) {
      const std::string part = spell_key(run, item);
      run.charge_text(out.size() + part.size());
      out += concat(part.size(), ":", part);
    }
    return out;
  }
  if (key.is_none()) return "n";
  if (key.is_undefined()) return "u";
  if (key.object()) return concat("o", static_cast<const void*>(key.object()));
  fail("unhashable type: '", type_name(key), "'");
}

}  // namespace limpid::jinja
