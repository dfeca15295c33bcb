// The arguments of a native call: numbers in one block, each checked before it is used. Where each stands: table.h.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace moe {

/** What a caller got wrong. */
struct ArgumentError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

class ArgumentBlock {
 public:
  /** kBlockLength numbers. */
  explicit ArgumentBlock(const double* values) : values_(values) {}

  uint32_t count(size_t index, const char* name) const { return static_cast<uint32_t>(integer(index, name, kMaxCount)); }
  uint64_t length(size_t index, const char* name) const { return integer(index, name, kMaxLength); }
  uint64_t address(size_t index, const char* name) const { return integer(index, name, kMaxAddress); }
  bool present(size_t index, const char* name) const { return address(index, name) != 0; }
  bool flag(size_t index, const char* name) const { return integer(index, name, 1) != 0; }
  /** Rounded to float32. */
  float number(size_t index, const char*) const { return static_cast<float>(values_[index]); }

  /** A member of an enum that has `members`. */
  template <class Enum>
  Enum member(size_t index, const char* name, uint32_t members) const {
    return static_cast<Enum>(integer(index, name, members - 1));
  }

 private:
  static constexpr double kMaxCount = 2147483647.0;
  static constexpr double kMaxLength = 1099511627776.0;
  static constexpr double kMaxAddress = 9007199254740991.0;

  uint64_t integer(size_t index, const char* name, double most) const {
    const double value = values_[index];
    if (value >= 0 && value <= most && value == std::floor(value)) return static_cast<uint64_t>(value);
    throw ArgumentError(std::string(name) + ": expected an integer from 0 to " +
                        std::to_string(static_cast<uint64_t>(most)) + ", found " + std::to_string(value));
  }

  const double* values_;
};

}  // namespace moe
