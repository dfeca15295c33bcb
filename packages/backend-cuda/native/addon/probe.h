#pragma once
#include <napi.h>

namespace moe {

/**
 * What there is of CUDA here: { library, missingFunction, driverVersion, error, devices }. Asks the driver, which can
 * crash if it is broken: src/probe.ts runs it in a process of its own.
 */
Napi::Value probe(const Napi::CallbackInfo& info);

}  // namespace moe
