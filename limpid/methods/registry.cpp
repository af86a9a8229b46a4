#include "limpid/methods/registry.h"

#include <algorithm>

#include "limpid/methods/method_table.h"

namespace limpid {
namespace {

template <class... Method>
std::vector<FileMethod> methods_of(MethodList<Method...>) {
  return {FileMethod::of<Method>()...};
}

/// A kind of detoxifier that needs no detoxifier file.
struct Source {
  bool (*recognises)(const DetoxSpec& spec);
  std::shared_ptr<Detoxifier> (*open)(const DetoxSpec& spec);
};

template <class... Method>
void add_sources(std::vector<Source>& sources, MethodList<Method...>) {
  (sources.push_back(
       {Method::recognises, [](const DetoxSpec& spec) { return Method::load(MethodOptions(Method::info, spec)); }}),
   ...);
}

const std::vector<Source>& sources_without_file() {
  static const std::vector<Source> sources = [] {
    std::vector<Source> result;
    add_sources(result, Controls());
    add_sources(result, ForeignMethods());
    return result;
  }();
  return sources;
}

std::shared_ptr<Detoxifier> open_file(const DetoxSpec& spec, std::span<const FileMethod> methods) {
  auto file = DetoxifierFile::open(spec.file);
  const auto method = std::find_if(methods.begin(), methods.end(),
                                   [&](const FileMethod& known) { return file->info().method == known.info.name; });
  LIMPID_CHECK(method != methods.end(), ConfigError, "[detoxifier] ", spec.file, ": method \"", file->info().method,
               "\" is not known to this Limpid, which has ",
               join(methods, ", ", [](const FileMethod& known) { return known.info.name; }));
  return method->load(std::move(file), MethodOptions(method->info, spec));
}

}  // namespace

const std::vector<FileMethod>& file_methods() {
  static const std::vector<FileMethod> methods = methods_of(FileMethods());
  return methods;
}

std::shared_ptr<Detoxifier> open_detoxifier(const DetoxSpec& spec, std::span<const FileMethod> methods) {
  const auto& sources = sources_without_file();
  const auto source =
      std::find_if(sources.begin(), sources.end(), [&](const Source& known) { return known.recognises(spec); });
  auto detoxifier = source != sources.end() ? source->open(spec) : open_file(spec, methods);
  detoxifier->limits().check(spec.strength.value_or(detoxifier->default_strength()),
                             concat("[detoxifier] ", spec.file, ": "));
  return detoxifier;
}

std::shared_ptr<Detoxifier> file_detoxifier(std::shared_ptr<const DetoxifierFile> file, const MethodInfo& method,
                                            const std::string& variant, Detoxifier::Open open) {
  const float strength = float(file->info().default_strength);
  return std::make_shared<Detoxifier>(variant.empty() ? method.name : concat(method.name, "/", variant), strength,
                                      method.strength.range,
                                      [file = std::move(file), open = std::move(open)](const Model& target) {
                                        file->check_target(target);
                                        return open(target);
                                      });
}

}  // namespace limpid
