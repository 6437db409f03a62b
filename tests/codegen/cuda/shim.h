/* Runs CUDA C on the CPU: included before the emitted text by the host's C++ compiler. Blocks run one after
 * the other, each thread on a stack of its own that it leaves at barriers and warp-wide instructions, so that
 * threads run one at a time in a chosen order. What real hardware leaves open is made as bad as is allowed:
 * shared memory starts as NaN, asynchronous copies arrive at the wait and no earlier. */
#ifndef TESTS_CUDA_SHIM_H
#define TESTS_CUDA_SHIM_H

#ifndef __x86_64__
#error "the stack switch below is written for x86-64"
#endif

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <utility>
#include <vector>

extern "C" {
#include "launch.h"
}

#define TESSERA_SHIM 1
#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(n)
/* One section holds all of them, so that each block can find it poisoned. */
#define __shared__ static __attribute__((section("shim_shared")))
#define __syncthreads() shim::barrier(__LINE__)
#define INFINITE __builtin_inff()
#define NOT_A_NUMBER __builtin_nanf("")

extern "C" char __start_shim_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_shim_shared[] __attribute__((weak, visibility("hidden")));

namespace shim {

enum { MAX_THREADS = 1024, STACK = 64 * 1024, GUARD = 64, WARP = 32 };
enum State { FRESH, READY, AT_BARRIER, AT_WARP, DONE };

struct Index {
  unsigned x, y, z;
};

struct Copy {
  void *to;
  const void *from;
  int count, group;
};

/* What a lane brings to mma_bf16. */
struct Fragments {
  float *c;
  const uint32_t *a, *b;
};

struct Thread {
  State state;
  int line; /* of the barrier that it waits at */
  void *stack, *pointer;
  std::vector<Copy> copies;
  int committed;
  Fragments fragments;
};

static Index thread, block, blocks, threads;
static Thread fiber[MAX_THREADS];
static int current, count;
static void *scheduler;
static std::vector<void *> stacks;
static std::vector<unsigned char> dynamic;
static const char *kernel;
static void (*entry)(void *);
static void *entry_args;
static uint32_t random_state;

[[noreturn]] static void fail(const char *what, long detail) {
  fprintf(stderr, "shim: kernel %s, block %u: %s (%ld)\n", kernel, block.x, what, detail);
  abort();
}

/* Saves the callee's registers and stack pointer and takes up those of another stack. */
extern "C" void shim_switch(void **save, void *to);
asm(".text\n"
    ".type shim_switch, @function\n"
    "shim_switch:\n"
    "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, (%rdi)\n"
    "  mov %rsi, %rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
    "  ret\n"
    ".size shim_switch, . - shim_switch\n");

static void leave(State s) {
  fiber[current].state = s;
  shim_switch(&fiber[current].pointer, scheduler);
}

static void body() {
  entry(entry_args);
  leave(DONE);
}

static void *new_stack() {
  void *p = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) fail("no memory for a stack", STACK);
  mprotect(p, 4096, PROT_NONE);
  return p;
}

static void start(Thread &t) {
  if (stacks.empty()) stacks.push_back(new_stack());
  t.stack = stacks.back();
  stacks.pop_back();
  void **top = (void **)((char *)t.stack + STACK) - 8;
  memset(top, 0, 8 * sizeof *top);
  top[6] = (void *)body; /* where the first switch returns to, aligned as by a call */
  t.pointer = top;
}

static void resume(int i) {
  Thread &t = fiber[i];
  current = i;
  thread = {(unsigned)i, 0, 0};
  if (t.state == FRESH) start(t);
  t.state = READY;
  shim_switch(&scheduler, t.pointer);
  if (t.state == DONE) stacks.push_back(t.stack);
}

static uint32_t draw() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  return random_state ^= random_state << 5;
}

static std::vector<int> sequence(int n, ShimOrder order) {
  std::vector<int> s(n);
  for (int i = 0; i < n; i++) s[i] = order == SHIM_REVERSE ? n - 1 - i : i;
  for (int i = n - 1; i > 0 && order == SHIM_RANDOM; i--) std::swap(s[i], s[draw() % (i + 1)]);
  return s;
}

static int waiting(State s) {
  int n = 0;
  for (int i = 0; i < count; i++) n += fiber[i].state == s;
  return n;
}

/* All threads wait at one barrier: they may go on. */
static void release() {
  for (int i = 0; i < count; i++) {
    if (fiber[i].state != AT_BARRIER) fail("others wait at a barrier that this thread does not reach", i);
    if (fiber[i].line != fiber[0].line)
      fail("threads wait at different barriers, one in line", fiber[i].line);
  }
  for (int i = 0; i < count; i++) fiber[i].state = READY;
}

static void run_block(ShimOrder order) {
  for (int i = 0; i < count; i++) {
    fiber[i].state = FRESH;
    fiber[i].copies.clear();
    fiber[i].committed = 0;
  }
  while (waiting(DONE) < count) {
    bool moved = false;
    for (int i : sequence(count, order)) {
      if (fiber[i].state > READY) continue;
      resume(i);
      moved = true;
    }
    if (moved) continue;
    if (!waiting(AT_BARRIER)) fail("lanes of a warp wait for others at an instruction of the whole warp", 0);
    release();
  }
}

