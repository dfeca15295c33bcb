// Checks for many sizes that an operation that is prepared for some tokens has what a run of fewer takes: the workspace
// and the kernels. Prints what is missing.
#include <cstdio>
#include <vector>

#include "../../native/launch/operations.h"

using namespace moe;

static cuda::Result find(cuda::Function* function, cuda::Module, const char*) {
  return *function = reinterpret_cast<cuda::Function>(64), cuda::kSuccess;
}
static cuda::Result set(cuda::Function, cuda::FunctionAttribute, int) { return cuda::kSuccess; }

static Device device_of(const cuda::Api& api, uint32_t multiprocessors, uint32_t sharedBytes) {
  Device device;
  device.api = &api;
  device.multiprocessors = multiprocessors;
  device.maxSharedBytes = sharedBytes;
  load_reduce(device);
  return device;
}

static int failures = 0;
static long runs = 0;

static void check_spec(const Device& fresh, Operation operation, const Spec& most) {
  try {
    check(fresh, operation, most);
  } catch (const ArgumentError&) {
    return;
  }
  const Device device = fresh;
  load(device, operation, most);
  const size_t kernels = device.kernels.size();
  const uint64_t bytes = most_workspace_bytes(device, operation, most);
  for (uint32_t tokens = most.tokens; tokens > 0; tokens -= tokens > 300 ? tokens / 7 : 1) {
    for (const uint32_t alignment : kAlignments) {
      Spec spec = most;
      spec.tokens = tokens;
      const uint64_t taken = schedule(device, operation, spec, alignment).workspace_bytes();
      runs++;
      if (taken <= bytes && device.kernels.size() == kernels) continue;
      failures++;
      printf("operation %u, E=%u K=%u D=%lu: prepared for %u, run with %u: %lu of %lu bytes, %zu of %zu kernels\n",
             static_cast<uint32_t>(operation), spec.numExperts, spec.topK, spec.hidden, most.tokens, tokens, taken, bytes,
             device.kernels.size(), kernels);
      return;
    }
  }
}

/** Each way to route, and what changes the kernels that it takes. */
static std::vector<Spec> routers(Spec spec) {
  spec.nGroup = spec.topkGroup = 1;
  spec.routedScalingFactor = 1;
  std::vector<Spec> all;
  const auto add = [&](auto change) {
    all.push_back(spec);
    change(all.back());
  };
  add([](Spec&) {});
  add([](Spec& s) { s.selection = Selection::kOnePerGroup, s.nGroup = s.topkGroup = s.topK; });
  add([](Spec& s) { s.scoringFunc = ScoringFunc::kSigmoid, s.hasEScoreCorrectionBias = s.normTopkProb = true; });
  add([](Spec& s) { s.nGroup = 8, s.topkGroup = 4, s.zeroExperts = s.numExperts / 2; });
  add([](Spec& s) { s.expertCapacity = 3, s.dropPolicy = DropPolicy::kProbs; });
  add([](Spec& s) { s.selection = Selection::kGiven, s.hasExpertIds = s.hasPerExpertScale = true; });
  add([](Spec& s) { s.selection = Selection::kSparsemixer, s.hasTokenMask = true; });
  add([](Spec& s) { s.applyRouterWeightOnInput = s.hasExpertScalesFloat = s.hasX = true; });
  return all;
}

int main() {
  cuda::Api api;
  api.moduleGetFunction = find;
  api.funcSetAttribute = set;
  for (const Device& device : {device_of(api, 132, 232448), device_of(api, 30, 65536)}) {
    for (uint32_t operation = 0; operation < kOperations; operation++) {
      for (const uint32_t tokens : {1u, 5u, 32u, 133u, 700u, 4225u, 70000u}) {
        for (const uint32_t experts : {1u, 8u, 256u, 1024u, 1025u, 8000u}) {
          for (const uint32_t topK : {1u, 2u, 8u, 40u, 1000u}) {
            for (const uint64_t hidden : {uint64_t{0}, uint64_t{7}, uint64_t{4096}, uint64_t{1} << 21}) {
              Spec sizes = {};
              sizes.tokens = tokens;
              sizes.hidden = hidden;
              sizes.numExperts = experts;
              sizes.topK = topK;
              sizes.dtype = DType::kFloat32;
              for (const Spec& spec : routers(sizes)) check_spec(device, static_cast<Operation>(operation), spec);
            }
          }
        }
      }
    }
  }
  printf("%ld runs, %d failures\n", runs, failures);
  return failures == 0 && runs > 0 ? 0 : 1;
}
