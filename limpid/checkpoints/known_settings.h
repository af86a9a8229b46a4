#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/json.h"

/// Settings in files that a reader neither honours nor knows to change nothing. Such a setting is refused by name
/// unless it says that what it stands for is not used: passed over in silence, it would make other results than its
/// author meant.
namespace limpid {

/// Makes readers take settings of these names, wherever they stand, as absent, and warn about it (core/warnings.h). For
/// the whole process; to be called before files are opened. A key of GGUF metadata is named in full.
void ignore_settings(const std::vector<std::string>& names);
bool is_ignored_setting(std::string_view name);

/// Removes ignored settings from a document and from the objects in it. @param place  begins the warning
void remove_ignored_settings(Json& document, const std::string& place);

/// Returns whether a value says that something is not used: null, false, 0, "", "none", an empty list or object.
bool is_off(const Json& value);

/// Returns a setting's value for an error: on one line, cut after 60 bytes.
std::string shown(const Json& value);

/// @param place   begins the error
/// @param advice  says what to do about such a setting; may be empty
/// @throws ConfigError that names each setting of `object` which is neither known nor off, with its value.
void refuse_unknown_settings(const Json& object, const std::function<bool(const std::string& name)>& is_known,
                             const std::string& place, const std::string& advice = {});

}  // namespace limpid
