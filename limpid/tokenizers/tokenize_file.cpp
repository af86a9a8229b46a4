#include "limpid/tokenizers/tokenize_file.h"

#include "limpid/core/json.h"
#include "limpid/tokenizers/chat.h"

namespace limpid {

namespace {

TokenIds read_ids(const Json& row, const Tokenizer& tokenizer, const std::string& place) {
  const auto list = row.find("ids");
  LIMPID_CHECK(list != row.end() && list->is_array(), FormatError, place, ": \"ids\" is ",
               list == row.end() ? "missing" : json_kind(*list), ", expected an array of integers");
  TokenIds ids;
  ids.reserve(list->size());
  for (const Json& value : *list) {
    LIMPID_CHECK(value.is_number_integer(), FormatError, place, ": an id is ", json_kind(value),
                 ", expected an integer");
    const int64_t id = value.get<int64_t>();
    LIMPID_CHECK(id >= 0 && size_t(id) < tokenizer.vocab_size(), FormatError, place, ": id ", id,
                 " is outside the vocabulary of ", tokenizer.vocab_size());
    ids.push_back(TokenId(id));
  }
  return ids;
}

/// Returns the text of a row's conversation.
/// @param row  as it stands in the file: templates see the order of keys, which Json does not keep
std::string rendered_row(const Tokenizer& tokenizer, const std::string& row, const std::string& place) {
  try {
    return render_chat(tokenizer, ChatVariables::parse(nan_as_null(row)));
  } catch (const Error& error) {
    throw ConfigError(concat(place, ": ", error.what()));
  }
}

}  // namespace

void tokenize_row(const Tokenizer& tokenizer, const Json& row, std::string_view json, const std::string& place,
                  bool add_special, bool decode, std::ostream& out) {
  nlohmann::ordered_json result;
  if (decode) {
    const TokenIds ids = read_ids(row, tokenizer, place);
    result["ids"] = ids;
    result["decoded"] = tokenizer.decode(ids, false);
    result["decoded_plain"] = tokenizer.decode(ids, true);
  } else if (!row.contains("text") && row.contains("messages")) {
    const std::string text = rendered_row(tokenizer, json.empty() ? to_text(row) : std::string(json), place);
    result["text"] = text;
    result["ids"] = encode_chat(tokenizer, text);
  } else {
    const auto text = require<std::string>(row, "text", place);
    result["text"] = text;
    result["ids"] = tokenizer.encode(text, add_special);
  }
  out << result.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
}

void tokenize_file(const Tokenizer& tokenizer, const fs::path& jsonl, bool add_special, bool decode,
                   std::ostream& out) {
  for_each_jsonl(jsonl, [&](const Json& row, size_t line) {
    tokenize_row(tokenizer, row, to_text(row), concat("[tokenize] ", jsonl.string(), ":", line), add_special, decode,
                 out);
  });
}

}  // namespace limpid
