#include "limpid/tokenizers/protobuf.h"

#include <bit>

#include "limpid/core/error.h"

namespace limpid {

bool ProtobufReader::next() {
  if (message_.empty()) return false;
  const uint64_t tag = varint();
  field_ = tag >> 3;
  wire_ = Wire(tag & 7);
  switch (wire_) {
    case Wire::kVarint: number_ = varint(); return true;
    case Wire::kFixed64: value_ = take(8); return true;
    case Wire::kBytes: value_ = take(varint()); return true;
    case Wire::kFixed32: value_ = take(4); return true;
  }
  throw FormatError(concat(place_, ": field ", field_, " is of wire type ", tag & 7, ", expected 0, 1, 2 or 5"));
}

std::string_view ProtobufReader::bytes() const {
  expect(Wire::kBytes);
  return value_;
}

int64_t ProtobufReader::integer() const {
  expect(Wire::kVarint);
  return int64_t(number_);
}

float ProtobufReader::real() const {
  expect(Wire::kFixed32);
  uint32_t bits = 0;
  for (size_t i = 0; i < 4; ++i) bits |= uint32_t(uint8_t(value_[i])) << 8 * i;
  return std::bit_cast<float>(bits);
}

uint64_t ProtobufReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = uint8_t(take(1)[0]);
    value |= uint64_t(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  throw FormatError(concat(place_, ": a number of more than ten bytes"));
}

std::string_view ProtobufReader::take(uint64_t size) {
  LIMPID_CHECK(size <= message_.size(), FormatError, place_, ": ends inside field ", field_, ", which takes ", size,
               " bytes, of which ", message_.size(), " are there; is the file truncated?");
  const std::string_view value = message_.substr(0, size);
  message_.remove_prefix(size);
  return value;
}

void ProtobufReader::expect(Wire wire) const {
  LIMPID_CHECK(wire == wire_, FormatError, place_, ": field ", field_, " is of wire type ", int(wire_), ", expected ",
               int(wire));
}

}  // namespace limpid
