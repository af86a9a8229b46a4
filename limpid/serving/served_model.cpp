#include "limpid/serving/served_model.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "limpid/checkpoints/model_store.h"
#include "limpid/core/resources.h"
#include "limpid/core/version.h"
#include "limpid/decoding/prompts.h"
#include "limpid/kernels/cpu.h"
#include "limpid/methods/detox_stack.h"
#include "limpid/methods/method_table.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/resolve_detoxifier.h"
#include "limpid/server/requests/prompt_ids.h"

namespace limpid::serving {
namespace {

constexpr size_t kLongestName = 64;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; });
}

/// Returns what a specification names, without folder and ending.
std::string own_name(const std::string& spec) {
  const std::string file = DetoxSpec::parse(spec).file;
  if (constexpr std::string_view kControl = "control:"; file.starts_with(kControl)) return file.substr(kControl.size());
  fs::path path(file);
  if (!path.has_filename()) path = path.parent_path();  // a folder with a slash behind it
  std::string name = path.filename().string();
  for (const std::string_view ending : {std::string_view(kDetoxifierEnding), std::string_view(".gguf")})
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  return name;
}

const char* meaning_of(const std::string& method) {
  const std::string name = method.substr(0, method.find('/'));
  for (const std::span<const MethodInfo> methods :
       {std::span<const MethodInfo>(FileMethods::infos), std::span<const MethodInfo>(ForeignMethods::infos),
        std::span<const MethodInfo>(Controls::infos)})
    for (const MethodInfo& info : methods)
      if (name == info.name) return info.strength.meaning;
  return "";
}

/// Returns the strengths that requests may ask for: those of the method, or so many as a slider can show.
Range served_range(const Detoxifier& detoxifier) {
  struct Widest {
    const char* method;
    double least, most;
  };
  constexpr Widest kWidest[] = {{"control:temperature", 0, 0.99},
                                {"control:", 0, 1},
                                {"fusion", 0, 10},
                                {"profs", 0, 1},
                                {"destein", 0, 10},
                                {"toxification-reversal", 0, 10},
                                {"dexperts", 0, 10},
                                {"sasa", 0, 1000},
                                {"self-debiasing", 0, 1000},
                                {"gedi", 0, 1000},
                                {"model-surgery", -10, 10},
                                {"adapter", -10, 10},
                                {"control-vector", -100, 100}};
  Range range = detoxifier.limits().range;
  for (const Widest& widest : kWidest) {
    if (!detoxifier.name().starts_with(widest.method)) continue;
    if (widest.least > range.least) range.least = widest.least, range.without_least = false;
    if (widest.most < range.most) range.most = widest.most, range.without_most = false;
    return range;
  }
  range.least = std::max(range.least, -100.0);
  range.most = std::min(range.most, 100.0);
  return range;
}

/// Returns the hash of a file, or of a folder's files in the order of their names.
std::string hash_of(const fs::path& path) {
  if (!fs::is_directory(path)) return sha256_file(path);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  std::string hashes;
  for (const fs::path& file : files) hashes += sha256_file(file);
  return sha256(hashes);
}

/// Returns the bytes of a model's files.
int64_t bytes_of(const fs::path& path) {
  if (!fs::is_directory(path)) return int64_t(fs::file_size(path));
  int64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.is_regular_file() && entry.path().extension() == ".safetensors") bytes += int64_t(entry.file_size());
  return bytes;
}

int64_t count_parameters(const fs::path& path) {
  const auto checkpoint = Checkpoint::open(path);
  int64_t count = 0;
  for (const TensorView& tensor : checkpoint->tensors()) count += tensor.elements();
  return count;
}

/// Returns a name for all that the bits of an answer depend on besides the request.
std::string fingerprint_of(const ServedModel& served) {
  std::string all = concat(version(), "\n", hash_of(served.model->path()), "\n",
                           kernels::kPrecisions[size_t(served.model->precision())], "\n",
                           kernels::name(kernels::active_isa()), "\n", name(served.model->kv_cache()), "\n");
  for (const ServedDetoxifier& detoxifier : served.detoxifiers)
    all += concat(detoxifier.facts.name, " ", detoxifier.facts.method, " ", detoxifier.facts.sha256, "\n");
  if (served.scorer) all += served.scorer->describe().dump();
  return "lp_" + sha256(all).substr(0, 8);
}

}  // namespace

