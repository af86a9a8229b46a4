#include <algorithm>
#include <set>

#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/tokenizer_files.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

void NamedTokens::insert(const std::string& name, int64_t id, size_t entries) {
  // Published vocabularies have small gaps; an id far beyond the number of entries would only take memory.
  const int64_t limit = int64_t(entries) * 2 + 100'000;
  LIMPID_CHECK(id >= 0 && id < limit, FormatError, place_, ": token ", quote(name), " has id ", id, ", expected 0 to ",
               limit - 1, " in a vocabulary of ", entries);
  if (size_t(id) >= names_.size()) names_.resize(size_t(id) + 1);
  std::string& place = names_[size_t(id)];
  LIMPID_CHECK(place.empty() || place == name, FormatError, place_, ": id ", id, " stands for ", quote(place),
               " and for ", quote(name));
  place = name;
}

void NamedTokens::index() {
  index_ = StringIndex();
  index_.reserve(names_.size());
  for (size_t id = 0; id < names_.size(); ++id)
    if (!names_[id].empty()) index_.insert(names_[id], TokenId(id));
}

TokenId NamedTokens::id_of(std::string_view name) const { return index_.find(name); }

std::optional<TokenId> NamedTokens::find(const std::string& name) const {
  const TokenId id = name.empty() ? -1 : id_of(name);
  return id < 0 ? std::nullopt : std::optional(id);
}

TokenId NamedTokens::require(std::string_view name, const std::string& what) const {
  const TokenId id = id_of(name);
  LIMPID_CHECK(id >= 0, FormatError, place_, ": ", what, " ", quote(name), " is not in the vocabulary");
  return id;
}

std::pair<std::string_view, std::string_view> split_merge(std::string_view text, const Where& place) {
  const size_t spaces = size_t(std::count(text.begin(), text.end(), ' '));
  const size_t space = text.find(' ');
  LIMPID_CHECK(spaces == 1 && space > 0 && space + 1 < text.size(), FormatError, place(), ": ", quote(text), " has ",
               spaces == 1 ? 1 : spaces + 1, spaces == 0 || spaces == 1 ? " field" : " fields", ", expected 2");
  return {text.substr(0, space), text.substr(space + 1)};
}

std::pair<std::string_view, std::string_view> read_merge(const Json& merge, const Where& place) {
  if (merge.is_string()) return split_merge(merge.get_ref<const std::string&>(), place);
  LIMPID_CHECK(merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string(), FormatError,
               place(), ": found ", json_kind(merge), merge.is_array() ? concat(" of ", merge.size()) : "",
               ", expected \"left right\" or [\"left\", \"right\"]");
  return {merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
}

BpeModel::Rule merge_rule(const StringIndex& names, std::string_view left, std::string_view right, const Where& place,
                          size_t prefix) {
  const auto id = [&](std::string_view name) {
    const TokenId token = names.find(name);
    LIMPID_CHECK(token >= 0, FormatError, place(), ": ", quote(name), " is not in the vocabulary");
    return token;
  };
  std::string whole(left);
  whole += right.substr(std::min(prefix, right.size()));
  return {id(left), id(right), id(whole)};
}

std::vector<std::string> byte_level_bytes(const NamedTokens& tokens, const std::vector<AddedToken>& added) {
  std::vector<std::string> out(tokens.size());
  for (size_t id = 0; id < out.size(); ++id)
    if (!from_byte_letters(tokens.names()[id], out[id]))
      out[id].clear();  // no text spells it, unless it is an added token
  return out;
}

std::shared_ptr<const TokenTable> token_table(const std::vector<std::string>& texts,
                                              const std::vector<AddedToken>& added) {
  std::vector<const AddedToken*> by_id(texts.size(), nullptr);
  for (const AddedToken& token : added) {
    if (size_t(token.id) >= by_id.size()) by_id.resize(size_t(token.id) + 1, nullptr);
    by_id[size_t(token.id)] = &token;
  }
  auto table = std::make_shared<TokenTable>(by_id.size());
  for (size_t id = 0; id < by_id.size(); ++id) {
    if (by_id[id])
      table->append(by_id[id]->content, by_id[id]->special);
    else
      table->append(id < texts.size() ? std::string_view(texts[id]) : "", false);  // ids between added ones
  }
  return table;
}

void set_added_tokens(std::vector<AddedToken> added, bool split_special, PipelineParts& parts) {
  std::vector<AddedToken> raw, normalized;
  std::set<std::string> found;
  for (AddedToken& token : added) {
    if (token.special && split_special) continue;
    if (token.normalized) token.content = parts.normalizer.apply(token.content, {true, true});
    // The tokenizers library finds one of those that normalise alike, another from run to run.
    if (token.normalized && !found.insert(token.content).second) continue;
    (token.normalized ? normalized : raw).push_back(std::move(token));
  }
  parts.raw_added = AddedTokens(std::move(raw));
  parts.normalized_added = AddedTokens(std::move(normalized));
}

void add_gpt2_pretokenizer(PreTokenizer& pretokenizer, bool add_prefix_space) {
  if (add_prefix_space) pretokenizer.add_prefix_space();
  pretokenizer.add_split(gpt2_split());
  pretokenizer.add_byte_letters();
}

void add_bert_normalizer(Normalizer& normalizer, bool clean, bool space_ideographs, bool strip_accents,
                         bool lower_case) {
  if (clean) normalizer.add(Normalizer::Kind::kBertClean);
  if (space_ideographs) normalizer.add(Normalizer::Kind::kBertSpaceIdeographs);
  if (strip_accents) normalizer.add(Normalizer::Kind::kStripAccents);
  if (lower_case) normalizer.add(Normalizer::Kind::kLowercase);
}

void set_wordpiece_decoder(const std::vector<std::string>& names, const std::vector<AddedToken>& added,
                           PipelineParts& parts) {
  Decoder decoder;
  Decoder::Step step{Decoder::Kind::kWordPiece, "##"};
  step.clean_up = true;
  decoder.add(std::move(step));
  std::vector<std::string> texts = names;
  for (std::string& text : texts)
    if (!text.empty()) text = text.starts_with("##") ? text.substr(2) : " " + text;
  parts.tokens = token_table(texts, added);
  parts.names = token_table(names, added);
  parts.decoder = std::move(decoder);
  parts.dummy_prefix = true;
}

void add_bert_pretokenizer(PreTokenizer& pretokenizer) {
  using Stage = SplitStage;
  pretokenizer.add_split({Stage::Pattern::kWhiteSpace, Stage::Behavior::kRemoved});
  pretokenizer.add_split({Stage::Pattern::kPunctuation, Stage::Behavior::kIsolated});
}

}  // namespace limpid
