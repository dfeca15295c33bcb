// Reading device memory without blocking JavaScript's thread: a snapshot in the order of the stream, then a thread that
// moves it through pinned memory.
#pragma once
#include <node_api.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "context.h"

namespace moe {

/** Deletes itself: see retire. */
class Reader {
 public:
  Reader(napi_env env, std::shared_ptr<Context> context);
  Reader(const Reader&) = delete;
  /** Deletes the reader once its reads have settled. All but the transfers is on JavaScript's thread. */
  void retire();

  /** A promise of an ArrayBuffer with the bytes as they are after all work issued so far. Throws CudaError. */
  napi_value read(cuda::DevicePtr address, uint64_t bytes);

 private:
  struct Job {
    Reader* reader;
    cuda::DevicePtr snapshot;
    uint64_t bytes;
    cuda::Event ready;
    char* target;
    napi_deferred deferred;
    napi_ref buffer;
    cuda::Result result;
    std::string message;
  };

  ~Reader();
  void start();
  void work();
  void transfer(Job& job);
  void copy_chunks(const Job& job);
  void settle(napi_env env, Job& job);
  static void on_done(napi_env env, napi_value, void*, void* data);
  static void on_teardown(void* data);
  /** Finishes the transfer under way, drops those that wait. */
  void stop();

  napi_env env_;
  std::shared_ptr<Context> context_;
  napi_threadsafe_function notify_ = nullptr;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job*> jobs_;
  bool stopping_ = false;
  bool retired_ = false;
  uint32_t outstanding_ = 0;
  cuda::Stream stream_ = nullptr;
  char* staging_ = nullptr;
};

}  // namespace moe
