// Runs the kernels on the host: for tests of what they compute without a GPU. Linux on x64.
#include "emulated.h"

#include <dlfcn.h>

#include <vector>

#include "../../native/kernels/kernels.cu"

thread_local char sharedMemory[232448] __attribute__((aligned(128)));

namespace emulated {

namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr uint32_t kMaxThreads = 1024;
/** More than any kernel takes: by value, on the stack. */
struct Arguments {
  char bytes[512];
};
using Kernel = void (*)(Arguments);

/** Threads that wait for one another. */
struct Meeting {
  uint32_t expected = 0, arrived = 0, generation = 0;
  int place = 0;
  uint64_t given[32], taken[32];
};

struct Fiber : Thread {
  void* stackPointer;
  std::vector<char> stack;
  bool done;
  const Meeting* waitsFor;
  uint32_t generation;
};

Fiber fibers[kMaxThreads];
Meeting warps[kMaxThreads / 32], whole;
void* schedulerStack;
Kernel kernel;
const Arguments* arguments;

asm(R"(
.type emulated_switch, @function
emulated_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
extern "C" void emulated_switch(void** from, void* to);

Fiber& self() { return *static_cast<Fiber*>(current); }

void fail(const char* what, int a, int b) {
  fprintf(stderr, "block %u, thread %u: %s: lines %d and %d\n", block.x, current->index.x, what, a, b);
  abort();
}

void meet(Meeting& meeting, int place) {
  if (meeting.arrived == 0) meeting.place = place;
  else if (meeting.place != place) fail("threads wait for each other at different places", meeting.place, place);
  if (++meeting.arrived == meeting.expected) {
    meeting.arrived = 0;
    meeting.generation++;
    memcpy(meeting.taken, meeting.given, sizeof(meeting.taken));
    return;
  }
  self().waitsFor = &meeting;
  self().generation = meeting.generation;
  emulated_switch(&self().stackPointer, schedulerStack);
}

/** A warp that waits for one of its threads would wait for ever. */
void leave() {
  Meeting& warp = warps[self().warp];
  if (warp.arrived != 0) fail("a thread ended that its warp waits for", warp.place, 0);
  warp.expected--;
  if (whole.arrived != 0) fail("a thread ended that its block waits for", whole.place, 0);
  whole.expected--;
}

void run_fiber() {
  kernel(*arguments);
  leave();
  self().done = true;
  emulated_switch(&self().stackPointer, schedulerStack);
}

void start(Fiber& fiber, uint32_t thread) {
  fiber.stack.resize(kStackBytes);
  fiber.index = {thread, 0, 0};
  fiber.lane = thread % 32;
  fiber.warp = thread / 32;
  fiber.done = false;
  fiber.waitsFor = nullptr;
  uintptr_t top = reinterpret_cast<uintptr_t>(fiber.stack.data() + kStackBytes) & ~uintptr_t{15};
  void** const frame = reinterpret_cast<void**>(top) - 8;
  memset(frame, 0, 8 * sizeof(void*));
  frame[6] = reinterpret_cast<void*>(run_fiber);
  fiber.stackPointer = frame;
}

void run_block(uint32_t threads) {
  memset(sharedMemory, 0xA5, sizeof(sharedMemory));
  whole.expected = threads;
  whole.arrived = 0;
  for (uint32_t i = 0; i < threads; i++) start(fibers[i], i);
  for (uint32_t i = 0; i < threads / 32; i++) warps[i].expected = 32, warps[i].arrived = 0;
  for (uint32_t left = threads, before = 0; left > 0; before = left) {
    bool moved = false;
    for (uint32_t i = 0; i < threads; i++) {
      Fiber& fiber = fibers[i];
      if (fiber.done || (fiber.waitsFor != nullptr && fiber.waitsFor->generation == fiber.generation)) continue;
      moved = true;
      fiber.waitsFor = nullptr;
      current = &fiber;
      emulated_switch(&schedulerStack, fiber.stackPointer);
      left -= fiber.done;
    }
    if (!moved) fail("nothing moves", whole.place, static_cast<int>(before));
  }
}

}  // namespace

Thread* current;
dim3 block, blockSize, gridSize;

const uint64_t* collect(int place, uint64_t value) {
  Meeting& warp = warps[current->warp];
  warp.given[current->lane] = value;
  meet(warp, place);
  return warp.taken;
}

void wait_for_block(int place) { meet(whole, place); }

void* find(const char* name) {
  static void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  return dlsym(library, name);
}

void run(void* function, uint32_t grid, uint32_t threads, const void* given) {
  kernel = reinterpret_cast<Kernel>(function);
  arguments = static_cast<const Arguments*>(given);
  gridSize = {grid, 1, 1};
  blockSize = {threads, 1, 1};
  for (block = {0, 0, 0}; block.x < grid; block.x++) run_block(threads);
}

}  // namespace emulated
