#pragma once

#include <cstddef>
#include <utility>

/// Open file descriptors.
namespace limpid {

/// An open file descriptor, or none (-1); closed with the object.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  explicit operator bool() const { return number_ >= 0; }
  int get() const { return number_; }
  bool close();  ///< returns whether all that was written has arrived; errno says why not

 private:
  int number_ = -1;
};

/// Writes all bytes, however many calls it takes. Returns whether it could; errno says why not.
bool write_all(int descriptor, const void* data, size_t size);

/// Locks an open file, or folder, for this process alone until it is closed. Returns false when another holds the lock;
/// file systems without locks just go on.
bool lock_alone(const Descriptor& file);

}  // namespace limpid
