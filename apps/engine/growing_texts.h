#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace limpid::apps {

/// Returns the text without what moves the cursor or commands the terminal: of control characters only line breaks and
/// tabs are left.
std::string harmless(std::string_view text);

/// Shows texts on standard output as they grow, with their own line breaks, in order: the first one that is not
/// finished at once, those behind it when it is their turn. Several have a header each.
class GrowingTexts {
 public:
  GrowingTexts(size_t prompts, size_t samples);
  ~GrowingTexts();
  GrowingTexts(const GrowingTexts&) = delete;
  GrowingTexts& operator=(const GrowingTexts&) = delete;

  void grow(uint64_t prompt, uint64_t sample, const std::string& piece);
  void finish(uint64_t prompt, uint64_t sample);
  void end_line();  ///< so that what follows begins a line of its own

 private:
  struct Text {
    std::string held = {};  // until it is its turn
    bool finished = false;
  };

  void begin();
  void show(const std::string& piece);

  const size_t samples_;
  const bool on_terminal_;
  const size_t texts_;              // prompts * samples
  std::map<size_t, Text> waiting_;  // texts that have begun, that whose turn it is among them
  size_t shown_ = 0;                // the text whose turn it is
  bool line_open_ = false;
};

}  // namespace limpid::apps
