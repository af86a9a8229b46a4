#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "limpid/decoding/detoxifier.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/method_options.h"

/// From a specification to a detoxifier.
namespace limpid {

/// A method whose detoxifiers lie in files.
struct FileMethod {
  MethodInfo info;
  /// Makes the detoxifier; models are read when it is opened on a target.
  std::shared_ptr<Detoxifier> (*load)(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);

  template <class Method>
  static FileMethod of() {
    return {Method::info, Method::load};
  }
};

/// Returns the methods of the table (method_table.h).
const std::vector<FileMethod>& file_methods();

/// Opens what a specification names: a control, an adapter, a control vector, or a file of one of the methods.
/// @throws what DetoxifierFile::open and the method's loading do; ConfigError for a method that is not among those
/// given, for options, and for a strength, given or by default, that is out of range.
std::shared_ptr<Detoxifier> open_detoxifier(const DetoxSpec& spec,
                                            std::span<const FileMethod> methods = file_methods());

/// Returns the files and folders that a specification names: the detoxifier's, and that of a gate of another file.
std::vector<fs::path> files_of(const DetoxSpec& spec);

/// Opens the detoxifier of a file of ours, or of a part of one, with the gate that the file wears. The strength of
/// `spec` is not read.
std::shared_ptr<Detoxifier> open_detoxifier_file(std::shared_ptr<const DetoxifierFile> file, const DetoxSpec& spec,
                                                 std::span<const FileMethod> methods = file_methods());

/// Returns the usual detoxifier, with the file's default strength and the method's range: it refuses a target that the
/// file was not made for, then lets `open` make the session.
/// @param variant  what its name shows besides the method's; may be empty
std::shared_ptr<Detoxifier> file_detoxifier(std::shared_ptr<const DetoxifierFile> file, const MethodInfo& method,
                                            const std::string& variant, Detoxifier::Open open);

}  // namespace limpid
