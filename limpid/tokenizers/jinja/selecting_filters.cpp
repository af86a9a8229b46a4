#include "limpid/tokenizers/jinja/access.h"
#include "limpid/tokenizers/jinja/filters.h"
#include "limpid/tokenizers/jinja/operators.h"

namespace limpid::jinja {

namespace {

Value take_first(Arguments& arguments, const char* what) {
  if (arguments.positional.empty()) fail(what, " is missing");
  Value first = std::move(arguments.positional.front());
  arguments.positional.erase(arguments.positional.begin());
  return first;
}

/// Jinja goes through nothing that is false, be it 0 or none.
std::vector<Value> elements_if_any(Run& run, const Value& value) {
  return truth(value) ? elements(run, value) : std::vector<Value>();
}

const std::string& name_in(const Value& value) {
  if (!value.text()) fail("expected a name, found '", type_name(value), "'");
  return value.text()->bytes;
}

Value map_filter(Run& run, const Value& value, Arguments arguments) {
  std::vector<Value> out;
  if (arguments.positional.empty() && !arguments.named.empty()) {
    const Bound a("map", std::move(arguments), {"attribute", "default"}, 1);
    for (const Value& item : elements_if_any(run, value)) {
      Value member = member_at(run, item, a.value(0));
      out.push_back(member.is_undefined() && a.has(1) ? a.value(1) : std::move(member));
    }
    return run.iterator(std::move(out));
  }
  const Value name = take_first(arguments, "map: a filter");
  for (const Value& item : elements_if_any(run, value))
    out.push_back(apply_filter(run, name_in(name), item, arguments));
  return run.iterator(std::move(out));
}

/// select, reject: elements of which a test holds, or that are true; selectattr, rejectattr: the same of a member.
template <bool wanted, bool by_member>
Value chosen(Run& run, const Value& value, Arguments arguments) {
  const Value path = by_member ? take_first(arguments, "an attribute") : Value();
  const bool by_truth = arguments.positional.empty();
  const Value test = by_truth ? Value() : take_first(arguments, "a test");
  std::vector<Value> out;
  for (const Value& item : elements_if_any(run, value)) {
    const Value& tested = by_member ? member_at(run, item, path) : item;
    if ((by_truth ? truth(tested) : apply_test(run, name_in(test), tested, arguments)) == wanted) out.push_back(item);
  }
  return run.iterator(std::move(out));
}

constexpr Filter kSelectingFilters[] = {
    {"map", map_filter},
    {"select", chosen<true, false>},
    {"reject", chosen<false, false>},
    {"selectattr", chosen<true, true>},
    {"rejectattr", chosen<false, true>},
};

}  // namespace

std::span<const Filter> selecting_filters() { return kSelectingFilters; }

}  // namespace limpid::jinja
