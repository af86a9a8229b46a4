#include "limpid/server/requests/embeddings.h"

#include <bit>
#include <charconv>

#include "limpid/server/requests/fields.h"
#include "limpid/server/requests/token_ids.h"
#include "limpid/server/responses/token_json.h"
#include "limpid/tokenizers/base64.h"

namespace limpid::server {

namespace {

constexpr size_t kMaxInputs = 256;
constexpr int64_t kMaxDimensions = 65'536;
constexpr const char* kInputForms = "a string, token ids, or a list of either";

class InputReader {
 public:
  explicit InputReader(const TextEmbedder& embedder) : embedder_(embedder) {}

  /// Returns the ids of a text, or of ids. @throws ApiError
  TokenIds read(const Json& value, const std::string& path) const {
    if (!value.is_string() && !value.is_array()) throw invalid_type(path, value, kInputForms);
    if (value.empty() || (value.is_string() && value.get_ref<const std::string&>().empty()))
      throw invalid_value(path, "empty", "a text of 1 token or more");
    TokenIds ids = value.is_string() ? embedder_.encode(value.get_ref<const std::string&>())
                                     : read_token_ids(value, path, embedder_.vocabulary());
    if (int64_t(ids.size()) > embedder_.max_tokens())
      throw ApiError(400, "context_length_exceeded",
                     concat("\"", path, "\" is a text of ", ids.size(), " tokens, expected at most ",
                            embedder_.max_tokens(), ", which is what the encoder reads"),
                     path);
    return ids;
  }

  std::vector<TokenIds> read_all(const Json& input) const {
    if (!input.is_array() || input.empty() || input.front().is_number()) return {read(input, "input")};
    if (input.size() > kMaxInputs)
      throw invalid_value("input", concat("a list of ", input.size()), concat("1 to ", kMaxInputs, " texts"));
    std::vector<TokenIds> texts;
    for (const Json& value : input) texts.push_back(read(value, concat("input[", texts.size(), "]")));
    return texts;
  }

 private:
  const TextEmbedder& embedder_;
};

bool read_is_base64(Fields& body) {
  const std::string* format = body.text("encoding_format");
  if (!format || *format == "float") return false;
  if (*format == "base64") return true;
  throw invalid_value("encoding_format", shown_name(*format), "\"float\" or \"base64\"");
}

std::string base64_of(const std::vector<float>& vector) {
  std::string bytes;
  bytes.reserve(4 * vector.size());
  for (float value : vector) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes += char(bits >> shift);
  }
  return '"' + encode_base64(bytes) + '"';
}

/// Returns a list of numbers in the fewest digits that give them again.
std::string list_of(const std::vector<float>& vector) {
  std::string list = "[";
  for (float value : vector) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    if (list.size() > 1) list += ',';
    list.append(digits, end);
  }
  return list + ']';
}

}  // namespace

EmbeddingRequest read_embedding_request(const Json& request, const TextEmbedder& embedder) {
  Fields body(request);
  EmbeddingRequest checked;
  if (const std::string* model = body.text("model"); model && *model != embedder.name())
    throw ApiError(404, "model_not_found",
                   concat("\"model\" is ", shown_name(*model), ", expected \"", embedder.name(), "\" or none"),
                   "model");
  checked.is_base64 = read_is_base64(body);
  const std::optional<int64_t> dimensions = body.integer("dimensions", {1, kMaxDimensions});
  if (dimensions && *dimensions != embedder.width())
    throw invalid_value("dimensions", std::to_string(*dimensions),
                        concat(embedder.width(), ", the only length that the encoder has"));
  checked.texts = InputReader(embedder).read_all(body.require("input", kInputForms));
  for (const TokenIds& ids : checked.texts) checked.tokens += int64_t(ids.size());
  body.pass_over({"user"});
  body.append_unknown(checked.ignored);
  return checked;
}

// Written by hand: 256 vectors as a tree of numbers would take twenty times their memory.
std::string embedding_body(const EmbeddingRequest& request, const std::vector<std::vector<float>>& vectors,
                           const TextEmbedder& embedder) {
  std::string data;
  for (size_t i = 0; i < vectors.size(); ++i) {
    if (i > 0) data += ',';
    data += concat(R"({"object":"embedding","index":)", i, R"(,"embedding":)");
    data += request.is_base64 ? base64_of(vectors[i]) : list_of(vectors[i]);
    data += '}';
  }
  OrderedJson rest = {{"model", embedder.name()},
                      {"usage", {{"prompt_tokens", request.tokens}, {"total_tokens", request.tokens}}}};
  if (!request.ignored.empty()) rest["limpid"] = {{"ignored", request.ignored}};
  return R"({"object":"list","data":[)" + data + "]," + body_text(rest).substr(1);
}

}  // namespace limpid::server
