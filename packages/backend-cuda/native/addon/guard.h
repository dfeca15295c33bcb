// From C++ exceptions to JavaScript errors.
#pragma once
#include <napi.h>

#include <string>

#include "../launch/device.h"

namespace moe {

/** An Error whose `cuda` is the driver's result code: src/native-errors.ts makes one of core's of it. */
inline napi_value make_cuda_error(napi_env env, cuda::Result result, const std::string& message) {
  const Napi::Error error = Napi::Error::New(env, message);
  error.Value().Set("cuda", result);
  return error.Value();
}

inline void check_napi(napi_env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

/** Runs the body of a call from JavaScript. */
template <class Body>
auto guarded(Napi::Env env, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const CudaError& error) {
    throw Napi::Error(env, make_cuda_error(env, error.result, error.what()));
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

}  // namespace moe
