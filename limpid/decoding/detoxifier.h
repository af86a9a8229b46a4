#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/decoding/session.h"

namespace limpid {

/// A loaded detoxifier file, adapter, control vector or control, which opens sessions on models.
class Detoxifier {
 public:
  using Open = std::function<std::unique_ptr<Session>(const Model& target)>;
  struct Part {
    std::shared_ptr<Detoxifier> detoxifier;
    float strength;
  };

  /// @param name       for tables: method, or method/variant
  /// @param strengths  those that a request may ask for besides 0
  Detoxifier(std::string name, float default_strength, Range strengths, Open open)
      : limits_{std::move(name), strengths},
        default_strength_(default_strength),
        open_(std::move(open)) {}

  /// Several behind one dial: at strength s each acts at s times its own.
  Detoxifier(std::string name, float default_strength, Range dial, std::vector<Part> parts)
      : limits_{std::move(name), dial},
        default_strength_(default_strength),
        parts_(std::move(parts)) {}

  /// Returns the detoxifiers that this one stands for; none: itself. Those are opened, not this one.
  const std::vector<Part>& parts() const { return parts_; }
  /// Opens a session on this model. @throws MismatchError when the detoxifier was made for another one.
  std::unique_ptr<Session> open(const Model& target) const {
    auto session = open_(target);
    session->limits = limits_;
    session->gate = gate_;
    return session;
  }
  const std::string& name() const { return limits_.name; }
  const StrengthLimits& limits() const { return limits_; }
  float default_strength() const { return default_strength_; }
  /// The strengths that were measured when its file was made; none: nobody knows.
  const std::optional<Range>& measured() const { return measured_; }
  void set_measured(const Range& strengths) { measured_ = strengths; }
  /// Lets it act on a row only while this gate stands open; null: always.
  void wear(std::shared_ptr<const Gate> gate) {
    for (const Part& part : parts_) part.detoxifier->wear(gate);
    gate_ = std::move(gate);
  }
  const std::shared_ptr<const Gate>& gate() const { return gate_; }

 private:
  StrengthLimits limits_;
  float default_strength_;
  Open open_;
  std::vector<Part> parts_;
  std::shared_ptr<const Gate> gate_;
  std::optional<Range> measured_;
};

}  // namespace limpid
