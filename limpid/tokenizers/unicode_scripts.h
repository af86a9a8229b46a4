#pragma once

#include "limpid/tokenizers/pretokenizer.h"

namespace limpid {

/// Returns the split between characters of different scripts, with kana counted as Han and spaces to what stands before
/// them, as the UnicodeScripts pre-tokenizer of the tokenizers library makes it. A space at the very front is left out.
SplitStage unicode_scripts_split();

}  // namespace limpid
