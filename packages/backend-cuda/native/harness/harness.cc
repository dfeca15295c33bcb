// A caller with CUDA memory, streams and graphs of its own, for the tests and benchmarks of the backend. Not published.
#include <dlfcn.h>
#include <napi.h>

#include <string>
#include <vector>

#include "../driver/cuda_types.h"

namespace {

using cuda::Context;
using cuda::DevicePtr;
using cuda::Event;
using cuda::Result;
using cuda::Stream;
using Graph = struct GraphHandle*;
using GraphExec = struct GraphExecHandle*;
using GraphNode = struct GraphNodeHandle*;

/** Finds and calls a function of the driver; throws if it fails. */
template <class... Parameters>
void call(Napi::Env env, const char* name, Parameters... parameters) {
  static void* const library = dlopen("libcuda.so.1", RTLD_NOW);
  const auto function = library == nullptr ? nullptr : reinterpret_cast<Result (*)(Parameters...)>(dlsym(library, name));
  if (function == nullptr) throw Napi::Error::New(env, std::string("no ") + name);
  const Result result = function(parameters...);
  if (result != cuda::kSuccess) throw Napi::Error::New(env, std::string(name) + ": " + std::to_string(result));
}

uint64_t handle(const Napi::Value& value) {
  bool lossless;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}
Stream stream(const Napi::Value& value) { return reinterpret_cast<Stream>(handle(value)); }
size_t size(const Napi::Value& value) { return static_cast<size_t>(value.As<Napi::Number>().Int64Value()); }
template <class Pointer>
Napi::Value bigint(Napi::Env env, Pointer pointer) {
  return Napi::BigInt::New(env, static_cast<uint64_t>((uintptr_t)pointer));
}

void init(const Napi::CallbackInfo& info) {
  cuda::Device device;
  Context context;
  call(info.Env(), "cuInit", 0u);
  call(info.Env(), "cuDeviceGet", &device, info[0].As<Napi::Number>().Int32Value());
  call(info.Env(), "cuDevicePrimaryCtxRetain", &context, device);
  call(info.Env(), "cuCtxSetCurrent", context);
}

Napi::Value allocate(const Napi::CallbackInfo& info) {
  DevicePtr address;
  call(info.Env(), "cuMemAlloc_v2", &address, size(info[0]));
  return bigint(info.Env(), address);
}

void release(const Napi::CallbackInfo& info) { call(info.Env(), "cuMemFree_v2", (DevicePtr)handle(info[0])); }

void write(const Napi::CallbackInfo& info) {
  const auto data = info[1].As<Napi::TypedArray>();
  const char* const bytes = static_cast<const char*>(data.ArrayBuffer().Data()) + data.ByteOffset();
  if (data.ByteLength() > 0) {
    call(info.Env(), "cuMemcpyHtoD_v2", (DevicePtr)handle(info[0]), (const void*)bytes, data.ByteLength());
  }
}

Napi::Value read(const Napi::CallbackInfo& info) {
  const size_t bytes = size(info[1]);
  auto buffer = Napi::ArrayBuffer::New(info.Env(), bytes);
  call(info.Env(), "cuCtxSynchronize");
  if (bytes > 0) call(info.Env(), "cuMemcpyDtoH_v2", buffer.Data(), (DevicePtr)handle(info[0]), bytes);
  return buffer;
}

/** copy(target, source, bytes, stream) */
void copy(const Napi::CallbackInfo& info) {
  call(info.Env(), "cuMemcpyDtoDAsync_v2", (DevicePtr)handle(info[0]), (DevicePtr)handle(info[1]), size(info[2]),
       stream(info[3]));
}

/** fill(target, word, words, stream) */
void fill(const Napi::CallbackInfo& info) {
  call(info.Env(), "cuMemsetD32Async", (DevicePtr)handle(info[0]), info[1].As<Napi::Number>().Uint32Value(),
       size(info[2]), stream(info[3]));
}

Napi::Value free_bytes(const Napi::CallbackInfo& info) {
  size_t available, total;
  call(info.Env(), "cuMemGetInfo_v2", &available, &total);
  return Napi::Number::New(info.Env(), static_cast<double>(available));
}

Napi::Value create_stream(const Napi::CallbackInfo& info) {
  Stream made;
  call(info.Env(), "cuStreamCreate", &made, (unsigned)cuda::kStreamNonBlocking);
  return bigint(info.Env(), made);
}

void destroy_stream(const Napi::CallbackInfo& info) { call(info.Env(), "cuStreamDestroy_v2", stream(info[0])); }
void synchronize(const Napi::CallbackInfo& info) { call(info.Env(), "cuStreamSynchronize", stream(info[0])); }

/** In the mode that forbids whatever a capture can forbid, in all threads. */
void begin_capture(const Napi::CallbackInfo& info) {
  constexpr int kGlobal = 0;
  call(info.Env(), "cuStreamBeginCapture_v2", stream(info[0]), kGlobal);
}

/** { graph, kernels, others }: an executable graph and how many nodes it has. */
Napi::Value end_capture(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Graph graph;
  GraphExec executable;
  size_t count = 0;
  call(env, "cuStreamEndCapture", stream(info[0]), &graph);
  call(env, "cuGraphGetNodes", graph, (GraphNode*)nullptr, &count);
  std::vector<GraphNode> nodes(count);
  call(env, "cuGraphGetNodes", graph, nodes.data(), &count);
  uint32_t kernels = 0;
  for (const GraphNode node : nodes) {
    int type = -1;
    call(env, "cuGraphNodeGetType", node, &type);
    kernels += type == 0;
  }
  call(env, "cuGraphInstantiateWithFlags", &executable, graph, 0ull);
  call(env, "cuGraphDestroy", graph);
  Napi::Object result = Napi::Object::New(env);
  result.Set("graph", bigint(env, executable));
  result.Set("kernels", kernels);
  result.Set("others", static_cast<uint32_t>(count) - kernels);
  return result;
}

void launch_graph(const Napi::CallbackInfo& info) {
  call(info.Env(), "cuGraphLaunch", (GraphExec)handle(info[0]), stream(info[1]));
}

void destroy_graph(const Napi::CallbackInfo& info) {
  call(info.Env(), "cuGraphExecDestroy", (GraphExec)handle(info[0]));
}

Napi::Value create_event(const Napi::CallbackInfo& info) {
  Event event;
  call(info.Env(), "cuEventCreate", &event, 0u);
  return bigint(info.Env(), event);
}

void record_event(const Napi::CallbackInfo& info) {
  call(info.Env(), "cuEventRecord", (Event)handle(info[0]), stream(info[1]));
}

/** Milliseconds from the first event to the second, once that has passed. */
Napi::Value elapsed(const Napi::CallbackInfo& info) {
  float milliseconds;
  call(info.Env(), "cuEventSynchronize", (Event)handle(info[1]));
  call(info.Env(), "cuEventElapsedTime", &milliseconds, (Event)handle(info[0]), (Event)handle(info[1]));
  return Napi::Number::New(info.Env(), milliseconds);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, auto function) { exports.Set(name, Napi::Function::New(env, function, name)); };
  add("init", init);
  add("allocate", allocate);
  add("release", release);
  add("write", write);
  add("read", read);
  add("copy", copy);
  add("fill", fill);
  add("freeBytes", free_bytes);
  add("createStream", create_stream);
  add("destroyStream", destroy_stream);
  add("synchronize", synchronize);
  add("beginCapture", begin_capture);
  add("endCapture", end_capture);
  add("launchGraph", launch_graph);
  add("destroyGraph", destroy_graph);
  add("createEvent", create_event);
  add("recordEvent", record_event);
  add("elapsed", elapsed);
  return exports;
}

}  // namespace

NODE_API_MODULE(moe_dispatch_cuda_harness, Init)
