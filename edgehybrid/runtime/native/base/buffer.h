// Memory that vectors load from and store to: aligned to a cache line, zeroed, owned.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace edgehybrid {

constexpr std::size_t kCacheLine = 64;

// Room behind the end that a vector of any instruction set may read or write without harm.
constexpr std::size_t kSlack = 256;

constexpr std::size_t RoundUp(std::size_t value, std::size_t step) { return (value + step - 1) / step * step; }

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {
    const std::size_t whole = RoundUp(bytes + kSlack, kCacheLine);
    data_ = std::aligned_alloc(kCacheLine, whole);
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(data_, 0, whole);
  }
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace edgehybrid
