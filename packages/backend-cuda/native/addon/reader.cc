#include "reader.h"

#include <algorithm>
#include <cstring>

#include "guard.h"

namespace moe {

namespace {
constexpr uint64_t kChunk = 4 << 20;
}

Reader::Reader(napi_env env, std::shared_ptr<Context> context) : env_(env), context_(std::move(context)) {
  napi_add_env_cleanup_hook(env_, on_teardown, this);
}

Reader::~Reader() {
  napi_remove_env_cleanup_hook(env_, on_teardown, this);
  stop();
}

void Reader::retire() {
  retired_ = true;
  if (outstanding_ == 0) delete this;
}

// JavaScript ends, in a Worker perhaps long before the process: whoever awaits the reads is gone.
void Reader::on_teardown(void* data) {
  Reader* const reader = static_cast<Reader*>(data);
  reader->stop();
  if (reader->retired_) delete reader;
}

void Reader::start() {
  if (notify_ != nullptr) return;
  const cuda::Api& api = *context_->device().api;
  context_->device().check(api.streamCreate(&stream_, cuda::kStreamNonBlocking), "cuStreamCreate");
  napi_value name;
  napi_create_string_utf8(env_, "moe-dispatch read", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, on_done,
                                      &notify_) != napi_ok) {
    throw std::runtime_error("napi_create_threadsafe_function failed");
  }
  napi_unref_threadsafe_function(env_, notify_);
  thread_ = std::thread([this] { work(); });
}

napi_value Reader::read(cuda::DevicePtr address, uint64_t bytes) {
  const Device& device = context_->device();
  start();
  auto job = std::make_unique<Job>();
  job->reader = this;
  job->bytes = bytes;
  napi_value buffer, promise;
  void* target = nullptr;
  check_napi(env_, napi_create_arraybuffer(env_, bytes, &target, &buffer));
  job->target = static_cast<char*>(target);
  job->snapshot = context_->allocate(bytes);
  const cuda::Stream stream = context_->stream();
  device.check(device.api->memcpyDtoDAsync(job->snapshot, address, bytes, stream), "cuMemcpyDtoDAsync");
  device.check(device.api->eventCreate(&job->ready, cuda::kEventDisableTiming), "cuEventCreate");
  device.check(device.api->eventRecord(job->ready, stream), "cuEventRecord");
  check_napi(env_, napi_create_promise(env_, &job->deferred, &promise));
  check_napi(env_, napi_create_reference(env_, buffer, 1, &job->buffer));
  if (outstanding_++ == 0) napi_ref_threadsafe_function(env_, notify_);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(job.release());
  }
  wake_.notify_one();
  return promise;
}

void Reader::work() {
  for (;;) {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    Job* const job = jobs_.front();
    jobs_.pop_front();
    lock.unlock();
    transfer(*job);
    napi_call_threadsafe_function(notify_, job, napi_tsfn_nonblocking);
  }
}

void Reader::transfer(Job& job) {
  job.result = cuda::kSuccess;
  try {
    const Context::Current current(*context_);
    copy_chunks(job);
  } catch (const CudaError& error) {
    job.result = error.result;
    job.message = error.what();
  }
}

/** Two chunks of pinned memory: one is filled while the other is emptied. */
void Reader::copy_chunks(const Job& job) {
  const Device& device = context_->device();
  const cuda::Api& api = *device.api;
  if (staging_ == nullptr) {
    void* memory = nullptr;
    device.check(api.memHostAlloc(&memory, 2 * kChunk, 0), "cuMemHostAlloc");
    staging_ = static_cast<char*>(memory);
  }
  device.check(api.eventSynchronize(job.ready), "cuEventSynchronize");
  const auto fetch = [&](uint64_t at) {
    char* const slot = staging_ + at / kChunk % 2 * kChunk;
    const uint64_t size = std::min(kChunk, job.bytes - at);
    device.check(api.memcpyDtoHAsync(slot, job.snapshot + at, size, stream_), "cuMemcpyDtoHAsync");
  };
  fetch(0);
  for (uint64_t at = 0; at < job.bytes; at += kChunk) {
    device.check(api.streamSynchronize(stream_), "cuStreamSynchronize");
    if (at + kChunk < job.bytes) fetch(at + kChunk);
    std::memcpy(job.target + at, staging_ + at / kChunk % 2 * kChunk, std::min(kChunk, job.bytes - at));
  }
}

void Reader::on_done(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  // Without an environment JavaScript has ended: stop() has let go of the rest.
  if (env == nullptr) return;
  try {
    job->reader->settle(env, *job);
  } catch (const Napi::Error&) {
    // A Worker that is being terminated: there is nobody to tell.
  }
}

void Reader::settle(napi_env env, Job& job) {
  try {
    const Context::Current current(*context_);
    context_->device().api->eventDestroy(job.ready);
    context_->release(job.snapshot);
  } catch (const CudaError& error) {
    if (job.result == cuda::kSuccess) job.message = error.what();
    job.result = job.result == cuda::kSuccess ? error.result : job.result;
  }
  if (--outstanding_ == 0) napi_unref_threadsafe_function(env, notify_);
  napi_value value = nullptr;
  if (job.result == cuda::kSuccess) {
    napi_get_reference_value(env, job.buffer, &value);
    napi_resolve_deferred(env, job.deferred, value);
  } else {
    napi_reject_deferred(env, job.deferred, make_cuda_error(env, job.result, job.message));
  }
  napi_delete_reference(env, job.buffer);
  if (retired_ && outstanding_ == 0) delete this;
}

void Reader::stop() {
  if (notify_ == nullptr) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  for (Job* const job : jobs_) delete job;
  jobs_.clear();
  outstanding_ = 0;
  napi_release_threadsafe_function(notify_, napi_tsfn_abort);
  notify_ = nullptr;
  const cuda::Api& api = *context_->device().api;
  try {
    const Context::Current current(*context_);
    api.streamDestroy(stream_);
    if (staging_ != nullptr) api.memFreeHost(staging_);
  } catch (const CudaError&) {
    // The device is lost, and its memory with it.
  }
}

}  // namespace moe