DetoxifierArgument DetoxifierArgument::parse(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || text.find_first_of("/?") < equals) {
    const std::string name = own_name(text);
    LIMPID_CHECK(
        is_name(name), ConfigError, "--detox ", text, ": \"", name,
        "\" cannot be its name, expected 1 to 64 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\"; name it: NAME=", text);
    return {name, text};
  }
  const std::string name = text.substr(0, equals);
  LIMPID_CHECK(is_name(name), ConfigError, "--detox ", text, ": the name is \"", name,
               "\", expected 1 to 64 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\"");
  return {name, text.substr(equals + 1)};
}

std::vector<ServedDetoxifier> open_served(const std::vector<std::string>& arguments, Watch& watch) {
  std::vector<ServedDetoxifier> served;
  for (const std::string& text : arguments) {
    const DetoxifierArgument argument = DetoxifierArgument::parse(text);
    const DetoxSpec spec = DetoxSpec::parse(argument.spec);
    const bool is_known =
        std::ranges::any_of(served, [&](const ServedDetoxifier& other) { return other.facts.name == argument.name; });
    LIMPID_CHECK(!is_known, ConfigError, "--detox ", text, ": the name \"", argument.name,
                 "\" is taken by another one; name it: NAME=SPEC");
    const std::shared_ptr<const Detoxifier> detoxifier = open_detoxifier(spec);
    server::DetoxifierFacts facts;
    facts.name = argument.name;
    facts.method = detoxifier->name();
    facts.meaning = meaning_of(detoxifier->name());
    facts.start = spec.strength.value_or(detoxifier->default_strength());
    facts.range = served_range(*detoxifier);
    StrengthLimits{detoxifier->name(), facts.range}.check(facts.start, concat("--detox ", text, ": "));
    warn_if_unmeasured(*detoxifier, facts.start, argument.name, watch);
    if (!spec.is_control()) {
      const fs::path path = resolve_detoxifier(spec.file);
      facts.file = (path.has_filename() ? path : path.parent_path()).filename().string();
      facts.sha256 = hash_of(path);
    }
    served.push_back({std::move(facts), detoxifier});
  }
  return served;
}

server::ServerFacts facts_of(const ServedModel& served, const ServedNames& names, std::optional<int64_t> context) {
  const Model& model = *served.model;
  const ModelConfig& config = model.config();
  server::ServerFacts facts;
  facts.names = names.aliases;
  const bool is_path = names.model.find('/') != std::string::npos || fs::exists(names.model);
  facts.names.push_back(is_path ? own_name(names.model + ":0") : names.model);
  facts.created =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  facts.fingerprint = fingerprint_of(served);
  facts.vocabulary = config.vocab_size;
  facts.trained_context = config.max_positions;
  const int64_t most = config.max_positions > 0 ? config.max_positions : std::numeric_limits<int32_t>::max();
  facts.context = std::min(context.value_or(most), most);
  facts.width = config.hidden_size;
  facts.parameters = count_parameters(model.path());
  facts.file_bytes = bytes_of(model.path());
  facts.has_chat_template = !tokenizer_of(model).chat_template().empty();
  facts.end_tokens = end_tokens(model);
  facts.longest_token = server::longest_token(tokenizer_of(model));
  try {
    facts.text_beginning = prompt_ids(tokenizer_of(model), "").front();
  } catch (const ConfigError&) {  // there is none: such prompts are refused
  }
  for (const ServedDetoxifier& detoxifier : served.detoxifiers) facts.detoxifiers.push_back(detoxifier.facts);
  facts.guard.available = served.scorer != nullptr;
  if (served.scorer) facts.guard.threshold = served.scorer->threshold();
  return facts;
}

}  // namespace limpid::serving
