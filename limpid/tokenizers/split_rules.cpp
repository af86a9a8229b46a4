#include "limpid/tokenizers/split_rules.h"

#include <algorithm>

namespace limpid {

namespace {

constexpr std::string_view kEachNumber = R"(\p{N})";
constexpr std::string_view kThreeDigits = "[0-9][0-9][0-9]";
constexpr std::string_view kBloomSplit = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr std::string_view kDeepseekV3Words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Letters that have a case. Characters that editors would normalise away are written by number.
constexpr std::string_view kDeepseekLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\x{1F7D}ᾀ-ᾴᾶ-ᾼ\x{1FBE}ῂ-ῄῆ-ῌῐ-\x{1FD3}ῖ-\x{1FDB}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view kJais2Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
    R"(\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})";
constexpr std::string_view kQwen35Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekkenSplit =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kYoutuSplit =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kKimiSplit =
    R"([\p{Han}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kBailingSplit =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoderSplit =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kExaoneMoeSplit =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kAsianRuns =
    R"([一-鿿㐀-䶿\x{F900}-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+)";

/// The rules that a few names share: each expression isolates its matches in what those before it left.
struct Row {
  std::string_view names;  // with a space between two
  std::string_view expressions[6];
  bool ignore_merges = false, adds_bos = false;
};
constexpr Row kRows[] = {
    {"gpt-2 phi-2 mpt olmo jais trillion granite-docling jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code "
     "roberta-bpe gigachat a.x-4.0 mellum modern-bert exaone4",
     {kGpt2Split}},
    {"smollm starcoder refact codeshell command-r exaone minerva-7b", {kEachNumber, kGpt2Split}},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", {kLlama3Split}, true, true},
    {"dbrx smaug-bpe chatglm-bpe glm4", {kLlama3Split}},
    {"qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 hunyuan solar-open megrez grok-2", {kQwen2Split}},
    {"laguna", {R"([^\n]+|[\n]+)", kQwen2Split}},
    {"qwen35", {kQwen35Split}},
    {"gpt-4o llama4 kanana2 minimax-m2 talkie", {kO200kSplit}},
    {"tekken", {kTekkenSplit}, true, true},
    {"jais-2", {kJais2Split}},
    {"bloom poro-chat gpt3-finnish", {kBloomSplit}},
    {"viking", {kBloomSplit, kEachNumber}},
    {"deepseek-llm",
     {R"([\r\n])", kDeepseekLetters, R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)", R"(\s+$)", R"([一-龥ࠀ-一가-퟿]+)",
      R"(\p{N}+)"}},
    {"deepseek-coder", {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", R"([一-龥ࠀ-一가-퟿]+)", kEachNumber}},
    {"deepseek-v3 hunyuan-dense joyai-llm", {R"(\p{N}{1,3})", R"([一-龥぀-ゟ゠-ヿ]+)", kDeepseekV3Words}},
    {"youtu",
     {R"([가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+)",
      kYoutuSplit},
     true},
    {"chameleon",
     {R"(<sentinel:[0-9]+>)", R"((IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z)", R"(([\t\n]|    |  ))", kEachNumber,
      R"([\p{P}!-/:-@\[-`{-~])", kGpt2Split},
     false,
     true},
    {"tiny_aya cohere2moe", {R"(\d{1,3}(?=(?:\d{3})*\b))", kO200kSplit}},
    {"kimi-k2", {kKimiSplit}},
    {"superbpe", {R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}},
    {"bailingmoe bailingmoe2 llada-moe", {kBailingSplit}},
    {"seed-coder", {kSeedCoderSplit}},
    {"afmoe", {R"(\p{N}{1,3}(?=(?:\p{N}{3})*+(?!\p{N})))", kAsianRuns, kDeepseekV3Words}},
    {"exaone-moe", {kExaoneMoeSplit}},
    {"default", {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Split, R"(\p{N}+)", kThreeDigits}},
};

bool has_name(std::string_view names, std::string_view name) {
  for (size_t end = 0; !names.empty(); names.remove_prefix(std::min(end + 1, names.size()))) {
    end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == name) return true;
  }
  return false;
}

Json bytes_stage(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json split_stage(std::string_view expression) {
  // The same, said in a way that text can be cut at (Note [Where a text can be cut]).
  if (expression == kEachNumber) return {{"type", "Digits"}, {"individual_digits", true}};
  return {{"type", "Split"},
          {"pattern", {{"Regex", std::string(expression)}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

Json sequence(Json stages) {
  if (stages.size() == 1) return stages[0];
  return {{"type", "Sequence"}, {"pretokenizers", std::move(stages)}};
}

Json pre_tokenizer_of(const Row& row) {
  Json stages = Json::array();
  size_t count = 0;
  while (count < std::size(row.expressions) && !row.expressions[count].empty()) ++count;
  const bool ends_as_gpt2 = row.expressions[count - 1] == kGpt2Split;
  for (size_t i = 0; i < count - ends_as_gpt2; ++i) stages.push_back(split_stage(row.expressions[i]));
  stages.push_back(bytes_stage(ends_as_gpt2));
  return sequence(std::move(stages));
}

/// Returns a pre-tokenizer with what may be left out filled in and what changes no token left out.
Json plainly(Json pre_tokenizer) {
  if (!pre_tokenizer.is_object()) return pre_tokenizer;
  if (pre_tokenizer.contains("pretokenizers") && pre_tokenizer["pretokenizers"].is_array())
    for (Json& part : pre_tokenizer["pretokenizers"]) part = plainly(part);
  if (pre_tokenizer.value("type", Json()) == "ByteLevel") {
    pre_tokenizer.erase("trim_offsets");
    if (!pre_tokenizer.contains("use_regex")) pre_tokenizer["use_regex"] = true;
  }
  return pre_tokenizer;
}

// Digits are looked for among the letters of the byte alphabet, as in Falcon's tokenizer.json.
Json falcon_pre_tokenizer() {
  const Json punctuation = {{"type", "Punctuation"}, {"behavior", "Contiguous"}};
  const Json digits = {{"type", "Digits"}, {"individual_digits", false}};
  return sequence(Json::array({punctuation, bytes_stage(true), digits, split_stage(kThreeDigits)}));
}

}  // namespace

Json gpt2_pre_tokenizer() { return bytes_stage(true); }

Json split_then_bytes(std::string_view expression) {
  return sequence(Json::array({split_stage(expression), bytes_stage(false)}));
}

std::optional<SplitRules> split_rules(std::string_view name) {
  if (name == "falcon") return SplitRules{falcon_pre_tokenizer()};
  for (const Row& row : kRows)
    if (has_name(row.names, name)) return SplitRules{pre_tokenizer_of(row), row.ignore_merges, row.adds_bos};
  return std::nullopt;
}

Json split_rules_normalizer(std::string_view name) { return name == "qwen2" ? Json{{"type", "NFC"}} : Json(); }

std::optional<std::string> split_rules_name(const Json& pre_tokenizer, const Json& normalizer, bool ignore_merges) {
  for (const char* name : {"gpt-2", "smollm", "llama-bpe", "smaug-bpe", "qwen2"}) {
    const auto rules = split_rules(name);
    if (plainly(rules->pre_tokenizer) == plainly(pre_tokenizer) && rules->ignore_merges == ignore_merges &&
        split_rules_normalizer(name) == normalizer)
      return name;
  }
  return std::nullopt;
}

}  // namespace limpid
