#include "cuda_api.h"

#include <dlfcn.h>

namespace cuda {

std::string Api::describe(Result result) const {
  const char* name = nullptr;
  const char* text = nullptr;
  if (getErrorName(result, &name) != kSuccess || name == nullptr) return "CUDA error " + std::to_string(result);
  if (getErrorString(result, &text) != kSuccess || text == nullptr) return name;
  return std::string(name) + ": " + text;
}

namespace {

struct Loaded {
  Api api;
  LoadFailure failure;

  Loaded() {
    void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      failure = {LoadFailure::kNoLibrary, dlerror()};
      return;
    }
#define MOE_FIND(member, name, parameters)                                            \
  api.member = reinterpret_cast<decltype(api.member)>(dlsym(library, name));          \
  if (api.member == nullptr && failure.reason == LoadFailure::kNone) {                \
    failure = {LoadFailure::kOldLibrary, name};                                       \
  }
    MOE_CUDA_FUNCTIONS(MOE_FIND)
#undef MOE_FIND
  }
};

const Loaded& load_once() {
  static const Loaded loaded;
  return loaded;
}

}  // namespace

const Api* load_api(LoadFailure& failure) {
  const Loaded& loaded = load_once();
  failure = loaded.failure;
  return failure.reason == LoadFailure::kNone ? &loaded.api : nullptr;
}

int driver_version() {
  const Api& api = load_once().api;
  int version = 0;
  if (api.driverGetVersion != nullptr) api.driverGetVersion(&version);
  return version;
}

}  // namespace cuda
