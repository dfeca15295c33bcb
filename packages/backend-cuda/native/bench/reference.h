// moe_dispatch on the CPU, plainly: what the kernels are checked against here. The full check is the conformance suite.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include "../launch/dispatch.h"

namespace reference {

struct Result {
  std::vector<int32_t> indices, offsets, map;
  std::vector<double> scales, gaps;
  std::vector<int64_t> counts;
};

inline float clean(float v) {
  constexpr float kMax = 3.4028234663852886e38f;
  if (v >= -kMax && v <= kMax) return v;
  return v > 0 ? kMax : -kMax;
}

inline void route_row(const float* row, uint32_t width, uint32_t picks, bool raw, uint32_t firstExpert, int32_t* indices,
                      double* scales, double* gaps) {
  std::vector<float> values(width);
  std::vector<uint32_t> order(width);
  for (uint32_t i = 0; i < width; i++) {
    values[i] = clean(row[i]);
    order[i] = i;
  }
  const auto before = [&](uint32_t a, uint32_t b) { return values[a] > values[b] || (values[a] == values[b] && a < b); };
  std::partial_sort(order.begin(), order.begin() + picks, order.end(), before);
  const double top = values[order[0]];
  double sum = 0;
  for (uint32_t i = 0; i < width; i++) sum += std::exp(values[i] - top);
  for (uint32_t k = 0; k < picks; k++) {
    indices[k] = static_cast<int32_t>(firstExpert + order[k]);
    scales[k] = raw ? values[order[k]] : std::exp(values[order[k]] - top) / sum;
    gaps[k] = top - values[order[k]];
  }
}

inline Result dispatch(const std::vector<float>& gating, const moe::DispatchSizes& s) {
  Result r;
  const uint64_t pairs = static_cast<uint64_t>(s.tokens) * s.topK;
  r.indices.resize(pairs);
  r.scales.resize(pairs);
  r.gaps.resize(pairs);
  const bool group = s.routing == moe::Routing::kGroup;
  const uint32_t groups = group ? s.topK : 1, width = s.experts / groups, picks = group ? 1 : s.topK;
  const uint64_t rows = static_cast<uint64_t>(s.tokens) * groups;
  const auto work = [&](uint64_t begin, uint64_t end) {
    for (uint64_t row = begin; row < end; row++) {
      route_row(gating.data() + row * width, width, picks, s.routing == moe::Routing::kTopkOnly,
                static_cast<uint32_t>(row % groups) * width, &r.indices[row * picks], &r.scales[row * picks],
                &r.gaps[row * picks]);
    }
  };
  const uint64_t threads = rows > 1000 ? std::max(1u, std::thread::hardware_concurrency()) : 1;
  std::vector<std::thread> pool;
  for (uint64_t i = 0; i < threads; i++) pool.emplace_back(work, rows * i / threads, rows * (i + 1) / threads);
  for (auto& thread : pool) thread.join();
  r.counts.assign(s.experts, 0);
  r.offsets.assign(s.experts + 1, 0);
  r.map.resize(pairs);
  for (int32_t e : r.indices) r.counts[e]++;
  for (uint32_t e = 0; e < s.experts; e++) r.offsets[e + 1] = r.offsets[e] + static_cast<int32_t>(r.counts[e]);
  std::vector<int32_t> next(r.offsets.begin(), r.offsets.end() - 1);
  for (uint64_t p = 0; p < pairs; p++) r.map[p % s.topK * s.tokens + p / s.topK] = next[r.indices[p]]++;
  return r;
}

}  // namespace reference
