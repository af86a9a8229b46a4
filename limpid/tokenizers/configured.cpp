#include <algorithm>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/warnings.h"
#include "limpid/tokenizers/tokenizer_files.h"

namespace limpid {
namespace {

/// Classes of transformers whose normaliser is made of do_lower_case, strip_accents and tokenize_chinese_chars.
constexpr std::string_view kBertClasses[] = {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer",
                                             "MPNetTokenizer"};
/// Classes whose pre-tokenizer is made of add_prefix_space.
constexpr std::string_view kByteLevelClasses[] = {"BartTokenizer",  "CodeGenTokenizer", "DebertaTokenizer",
                                                  "GPT2Tokenizer",  "GPTNeoXTokenizer", "LongformerTokenizer",
                                                  "Qwen2Tokenizer", "RobertaTokenizer"};
constexpr std::string_view kGenericClasses[] = {"PreTrainedTokenizer", "TokenizersBackend"};

template <class Names>
bool is_one_of(const std::string& name, const Names& names) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool same_flags(const AddedToken& a, const AddedToken& b) {
  return a.special == b.special && a.normalized == b.normalized && a.lstrip == b.lstrip && a.rstrip == b.rstrip &&
         a.single_word == b.single_word;
}

/// Returns the parts of a kind in a component of a tokenizer.json, which may be a Sequence of them.
std::vector<Json*> parts_of_kind(Json& tokenizer, const char* component, const char* list, const char* kind) {
  std::vector<Json*> found, open;
  if (tokenizer.contains(component)) open.push_back(&tokenizer[component]);
  while (!open.empty()) {
    Json* part = open.back();
    open.pop_back();
    if (!part->is_object()) continue;
    if (part->value("type", Json()) == kind) found.push_back(part);
    if (part->contains(list) && (*part)[list].is_array())
      for (Json& member : (*part)[list]) open.push_back(&member);
  }
  return found;
}

void warn_of_setting(const TokenizerConfig& config, const char* name, bool value) {
  warn(concat(config.place, ": \"", name, "\" in tokenizer_config.json is ", value ? "true" : "false",
              ", which the class ",
              config.tokenizer_class.empty() ? "of this tokenizer" : printable(config.tokenizer_class),
              " does not look at here: tokenizer.json counts, and says otherwise"));
}

/// One setting of tokenizer_config.json and its name in a part of a tokenizer.json.
struct Setting {
  const char *name, *in_part;
  std::optional<bool> value;
  Json class_default;  ///< what the class assumes where tokenizer_config.json is silent
  bool part_default;   ///< what the part assumes where tokenizer.json is silent
};

void lay_over(const Setting& setting, bool class_counts, bool class_is_named, const TokenizerConfig& config,
              const std::vector<Json*>& parts) {
  for (Json* part : parts) {
    if (class_counts && (setting.value || class_is_named)) {
      (*part)[setting.in_part] = setting.value ? Json(*setting.value) : setting.class_default;
      continue;
    }
    const Json here = part->value(setting.in_part, Json());
    const bool said = here.is_boolean() ? here.get<bool>() : setting.part_default;
    if (setting.value && *setting.value != said) warn_of_setting(config, setting.name, *setting.value);
  }
}

/// Warns where the space in front of a SentencePiece vocabulary's text is said to be another than tokenizer.json's.
void compare_dummy_prefix(Json& tokenizer, const TokenizerConfig& config) {
  if (!config.add_prefix_space) return;
  bool adds = !parts_of_kind(tokenizer, "normalizer", "normalizers", "Prepend").empty(), says = adds;
  for (const Json* part : parts_of_kind(tokenizer, "pre_tokenizer", "pretokenizers", "Metaspace")) {
    says = true;
    adds =
        part->value("prepend_scheme", Json("always")) != "never" && part->value("add_prefix_space", Json(true)) == true;
  }
  if (says && adds != *config.add_prefix_space) warn_of_setting(config, "add_prefix_space", *config.add_prefix_space);
}

}  // namespace

void add_configured_tokens(const TokenizerConfig& config, NamedTokens& tokens, std::vector<AddedToken>& added) {
  std::vector<std::string> fresh;
  const bool rebuilt = !config.tokenizer_class.empty() && !is_one_of(config.tokenizer_class, kGenericClasses);
  for (AddedToken token : config.tokens) {
    const auto warn_of = [&](const auto&... what) {
      warn(concat(config.place, ": token ", quote(token.content), what...));
    };
    const auto same = [&](const AddedToken& other) { return other.content == token.content; };
    const auto known = std::find_if(added.begin(), added.end(), same);
    const TokenId stated = token.id, there = tokens.id_of(token.content);
    token.id = known != added.end() ? known->id : there >= 0 ? there : TokenId(tokens.size() + fresh.size());
    if (stated >= 0 && stated != token.id)
      warn_of(" is said to be ", stated, ", but is ", token.id, " in the vocabulary, which counts");
    if (known == added.end()) {
      if (there < 0) fresh.push_back(token.content);
      added.push_back(token);
    } else if (stated >= 0 && !same_flags(token, *known)) {  // a mere name says nothing about flags
      if (rebuilt)
        *known = token;
      else
        warn_of(" has other flags than in tokenizer.json, which counts");
    }
  }
  for (const std::string& name : fresh) tokens.insert(name, int64_t(tokens.size()), tokens.size() + 1);
  if (!fresh.empty()) tokens.index();
}

void lay_configured_settings_over(Json& tokenizer, const TokenizerConfig& config) {
  const std::string& name = config.tokenizer_class;
  const auto counts = [&](const auto& classes) { return name.empty() || is_one_of(name, classes); };
  const std::vector<Json*> bert = parts_of_kind(tokenizer, "normalizer", "normalizers", "BertNormalizer");
  const bool lower = config.lower_case.value_or(true);
  for (const Setting& setting :
       {Setting{"do_lower_case", "lowercase", config.lower_case, true, true},
        Setting{"strip_accents", "strip_accents", config.strip_accents, nullptr, lower},
        Setting{"tokenize_chinese_chars", "handle_chinese_chars", config.space_ideographs, true, true}})
    lay_over(setting, counts(kBertClasses), !name.empty(), config, bert);
  const std::vector<Json*> byte_level = parts_of_kind(tokenizer, "pre_tokenizer", "pretokenizers", "ByteLevel");
  lay_over({"add_prefix_space", "add_prefix_space", config.add_prefix_space, false, true}, counts(kByteLevelClasses),
           !name.empty(), config, byte_level);
  compare_dummy_prefix(tokenizer, config);
}

}  // namespace limpid
