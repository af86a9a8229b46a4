#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limpid/core/range.h"
#include "limpid/core/types.h"

/// What requests are checked against.
namespace limpid::server {

/// A detoxifier that the server has loaded.
struct DetoxifierFacts {
  std::string name;     ///< in requests
  std::string method;   ///< "fusion/contrast"
  std::string meaning;  ///< of its strength
  std::string file;     ///< without its folder; empty for controls
  std::string sha256;   ///< of the file; empty for controls
  float start = 0.0f;   ///< what requests get that say nothing
  Range range;          ///< besides 0
};

struct GuardFacts {
  bool always = false;     ///< every generation is guarded
  bool available = false;  ///< a scorer is loaded
  double threshold = 0.5;
  int64_t window = 12;
  int64_t rewinds = 2;
  std::string refusal = "I can't continue with this.";
};

/// The server as requests see it: one model under some names, its detoxifiers in command-line order.
struct ServerFacts {
  std::vector<std::string> names;  ///< of the model; the first is the one that responses carry
  int64_t created = 0;             ///< seconds since 1970
  std::string fingerprint;         ///< system_fingerprint
  int64_t vocabulary = 0;          ///< ids are below it
  int64_t context = 0;             ///< max_model_len: tokens of one sequence, prompt and answer
  int64_t trained_context = 0, width = 0, parameters = 0, file_bytes = 0;
  bool has_chat_template = false;
  std::vector<TokenId> end_tokens;    ///< that end a text
  TokenId text_beginning = -1;        ///< what a prompt without tokens becomes; negative: such prompts are refused
  size_t longest_token = 0;           ///< bytes, of requests/prompt_ids.h; 0: texts are not bounded by it
  std::optional<int64_t> max_tokens;  ///< of --max-tokens
  std::vector<DetoxifierFacts> detoxifiers;
  GuardFacts guard;
};

}  // namespace limpid::server
