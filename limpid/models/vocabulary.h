#pragma once

#include <string>

#include "limpid/models/model.h"

namespace limpid {

/// Says whether both models cut text into the same tokens under the same ids. Models without a tokenizer are taken by
/// their sizes.
bool same_vocabulary(const Model& a, const Model& b);

/// @param role   says what the other model is
/// @param where  begins the message
/// @throws MismatchError when the two vocabularies differ.
void check_same_vocabulary(const Model& target, const Model& other, const std::string& role, const std::string& where);

}  // namespace limpid
