#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "limpid/checkpoints/inspect.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"
#include "limpid/core/number_text.h"

namespace limpid {
namespace {

constexpr size_t kMaxTensorLines = 200, kMaxValue = 120;

std::string human_bytes(uint64_t bytes) {
  if (bytes < 10'000) return thousands(bytes) + " bytes";
  const auto in_units = [size = double(bytes)](double unit, const char* name) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %s", size / unit, name);
    return std::string(text);
  };
  if (bytes < 1'000'000) return in_units(1e3, "kB");
  if (bytes < 1'000'000'000) return in_units(1e6, "MB");
  return in_units(1e9, "GB");
}

std::string human_number(double value) {
  return value >= 0 && value < 1e15 && value == std::floor(value) ? thousands(uint64_t(value)) : concat(value);
}

std::string count_of(uint64_t number, const char* thing) {
  return concat(thousands(number), " ", thing, number == 1 ? "" : "s");
}

/// Returns a value for a person: strings without quotes, everything on one line; long lists and objects are cut.
std::string plain(const Json& value) {
  if (value.is_string()) return printable(value.get<std::string>());
  std::string text = printable(to_text(value));
  if (text.size() <= kMaxValue) return text;
  size_t end = kMaxValue;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return concat(text.substr(0, end), " … (", thousands(text.size()), " characters; --json shows all)");
}

std::string text_at(const Json& object, const char* key) {
  const auto value = object.find(key);
  return value == object.end() || value->is_null() ? "" : plain(*value);
}

uint64_t number_at(const Json& object, const char* key) {
  const auto value = object.find(key);
  if (value == object.end() || !value->is_number_integer()) return 0;
  return uint64_t(std::max<int64_t>(0, value->get<int64_t>()));
}

/// Appends the line "  name              value".
void line(std::string& out, const std::string& name, const std::string& value) {
  if (value.empty()) return;
  out += concat("  ", name, std::string(name.size() < 16 ? 16 - name.size() : 1, ' '), value, "\n");
}

// ---- tensors ----

/// Tensors that differ only in one number of their name, usually the layer, as one row.
struct Row {
  std::string before, after, dtype, shape;
  int64_t first = -1, last = -1;
  uint64_t tensors = 0;
};

std::vector<Row> group(const Json& tensors) {
  std::vector<Row> rows;
  std::map<std::string, size_t> places;
  for (const Json& tensor : tensors) {
    const std::string name = tensor["name"].get<std::string>();
    Row row{name, "", tensor["dtype"].get<std::string>(), to_text(tensor["shape"])};
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      const size_t end = std::min(name.find_first_not_of("0123456789", dot + 1), name.size());
      if (end == dot + 1 || end - dot > 9 || (end < name.size() && name[end] != '.')) continue;
      row.first = row.last = std::stoll(name.substr(dot + 1, end - dot - 1));
      row.before = name.substr(0, dot + 1);
      row.after = name.substr(end);
      break;
    }
    const std::string key = concat(row.before, '\0', row.first >= 0, '\0', row.after, '\0', row.dtype, row.shape);
    const auto [place, fresh] = places.emplace(key, rows.size());
    if (fresh) rows.push_back(row);
    Row& merged = rows[place->second];
    merged.first = std::min(merged.first, row.first);
    merged.last = std::max(merged.last, row.last);
    ++merged.tensors;
  }
  return rows;
}

void write_tensors(const Json& in, std::string& out) {
  const Json& tensors = in["tensors"];
  std::string types;
  for (const auto& [type, sum] : in["types"].items())
    types += concat(types.empty() ? "" : ", ", type, " in ", count_of(number_at(sum, "tensors"), "tensor"), " (",
                    human_bytes(number_at(sum, "bytes")), ")");
  line(out, "parameters", thousands(number_at(in, "parameters")));
  line(out, "types", types);
  if (tensors.empty()) return;
  out += concat("  ", count_of(tensors.size(), "tensor"), ":\n");
  const auto rows = group(tensors);
  size_t width = 0;
  std::vector<std::string> names;
  for (const Row& row : rows) {
    std::string name = printable(row.before);
    if (row.first >= 0)
      name += row.first == row.last ? std::to_string(row.first) : concat("{", row.first, "..", row.last, "}");
    name += printable(row.after);
    width = std::min<size_t>(std::max(width, name.size()), 72);
    names.push_back(std::move(name));
  }
  for (size_t i = 0; i < rows.size() && i < kMaxTensorLines; ++i) {
    const std::string pad(names[i].size() < width ? width - names[i].size() : 0, ' ');
    const uint64_t span = uint64_t(rows[i].last - rows[i].first + 1);
    std::string times = rows[i].tensors > 1 ? concat("  x ", rows[i].tensors) : "";
    if (rows[i].tensors > 1 && rows[i].tensors < span) times += concat(" of ", span);
    out +=
        concat("    ", names[i], pad, "  ", rows[i].dtype,
               std::string(rows[i].dtype.size() < 7 ? 7 - rows[i].dtype.size() : 1, ' '), rows[i].shape, times, "\n");
  }
  if (rows.size() > kMaxTensorLines)
    out += concat("    and ", count_of(rows.size() - kMaxTensorLines, "more line"), "; --json lists every tensor\n");
}

// ---- models ----

void write_config(const Json& in, std::string& out) {
  const auto member = in.find("config");
  if (member == in.end()) return;
  const Json& config = *member;
  line(out, "problem", text_at(config, "problem"));
  line(out, "architecture", text_at(config, "architecture"));
  const auto number = [&](const char* key) { return thousands(number_at(config, key)); };
  std::string sizes;
  const auto add = [&](const char* key, const std::string& text) {
    if (config.contains(key)) sizes += (sizes.empty() ? "" : ", ") + text;
  };
  add("layers", number("layers") + " layers");
  add("hidden_size", "width " + number("hidden_size"));
  add("heads", concat(number("heads"), " query and ", number("kv_heads"), " key heads of ", number("head_dim")));
  add("intermediate_size", "MLP " + number("intermediate_size"));
  line(out, "sizes", sizes);
  if (config.contains("experts"))
    line(out, "experts",
         concat(number("experts"), " of width ", number("expert_size"), ", ", number("experts_per_token"),
                " for each token"));
  if (config.contains("vocab_size"))
    line(out, "vocabulary",
         number("vocab_size") + (config.value("tied_embeddings", false) ? ", output tied to the embedding" : ""));
  if (config.contains("max_positions"))
    line(out, "positions",
         number("max_positions") +
             (config.contains("sliding_window") ? ", sliding window " + number("sliding_window") : ""));
  if (config.contains("rope_theta")) {
    std::string text = "base " + human_number(config["rope_theta"].get<double>());
    if (config.contains("rope_local_theta"))
      text += ", in sliding layers " + human_number(config["rope_local_theta"].get<double>());
    line(out, "rotary", concat(text, ", scaling ", text_at(config, "rope_scaling")));
  }
  line(out, "end tokens", text_at(config, "eos_ids"));
  line(out, "labels", text_at(config, "labels"));
  line(out, "problem type", text_at(config, "problem_type"));
}

void write_tokenizer(const Json& in, std::string& out) {
  const auto tokenizer = in.find("tokenizer");
  if (tokenizer == in.end()) return;
  std::string text = text_at(*tokenizer, "kind");
  if (tokenizer->contains("pre")) text += " (" + text_at(*tokenizer, "pre") + ")";
  if (tokenizer->contains("size")) text += ", " + thousands(number_at(*tokenizer, "size")) + " tokens";
  if (tokenizer->contains("chat_template") && (*tokenizer)["chat_template"] == true) text += ", with a chat template";
  line(out, "tokenizer", text);
}

// ---- detoxifiers ----

void write_object(std::string& out, std::string name, const Json& object) {
  if (!object.is_object()) return line(out, name, plain(object));
  for (const auto& [key, value] : object.items()) {
    line(out, name, printable(key) + ": " + plain(value));
    name.clear();
  }
}

void write_detoxifier(const Json& in, std::string& out) {
  const Json& d = in["detoxifier"];
  const auto format = d.find("format");
  if (format == d.end() || *format != 1)
    line(out, "format",
         concat(format == d.end() ? "not stated" : plain(*format), "; this version of Limpid knows format 1"));
  line(out, "method", text_at(d, "method"));
  if (const auto target = d.find("target"); target != d.end() && target->is_object()) {
    line(out, "made for",
         concat(text_at(*target, "architecture"), ", ", thousands(number_at(*target, "layers")), " layers, width ",
                thousands(number_at(*target, "hidden_size"))));
    line(out, "",
         concat("vocabulary of ", thousands(number_at(*target, "vocab_size")), ", SHA-256 ",
                text_at(*target, "vocab_sha256")));
    line(out, "", "any other model is refused");
  }
  line(out, "strength", concat(text_at(d, "default_strength"), " by default; 0 is off"));
  line(out, "", text_at(d, "strength_meaning"));
  if (d.contains("settings")) write_object(out, "settings", d["settings"]);
  if (const auto needs = d.find("needs"); needs != d.end() && needs->is_array()) {
    std::string name = "needs";
    for (const Json& need : *needs) {
      if (!need.is_object()) continue;
      line(out, name, concat(text_at(need, "role"), ": ", text_at(need, "path"), " (", text_at(need, "state"), ")"));
      if (need.contains("sha256")) line(out, "", "SHA-256 " + text_at(need, "sha256"));
      name.clear();
    }
    if (needs->empty()) line(out, "needs", "no other model");
  }
  if (d.contains("provenance")) write_object(out, "provenance", d["provenance"]);
}

/// Writes key by key what a file of ours says: a scorer, a calibrator, what training left.
void write_ours(const Json& about, std::string& out) {
  for (const auto& [key, value] : about.items()) {
    if (value.is_object())
      write_object(out, printable(key), value);
    else
      line(out, printable(key), plain(value));
  }
}

// ---- texts ----

void write_keys(const Json& in, std::string& out) {
  if (in.contains("rows")) line(out, "rows", thousands(number_at(in, "rows")));
  for (const Json& key : in["keys"]) {
    std::string kinds;
    for (const Json& kind : key["kinds"]) kinds += (kinds.empty() ? "" : " or ") + kind.get<std::string>();
    const bool everywhere = !key.contains("rows") || key["rows"] == in["rows"];
    line(out, "key",
         concat(quote(key["name"].get<std::string>()), ": ", kinds,
                everywhere ? "" : concat(", in ", thousands(number_at(key, "rows")), " of the rows")));
  }
}

}  // namespace

std::string inspect(const fs::path& path) {
  const Json in = inspect_json(path);
  const std::string kind = in["kind"].get<std::string>();
  static const std::map<std::string, const char*> titles = {{"safetensors", "tensors in safetensors format"},
                                                            {"detoxifier", "a detoxifier"},
                                                            {"limpid", "a file of Limpid"},
                                                            {"gguf", "a model in GGUF format"},
                                                            {"control-vector", "a control vector in GGUF format"},
                                                            {"folder", "a model in a Hugging Face folder"},
                                                            {"adapter", "a PEFT adapter"},
                                                            {"jsonl", "rows of JSON"},
                                                            {"json", "JSON"}};
  std::string out = concat(printable(path.string()), ": ", titles.at(kind),
                           in.contains("bytes") ? ", " + human_bytes(number_at(in, "bytes")) : "", "\n");
  write_config(in, out);
  write_tokenizer(in, out);
  if (kind == "detoxifier") write_detoxifier(in, out);
  if (kind == "limpid") write_ours(in["limpid"], out);
  if (in.contains("training")) write_ours(in["training"], out);
  if (kind == "adapter")
    for (const char* key : {"peft_type", "base_model_name_or_path", "r", "lora_alpha", "target_modules"})
      line(out, key, text_at(in["adapter"], key));
  if (in.contains("metadata") && kind != "gguf")
    for (const auto& [key, value] : in["metadata"].items()) line(out, "metadata", printable(key) + ": " + plain(value));
  if (in.contains("tensors")) write_tensors(in, out);
  if (in.contains("keys")) write_keys(in, out);
  return out;
}

}  // namespace limpid
