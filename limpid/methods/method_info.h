#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "limpid/core/names.h"
#include "limpid/core/range.h"

/// An entry of the table of methods (method_table.h): what a method says of itself. No LibTorch here, so that the
/// program's help and the documentation read it too.
namespace limpid {

class Detoxifier;
class DetoxifierFile;
class MethodOptions;
struct DetoxSpec;

/// One option of a specification, FILE?key=value.
struct OptionInfo {
  enum class Kind { Number, Integer, Choice, Layers };
  Kind kind = Kind::Number;
  const char* key = "";
  const char* help = "";  ///< what the value is or does, for the documentation
  Range range = {};       ///< of a number or integer
  Names choices = {};     ///< of a choice

  static constexpr OptionInfo number(const char* key, const Range& range, const char* help) {
    return {Kind::Number, key, help, range, {}};
  }
  static constexpr OptionInfo integer(const char* key, const Range& range, const char* help) {
    return {Kind::Integer, key, help, range, {}};
  }
  static constexpr OptionInfo choice(const char* key, Names choices, const char* help) {
    return {Kind::Choice, key, help, {}, choices};
  }
  static constexpr OptionInfo layers(const char* help) { return {Kind::Layers, "layers", help, {}, {}}; }

  /// Returns what stands for a value in help: "preserve|linear", "A-B", "N", "P".
  std::string values() const {
    switch (kind) {
      case Kind::Number: return "P";
      case Kind::Integer: return "N";
      case Kind::Layers: return "A-B";
      case Kind::Choice: break;
    }
    return join(choices, "|");
  }
};

/// Default, range and meaning of the method's strength.
struct StrengthInfo {
  std::optional<float> usual;  ///< the default of a new file; none where the fit finds it
  Range range;                 ///< the widest; what a file is opened as may allow less
  const char* meaning;
};

/// Name, options and strength of a method: a constant of its own struct.
struct MethodInfo {
  const char* name;  ///< in a detoxifier file; of what needs no such file, how it is called
  std::span<const OptionInfo> options;
  StrengthInfo strength;
};

/// Several methods. Each is a struct with a constant `info` and a function `load`, which only a program with LibTorch
/// links.
template <class... Method>
struct MethodList {
  static constexpr MethodInfo infos[] = {Method::info...};
};

}  // namespace limpid
