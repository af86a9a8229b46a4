#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/core/range.h"
#include "limpid/server/api_error.h"

/// Members of requests, read strictly: a wrong kind is 400 `invalid_type`, a value out of range `invalid_value`, what
/// is missing `missing_required_parameter`, each with the path of the member as `param`. Messages show numbers, never
/// text.
namespace limpid::server {

/// The integers that a member may have.
struct IntegerRange {
  int64_t least, most;
  std::string text() const;  ///< "1 to 128"
};

ApiError invalid_type(const std::string& path, const Json& found, const std::string& expected);
ApiError invalid_value(const std::string& path, const std::string& found, const std::string& expected);
ApiError missing_parameter(const std::string& path, const std::string& expected);

/// Returns what a message shows of a name from a request: in quotes where it can be one of ours (letters, digits and
/// ". _ - / :", 64 of them at most), else "another text".
std::string shown_name(const std::string& name);

/// Readers of one value; `path` is its place in the request. @throws ApiError
bool read_flag(const Json& value, const std::string& path);
int64_t read_integer(const Json& value, const std::string& path, const IntegerRange& range);  ///< takes 5 and 5.0
double read_number(const Json& value, const std::string& path, const Range& range);
const std::string& read_text(const Json& value, const std::string& path);

/// An object of a request. Members that are null count as absent.
class Fields {
 public:
  /// @param place  its path; empty for the body
  /// @throws ApiError `invalid_type` for what is no object
  explicit Fields(const Json& object, std::string place = "");

  /// Returns the member, null where it is absent; it is known from now on. So do those below.
  const Json* find(const char* name);
  const Json& require(const char* name, const std::string& expected);
  std::optional<bool> flag(const char* name);
  std::optional<int64_t> integer(const char* name, const IntegerRange& range);
  std::optional<double> number(const char* name, const Range& range);
  const std::string* text(const char* name);
  const Json* list(const char* name);

  /// Makes members known that have no effect.
  void pass_over(std::initializer_list<const char*> names);
  /// Refuses members that would have to change the answer, unless they are null or empty.
  /// @throws ApiError `unsupported_parameter`
  void refuse(std::initializer_list<const char*> names);

  std::string path_of(const std::string& name) const;  ///< "guard.threshold"
  /// Appends the paths of members that nobody asked for and that are not null.
  void append_unknown(std::vector<std::string>& paths) const;

 private:
  const Json& object_;
  std::string place_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace limpid::server
