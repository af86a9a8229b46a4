#pragma once

#include <functional>

#include "limpid/tokenizers/jinja/arguments.h"

namespace limpid::jinja {

class Run;

/// A value that can be called, or whose attributes change: functions, macros, namespaces, `loop`. A Run owns them all,
/// so that they may know one another in circles.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::string type_name() const = 0;
  virtual std::optional<Value> attribute(Run&, const std::string&) { return std::nullopt; }
  virtual bool is_callable() const { return false; }
  virtual Value call(Run&, Arguments) { fail("'", type_name(), "' object is not callable"); }
};

class Function : public Object {
 public:
  using Body = std::function<Value(Run&, Arguments)>;
  explicit Function(Body body) : body_(std::move(body)) {}
  std::string type_name() const override { return "function"; }
  bool is_callable() const override { return true; }
  Value call(Run& run, Arguments arguments) override { return body_(run, std::move(arguments)); }

 private:
  Body body_;
};

/// What namespace(…) makes: `{% set ns.x = … %}` writes to it.
class Namespace : public Object {
 public:
  std::string type_name() const override { return "Namespace"; }
  std::optional<Value> attribute(Run&, const std::string& name) override;
  /// @throws Fault for a name that begins with an underscore, which transformers refuses.
  void set(const std::string& name, Value value);

 private:
  std::vector<std::pair<std::string, Value>> values_;
};

}  // namespace limpid::jinja
