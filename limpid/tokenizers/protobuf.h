#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace limpid {

/// Reads the fields of one message in Protocol Buffers' wire format, in the order in which they are written.
///   for (ProtobufReader reader(bytes, place); reader.next();) if (reader.field() == 1) use(reader.bytes());
/// @throws FormatError where the bytes end inside a field, or a field is not of the kind it is asked for.
class ProtobufReader {
 public:
  /// @param place  begins every error
  ProtobufReader(std::string_view message, std::string place) : message_(message), place_(std::move(place)) {}

  bool next();  ///< moves to the next field; false at the end
  uint64_t field() const { return field_; }

  std::string_view bytes() const;  ///< a string, bytes, or a message
  int64_t integer() const;         ///< an integer, an enumeration; of a bool 0 or 1
  float real() const;              ///< a float

 private:
  enum class Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  uint64_t varint();
  std::string_view take(uint64_t size);
  void expect(Wire wire) const;

  std::string_view message_;  // what is left
  std::string place_;
  uint64_t field_ = 0, number_ = 0;
  Wire wire_ = Wire::kVarint;
  std::string_view value_;
};

}  // namespace limpid
