#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

/// Errors of the library. A message is one line that says where, what was found, what was expected and what now:
///   [safetensors] model-2.safetensors: header ends at byte 812344, file at 65536; truncated download?
/// The library throws and never prints or exits; programs show the message, the server maps the type to a status.
namespace limpid {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct FormatError : Error {
  using Error::Error;
};  ///< A file's content is wrong.
struct IoError : Error {
  using Error::Error;
};  ///< A file cannot be read or written.
struct ConfigError : Error {
  using Error::Error;
};  ///< A setting, flag or combination is wrong.
struct ShapeError : Error {
  using Error::Error;
};  ///< A tensor does not have the expected shape or type.
struct MismatchError : Error {
  using Error::Error;
};  ///< Things made for different models are combined.
struct Interrupted : Error {
  using Error::Error;
};  ///< Whoever watches (core/watch.h) asked the work to stop.

/// Returns what an exception says, as one line: memory that could not be had as such, and of a message with several
/// lines the first (LibTorch's list stack frames in the others).
std::string reason_of(const std::exception& error);

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace limpid

/// Throws `Type` with the concatenated message unless the condition holds. For what a file, flag or request can
/// trigger.
#define LIMPID_CHECK(condition, Type, ...)       \
  do {                                           \
    if (!(condition)) [[unlikely]]               \
      throw Type(::limpid::concat(__VA_ARGS__)); \
  } while (false)
