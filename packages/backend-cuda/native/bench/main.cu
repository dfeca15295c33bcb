// Checks and measures the kernels without Node, through the launch code that the addon uses.
//   bench FATBIN check COUNT     random small cases against the CPU
//   bench FATBIN dispatch|reduce [SHAPE …]   variants of the launch parameters, shapes of issue 4
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <string>

#include "../launch/dispatch.h"
#include "../launch/reduce.h"
#include "reference.h"

using namespace moe;

#define CHECK(call)                                                                              \
  do {                                                                                           \
    const cudaError_t error_ = (call);                                                           \
    if (error_ != cudaSuccess) {                                                                 \
      std::printf("%s:%d %s: %s\n", __FILE__, __LINE__, #call, cudaGetErrorString(error_));      \
      std::exit(1);                                                                              \
    }                                                                                            \
  } while (0)

namespace {

struct Buffer {
  char* data = nullptr;
  size_t bytes = 0;
  explicit Buffer(size_t n) : bytes(n) {
    CHECK(cudaMalloc(&data, n + 256));
    CHECK(cudaMemset(data, 0xA5, n + 256));
  }
  ~Buffer() { cudaFree(data); }
  Buffer(const Buffer&) = delete;
  cuda::DevicePtr at(size_t offset = 0) const { return reinterpret_cast<cuda::DevicePtr>(data) + offset; }
  void poison() { CHECK(cudaMemset(data, 0xA5, bytes + 256)); }
};

__global__ void fill_random(uint32_t* out, uint64_t words, uint32_t seed, bool asBfloat16) {
  for (uint64_t i = blockIdx.x * 1024ull + threadIdx.x; i < words; i += gridDim.x * 1024ull) {
    uint64_t z = i * 0x9E3779B97F4A7C15ull + seed;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    const uint32_t bits = static_cast<uint32_t>(z >> 32);
    // Finite values of either sign between 2^-3 and 2^1.
    out[i] = asBfloat16 ? (bits & 0x81FF81FFu) | 0x3E003E00u : bits;
  }
}

/** Counts differing bytes of out[map[k, t]] against x[t]. */
__global__ void compare_rows(const uint8_t* x, const uint8_t* out, const int32_t* map, uint32_t tokens, uint32_t topK,
                             uint64_t rowBytes, unsigned long long* wrong) {
  for (uint64_t pair = blockIdx.x; pair < static_cast<uint64_t>(tokens) * topK; pair += gridDim.x) {
    const uint64_t token = pair % tokens;
    const uint64_t row = map[pair];
    unsigned long long count = 0;
    for (uint64_t i = threadIdx.x; i < rowBytes; i += blockDim.x) count += x[token * rowBytes + i] != out[row * rowBytes + i];
    if (count) atomicAdd(wrong, count);
  }
}

__global__ void compare_reduce(const __nv_bfloat16* ffn, const float* scales, const int32_t* map, const __nv_bfloat16* out,
                               uint32_t tokens, uint32_t topK, uint64_t hidden, double factor, bool normalise,
                               unsigned long long* wrong) {
  const uint64_t elements = tokens * hidden;
  for (uint64_t i = blockIdx.x * 256ull + threadIdx.x; i < elements; i += gridDim.x * 256ull) {
    const uint64_t token = i / hidden, column = i % hidden;
    double sum = 0, size = 0, norm = 0;
    for (uint32_t k = 0; k < topK; k++) {
      const double scale = scales[token * topK + k];
      const double term = scale * __bfloat162float(ffn[static_cast<uint64_t>(map[static_cast<uint64_t>(k) * tokens + token]) * hidden + column]);
      sum += term;
      size += fabs(term);
      norm += scale;
    }
    const double weight = factor / (normalise ? norm : 1.0);
    const double error = fabs(__bfloat162float(out[i]) - sum * weight);
    if (!(error <= fabs(sum * weight) / 256 + size * fabs(weight) * topK / 8388608)) atomicAdd(wrong, 1ull);
  }
}

struct Problem {
  DispatchSizes sizes;
  std::vector<float> gating;
  reference::Result expected;
  Buffer x, gatingBuffer, out, counts, offsets, map, scales, indices, expectedMap, workspace, wrong;
  uint32_t shift;  // of x and out, in bytes

  Problem(const DispatchSizes& s, std::vector<float> values, uint32_t shiftBytes, uint64_t workspaceBytes)
      : sizes(s), gating(std::move(values)), expected(reference::dispatch(gating, s)),
        x(s.tokens * s.rowBytes + 64), gatingBuffer(gating.size() * 4), out(pairs() * s.rowBytes + 64),
        counts(s.experts * 8), offsets(s.experts * 4 + 4), map(pairs() * 4), scales(pairs() * 4), indices(pairs() * 4),
        expectedMap(pairs() * 4), workspace(workspaceBytes), wrong(8), shift(shiftBytes) {
    fill_random<<<1024, 1024>>>(reinterpret_cast<uint32_t*>(x.data), x.bytes / 4, 1, false);
    CHECK(cudaMemcpy(gatingBuffer.data, gating.data(), gating.size() * 4, cudaMemcpyHostToDevice));
    CHECK(cudaMemcpy(expectedMap.data, expected.map.data(), pairs() * 4, cudaMemcpyHostToDevice));
  }

  uint64_t pairs() const { return static_cast<uint64_t>(sizes.tokens) * sizes.topK; }
  uint32_t alignment() const { return shift == 0 ? 16 : shift & (~shift + 1); }

  DispatchPointers pointers() const {
    return {x.at(shift), gatingBuffer.at(), out.at(shift), counts.at(), offsets.at(), map.at(), scales.at(), indices.at(),
            workspace.at()};
  }

  void poison() {
    for (Buffer* b : {&out, &counts, &offsets, &map, &scales, &indices, &workspace}) b->poison();
  }

  template <class T>
  std::vector<T> fetch(const Buffer& b, size_t n) const {
    std::vector<T> host(n);
    CHECK(cudaMemcpy(host.data(), b.data, n * sizeof(T), cudaMemcpyDeviceToHost));
    return host;
  }

  std::string verify_routing() const {
    if (fetch<int32_t>(indices, pairs()) != expected.indices) return "topKIndices";
    const auto found = fetch<float>(scales, pairs());
    for (uint64_t p = 0; p < pairs(); p++) {
      if (sizes.routing == Routing::kTopkOnly) {
        const float exact = static_cast<float>(expected.scales[p]);
        if (std::memcmp(&exact, &found[p], 4) != 0) return "scales (exact)";
        continue;
      }
      const double tolerance = std::max(1e-37, expected.scales[p] * (2e-6 + expected.gaps[p] / 8388608));
      if (!(std::fabs(found[p] - expected.scales[p]) <= tolerance)) {
        return "scales: " + std::to_string(found[p]) + " for " + std::to_string(expected.scales[p]);
      }
    }
    return "";
  }

  std::string verify_rows() const {
    CHECK(cudaMemset(wrong.data, 0, 8));
    compare_rows<<<4096, 256>>>(reinterpret_cast<uint8_t*>(x.data + shift), reinterpret_cast<uint8_t*>(out.data + shift),
                                reinterpret_cast<int32_t*>(expectedMap.data), sizes.tokens, sizes.topK, sizes.rowBytes,
                                reinterpret_cast<unsigned long long*>(wrong.data));
    const auto count = fetch<unsigned long long>(wrong, 1)[0];
    if (count != 0) return "permuteInput: " + std::to_string(count) + " bytes";
    // What lies around the output is untouched.
    std::vector<uint8_t> edge(64);
    CHECK(cudaMemcpy(edge.data(), out.data + shift + pairs() * sizes.rowBytes, 64, cudaMemcpyDeviceToHost));
    for (uint8_t byte : edge) if (byte != 0xA5) return "beyond permuteInput";
    return "";
  }

  std::string verify() const {
    const std::string routing = verify_routing();
    if (!routing.empty()) return routing;
    if (fetch<int64_t>(counts, sizes.experts) != expected.counts) return "counts";
    if (fetch<int32_t>(offsets, sizes.experts + 1) != expected.offsets) return "offsets";
    if (fetch<int32_t>(map, pairs()) != expected.map) return "map";
    return verify_rows();
  }
};

std::vector<float> random_gating(uint64_t count, uint32_t seed, int kind) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, kind == 3 ? 30.0f : 2.0f);
  std::vector<float> values(count);
  for (float& v : values) {
    v = normal(random);
    if (kind == 1) v = std::round(v);  // ties, zeros of both signs
    if (kind == 2) {
      const uint32_t draw = random() % 8;
      if (draw == 0) v = NAN;
      if (draw == 1) v = INFINITY;
      if (draw == 2) v = -INFINITY;
      if (draw == 3) v = -0.0f;
      if (draw == 4) v *= 1e-40f;
    }
    if (kind == 4) v = -INFINITY;
  }
  return values;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/** Microseconds of one of `work`, from a graph of 20; NaN where capturing fails. */
double time_graph(cudaStream_t stream, const std::function<void()>& work, int replays, double budgetSeconds) {
  constexpr int kInRow = 20;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < kInRow; i++) work();
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  cudaEvent_t begin, end;
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  std::vector<double> times;
  double spent = 0;
  for (int i = 0; i < replays + 3 && (i < 8 || spent < budgetSeconds); i++) {
    CHECK(cudaEventRecord(begin, stream));
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaEventRecord(end, stream));
    CHECK(cudaEventSynchronize(end));
    float ms = 0;
    CHECK(cudaEventElapsedTime(&ms, begin, end));
    if (i >= 3) times.push_back(ms * 1000.0 / kInRow);
    spent += ms / 1000;
  }
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return median(times);
}

