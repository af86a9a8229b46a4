#include "limpid/tokenizers/character_map.h"

#include "limpid/core/error.h"

namespace limpid {

namespace {

uint32_t little_endian(std::string_view bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= uint32_t(uint8_t(bytes[offset + i])) << 8 * i;
  return value;
}

// A unit of the double array: of a leaf, bits 0 to 30 are its value; of another node, the low byte is its label, bit 8
// says that a leaf hangs below it, and the rest how far its children are.
bool has_leaf(uint32_t unit) { return unit >> 8 & 1; }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t label_of(uint32_t unit) { return unit & 0x800000FF; }
uint32_t offset_of(uint32_t unit) { return unit >> 10 << ((unit & 0x200) >> 6); }

}  // namespace

CharacterMap::CharacterMap(std::string_view data, const std::string& place) {
  const uint32_t size = data.size() < 4 ? 0 : little_endian(data, 0);
  LIMPID_CHECK(size >= 4 && size % 4 == 0 && size <= data.size() - 4, FormatError, place, ": the rules are ",
               data.size(), " bytes, of which the trie is said to take ", size, "; is the file truncated?");
  for (size_t offset = 4; offset < size + 4; offset += 4) units_.push_back(little_endian(data, offset));
  replacements_ = data.substr(size + 4);
  replacements_ += '\0';
  joins_spaces_ = finds_inner_space();
}

bool CharacterMap::finds_inner_space() const {
  std::vector<bool> seen(units_.size());
  std::vector<size_t> nodes = {0};
  while (!nodes.empty()) {
    const size_t node = nodes.back(), children = node ^ offset_of(units_[node]);
    nodes.pop_back();
    for (uint32_t label = 1; label < 256; ++label) {
      const size_t child = children ^ label;
      if (child >= units_.size() || label_of(units_[child]) != label || seen[child]) continue;
      if (label == ' ' && node != 0) return true;
      seen[child] = true;
      nodes.push_back(child);
    }
  }
  return false;
}

template <class Visit>
void CharacterMap::for_each_prefix(std::string_view text, const Visit& visit) const {
  size_t node = offset_of(units_[0]);
  for (size_t i = 0; i < text.size() && text[i] != 0; ++i) {
    node ^= uint8_t(text[i]);
    if (node >= units_.size() || label_of(units_[node]) != uint8_t(text[i])) return;
    const uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size() || value_of(units_[node]) >= replacements_.size()) return;
    if (!visit(Match{i + 1, replacements_.data() + value_of(units_[node])})) return;
  }
}

std::optional<CharacterMap::Match> CharacterMap::longest(std::string_view text) const {
  std::optional<Match> found;
  for_each_prefix(text, [&](const Match& match) { return found = match, true; });
  return found;
}

std::optional<CharacterMap::Match> CharacterMap::shortest(std::string_view text) const {
  std::optional<Match> found;
  for_each_prefix(text, [&](const Match& match) { return found = match, false; });
  return found;
}

}  // namespace limpid
