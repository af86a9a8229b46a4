#include "limpid/methods/registry.h"

#include <algorithm>

#include "limpid/methods/gate/file.h"
#include "limpid/methods/method_table.h"
#include "limpid/methods/resolve_detoxifier.h"

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

/// Which gate a specification asks for, taken out of its options: gate=off, or gate=FILE, another file's. What is
/// neither is an option of the method.
struct GateChoice {
  bool off = false;
  std::optional<std::string> file;

  static GateChoice take(DetoxSpec& spec) {
    const auto option = spec.options.find("gate");
    if (option == spec.options.end()) return {};
    const std::string value = option->second;
    if (value != "off" && !value.ends_with(".safetensors")) return {};
    spec.options.erase(option);
    return value == "off" ? GateChoice{true, {}} : GateChoice{false, value};
  }
};

std::shared_ptr<const Gate> gate_of_file(const std::string& path) {
  const auto gate = gate::read_gate(*DetoxifierFile::open(resolve_detoxifier(path)));
  LIMPID_CHECK(gate, ConfigError, "[gate] ", path, ": holds no gate; limpid fit gate makes one");
  return gate;
}

}  // namespace

std::shared_ptr<Detoxifier> open_detoxifier_file(std::shared_ptr<const DetoxifierFile> file, const DetoxSpec& spec,
                                                 std::span<const FileMethod> methods) {
  const auto method = std::find_if(methods.begin(), methods.end(),
                                   [&](const FileMethod& known) { return file->info().method == known.info.name; });
  LIMPID_CHECK(method != methods.end(), ConfigError, "[detoxifier] ", spec.file, ": method \"", file->info().method,
               "\" is not known to this Limpid, which has ",
               join(methods, ", ", [](const FileMethod& known) { return known.info.name; }));
  const auto gate = gate::read_gate(*file);
  auto detoxifier = method->load(std::move(file), MethodOptions(method->info, spec));
  if (gate) detoxifier->wear(gate);
  return detoxifier;
}

const std::vector<FileMethod>& file_methods() {
  static const std::vector<FileMethod> methods = methods_of(FileMethods());
  return methods;
}

std::shared_ptr<Detoxifier> open_detoxifier(const DetoxSpec& given, std::span<const FileMethod> methods) {
  DetoxSpec spec = given;
  const GateChoice gate = GateChoice::take(spec);
  const auto& sources = sources_without_file();
  const auto source =
      std::find_if(sources.begin(), sources.end(), [&](const Source& known) { return known.recognises(spec); });
  auto detoxifier = source != sources.end()
                        ? source->open(spec)
                        : open_detoxifier_file(DetoxifierFile::open(resolve_detoxifier(spec.file)), spec, methods);
  if (gate.off) detoxifier->wear(nullptr);
  if (gate.file) detoxifier->wear(gate_of_file(*gate.file));
  detoxifier->limits().check(spec.strength.value_or(detoxifier->default_strength()),
                             concat("[detoxifier] ", spec.file, ": "));
  return detoxifier;
}

std::vector<fs::path> files_of(const DetoxSpec& given) {
  DetoxSpec spec = given;
  const GateChoice gate = GateChoice::take(spec);
  std::vector<fs::path> files;
  if (!spec.is_control()) files.push_back(resolve_detoxifier(spec.file));
  if (gate.file) files.push_back(resolve_detoxifier(*gate.file));
  return files;
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