double copy_rate(cudaStream_t stream) {
  constexpr size_t kBytes = 2ull << 30;
  Buffer a(kBytes), b(kBytes);
  fill_random<<<1024, 1024>>>(reinterpret_cast<uint32_t*>(a.data), kBytes / 4, 7, false);
  const double us = time_graph(stream, [&] { CHECK(cudaMemcpyAsync(b.data, a.data, kBytes, cudaMemcpyDeviceToDevice, stream)); }, 20, 1);
  return 2.0 * kBytes / us / 1e6;
}

struct Shape {
  uint32_t T, D, E, K;
};
const Shape kShapes[] = {{1, 4096, 8, 2},      {64, 7168, 256, 8},   {1280, 768, 48, 6},    {4096, 4096, 8, 2},
                         {8192, 2048, 128, 8}, {4096, 7168, 256, 8}, {16384, 7168, 256, 8}, {65536, 2048, 64, 6}};

struct Variant {
  std::string name;
  Tuning tuning;
};

std::vector<Variant> dispatch_variants(const Shape& s) {
  std::vector<Variant> list = {{"default", {}}};
  const auto add = [&](const std::string& name, Tuning t) { list.push_back({name, t}); };
  Tuning serial;
  serial.noOverlap = 1;
  add("default no-pdl", serial);
  if (s.T <= 64) {
    for (uint32_t warps : {4u, 8u, 16u, 32u}) {
      Tuning t;
      t.path = Path::kSmall;
      t.copyWarps = warps;
      add("small w" + std::to_string(warps), t);
      t.noOverlap = 1;
      add("small w" + std::to_string(warps) + " no-pdl", t);
    }
  }
  const bool big = s.T >= 4096;
  std::vector<uint32_t> tiles = {0};
  if (s.T == 64) tiles = {1, 4, 8, 16};
  if (s.T == 1280) tiles = {8, 10, 16, 20, 40};
  if (s.T == 4096) tiles = {0, 16, 64};
  if (s.T >= 8192) tiles = {0, (s.T + 263) / 264};
  for (uint32_t tile : tiles) {
    for (uint32_t depth : {2u, 4u, 8u}) {
      for (uint32_t warps : {8u, 16u, 32u}) {
        if (tile != tiles[0] && (depth != 4 || warps == 32)) continue;
        for (uint32_t blocks : {0u, 2u, 4u}) {
          if (blocks != 0 && (depth != 4 || warps * blocks > 64)) continue;
          Tuning t;
          t.path = Path::kFused;
          t.tileTokens = tile;
          t.depth = depth;
          t.copyWarps = warps;
          t.copyBlocks = blocks;
          add("fused tile" + std::to_string(tile) + " d" + std::to_string(depth) + " w" + std::to_string(warps) + " b" +
                  std::to_string(blocks), t);
        }
      }
    }
  }
  for (Path path : {Path::kFused, Path::kStages}) {
    for (uint32_t warps : {1u, 2u, 4u, 8u}) {
      for (uint32_t part : {4096u, 8192u, 16384u}) {
        if (!big && s.T != 1280) continue;
        for (uint32_t blocks : {1u, 2u}) {
          if (blocks == 2 && (warps == 8 || part == 16384)) continue;
          Tuning t;
          t.path = path;
          t.copy = CopyKind::kBulk;
          t.copyWarps = warps;
          t.partBytes = part;
          t.copyBlocks = blocks;
          add(std::string(path == Path::kFused ? "fused-bulk" : "stages-bulk") + " w" + std::to_string(warps) + " p" +
                  std::to_string(part) + " b" + std::to_string(blocks), t);
        }
      }
    }
  }
  for (uint32_t depth : {2u, 4u, 8u}) {
    for (uint32_t warps : {4u, 8u}) {
      for (uint32_t blocks : {0u, 4u}) {
        Tuning t;
        t.path = Path::kStages;
        t.depth = depth;
        t.copyWarps = warps;
        t.copyBlocks = blocks;
        add("stages d" + std::to_string(depth) + " w" + std::to_string(warps) + " b" + std::to_string(blocks), t);
      }
    }
  }
  return list;
}