static void poison() {
  if (__start_shim_shared) memset(__start_shim_shared, 0xff, __stop_shim_shared - __start_shim_shared);
  memset(dynamic.data(), 0xff, dynamic.size());
}

static unsigned char *shared_start() {
  return (unsigned char *)(((uintptr_t)dynamic.data() + 15) & ~(uintptr_t)15);
}

static void check_guard(size_t size) {
  for (int i = 0; i < GUARD; i++)
    if (shared_start()[size + i] != 0xff) fail("a write past dynamic shared memory, by bytes", i + 1);
}

static void run(const char *name, const ShimLaunch *l, void (*call)(void *), void *args) {
  kernel = name, entry = call, entry_args = args;
  count = l->block;
  if (count < 1 || count > MAX_THREADS) fail("threads a block", count);
  random_state = l->seed ? l->seed : 1;
  threads = {(unsigned)count, 1, 1};
  blocks = {(unsigned)l->grid, 1, 1};
  dynamic.assign(l->shared + GUARD + 16, 0xff);
  for (int b : sequence((int)l->grid, l->order)) {
    block = {(unsigned)b, 0, 0};
    poison();
    run_block(l->order);
    check_guard(l->shared);
  }
}

static void barrier(int line) {
  fiber[current].line = line;
  leave(AT_BARRIER);
}

/* mma.m16n8k16 as the PTX ISA lays the fragments out: element i of each lane. */
static int a_row(int lane, int i) {
  return i < 2 || (i >= 4 && i < 6) ? lane >> 2 : (lane >> 2) + 8;
}

static int a_col(int lane, int i) {
  return lane % 4 * 2 + (i & 1) + (i < 4 ? 0 : 8);
}

static int b_row(int lane, int i) {
  return lane % 4 * 2 + (i & 1) + (i < 2 ? 0 : 8);
}

static int c_row(int lane, int i) {
  return i < 2 ? lane >> 2 : (lane >> 2) + 8;
}

static int c_col(int lane, int i) {
  return lane % 4 * 2 + (i & 1);
}

static float half_of(const uint32_t *words, int i) {
  uint32_t bits = words[i / 2] >> (i % 2 * 16) << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static void multiply(Thread *warp) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < WARP; lane++) {
    const Fragments &f = warp[lane].fragments;
    for (int i = 0; i < 8; i++) a[a_row(lane, i)][a_col(lane, i)] = half_of(f.a, i);
    for (int i = 0; i < 4; i++) b[b_row(lane, i)][lane >> 2] = half_of(f.b, i);
  }
  for (int lane = 0; lane < WARP; lane++)
    for (int i = 0; i < 4; i++)
      for (int k = 0; k < 16; k++) warp[lane].fragments.c[i] += a[c_row(lane, i)][k] * b[k][c_col(lane, i)];
}

/* The warp's last lane to come does the work for all. */
static void warp_multiply(float *c, const uint32_t *a, const uint32_t *b) {
  int first = current / WARP * WARP, here = 1;
  fiber[current].fragments = {c, a, b};
  for (int i = first; i < first + WARP; i++) here += fiber[i].state == AT_WARP;
  if (here < WARP) return leave(AT_WARP);
  multiply(&fiber[first]);
  for (int i = first; i < first + WARP; i++) fiber[i].state = READY;
}

template <class... P, size_t... I>
static void apply(void (*f)(P...), void *const *args, std::index_sequence<I...>) {
  f(*(P *)args[I]...);
}

template <class... P>
static void launch(const char *name, void (*f)(P...), const ShimLaunch *l, void *const *args) {
  struct Call {
    void (*f)(P...);
    void *const *args;
  } call = {f, args};
  run(
      name, l, [](void *p) { apply(((Call *)p)->f, ((Call *)p)->args, std::index_sequence_for<P...>()); },
      &call);
}

} // namespace shim

#define threadIdx shim::thread
#define blockIdx shim::block
#define blockDim shim::threads
#define gridDim shim::blocks

static inline float __uint_as_float(unsigned u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

static inline unsigned __float_as_uint(float f) {
  unsigned u;
  memcpy(&u, &f, sizeof u);
  return u;
}

static inline unsigned char *dynamic_shared() {
  return shim::shared_start();
}

static inline void copy_async(void *shared, const void *global, int count) {
  shim::Thread &t = shim::fiber[shim::current];
  if ((uintptr_t)shared % 16 || (count && (uintptr_t)global % 16))
    shim::fail("cp.async of 16 bytes, not aligned", count);
  memset(shared, 0xff, 16);
  t.copies.push_back({shared, global, count, t.committed});
}

static inline void copy_commit() {
  shim::fiber[shim::current].committed++;
}

template <int pending> static inline void copy_wait() {
  shim::Thread &t = shim::fiber[shim::current];
  std::vector<shim::Copy> left;
  for (const shim::Copy &c : t.copies) {
    if (c.group >= t.committed - pending) {
      left.push_back(c);
      continue;
    }
    memset(c.to, 0, 16);
    memcpy(c.to, c.from, c.count);
  }
  t.copies.swap(left);
}

static inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  shim::warp_multiply(c, a, b);
}

#define SHIM_KERNEL(name)                                                                                    \
  extern "C" void shim_##name(const ShimLaunch *l, void *const *args) {                                      \
    shim::launch(#name, name, l, args);                                                                      \
  }

#endif
