#include "limpid/metrics/plots/detoxifier_report.h"

#include <algorithm>

#include "limpid/checkpoints/inspect.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/number_text.h"
#include "limpid/metrics/plots/heat_map.h"
#include "limpid/metrics/plots/svg.h"
#include "limpid/metrics/table.h"

namespace limpid {
namespace {

using svg::escape;

constexpr const char* kAccuracy = "accuracy";
constexpr const char* kStyle =
    "body{font:15px/1.5 system-ui,Helvetica,Arial,sans-serif;color:#222;background:#fff;max-width:800px;margin:32px "
    "auto;padding:0 16px}"
    "h1{font-size:22px;margin-bottom:4px;overflow-wrap:anywhere}h2{font-size:17px;margin:28px 0 8px}"
    "table{border-collapse:collapse;width:100%}td{border-top:1px solid #e5e5e5;padding:5px 12px 5px "
    "0;vertical-align:top;overflow-wrap:anywhere}"
    "td:first-child{color:#666;white-space:nowrap;width:1%}svg{max-width:100%;height:auto}";

Json detoxifier_json(const fs::path& file) {
  Json json = inspect_json(file);
  LIMPID_CHECK(json.at("kind") == "detoxifier", FormatError, "[report] ", file.string(),
               ": is no detoxifier; limpid inspect explains it without --report");
  return json;
}

std::string row(const std::string& name, const std::string& value) {
  return value.empty() ? "" : concat("<tr><td>", escape(name), "</td><td>", escape(value), "</td></tr>\n");
}

/// Returns the text of a value, numbers with six digits: a strength went through a float.
std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return concat(value.get<double>());
  return value.is_null() ? "" : to_text(value);
}

/// Returns "ratio 0.98, strength 0.2": the plain values of one entry of a list, such as the curve that tuning left.
std::string entry_text(const Json& entry) {
  std::string text;
  for (const auto& [key, value] : entry.items())
    if (value.is_primitive()) text += concat(text.empty() ? "" : ", ", key, " ", text_of(value));
  return text;
}

/// Returns rows of a table: an object becomes a row for each inner value, "pairs count"; a list of objects a row for
/// each entry.
std::string rows(const Json& value, const std::string& name = "") {
  std::string out;
  if (value.is_array() && !value.empty() && value[0].is_object()) {
    for (const Json& entry : value) out += row(name, entry_text(entry));
    return out;
  }
  if (!value.is_object()) return row(name, text_of(value));
  for (const auto& [key, inner] : value.items()) out += rows(inner, name.empty() ? key : name + " " + key);
  return out;
}

std::string section(const std::string& title, const std::string& rows) {
  return rows.empty() ? "" : concat("<h2>", escape(title), "</h2>\n<table>\n", rows, "</table>\n");
}

std::string section_of(const Json& detoxifier, const char* key, const std::string& title) {
  return detoxifier.contains(key) ? section(title, rows(detoxifier.at(key))) : "";
}

const TensorView* accuracy_of(const SafetensorsFile& tensors) {
  const TensorView* view = tensors.find(kAccuracy);
  const bool matrix = view && view->shape.size() == 2 && view->shape[0] > 0 && view->shape[1] > 0;
  return matrix && (view->dtype == DType::F32 || view->dtype == DType::F16) ? view : nullptr;
}

std::string heat_map_of(const TensorView& accuracy) {
  const std::vector<float> values = to_floats(accuracy);
  HeatMap map;
  map.rows = size_t(accuracy.shape[0]), map.columns = size_t(accuracy.shape[1]);
  map.values.assign(values.begin(), values.end());
  const size_t best = size_t(std::max_element(values.begin(), values.end()) - values.begin());
  map.title = "Where toxic and neutral texts can be told apart";
  map.note =
      concat("accuracy of a cross-validated probe in each head; mean ", format_number(mean(map.values), 3), ", best ",
             format_number(map.values[best], 3), " (layer ", best / map.columns, ", head ", best % map.columns, ")");
  map.row_name = "layer", map.column_name = "head", map.value_name = "probe accuracy";
  map.low = 0.5, map.high = 1.0;
  map.low_note = "chance", map.high_note = "always right";
  return heat_map_svg(map);
}

}  // namespace

std::string probe_heat_map(const fs::path& file) {
  detoxifier_json(file);
  const auto tensors = SafetensorsFile::open(file);
  const TensorView* accuracy = accuracy_of(*tensors);
  LIMPID_CHECK(accuracy, FormatError, "[report] ", file.string(), ": holds no tensor \"", kAccuracy,
               "\" [layers, heads] to draw; an .html report needs none");
  return heat_map_of(*accuracy);
}

std::string detoxifier_report(const fs::path& file) {
  const Json json = detoxifier_json(file);
  const Json& about = json.at("detoxifier");
  const std::string name = file.filename().string();
  std::string tensors, needs;
  for (const Json& tensor : json.at("tensors"))
    tensors += row(text_of(tensor.at("name")), concat(text_of(tensor.at("dtype")), " ", to_text(tensor.at("shape"))));
  if (const auto list = about.find("needs"); list != about.end() && list->is_array())
    for (const Json& need : *list) needs += rows(need);

  std::string body = concat("<h1>", escape(name), "</h1>\n");
  std::string facts = row("method", text_of(about.value("method", Json())));
  facts += row("default strength", text_of(about.value("default_strength", Json())));
  facts += row("strength", text_of(about.value("strength_meaning", Json())));
  facts += row("size", thousands(json.at("bytes").get<uint64_t>()) + " bytes");
  body += section("What it is", facts);
  const auto file_tensors = SafetensorsFile::open(file);
  if (const TensorView* accuracy = accuracy_of(*file_tensors))
    body += concat("<h2>Probes</h2>\n", heat_map_of(*accuracy));
  body += section_of(about, "target", "Made for");
  body += section_of(about, "settings", "Settings");
  body += section("Other models it reads", needs);
  body += section_of(about, "provenance", "Provenance");
  body += section("Tensors", tensors);
  return concat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>",
      escape(name), "</title>\n<style>", kStyle, "</style></head><body>\n", body, "</body></html>\n");
}

void write_detoxifier_report(const fs::path& file, const fs::path& output) {
  const std::string kind = output.extension().string();
  LIMPID_CHECK(kind == ".html" || kind == ".svg", ConfigError, "[report] ", output.string(),
               ": expected a name that ends in .html or .svg");
  write_file(output, kind == ".html" ? detoxifier_report(file) : probe_heat_map(file));
}

}  // namespace limpid