void bench_dispatch(const Device& device, cudaStream_t stream, const Shape& s, double rate, bool quick, bool partsOnly) {
  const DispatchSizes sizes = {Routing::kSoftmax, s.T, s.E, s.K, s.D * 2ull};
  Problem problem(sizes, random_gating(static_cast<uint64_t>(s.T) * s.E, 5, 0), 0, 512ull << 20);
  const auto cu = reinterpret_cast<cuda::Stream>(stream);
  const double floor = (s.T * (s.D * 2.0 * (1 + s.K) + s.E * 4.0 + s.K * 12.0)) / rate / 1e6;
  std::printf("== dispatch T=%u D=%u E=%u K=%u floor %.2f us\n", s.T, s.D, s.E, s.K, floor);
  for (const Variant& v : dispatch_variants(s)) {
    if (quick && v.name != "default") continue;
    if (partsOnly) break;
    try {
      const DispatchPlan plan = plan_dispatch(device, sizes, 16, v.tuning);
      if (plan.workspaceBytes > problem.workspace.bytes) throw std::runtime_error("workspace");
      problem.poison();
      CHECK(cudaDeviceSynchronize());
      run_dispatch(device, plan, problem.pointers(), cu);
      CHECK(cudaDeviceSynchronize());
      const std::string wrong = problem.verify();
      const double us = time_graph(stream, [&] { run_dispatch(device, plan, problem.pointers(), cu); }, 50, quick ? 10 : 0.1);
      std::printf("D %ux%u %-36s %9.2f us %6.2f x %s\n", s.T, s.D, v.name.c_str(), us, us / floor, wrong.c_str());
    } catch (const std::exception& error) {
      std::printf("D %ux%u %-36s %s\n", s.T, s.D, v.name.c_str(), error.what());
    }
  }
  if (quick) return;
  // Parts alone, on the map of the last dispatch.
  CHECK(cudaMemcpy(problem.map.data, problem.expectedMap.data, problem.pairs() * 4, cudaMemcpyDeviceToDevice));
  const auto part = [&](const char* name, const std::function<void()>& work) {
    std::printf("P %ux%u %-36s %9.2f us\n", s.T, s.D, name, time_graph(stream, work, 50, 0.1));
  };
  const RoutePlan route = plan_route(device, sizes);
  part("route stage", [&] { run_route(device, route, problem.pointers(), cu); });
  Tuning stages;
  stages.path = Path::kStages;
  const DispatchPlan three = plan_dispatch(device, sizes, 16, stages);
  part("route+rank kernel", [&] { run_rank_only(device, three, problem.pointers(), cu); });
  part("route+rank, place", [&] { run_plan_only(device, three, problem.pointers(), cu); });
  for (uint32_t depth : {2u, 4u, 8u}) {
    Tuning t;
    t.depth = depth;
    const CopyPlan copy = plan_permute(device, sizes, 16, t);
    part(("permute d" + std::to_string(depth)).c_str(), [&] { run_permute(device, copy, sizes, problem.pointers(), cu); });
  }
  for (uint32_t warps : {1u, 2u, 4u}) {
    Tuning t;
    t.copy = CopyKind::kBulk;
    t.copyWarps = warps;
    const CopyPlan copy = plan_permute(device, sizes, 16, t);
    part(("permute bulk w" + std::to_string(warps)).c_str(), [&] { run_permute(device, copy, sizes, problem.pointers(), cu); });
  }
}

