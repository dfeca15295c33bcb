#include "route.h"

#include "arithmetic.h"

namespace moe {

namespace {

constexpr LaneShape kPlainShapes[] = {{4, 4}, {8, 8}, {16, 8}, {32, 8}, {32, 16}, {32, 32}};
/** Fewer, because their code is long. */
constexpr LaneShape kRouterShapes[] = {{8, 8}, {16, 8}, {32, 8}, {32, 12}, {32, 16}};
/** More choices than this are quicker sorted by a block than taken one by one. */
constexpr uint32_t kMaxLanePicks = 32;

/** Groups of which some are kept; else 1. */
uint32_t choice_groups(const Spec& s) { return s.topkGroup < s.nGroup ? s.nGroup : 1; }

bool skips(const Spec& s) {
  switch (s.zeroExpertKind) {
    case ZeroExpertKind::kIdentity:
      return false;
    case ZeroExpertKind::kSkip:
      return s.zeroExperts > 0;
  }
  return false;
}

/** Whether the weights of choices are not just their scores. */
bool weighs(const Spec& s) {
  return s.normTopkProb || s.routedScalingFactor != 1.0f || s.hasPerExpertScale || s.hasGlobalScale || skips(s) ||
         s.expertCapacity > 0;
}

/** Whether Paddle's booleans could have asked for it, but for the number of experts and choices. */
bool is_plain(const Spec& s) {
  if (weighs(s) || s.hasEScoreCorrectionBias || s.hasTokenMask || s.zeroExperts > 0 || choice_groups(s) > 1) return false;
  switch (s.scoringFunc) {
    case ScoringFunc::kSoftmax:
    case ScoringFunc::kNone:
      return true;
    case ScoringFunc::kSigmoid:
    case ScoringFunc::kSqrtsoftplus:
      return false;
  }
  return false;
}

bool fits_plain(const LaneShape& shape, const RouteSchedule& route) {
  return route.width <= shape.lanes * shape.values && route.picks <= kMaxLanePicks;
}

/** A choice for each lane, lanes for each group. */
bool fits_router(const LaneShape& shape, const RouteSchedule& route, const Spec& s) {
  const uint32_t groups = choice_groups(s);
  return route.picks <= shape.lanes && shape.lanes % groups == 0 &&
         route.width / groups <= shape.lanes / groups * shape.values;
}

/** The chooser of those that rank, and its shape. */
void find_shape(const Spec& s, RouteSchedule& route) {
  const bool plain = is_plain(s);
  route.chooser = Chooser::kWide;
  if (plain) {
    for (const LaneShape& shape : kPlainShapes) {
      if (!fits_plain(shape, route)) continue;
      route.chooser = Chooser::kPlain;
      route.shape = shape;
      return;
    }
  }
  for (const LaneShape& shape : kRouterShapes) {
    if (plain || !fits_router(shape, route, s)) continue;
    route.chooser = Chooser::kRouter;
    route.shape = shape;
    return;
  }
}

Score score_of(ScoringFunc function) {
  switch (function) {
    case ScoringFunc::kSoftmax:
      return Score::kSoftmax;
    case ScoringFunc::kSigmoid:
      return Score::kSigmoid;
    case ScoringFunc::kSqrtsoftplus:
      return Score::kSqrtsoftplus;
    case ScoringFunc::kNone:
      return Score::kNone;
  }
  return Score::kNone;
}

Float float_of(GatingDtype dtype) {
  switch (dtype) {
    case GatingDtype::kFloat32:
      return Float::kFloat32;
    case GatingDtype::kFloat16:
      return Float::kFloat16;
    case GatingDtype::kBfloat16:
      return Float::kBfloat16;
  }
  return Float::kFloat32;
}

bool groups_by_two(const Spec& s) {
  switch (s.groupScoreFunc) {
    case GroupScoreFunc::kMax:
      return false;
    case GroupScoreFunc::kTop2Sum:
      return true;
  }
  return false;
}

/** Whether choices queue in the order of the tokens' scores. */
bool drops_by_score(const Spec& s) {
  switch (s.dropPolicy) {
    case DropPolicy::kPosition:
      return false;
    case DropPolicy::kProbs:
      return s.expertCapacity > 0;
  }
  return false;
}

uint32_t padded_picks(uint32_t picks) {
  uint32_t padded = 1;
  while (padded < picks) padded *= 2;
  return padded;
}

/** A thread for each of `count`. */
Launch threads(const Device& device, uint64_t count, const char* kernel) {
  Launch how;
  how.block = 256;
  how.grid = static_cast<uint32_t>(ceil_div(count, how.block));
  how.overlaps = true;
  how.function = find_kernel(device, kernel);
  return how;
}

Launch schedule_choose(const Device& device, const RouteSchedule& route, const Spec& s) {
  Launch how;
  how.overlaps = true;
  how.sharedBytes = static_cast<uint32_t>(route_shared_bytes(route, s));
  uint64_t blocks = route.rows;
  switch (route.chooser) {
    case Chooser::kPlain:
    case Chooser::kRouter:
      how.block = 128;
      blocks = std::min<uint64_t>(ceil_div(route.rows, route.shape.rowsPerWarp() * 4), device.multiprocessors * 16);
      how.function = find_kernel(device, lane_kernel(route, ""));
      break;
    case Chooser::kWide:
      how.block = route.width <= 2048 ? 256 : 512;
      blocks = std::min<uint64_t>(route.rows, device.multiprocessors * 8);
      how.function = find_kernel(device, "route_wide_rows");
      break;
    case Chooser::kGiven:
    case Chooser::kSparse:
      how.block = 256;
      blocks = std::min<uint64_t>(ceil_div(route.rows, 8), device.multiprocessors * 16);
      how.function = find_kernel(device, route.chooser == Chooser::kGiven ? "route_given" : "route_sparsely");
      break;
  }
  how.grid = static_cast<uint32_t>(blocks);
  return how;
}

WeightArgs weight_args(const Spec& s, const Tensors& at) {
  return {reinterpret_cast<const float*>(at.perExpertScale),
          reinterpret_cast<const float*>(at.globalScale),
          reinterpret_cast<const float*>(at.sharedLogits),
          s.sharedExperts,
          score_of(s.scoringFunc),
          s.normEps,
          s.routedScalingFactor,
          s.normTopkProb ? 1u : 0u,
          real_experts(s),
          skips(s) ? 1u : 0u};
}

}  // namespace

RouteSchedule describe_route(const Spec& s) {
  RouteSchedule route = {};
  route.groups = s.selection == Selection::kOnePerGroup ? s.nGroup : 1;
  route.rows = s.tokens * route.groups;
  route.width = s.numExperts / route.groups;
  route.picks = s.topK / route.groups;
  switch (s.selection) {
    case Selection::kTopk:
    case Selection::kOnePerGroup:
      find_shape(s, route);
      break;
    case Selection::kSparsemixer:
      route.chooser = Chooser::kSparse;
      break;
    case Selection::kGiven:
      route.chooser = Chooser::kGiven;
      break;
  }
  const bool byLanes = route.chooser == Chooser::kPlain || route.chooser == Chooser::kRouter;
  route.finishes = !weighs(s) || (byLanes && s.expertCapacity == 0);
  route.workspaceBytes = drops_by_score(s) ? round_up(uint64_t{s.tokens} * 8, 256) : 0;
  return route;
}

uint64_t route_shared_bytes(const RouteSchedule& route, const Spec& s) {
  if (route.chooser != Chooser::kWide) return 0;
  // wide.cuh, WideMemory.
  return 1024 + uint64_t{route.width} * 4 + uint64_t{choice_groups(s)} * 4 + padded_picks(route.picks) * 2;
}

std::string lane_kernel(const RouteSchedule& route, const char* stage) {
  const std::string prefix = route.chooser == Chooser::kRouter ? "router_" : "route_";
  return prefix + stage + std::to_string(route.shape.lanes) + "x" + std::to_string(route.shape.values);
}

RouteArgs route_args(const RouteSchedule& route, const Spec& s, const Tensors& at, cuda::DevicePtr workspace) {
  RouteArgs args = {};
  args.gatingOutput = reinterpret_cast<const void*>(at.gatingOutput);
  args.topKIndices = reinterpret_cast<int32_t*>(at.topKIndices);
  args.expertScalesFloat = reinterpret_cast<float*>(at.expertScalesFloat);
  args.rows = route.rows;
  args.width = route.width;
  args.picks = route.picks;
  args.groups = route.groups;
  args.dtype = float_of(s.gatingDtype);
  args.score = score_of(s.scoringFunc);
  args.weights = weight_args(s, at);
  args.bias = reinterpret_cast<const float*>(at.eScoreCorrectionBias);
  args.tokenMask = reinterpret_cast<const uint8_t*>(at.tokenMask);
  args.expertIds = reinterpret_cast<const int32_t*>(at.expertIds);
  args.tokenScores = drops_by_score(s) ? reinterpret_cast<uint32_t*>(workspace) : nullptr;
  args.jitterEps = s.jitterEps;
  args.choiceGroups = choice_groups(s);
  args.keptGroups = args.choiceGroups == 1 ? 1 : s.topkGroup;
  args.groupWidth = route.width / args.choiceGroups;
  for (uint32_t lanes = route.shape.lanes / args.choiceGroups; lanes > 1; lanes /= 2) args.groupLanesLog2++;
  args.groupsByTwo = groups_by_two(s) ? 1 : 0;
  args.finishes = route.finishes ? 1 : 0;
  return args;
}

RouteSchedule schedule_route(const Device& device, const Spec& s) {
  RouteSchedule route = describe_route(s);
  route.choose = schedule_choose(device, route, s);
  if (drops_by_score(s)) route.order = threads(device, s.tokens, "order_tokens");
  if (s.expertCapacity > 0) route.drop = threads(device, uint64_t{s.numExperts} * 32, "drop_choices");
  if (!route.finishes) route.weigh = threads(device, s.tokens, "weigh_tokens");
  return route;
}

void run_route(const Device& device, const RouteSchedule& route, const Spec& s, const Tensors& at,
               cuda::DevicePtr workspace, cuda::Stream stream) {
  const RouteArgs args = route_args(route, s, at, workspace);
  launch(device, route.choose, stream, &args);
  uint32_t* const order = args.tokenScores == nullptr ? nullptr : args.tokenScores + s.tokens;
  if (route.order.present()) {
    const OrderArgs ordering = {args.tokenScores, order, s.tokens};
    launch(device, route.order, stream, &ordering);
  }
  if (route.drop.present()) {
    const DropArgs dropping = {args.topKIndices, order, s.tokens, s.topK, s.numExperts, s.expertCapacity};
    launch(device, route.drop, stream, &dropping);
  }
  if (route.weigh.present()) {
    const WeighArgs weighing = {args.topKIndices, args.expertScalesFloat, args.weights, s.tokens, s.topK,
                                s.normBeforeDrop ? 1u : 0u};
    launch(device, route.weigh, stream, &weighing);
  }
}

}  // namespace moe
