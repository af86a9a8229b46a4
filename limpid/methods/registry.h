#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "limpid/decoding/session.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"

/// From a specification to a detoxifier: the methods there are.
namespace limpid {

/// Makes the method's detoxifier; models are read when it is opened on a target.
/// @throws ConfigError for an option the method does not know.
using DetoxifierLoader = std::shared_ptr<Detoxifier> (*)(std::shared_ptr<const DetoxifierFile> file,
                                                         const DetoxSpec& spec);

/// The usual detoxifier: refuses a target that the file was not made for, then lets `open` make the session. Default
/// strength from the file.
/// @param name  for tables: method/variant
std::shared_ptr<Detoxifier> file_detoxifier(std::shared_ptr<const DetoxifierFile> file, std::string name,
                                            std::function<std::unique_ptr<Session>(const Model& target)> open);

/// The methods there are, by the name in the file. The one table that a new method is entered in.
const std::map<std::string, DetoxifierLoader>& detoxifier_methods();

/// @throws what DetoxifierFile::open does; ConfigError for a method that this Limpid does not have, naming those it
/// has.
std::shared_ptr<Detoxifier> open_detoxifier(const DetoxSpec& spec);

}  // namespace limpid