void bench_reduce(const Device& device, cudaStream_t stream, const Shape& s, double rate, bool quick) {
  const DispatchSizes sizes = {Routing::kSoftmax, s.T, s.E, s.K, 16};
  const auto gating = random_gating(static_cast<uint64_t>(s.T) * s.E, 5, 0);
  const auto expected = reference::dispatch(gating, sizes);
  const uint64_t pairs = static_cast<uint64_t>(s.T) * s.K;
  Buffer ffn(pairs * s.D * 2), out(s.T * s.D * 2ull), scales(pairs * 4), map(pairs * 4), indices(pairs * 4), wrong(8);
  fill_random<<<1024, 1024>>>(reinterpret_cast<uint32_t*>(ffn.data), ffn.bytes / 4, 3, true);
  const std::vector<float> scaleValues(expected.scales.begin(), expected.scales.end());
  CHECK(cudaMemcpy(scales.data, scaleValues.data(), pairs * 4, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(map.data, expected.map.data(), pairs * 4, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(indices.data, expected.indices.data(), pairs * 4, cudaMemcpyHostToDevice));
  const ReduceSizes reduce = {Float::kBfloat16, s.T, s.K, s.D, 0, true, 2.5};
  const ReducePointers at = {ffn.at(), scales.at(), map.at(), indices.at(), 0, out.at()};
  const auto cu = reinterpret_cast<cuda::Stream>(stream);
  const double floor = s.T * (s.D * 2.0 * (1 + s.K) + s.K * 12.0) / rate / 1e6;
  std::printf("== reduce T=%u D=%u E=%u K=%u floor %.2f us\n", s.T, s.D, s.E, s.K, floor);
  std::vector<std::pair<std::string, ReduceTuning>> list = {{"default", {}}, {"default no-pdl", {nullptr, 0, 0, 1}}};
  for (const char* shape : {"4x2", "2x4", "1x8", "1x2", "2x8"}) {
    if (quick) break;
    for (uint32_t warps : {1u, 2u, 4u, 8u}) {
      for (uint32_t steps : {1u, 2u, 4u}) {
        if (steps > 1 && s.T <= 64) continue;
        ReduceTuning t;
        t.shape = shape;
        t.warps = warps;
        t.partSteps = steps;
        list.push_back({std::string(shape) + " w" + std::to_string(warps) + " s" + std::to_string(steps), t});
      }
    }
  }
  for (const auto& entry : list) {
    const std::string& name = entry.first;
    const ReduceTuning& tuning = entry.second;
    out.poison();
    CHECK(cudaMemset(wrong.data, 0, 8));
    CHECK(cudaDeviceSynchronize());
    run_reduce(device, reduce, at, cu, tuning);
    CHECK(cudaDeviceSynchronize());
    compare_reduce<<<1024, 256>>>(reinterpret_cast<__nv_bfloat16*>(ffn.data), reinterpret_cast<float*>(scales.data),
                                  reinterpret_cast<int32_t*>(map.data), reinterpret_cast<__nv_bfloat16*>(out.data), s.T, s.K,
                                  s.D, 2.5, true, reinterpret_cast<unsigned long long*>(wrong.data));
    unsigned long long bad = 0;
    CHECK(cudaMemcpy(&bad, wrong.data, 8, cudaMemcpyDeviceToHost));
    const double us = time_graph(stream, [&] { run_reduce(device, reduce, at, cu, tuning); }, 50, quick ? 10 : 0.1);
    std::printf("R %ux%u %-36s %9.2f us %6.2f x %s\n", s.T, s.D, name.c_str(), us, us / floor, bad ? std::to_string(bad).c_str() : "");
  }
}

int check(const Device& device, cudaStream_t stream, int count) {
  std::mt19937_64 random(11);
  const auto pick = [&](std::initializer_list<uint32_t> from) { return from.begin()[random() % from.size()]; };
  int bad = 0;
  for (int i = 0; i < count; i++) {
    DispatchSizes s;
    s.experts = pick({1, 2, 3, 5, 8, 12, 16, 17, 48, 60, 64, 96, 128, 200, 256, 257, 384, 512, 1000, 1024, 1025, 2048, 8192});
    s.routing = static_cast<Routing>(random() % 3);
    s.topK = std::min(s.experts, pick({1, 2, 3, 4, 6, 8, 9, 32, 33, 64, 300, 8192}));
    while (s.routing == Routing::kGroup && s.experts % s.topK != 0) s.topK--;
    s.tokens = pick({1, 2, 3, 7, 31, 64, 65, 130, 300, 1000, 2500});
    if (static_cast<uint64_t>(s.tokens) * s.topK > 200000) s.tokens = std::max(1u, 200000 / s.topK);
    if (static_cast<uint64_t>(s.tokens) * s.experts > 2000000) s.tokens = std::max(1u, 2000000 / s.experts);
    s.rowBytes = pick({1, 2, 3, 4, 6, 8, 14, 16, 48, 62, 512, 528, 1000, 2048, 4112, 14336});
    if (static_cast<uint64_t>(s.tokens) * s.topK * s.rowBytes > 100000000) s.rowBytes = 16;
    const uint32_t shift = pick({0, 0, 0, 1, 2, 4, 8});
    const int kind = static_cast<int>(random() % 5);
    Problem problem(s, random_gating(static_cast<uint64_t>(s.tokens) * s.experts, static_cast<uint32_t>(i), kind), shift, 64ull << 20);
    for (int variant = 0; variant < 5; variant++) {
      Tuning t;
      if (variant == 1) t.path = Path::kFused;
      if (variant == 2) t.path = Path::kStages;
      if (variant == 3) {
        t.path = Path::kFused;
        t.tileTokens = 1 + random() % 100;
        t.copy = CopyKind::kBulk;
      }
      if (variant == 4) {
        t.path = Path::kStages;
        t.copy = CopyKind::kBulk;
        t.rankWarps = 1 + random() % 8;
      }
      std::string wrong;
      try {
        problem.poison();
        CHECK(cudaDeviceSynchronize());
        const DispatchPlan plan = plan_dispatch(device, s, problem.alignment(), t);
        run_dispatch(device, plan, problem.pointers(), reinterpret_cast<cuda::Stream>(stream));
        const cudaError_t failure = cudaDeviceSynchronize();
        wrong = failure != cudaSuccess ? cudaGetErrorString(failure) : problem.verify();
        if (wrong.empty() && variant == 0) {
          problem.poison();
          CHECK(cudaDeviceSynchronize());
          run_route(device, plan_route(device, s), problem.pointers(), reinterpret_cast<cuda::Stream>(stream));
          CHECK(cudaDeviceSynchronize());
          wrong = problem.verify_routing();
        }
      } catch (const std::exception& error) {
        wrong = error.what();
      }
      if (wrong.empty()) continue;
      bad++;
      std::printf("WRONG case %d variant %d mode %d T=%u E=%u K=%u row=%llu shift=%u kind=%d: %s\n", i, variant,
                  static_cast<int>(s.routing), s.tokens, s.experts, s.topK, static_cast<unsigned long long>(s.rowBytes), shift,
                  kind, wrong.c_str());
      if (bad > 40 || cudaGetLastError() != cudaSuccess) return 1;
    }
  }
  std::printf("check: %d cases, %d wrong\n", count, bad);
  return bad != 0;
}

}  // namespace

int main(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc < 3) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  const std::string image((std::istreambuf_iterator<char>(file)), {});
  CHECK(cudaSetDevice(0));
  CHECK(cudaFree(nullptr));
  cuda::LoadFailure failure;
  Device device;
  device.api = cuda::load_api(failure);
  if (device.api == nullptr) return std::printf("%s\n", failure.detail.c_str()), 1;
  device.check(device.api->moduleLoadData(&device.module, image.data()), "cuModuleLoadData");
  describe_device(device);
  cudaStream_t stream;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  const std::string mode = argv[2];
  if (mode == "check") return check(device, stream, argc > 3 ? std::atoi(argv[3]) : 300);
  const double rate = copy_rate(stream);
  std::printf("copy %.3f TB/s, %u multiprocessors, %u bytes shared\n", rate, device.multiprocessors, device.maxSharedBytes);
  const bool quick = mode == "table";
  for (int i = 0; i < 8; i++) {
    bool wanted = argc <= 3;
    for (int j = 3; j < argc; j++) wanted |= std::atoi(argv[j]) == i;
    if (!wanted) continue;
    if (mode != "reduce") bench_dispatch(device, stream, kShapes[i], rate, quick, mode == "parts");
    if (mode == "reduce" || quick) bench_reduce(device, stream, kShapes[i], rate, quick);
  }
  return 0;
}
