#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "limpid/core/types.h"
#include "limpid/server/api_error.h"

/// Scorer and encoder as routes see them: the work is done elsewhere, in parts between other things.
namespace limpid::server {

/// What came of work, or why nothing did.
template <class T>
using Outcome = std::variant<T, ApiError>;

/// Says how toxic texts are. Every member may be called from any thread.
class TextScorer {
 public:
  using Done = std::function<void(Outcome<std::vector<double>>)>;

  virtual ~TextScorer() = default;
  virtual const std::string& name() const = 0;  ///< "minilm-l6/…"
  virtual double threshold() const = 0;         ///< a text is flagged when its score is above it
  /// Scores texts, each by itself: numbers in [0, 1], NaN where there is none.
  /// @param stop  the answer is not wanted any more
  /// @param done  is called once, from any thread; maybe never once `stop` was requested
  virtual void score(std::vector<std::string> texts, std::stop_token stop, Done done) = 0;
};

/// Turns texts into vectors of length 1. Every member may be called from any thread.
class TextEmbedder {
 public:
  using Done = std::function<void(Outcome<std::vector<std::vector<float>>>)>;

  virtual ~TextEmbedder() = default;
  virtual const std::string& name() const = 0;
  virtual int64_t width() const = 0;
  virtual int64_t vocabulary() const = 0;                      ///< ids are below it
  virtual int64_t max_tokens() const = 0;                      ///< of a text, special ones in
  virtual TokenIds encode(const std::string& text) const = 0;  ///< special ones in, however many
  /// As TextScorer::score. @param texts  ids of each, 1 to max_tokens() of the vocabulary
  virtual void embed(std::vector<TokenIds> texts, std::stop_token stop, Done done) = 0;
};

}  // namespace limpid::server
