#pragma once

#include "limpid/tokenizers/jinja/run.h"

/// value[key] and value.name as Jinja has them: what is not there is undefined, and only an undefined value itself has
/// neither. @throws Fault for that one, and for slices of what has none.
namespace limpid::jinja {

Value item_of(Run& run, const Value& value, const Value& key);
Value attribute_of(Run& run, const Value& value, const std::string& name);
/// @param bounds  start, stop and step; none for those left out
Value slice_of(Run& run, const Value& value, const std::optional<Value> (&bounds)[3]);

/// Calls value.name(arguments) without making the method a value first. @throws Fault for what cannot be called.
Value call_attribute(Run& run, const Value& value, const std::string& name, Arguments arguments);
Value call_value(Run& run, const Value& value, Arguments arguments);

/// Returns a member by a path as filters take it: "name", "function.name", "0", or an integer.
Value member_at(Run& run, const Value& value, const Value& path);

}  // namespace limpid::jinja
