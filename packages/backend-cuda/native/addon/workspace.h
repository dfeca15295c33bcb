// Device memory for as long as an operation needs it.
#pragma once
#include "context.h"

namespace moe {

/** Freed in the order of the stream. */
class Workspace {
 public:
  /** Throws CudaError. */
  Workspace(Context& context, uint64_t bytes) : context_(context) {
    if (bytes > 0) address_ = context_.allocate(bytes);
  }
  ~Workspace() {
    if (address_ == 0) return;
    try {
      context_.release(address_);
    } catch (const CudaError&) {
      // A stream that failed fails the next call as well, which says so.
    }
  }
  Workspace(const Workspace&) = delete;
  cuda::DevicePtr address() const { return address_; }

 private:
  Context& context_;
  cuda::DevicePtr address_ = 0;
};

}  // namespace moe
