#include "native_backend.h"

#include "guard.h"
#include "workspace.h"

namespace moe {

namespace {

// Marks the objects of this class, so that no other can be taken for one.
constexpr napi_type_tag kTag = {0x6d6f652d64697370ull, 0x617463682d637564ull};
constexpr double kMaxBytes = 1099511627776.0;  // 1 TiB

}  // namespace

Napi::Function NativeBackend::define(Napi::Env env) {
  return DefineClass(env, "Backend",
                     {
                         InstanceMethod<&NativeBackend::limits>("limits"),
                         InstanceMethod<&NativeBackend::pool>("pool"),
                         InstanceMethod<&NativeBackend::allocate>("allocate"),
                         InstanceMethod<&NativeBackend::release>("release"),
                         InstanceMethod<&NativeBackend::upload>("upload"),
                         InstanceMethod<&NativeBackend::read>("read"),
                         InstanceMethod<&NativeBackend::use_stream>("useStream"),
                         InstanceMethod<&NativeBackend::run>("run"),
                         InstanceMethod<&NativeBackend::dispose>("dispose"),
                     });
}

NativeBackend::NativeBackend(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeBackend>(info) {
  Arguments arguments(info);
  const int ordinal = static_cast<int>(arguments.small("ordinal", 1 << 16));
  const Arguments::Bytes image = arguments.bytes("fatBinary");
  // The driver trusts what it is given: the magic number of a fat binary, and that it is all there.
  uint32_t magic = 0;
  uint64_t payload = 0;
  if (image.size >= 16) {
    std::memcpy(&magic, image.data, 4);
    std::memcpy(&payload, image.data + 8, 8);
  }
  if (magic != 0xBA55ED50u || payload > image.size - 16) {
    throw Napi::TypeError::New(info.Env(), "fatBinary: expected a whole fat binary");
  }
  cuda::LoadFailure failure;
  const cuda::Api* const api = cuda::load_api(failure);
  if (api == nullptr) throw Napi::Error::New(info.Env(), failure.detail);
  guarded(info.Env(), [&] {
    context_ = std::make_shared<Context>(*api, ordinal, image.data);
    reader_ = new Reader(info.Env(), context_);
  });
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

NativeBackend::~NativeBackend() {
  if (reader_ != nullptr) reader_->retire();
}

void NativeBackend::dispose(const Napi::CallbackInfo&) {
  if (reader_ == nullptr) return;
  context_.reset();
  Reader* const reader = reader_;
  reader_ = nullptr;
  reader->retire();
}

Context& NativeBackend::context(const Napi::CallbackInfo& info) const {
  if (context_ == nullptr) throw Napi::Error::New(info.Env(), "the backend has been disposed");
  return *context_;
}

std::shared_ptr<Context> NativeBackend::context_of(const Napi::CallbackInfo& info, const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) {
    throw Napi::TypeError::New(info.Env(), "backend: expected a Backend");
  }
  const NativeBackend* const backend = Unwrap(value.As<Napi::Object>());
  backend->context(info);
  return backend->context_;
}

Napi::Value NativeBackend::limits(const Napi::CallbackInfo& info) {
  const Device& device = context(info).device();
  Napi::Object limits = Napi::Object::New(info.Env());
  limits.Set("maxExperts", max_experts(device));
  limits.Set("multiprocessors", device.multiprocessors);
  return limits;
}

Napi::Value NativeBackend::pool(const Napi::CallbackInfo& info) {
  const Context& context = this->context(info);
  return guarded(info.Env(), [&] {
    const Context::Current current(context);
    Napi::Object pool = Napi::Object::New(info.Env());
    pool.Set("reservedBytes", static_cast<double>(context.reserved_bytes()));
    pool.Set("usedBytes", static_cast<double>(context.used_bytes()));
    return pool;
  });
}

Napi::Value NativeBackend::allocate(const Napi::CallbackInfo& info) {
  Context& context = this->context(info);
  const uint64_t bytes = Arguments(info).integer("bytes", kMaxBytes, 1);
  return guarded(info.Env(), [&] {
    const Context::Current current(context);
    return Napi::Number::New(info.Env(), static_cast<double>(context.allocate(bytes)));
  });
}

void NativeBackend::release(const Napi::CallbackInfo& info) {
  Context& context = this->context(info);
  const cuda::DevicePtr address = Arguments(info).pointer("address");
  guarded(info.Env(), [&] {
    const Context::Current current(context);
    if (!context.release(address)) throw std::runtime_error("address: no allocation of this backend");
  });
}

void NativeBackend::upload(const Napi::CallbackInfo& info) {
  const Context& context = this->context(info);
  Arguments arguments(info);
  const cuda::DevicePtr address = arguments.pointer("address");
  const Arguments::Bytes bytes = arguments.bytes("data");
  if (bytes.size == 0) return;
  guarded(info.Env(), [&] {
    const Context::Current current(context);
    const Device& device = context.device();
    // From pageable memory: the driver has taken it all when this returns.
    device.check(device.api->memcpyHtoDAsync(address, bytes.data, bytes.size, context.stream()), "cuMemcpyHtoDAsync");
  });
}

Napi::Value NativeBackend::read(const Napi::CallbackInfo& info) {
  const Context& context = this->context(info);
  Arguments arguments(info);
  const cuda::DevicePtr address = arguments.pointer("address");
  const uint64_t bytes = arguments.integer("bytes", kMaxBytes, 1);
  return guarded(info.Env(), [&] {
    const Context::Current current(context);
    return Napi::Value(info.Env(), reader_->read(address, bytes));
  });
}

void NativeBackend::use_stream(const Napi::CallbackInfo& info) {
  Context& context = this->context(info);
  bool own = false;
  const uint64_t handle = Arguments(info).handle("stream", own);
  guarded(info.Env(), [&] {
    const Context::Current current(context);
    context.use_stream(reinterpret_cast<cuda::Stream>(handle), own);
  });
}

void NativeBackend::run(const Napi::CallbackInfo& info) {
  Context& context = this->context(info);
  const ArgumentBlock block = Arguments(info).block("block", kBlockLength);
  guarded(info.Env(), [&] {
    const Device& device = context.device();
    const Operation operation = read_operation(block);
    const Spec spec = read_spec(block, operation);
    const Tensors at = read_tensors(block, operation);
    check(device, operation, spec);
    const Context::Current current(context);
    const Schedule how = schedule(device, operation, spec, row_alignment(operation, at));
    const Workspace workspace(context, how.workspace_bytes());
    moe::run(device, how, at, workspace.address(), context.stream());
  });
}

}  // namespace moe
