// A device as one backend uses it: the primary context, a stream, a memory pool, the kernels.
#pragma once
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "../launch/device.h"

namespace moe {

class Context {
 public:
  /** @param image the fat binary. Throws CudaError. */
  Context(const cuda::Api& api, int ordinal, const void* image);
  /** Waits for the work under way and frees everything. */
  ~Context();
  Context(const Context&) = delete;

  const Device& device() const { return device_; }
  cuda::Stream stream() const { return stream_; }

  /** Device memory in the order of the stream. Throws CudaError. */
  cuda::DevicePtr allocate(uint64_t bytes);
  /** Frees in the order of the stream what `allocate` gave; false if it did not. */
  bool release(cuda::DevicePtr address);
  /** Issues on this stream from now on, after what was issued before; null for the context's own. */
  void use_stream(cuda::Stream stream, bool own);
  bool capturing() const;
  uint64_t reserved_bytes() const;
  uint64_t used_bytes() const;

  /** Makes the device current for the calling thread while it lives. */
  class Current {
   public:
    explicit Current(const Context& context);
    ~Current();

   private:
    const cuda::Api& api_;
  };

 private:
  void create(int ordinal, const void* image);
  void destroy();
  void free_pending();
  uint64_t pool_attribute(cuda::MemoryPoolAttribute which) const;

  Device device_;
  cuda::Context context_ = nullptr;
  cuda::Stream own_ = nullptr;
  cuda::Stream stream_ = nullptr;
  cuda::Event order_ = nullptr;
  cuda::MemoryPool pool_ = nullptr;
  std::unordered_set<cuda::DevicePtr> live_;
  /** Released while the stream was being captured, when nothing can be freed. */
  std::vector<cuda::DevicePtr> pending_;
};

}  // namespace moe
