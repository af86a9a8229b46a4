#include <algorithm>

#include "limpid/tokenizers/jinja/formatting.h"
#include "limpid/tokenizers/jinja/methods.h"
#include "limpid/tokenizers/jinja/operators.h"
#include "limpid/tokenizers/jinja/text.h"

namespace limpid::jinja {

namespace {

const std::string& bytes(const Value& self) { return self.text()->bytes; }

template <std::string (*change)(std::string_view)>
Value changed(Run& run, const Value& self, Arguments arguments) {
  const Bound none("str method", std::move(arguments), {});
  return run.text(change(bytes(self)), self.text()->markup);
}

template <CharacterClass wanted>
Value tested(Run& run, const Value& self, Arguments arguments) {
  const Bound none("str method", std::move(arguments), {});
  run.charge_text(bytes(self).size());
  return is_all(bytes(self), wanted);
}

template <Side side>
Value stripped(Run& run, const Value& self, Arguments arguments) {
  const Bound a("strip", std::move(arguments), {"chars"});
  const bool blanks = !a.has(0) || a.value(0).is_none();
  const auto chars = blanks ? std::nullopt : std::optional<std::string_view>(a.text(0));
  run.charge_text(bytes(self).size() * (chars ? chars->size() / 8 + 1 : 1));
  return run.text(std::string(strip(bytes(self), side, chars)), self.text()->markup);
}

Value parts_of(Run& run, const Value& self, const std::vector<std::string_view>& parts) {
  std::vector<Value> items;
  for (const std::string_view part : parts) items.push_back(run.text(std::string(part), self.text()->markup));
  return run.list(std::move(items));
}

template <bool from_right>
Value split_method(Run& run, const Value& self, Arguments arguments) {
  const Bound a("split", std::move(arguments), {"sep", "maxsplit"});
  const bool blanks = !a.has(0) || a.value(0).is_none();
  if (!blanks && a.text(0).empty()) fail("empty separator");
  run.charge(bytes(self).size());
  const auto separator = blanks ? std::nullopt : std::optional<std::string_view>(a.text(0));
  return parts_of(run, self, split_text(bytes(self), separator, a.integer_or(1, -1), from_right));
}

Value splitlines(Run& run, const Value& self, Arguments arguments) {
  const Bound a("splitlines", std::move(arguments), {"keepends"});
  run.charge(bytes(self).size());
  return parts_of(run, self, split_lines(bytes(self), a.flag(0, false)));
}

template <bool from_right>
Value partitioned(Run& run, const Value& self, Arguments arguments) {
  const Bound a("partition", std::move(arguments), {"sep"}, 1);
  const std::string& text = bytes(self);
  if (a.text(0).empty()) fail("empty separator");
  run.charge_text(text.size());
  const size_t match = from_right ? find_last_text(text, a.text(0)) : find_text(text, a.text(0));
  const Value nothing = run.text("");
  if (match == std::string::npos)
    return from_right ? run.tuple({nothing, nothing, self}) : run.tuple({self, nothing, nothing});
  return run.tuple({run.text(text.substr(0, match)), a.value(0), run.text(text.substr(match + a.text(0).size()))});
}

/// Returns the part from `start` to `stop` in characters that a search is about, and where it begins in bytes.
std::pair<size_t, std::string_view> searched(const std::string& text, const Bound& a) {
  const SlicePlaces places = slice_places(count_characters(text), a.integer_or_none(1), a.integer_or_none(2), {});
  const auto byte_at = [&](size_t character) {
    size_t offset = 0;
    for (; character > 0 && offset < text.size(); --character) do
        ++offset;
      while (offset < text.size() && (uint8_t(text[offset]) & 0xC0) == 0x80);
    return offset;
  };
  const size_t begin = byte_at(size_t(places.first)), end = byte_at(size_t(places.first) + places.count);
  return {begin, std::string_view(text).substr(begin, end - begin)};
}

template <bool at_end>
Value begins_or_ends(Run& run, const Value& self, Arguments arguments) {
  const Bound a(at_end ? "endswith" : "startswith", std::move(arguments), {"affix", "start", "end"}, 1);
  run.charge_text(a.has(1) ? bytes(self).size() : 0);
  const std::string_view part = a.has(1) ? searched(bytes(self), a).second : std::string_view(bytes(self));
  const auto fits = [&](const std::string& affix) {
    run.charge_text(std::min(affix.size(), part.size()));
    return at_end ? part.ends_with(affix) : part.starts_with(affix);
  };
  const Sequence* several = a.value(0).sequence();
  if (!several || several->kind != Sequence::Kind::Tuple) return fits(a.text(0));
  for (const Value& affix : several->items) {
    if (!affix.text()) fail("a tuple of affixes must hold strings, found '", type_name(affix), "'");
    if (fits(affix.text()->bytes)) return true;
  }
  return false;
}

/// str.find, rfind, index, rindex: -1 or an error where there is none.
template <bool from_right, bool must_be>
Value found(Run& run, const Value& self, Arguments arguments) {
  const Bound a("find", std::move(arguments), {"sub", "start", "end"}, 1);
  run.charge_text(bytes(self).size());
  const auto [begin, part] = searched(bytes(self), a);
  const size_t match = from_right ? find_last_text(part, a.text(0)) : find_text(part, a.text(0));
  if (match == std::string_view::npos && must_be) fail("substring not found");
  if (match == std::string_view::npos) return int64_t(-1);
  return int64_t(count_characters(std::string_view(bytes(self)).substr(0, begin + match)));
}

Value counted(Run& run, const Value& self, Arguments arguments) {
  const Bound a("count", std::move(arguments), {"sub", "start", "end"}, 1);
  run.charge_text(bytes(self).size());
  return int64_t(count_replacements(searched(bytes(self), a).second, a.text(0), -1));
}

Value replaced(Run& run, const Value& self, Arguments arguments) {
  const Bound a("replace", std::move(arguments), {"old", "new", "count"}, 2);
  const int64_t most = a.integer_or(2, -1);
  run.charge_text(bytes(self).size());
  run.charge_product(count_replacements(bytes(self), a.text(0), most), a.text(1).size());
  return run.text(replace_text(bytes(self), a.text(0), a.text(1), most), self.text()->markup);
}

Value join_method(Run& run, const Value& self, Arguments arguments) {
  const Bound a("join", std::move(arguments), {"iterable"}, 1);
  if (a.value(0).is_undefined()) return run.text("");
  std::string out;
  size_t place = 0;
  for (const Value& item : elements(run, a.value(0))) {
    if (!item.text()) fail("sequence item ", place, ": expected str instance, ", type_name(item), " found");
    run.charge_text(out.size() / 64 + bytes(self).size() + bytes(item).size());
    if (place++ > 0) out += bytes(self);
    out += bytes(item);
  }
  return run.text(std::move(out));
}

Value format_method(Run& run, const Value& self, Arguments arguments) {
  return run.text(format_braces(run, bytes(self), arguments), self.text()->markup);
}

template <char align>
Value padded(Run& run, const Value& self, Arguments arguments) {
  const Bound a("justify", std::move(arguments), {"width", "fillchar"}, 1);
  const std::string fill = a.text_or(1, " ");
  if (count_characters(fill) != 1) fail("The fill character must be exactly one character long");
  return run.text(pad_text(run, bytes(self), size_t(std::max<int64_t>(a.integer(0), 0)), align, fill));
}

Value zero_filled(Run& run, const Value& self, Arguments arguments) {
  const Bound a("zfill", std::move(arguments), {"width"}, 1);
  const std::string& text = bytes(self);
  const size_t sign = text.starts_with('-') || text.starts_with('+');
  const size_t width = size_t(std::max<int64_t>(a.integer(0), int64_t(sign))) - sign;
  return run.text(text.substr(0, sign) + pad_text(run, text.substr(sign), width, '>', "0"));
}

template <bool at_end>
Value without_affix(Run& run, const Value& self, Arguments arguments) {
  const Bound a(at_end ? "removesuffix" : "removeprefix", std::move(arguments), {"affix"}, 1);
  std::string_view text = bytes(self);
  const size_t size = a.text(0).size();
  if (at_end ? text.ends_with(a.text(0)) : text.starts_with(a.text(0)))
    at_end ? text.remove_suffix(size) : text.remove_prefix(size);
  return run.text(std::string(text));
}

constexpr Method kTextMethods[] = {
    {"strip", stripped<Side::Both>},
    {"lstrip", stripped<Side::Left>},
    {"rstrip", stripped<Side::Right>},
    {"split", split_method<false>},
    {"rsplit", split_method<true>},
    {"splitlines", splitlines},
    {"partition", partitioned<false>},
    {"rpartition", partitioned<true>},
    {"startswith", begins_or_ends<false>},
    {"endswith", begins_or_ends<true>},
    {"removeprefix", without_affix<false>},
    {"removesuffix", without_affix<true>},
    {"find", found<false, false>},
    {"rfind", found<true, false>},
    {"index", found<false, true>},
    {"rindex", found<true, true>},
    {"count", counted},
    {"replace", replaced},
    {"join", join_method},
    {"format", format_method},
    {"upper", changed<upper_text>},
    {"lower", changed<lower_text>},
    {"casefold", changed<lower_text>},
    {"title", changed<title_text>},
    {"capitalize", changed<capitalize_text>},
    {"swapcase", changed<swap_case>},
    {"center", padded<'c'>},
    {"ljust", padded<'<'>},
    {"rjust", padded<'>'>},
    {"zfill", zero_filled},
    {"isalpha", tested<CharacterClass::Alpha>},
    {"isdigit", tested<CharacterClass::Digit>},
    {"isnumeric", tested<CharacterClass::Numeric>},
    {"isdecimal", tested<CharacterClass::Decimal>},
    {"isalnum", tested<CharacterClass::Alnum>},
    {"isspace", tested<CharacterClass::Space>},
    {"isupper", tested<CharacterClass::Upper>},
    {"islower", tested<CharacterClass::Lower>},
    {"istitle", tested<CharacterClass::Title>},
    {"isascii", tested<CharacterClass::Ascii>},
};

}  // namespace

const Method* find_text_method(std::string_view name) {
  for (const Method& method : kTextMethods)
    if (name == method.name) return &method;
  return nullptr;
}

}  // namespace limpid::jinja
