#pragma once

#include <string_view>

#include "limpid/core/types.h"

namespace limpid {

/// Turns one piece of text into ids.
class PieceModel {
 public:
  virtual ~PieceModel() = default;
  virtual void encode(std::string_view piece, TokenIds& out) const = 0;
  /// Returns false when no token reaches across the border of these two neighbouring characters, so that a piece can be
  /// cut there.
  virtual bool may_join(std::string_view left, std::string_view right) const { return true; }
  /// Of a model that adds up over a piece (PartStart::score): what it has behind one, and the ids of one that goes on
  /// behind a cut, given what it had before.
  virtual double score(std::string_view piece, double before) const { return 0; }
  virtual void encode_behind(std::string_view piece, double before, TokenIds& out) const { encode(piece, out); }
};

}  // namespace limpid
