// An operation that is prepared for up to a number of tokens, as JavaScript sees it: kernels loaded, workspace held.
#pragma once
#include <napi.h>

#include <array>
#include <memory>
#include <optional>

#include "../launch/operations.h"
#include "context.h"

namespace moe {

class NativePrepared : public Napi::ObjectWrap<NativePrepared> {
 public:
  static Napi::Function define(Napi::Env env);
  /** new Prepared(backend, block): the block holds the operation and its spec, with the most tokens of a run. */
  explicit NativePrepared(const Napi::CallbackInfo& info);
  ~NativePrepared() override;

 private:
  /** run(block): launches kernels, nothing else. */
  void run(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  Napi::Value workspace_bytes(const Napi::CallbackInfo& info);
  const Schedule& schedule_for(uint32_t tokens, uint32_t alignment);
  void release();

  std::shared_ptr<Context> context_;
  Operation operation_;
  Spec spec_;
  /** The latest for each of kAlignments: most runs have the tokens of the one before. */
  std::array<std::optional<Schedule>, std::size(kAlignments)> schedules_;
  uint64_t workspaceBytes_ = 0;
  cuda::DevicePtr workspace_ = 0;
};

}  // namespace moe
