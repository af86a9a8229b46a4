#include "limpid/tokenizers/tokenize_file.h"

#include "limpid/core/json.h"

namespace limpid {

namespace {

TokenIds read_ids(const Json& row, const Tokenizer& tokenizer, const std::string& where) {
  const auto found = row.find("ids");
  LIMPID_CHECK(found != row.end() && found->is_array(), FormatError, where, ": \"ids\" is ",
               found == row.end() ? "missing" : json_kind(*found), ", expected an array of integers");
  TokenIds ids;
  ids.reserve(found->size());
  for (const Json& value : *found) {
    LIMPID_CHECK(value.is_number_integer(), FormatError, where, ": an id is ", json_kind(value),
                 ", expected an integer");
    const int64_t id = value.get<int64_t>();
    LIMPID_CHECK(id >= 0 && size_t(id) < tokenizer.vocab_size(), FormatError, where, ": id ", id,
                 " is outside the vocabulary of ", tokenizer.vocab_size());
    ids.push_back(TokenId(id));
  }
  return ids;
}

}  // namespace

void tokenize_file(const Tokenizer& tokenizer, const fs::path& jsonl, bool add_special, bool decode,
                   std::ostream& out) {
  for_each_jsonl(jsonl, [&](const Json& row, size_t line) {
    const std::string where = concat("[tokenize] ", jsonl.string(), ":", line);
    nlohmann::ordered_json result;
    if (decode) {
      const TokenIds ids = read_ids(row, tokenizer, where);
      result["ids"] = ids;
      result["decoded"] = tokenizer.decode(ids, false);
      result["decoded_plain"] = tokenizer.decode(ids, true);
    } else {
      const auto text = require<std::string>(row, "text", where);
      result["text"] = text;
      result["ids"] = tokenizer.encode(text, add_special);
    }
    out << result.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  });
}

}  // namespace limpid
