#pragma once

#include <map>
#include <optional>
#include <string>

namespace limpid {

/// FILE[?key=value&key=value][:STRENGTH], or a control that needs no file (other_methods.h): control:NAME[:STRENGTH].
struct DetoxSpec {
  std::string file;  ///< or the name of a control
  std::map<std::string, std::string> options;
  std::optional<float> strength;

  bool is_control() const { return file.starts_with("control:"); }
  /// @throws ConfigError for text that is none of that.
  static DetoxSpec parse(const std::string& text);
};

}  // namespace limpid
