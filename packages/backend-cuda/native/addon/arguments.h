// The arguments of a call from JavaScript, each checked before it is used.
#pragma once
#include <napi.h>

#include <cmath>
#include <string>

#include "../contract/block.h"
#include "../driver/cuda_types.h"

namespace moe {

constexpr double kMaxInteger = 9007199254740991.0;

class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info, size_t first = 0) : info_(info), index_(first) {}

  /** The next argument, an integer from `least` to `most`. */
  uint64_t integer(const char* name, double most, double least = 0) {
    const double value = number(name);
    if (value >= least && value <= most && value == std::floor(value)) return static_cast<uint64_t>(value);
    throw Napi::RangeError::New(info_.Env(), std::string(name) + ": an integer from " + std::to_string(least) + " to " +
                                                 std::to_string(most) + ", not " + std::to_string(value));
  }
  uint32_t small(const char* name, double most, double least = 0) {
    return static_cast<uint32_t>(integer(name, most, least));
  }
  cuda::DevicePtr pointer(const char* name) { return integer(name, kMaxInteger); }

  double number(const char* name) {
    const Napi::Value value = next();
    if (!value.IsNumber()) throw wrong(name, "a number");
    return value.As<Napi::Number>().DoubleValue();
  }

  /** A typed array; one that is detached has no bytes. */
  struct Bytes {
    const char* data;
    size_t size;
  };
  Bytes bytes(const char* name) {
    const Napi::Value value = next();
    if (value.IsTypedArray()) {
      const Napi::TypedArray array = value.As<Napi::TypedArray>();
      void* data = nullptr;
      napi_get_typedarray_info(info_.Env(), array, nullptr, nullptr, &data, nullptr, nullptr);
      return {static_cast<const char*>(data), data == nullptr ? 0 : array.ByteLength()};
    }
    throw wrong(name, "a typed array");
  }

  /** A block of so many numbers. */
  ArgumentBlock block(const char* name, size_t length) {
    const Napi::Value value = next();
    napi_typedarray_type type;
    size_t count = 0;
    void* data = nullptr;
    if (!value.IsTypedArray() ||
        napi_get_typedarray_info(info_.Env(), value, &type, &count, &data, nullptr, nullptr) != napi_ok ||
        type != napi_float64_array || count != length || data == nullptr) {
      throw wrong(name, "a block of arguments");
    }
    return ArgumentBlock(static_cast<const double*>(data));
  }

  /** A handle as 64 bits; `absent` says whether it was null. */
  uint64_t handle(const char* name, bool& absent) {
    const Napi::Value value = next();
    absent = value.IsNull();
    if (absent) return 0;
    if (!value.IsBigInt()) throw wrong(name, "a bigint or null");
    bool lossless = false;
    const uint64_t handle = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) throw Napi::RangeError::New(info_.Env(), std::string(name) + ": a handle of 64 bits, not negative");
    return handle;
  }

 private:
  Napi::Value next() { return info_[index_++]; }
  Napi::Error wrong(const char* name, const char* expected) const {
    return Napi::TypeError::New(info_.Env(), std::string(name) + ": expected " + expected);
  }

  const Napi::CallbackInfo& info_;
  size_t index_;
};

}  // namespace moe
