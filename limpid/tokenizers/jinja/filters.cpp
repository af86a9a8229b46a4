#include "limpid/tokenizers/jinja/filters.h"

#include <algorithm>

#include "limpid/tokenizers/jinja/printing.h"

namespace limpid::jinja {

const Filter* find_filter(std::string_view name) {
  for (const auto filters :
       {text_filters(), number_filters(), sequence_filters(), ordering_filters(), selecting_filters()})
    for (const Filter& filter : filters)
      if (name == filter.name) return &filter;
  return nullptr;
}

Value apply_filter(Run& run, std::string_view name, const Value& value, Arguments arguments) {
  const Filter* filter = find_filter(name);
  if (!filter) fail("no filter is named '", name, "'");
  return filter->apply(run, value, std::move(arguments));
}

bool apply_test(Run& run, std::string_view name, const Value& value, Arguments arguments) {
  const Test* test = find_test(name);
  if (!test) fail("no test is named '", name, "'");
  return test->holds(run, value, std::move(arguments));
}

Value as_text(Run& run, const Value& value) { return value.text() ? value : run.text(str(run, value)); }

}  // namespace limpid::jinja
