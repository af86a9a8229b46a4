#include "limpid/methods/recipe/file.h"

#include "limpid/methods/method_options.h"
#include "limpid/methods/recipe/method.h"
#include "limpid/methods/registry.h"

namespace limpid::recipe {
namespace {

std::string tensor_prefix(size_t part) { return concat("part", part, "."); }

}  // namespace

std::vector<RecipePart> read_parts(const std::shared_ptr<const DetoxifierFile>& file) {
  const std::string place = concat("[recipe] ", file->path().string(), ": settings.parts");
  const auto list = file->info().settings.find("parts");
  LIMPID_CHECK(list != file->info().settings.end() && list->is_array() && !list->empty(), FormatError, place,
               " is missing, or no list of parts");
  std::vector<RecipePart> parts;
  for (size_t i = 0; i < list->size(); ++i) {
    const Json& entry = (*list)[i];
    const std::string part_place = concat(place, "[", i, "]");
    LIMPID_CHECK(entry.is_object(), FormatError, part_place, " is ", json_kind(entry), ", expected an object");
    const double strength = require<double>(entry, "strength", part_place);
    parts.push_back({file->part(entry, tensor_prefix(i), part_place), strength});
  }
  return parts;
}

std::shared_ptr<Detoxifier> RecipeMethod::load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions&) {
  std::vector<Detoxifier::Part> parts;
  for (const RecipePart& part : read_parts(file)) {
    LIMPID_CHECK(part.file->info().method != info.name, FormatError, "[recipe] ", file->path().string(),
                 ": a part is a recipe itself");
    parts.push_back({open_detoxifier_file(part.file, {file->path().string(), {}, {}}), float(part.strength)});
  }
  auto detoxifier = std::make_shared<Detoxifier>(info.name, float(file->info().default_strength), info.strength.range,
                                                 std::move(parts));
  if (const auto measured = read_measured(*file)) detoxifier->set_measured(*measured);
  return detoxifier;
}

std::optional<Range> read_measured(const DetoxifierFile& file) {
  const auto found = file.info().settings.find("measured");
  if (found == file.info().settings.end()) return std::nullopt;
  LIMPID_CHECK(found->is_array() && found->size() == 2 && (*found)[0].is_number() && (*found)[1].is_number() &&
                   (*found)[0].get<double>() <= (*found)[1].get<double>(),
               FormatError, "[recipe] ", file.path().string(), ": settings.measured is ", to_text(*found),
               ", expected two strengths, the least and the most that were measured");
  const auto strength = [&](size_t end) { return double((*found)[end].get<float>()); };  // strengths are float32
  return Range{strength(0), strength(1)};
}

void write_recipe(const fs::path& output, const Model& target, const std::vector<RecipePart>& parts,
                  const gate::FittedGate* gate, const Json& provenance, const std::optional<Range>& measured) {
  DetoxifierInfo info = new_detoxifier(RecipeMethod::info, target, std::nullopt, provenance);
  OutgoingTensors out;
  if (gate) gate::add_gate(*gate, info, out);
  std::vector<TensorView> tensors = out.views();
  Json list = Json::array();
  for (size_t i = 0; i < parts.size(); ++i) {
    const DetoxifierInfo& part = parts[i].file->info();
    parts[i].file->check_target(target);
    LIMPID_CHECK(part.needs.empty(), ConfigError, "[recipe] ", parts[i].file->path().string(),
                 ": needs another model; only detoxifiers that hold all they need go into one file");
    Json settings = part.settings;
    settings.erase("blocks");
    for (const auto& [key, value] : parts[i].options) {
      LIMPID_CHECK(settings.contains(key) && settings.at(key).is_string(), ConfigError, "[recipe] ",
                   parts[i].file->path().string(), ": ", key, "=", value, " cannot be kept in a file");
      settings[key] = value;
    }
    list.push_back({{"method", part.method}, {"settings", settings}, {"strength", parts[i].strength}});
    for (TensorView view : parts[i].file->tensors()->tensors()) {
      if (view.name.starts_with("gate.")) continue;
      view.name = tensor_prefix(i) + view.name;
      tensors.push_back(std::move(view));
    }
  }
  info.settings["parts"] = list;
  if (measured) info.settings["measured"] = {measured->least, measured->most};
  write_detoxifier(output, info, tensors);
}

}  // namespace limpid::recipe
