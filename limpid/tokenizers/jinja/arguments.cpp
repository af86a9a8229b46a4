#include "limpid/tokenizers/jinja/arguments.h"

#include <algorithm>

#include "limpid/tokenizers/jinja/operators.h"

namespace limpid::jinja {

Bound::Bound(const char* who, Arguments arguments, std::initializer_list<const char*> names, size_t required)
    : who_(who),
      given_(names.size()),
      names_(names) {
  if (arguments.positional.size() > names_.size())
    fail(who, "() takes at most ", names_.size(), " arguments, found ", arguments.positional.size());
  std::move(arguments.positional.begin(), arguments.positional.end(), given_.begin());
  for (auto& [name, value] : arguments.named) {
    const auto match = std::find_if(names_.begin(), names_.end(), [&name = name](const char* n) { return n == name; });
    if (match == names_.end()) fail(who, "() got an unexpected keyword argument '", name, "'");
    std::optional<Value>& place = given_[size_t(match - names_.begin())];
    if (place) fail(who, "() got multiple values for argument '", name, "'");
    place = std::move(value);
  }
  for (size_t i = 0; i < required; ++i)
    if (!given_[i]) fail(who, "() missing required argument '", names_[i], "'");
}

bool Bound::flag(size_t i, bool fallback) const { return has(i) ? truth(value(i)) : fallback; }

int64_t Bound::integer(size_t i) const {
  if (value(i).is_undefined()) fail(value(i).why_undefined());
  const auto number = value(i).integer();
  if (!number) fail(who_, "(): ", names_[i], " is '", type_name(value(i)), "', expected an integer");
  return *number;
}

std::optional<int64_t> Bound::integer_or_none(size_t i) const {
  if (!has(i) || value(i).is_none()) return std::nullopt;
  return integer(i);
}

const std::string& Bound::text(size_t i) const {
  if (value(i).is_undefined()) fail(value(i).why_undefined());
  const Text* text = value(i).text();
  if (!text) fail(who_, "(): ", names_[i], " is '", type_name(value(i)), "', expected a string");
  return text->bytes;
}

}  // namespace limpid::jinja
