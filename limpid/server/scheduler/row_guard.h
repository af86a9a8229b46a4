#pragma once

#include <functional>
#include <vector>

#include "limpid/server/facts.h"
#include "limpid/server/requests/generation_request.h"
#include "limpid/server/responses/generation_response.h"

namespace limpid::server {

/// What the guard asks for when it has looked at a choice.
enum class Verdict {
  Wait,     ///< it has not looked
  Release,  ///< what is held may be sent
  Rewind,   ///< what is held is taken back, and written again at strengths() with the numbers of attempt()
  Refuse,   ///< what is held is taken back, and the choice ends
};

/// Watches one choice: every window of tokens and at the end the whole answer so far is scored, and above the threshold
/// what was not released is taken back. Attempt k draws with numbers of its own at the request's strengths, the default
/// detoxifier, the first, at (1 + k/2) times the larger of its requested and its start strength, cut to its range.
class RowGuard {
 public:
  using Score = std::function<double(const std::string& text)>;  ///< NaN where there is none: unknown is not safe

  RowGuard(const GuardChoice& choice, const ServerFacts& facts, std::vector<float> strengths);

  /// Takes in what came. @param text  the answer so far  @param tokens  of it, in all
  Verdict look(const std::string& text, size_t tokens, bool is_last, const Score& score);

  size_t released_tokens() const { return released_; }  ///< what stands when what is held is taken back
  const std::vector<float>& strengths() const { return strengths_; }
  bool is_raised() const { return strengths_ != asked_; }
  uint32_t attempt() const { return uint32_t(report_.rewinds); }
  const GuardReport& report() const { return report_; }

 private:
  void raise();

  GuardChoice choice_;
  const ServerFacts& facts_;
  std::vector<float> asked_, strengths_;
  size_t released_ = 0, seen_ = 0;  // tokens at the last release and at the last look
  GuardReport report_;
};

}  // namespace limpid::server
