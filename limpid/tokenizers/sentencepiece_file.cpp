#include <algorithm>

#include "limpid/tokenizers/protobuf.h"
#include "limpid/tokenizers/sentencepiece_parts.h"
#include "limpid/tokenizers/tokenizer_files.h"

// SentencePiece's model files: a ModelProto of sentencepiece_model.proto, whose numbers of fields stand below.
namespace limpid {

namespace {

enum ModelType : int64_t { kUnigram = 1, kBpe = 2 };

struct SpecialIds {
  int64_t bos = 1, eos = 2, pad = -1;
};

/// What the message says besides the pieces.
struct FileSettings {
  int64_t model_type = kUnigram;
  SpecialIds special;
  std::string unknown_text = " \xe2\x81\x87 ";  // " ⁇ "
};

void read_piece(std::string_view message, SentencePieceParts& pieces) {
  std::string_view name;
  float score = 0;
  int64_t type = kNormalToken;
  for (ProtobufReader reader(message, pieces.place); reader.next();) {
    if (reader.field() == 1) name = reader.bytes();
    if (reader.field() == 2) score = reader.real();
    if (reader.field() == 3) type = reader.integer();
  }
  pieces.add(name, type);
  pieces.scores.push_back(score);
  if (type == kUnknownToken && !pieces.unknown) pieces.unknown = TokenId(pieces.types.size()) - 1;
}

void read_trainer(std::string_view message, const std::string& place, FileSettings& settings) {
  for (ProtobufReader reader(message, place); reader.next();) {
    switch (reader.field()) {
      case 3: settings.model_type = reader.integer(); break;
      case 24:
        LIMPID_CHECK(reader.integer() == 0, ConfigError, place, ": treat_whitespace_as_suffix is not supported");
        break;
      case 41: settings.special.bos = reader.integer(); break;
      case 42: settings.special.eos = reader.integer(); break;
      case 43: settings.special.pad = reader.integer(); break;
      case 44: settings.unknown_text = reader.bytes(); break;
      default: break;  // how it was trained
    }
  }
  LIMPID_CHECK(settings.model_type == kUnigram || settings.model_type == kBpe, ConfigError, place, ": model type ",
               settings.model_type, " is not supported; supported are unigram (1) and BPE (2)");
}

void read_normalizer_spec(std::string_view message, SentencePieceParts& pieces) {
  for (ProtobufReader reader(message, pieces.place); reader.next();) {
    switch (reader.field()) {
      case 2:
        if (!reader.bytes().empty())
          pieces.character_map = std::make_shared<const CharacterMap>(reader.bytes(), pieces.place);
        break;
      case 3: pieces.add_space_prefix = reader.integer() != 0; break;
      case 4: pieces.collapse_spaces = reader.integer() != 0; break;
      case 5:
        LIMPID_CHECK(reader.integer() != 0, ConfigError, pieces.place, ": escape_whitespaces = false is not supported");
        break;
      default: break;  // the name of the rules, and the table they were compiled from
    }
  }
}

void refuse_denormalizer(std::string_view message, const std::string& place) {
  for (ProtobufReader reader(message, place); reader.next();)
    LIMPID_CHECK(reader.field() != 2 || reader.bytes().empty(), ConfigError, place,
                 ": rules of denormalisation are not supported");
}

std::optional<TokenId> special_id(int64_t id, const SentencePieceParts& pieces) {
  if (id < 0 || size_t(id) >= pieces.types.size()) return std::nullopt;
  return TokenId(id);
}

/// Returns the names of the pieces, with U+2581 for spaces as other files write them.
NamedTokens names_of(const SentencePieceParts& pieces) {
  NamedTokens names(pieces.place);
  const size_t count = pieces.types.size();
  for (size_t id = 0; id < count; ++id) {
    const std::string text(pieces.tokens->text(TokenId(id)));
    names.insert(pieces.types[id] == kByteToken ? "" : replace_all(text, " ", kWordMark), int64_t(id), count);
  }
  names.index();
  return names;
}

/// Adds what the files beside the model say; a special token spelt out in a text is one only where they name it.
void add_config(const TokenizerConfig& config, SentencePieceParts& pieces, PipelineParts& parts) {
  NamedTokens tokens = names_of(pieces);
  std::vector<AddedToken> added;
  add_configured_tokens(config, tokens, added);
  pieces.add_named(std::move(added), config.split_special);
  if (const auto bos = tokens.find(config.bos)) parts.bos = bos;
  if (const auto eos = tokens.find(config.eos)) parts.eos = eos;
  if (const auto pad = tokens.find(config.pad)) parts.pad = pad;
  parts.chat_template = config.chat_template;
}

}  // namespace

std::shared_ptr<const Tokenizer> parse_sentencepiece_file(std::string_view bytes, const std::string& source,
                                                          const fs::path& folder) {
  SentencePieceParts pieces;
  pieces.place = "[tokenizer] " + (folder / source).string();
  pieces.collapse_spaces = true;  // where the file does not say
  FileSettings settings;
  for (ProtobufReader reader(bytes, pieces.place); reader.next();) {
    switch (reader.field()) {
      case 1: read_piece(reader.bytes(), pieces); break;
      case 2: read_trainer(reader.bytes(), pieces.place, settings); break;
      case 3: read_normalizer_spec(reader.bytes(), pieces); break;
      case 5: refuse_denormalizer(reader.bytes(), pieces.place); break;
      default: break;  // texts to test with
    }
  }
  LIMPID_CHECK(!pieces.types.empty(), FormatError, pieces.place, ": holds no pieces; is it a SentencePiece model?");
  pieces.unigram = settings.model_type == kUnigram;
  pieces.splits_unused = true;
  const TokenizerConfig config = read_tokenizer_config(folder);
  PipelineParts parts;
  parts.bos = special_id(settings.special.bos, pieces);
  parts.eos = special_id(settings.special.eos, pieces);
  parts.pad = special_id(settings.special.pad, pieces);
  add_config(config, pieces, parts);
  if (config.add_bos.value_or(true) && parts.bos) parts.prefix = {*parts.bos};
  const bool debertas = source == "spm.model";  // whose texts stand between [CLS] and [SEP], as the file calls the two
  if (config.add_eos.value_or(debertas) && parts.eos) parts.suffix = {*parts.eos};
  parts.unknown = pieces.unknown.value_or(-1);
  parts.unknown_text = settings.unknown_text;
  return make_sentencepiece(std::move(pieces), std::move(parts));
}

std::shared_ptr<const Tokenizer> read_sentencepiece_file(const fs::path& file) {
  return parse_sentencepiece_file(read_file(file), file.filename().string(), file.parent_path());
}

}  // namespace limpid
