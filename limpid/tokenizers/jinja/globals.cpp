#include "limpid/tokenizers/jinja/globals.h"

#include <ctime>

#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/printing.h"
#include "limpid/tokenizers/jinja/text.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::jinja {

namespace {

Value range(Run& run, Arguments arguments) {
  const bool only_stop = arguments.positional.size() == 1;
  const Bound a("range", std::move(arguments), {"start", "stop", "step"}, 1);
  const int64_t start = only_stop ? 0 : a.integer(0), stop = a.integer(only_stop ? 0 : 1), step = a.integer_or(2, 1);
  if (step == 0) fail("range() arg 3 must not be zero");
  const uint64_t distance = step > 0 ? (start < stop ? uint64_t(stop) - uint64_t(start) : 0)
                                     : (stop < start ? uint64_t(start) - uint64_t(stop) : 0);
  const uint64_t stride = step > 0 ? uint64_t(step) : 0 - uint64_t(step);
  const uint64_t count = distance / stride + (distance % stride != 0);
  if (count > kMaxRange) fail("Range too big. The sandbox blocks ranges larger than ", kMaxRange, ".");
  run.charge(count);
  std::vector<Value> items;
  for (uint64_t i = 0; i < count; ++i) items.push_back(int64_t(uint64_t(start) + i * uint64_t(step)));
  return run.sequence(Sequence::Kind::Range, std::move(items));
}

/// The entries that dict(…) and namespace(…) take: of another dict or of pairs, then by name.
std::vector<std::pair<Value, Value>> entries_of(Run& run, Arguments arguments) {
  std::vector<std::pair<Value, Value>> entries;
  if (arguments.positional.size() > 1) fail("dict expected at most 1 argument, got ", arguments.positional.size());
  for (const Value& given : arguments.positional) {
    if (given.dict()) {
      entries = given.dict()->entries;
      continue;
    }
    for (const Value& item : elements(run, given)) {
      auto pair = elements(run, item);
      if (pair.size() != 2) fail("a dict is made of pairs, found ", pair.size(), " elements");
      entries.emplace_back(std::move(pair[0]), std::move(pair[1]));
    }
  }
  for (auto& [name, value] : arguments.named) entries.emplace_back(run.text(name), std::move(value));
  return entries;
}

Value make_dict(Run& run, Arguments arguments) { return run.dict(entries_of(run, std::move(arguments))); }

Value make_namespace(Run& run, Arguments arguments) {
  auto* out = run.make<Namespace>();
  for (auto& [name, value] : entries_of(run, std::move(arguments))) {
    if (!name.text()) fail("a namespace's names are strings");
    out->set(name.text()->bytes, std::move(value));
  }
  return out;
}

/// joiner(", "): nothing when it is called first, then the separator.
class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string type_name() const override { return "Joiner"; }
  bool is_callable() const override { return true; }
  Value call(Run& run, Arguments) override { return std::exchange(used_, true) ? separator_ : run.text(""); }

 private:
  Value separator_;
  bool used_ = false;
};

Value make_joiner(Run& run, Arguments arguments) {
  const Bound a("joiner", std::move(arguments), {"sep"});
  return run.make<Joiner>(a.has(0) ? a.value(0) : run.text(", "));
}

/// cycler(a, b): its items in turn.
class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string type_name() const override { return "Cycler"; }
  std::optional<Value> attribute(Run& run, const std::string& name) override {
    if (name == "current") return items_[place_];
    if (name == "next")
      return Value(run.make<Function>([this](Run&, Arguments) {
        const size_t now = std::exchange(place_, (place_ + 1) % items_.size());
        return items_[now];
      }));
    if (name == "reset")
      return Value(run.make<Function>([this](Run&, Arguments) {
        place_ = 0;
        return Value(None());
      }));
    return std::nullopt;
  }

 private:
  std::vector<Value> items_;
  size_t place_ = 0;
};

Value make_cycler(Run& run, Arguments arguments) {
  if (arguments.positional.empty()) fail("at least one item has to be provided");
  return run.make<Cycler>(std::move(arguments.positional));
}

Value raise_exception(Run& run, Arguments arguments) {
  const Bound a("raise_exception", std::move(arguments), {"message"}, 1);
  throw RaisedByTemplate(str(run, a.value(0)));
}

Value strftime_now(Run& run, Arguments arguments) {
  const Bound a("strftime_now", std::move(arguments), {"format"}, 1);
  if (a.text(0).empty()) return a.value(0);
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char out[1024];
  const size_t size = a.text(0).size() < 200 ? std::strftime(out, sizeof out, a.text(0).c_str(), &local) : 0;
  if (size == 0) fail("strftime_now(): the format is too long");
  return run.text(to_valid_utf8({out, size}));
}

}  // namespace

std::vector<std::pair<std::string, Value>> global_functions(Run& run) {
  static constexpr std::pair<const char*, Value (*)(Run&, Arguments)> kFunctions[] = {
      {"range", range},
      {"dict", make_dict},
      {"namespace", make_namespace},
      {"joiner", make_joiner},
      {"cycler", make_cycler},
      {"raise_exception", raise_exception},
      {"strftime_now", strftime_now}};
  std::vector<std::pair<std::string, Value>> out;
  for (const auto& [name, function] : kFunctions) out.emplace_back(name, run.make<Function>(function));
  return out;
}

}  // namespace limpid::jinja
