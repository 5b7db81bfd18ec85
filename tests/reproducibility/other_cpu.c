/* A CPU of another kind, as far as the instruction CPUID tells: preloaded into a process, with the
   kind in AS_CPU. Linux lets the instruction fault, and what it would have said is made up here:
   vendor, family and model, the vector extensions of that generation, and the sizes of its caches.
   What chooses by these (LLVM, oneDNN, YNNPACK, Eigen, OpenBLAS, NumPy) then does as it would
   there. Instructions themselves stay those of this CPU: that vendors approximate 1/sqrt(x)
   differently is not to be seen. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (1u << (n))
enum { A, B, C, D };

struct cpu {
  const char *name;
  uint32_t signature;
  int amd, avx512, level1, ways1, level2, level3; /* caches in KiB */
};
static const struct cpu kinds[] = {
    {"haswell", 0x000306C3, 0, 0, 32, 8, 256, 8192},
    {"skylake", 0x000506E3, 0, 0, 32, 8, 256, 8192},
    {"skylake-avx512", 0x00050654, 0, 1, 32, 8, 1024, 8192},
    {"zen2", 0x00830F10, 1, 0, 32, 8, 512, 32768},
    {"zen3", 0x00A00F11, 1, 0, 32, 8, 512, 32768},
    {"zen4", 0x00A10F11, 1, 1, 32, 8, 1024, 32768},
    {"zen5", 0x00B00F21, 1, 1, 48, 12, 1024, 32768},
};
static const struct cpu *as;

static int set_fault(int on) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, on ? 0 : 1); }

static void vendor(uint32_t r[4]) {
  memcpy(&r[B], "Auth", 4);
  memcpy(&r[D], "enti", 4);
  memcpy(&r[C], "cAMD", 4);
}

/* Leaf 4 of Intel, and 0x8000001D of AMD: one cache of this process's core. */
static void cache(uint32_t index, uint32_t r[4]) {
  const uint32_t type[] = {1, 2, 3, 3}, level[] = {1, 1, 2, 3}, ways[] = {as->ways1, 8, 8, 16};
  const uint32_t size[] = {as->level1, 32, as->level2, as->level3};
  memset(r, 0, 4 * sizeof *r);
  if (index > 3) return;
  r[A] = type[index] | level[index] << 5 | BIT(8);
  r[B] = (ways[index] - 1) << 22 | 63;
  r[C] = size[index] * 1024 / 64 / ways[index] - 1;
}

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4]) {
  set_fault(0);
  __asm__ volatile("cpuid" : "=a"(r[A]), "=b"(r[B]), "=c"(r[C]), "=d"(r[D]) : "a"(leaf), "c"(sub));
  set_fault(1);
  if (leaf == 0) {
    r[A] = as->amd ? 0x10 : 0x16;
    if (as->amd) vendor(r);
  } else if (leaf == 1) {
    r[A] = as->signature;
  } else if (leaf == 7 && sub == 0) {
    r[A] = as->amd && as->avx512;
    if (!as->avx512) {
      r[B] &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
      r[C] &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
    }
    if (!as->amd) r[C] &= ~(BIT(1) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14));
    r[D] &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25)); /* AMX, fp16 */
  } else if (leaf == 7 && sub == 1) {
    r[A] &= as->amd && as->avx512 ? BIT(5) : 0; /* bfloat16 */
    r[B] = r[C] = r[D] = 0;
  } else if (leaf == 4) {
    cache(as->amd ? 4 : sub, r);
  } else if (as->amd && leaf == 0x80000000u) {
    r[A] = 0x80000020u;
    vendor(r);
  } else if (as->amd && leaf == 0x80000001u) {
    r[A] = as->signature;
    r[C] |= BIT(6) | BIT(22); /* SSE4a, topology */
  } else if (as->amd && leaf == 0x80000005u) {
    r[C] = (uint32_t)as->level1 << 24 | as->ways1 << 16 | 1 << 8 | 64;
  } else if (as->amd && leaf == 0x80000006u) {
    r[C] = (uint32_t)as->level2 << 16 | 6 << 12 | 1 << 8 | 64;
    r[D] = (uint32_t)as->level3 / 512 << 18 | 9 << 12 | 1 << 8 | 64;
  } else if (as->amd && leaf == 0x8000001Du) {
    cache(sub, r);
  }
}

static void answer(int number, siginfo_t *info, void *context) {
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *at = (const uint8_t *)g[REG_RIP];
  (void)info;
  if (at == NULL || at[0] != 0x0F || at[1] != 0xA2) {
    signal(number, SIG_DFL); /* a fault like any other */
    return;
  }
  uint32_t r[4];
  cpuid(g[REG_RAX], g[REG_RCX], r);
  g[REG_RAX] = r[A], g[REG_RBX] = r[B], g[REG_RCX] = r[C], g[REG_RDX] = r[D];
  g[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
  const char *name = getenv("AS_CPU");
  struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
  for (size_t k = 0; name != NULL && k < sizeof kinds / sizeof *kinds; k++)
    if (strcmp(name, kinds[k].name) == 0) as = &kinds[k];
  if (name == NULL) return;
  /* Ends with 77 where this cannot be done: threads and children started later inherit it. */
  if (as == NULL || sigaction(SIGSEGV, &action, NULL) != 0 || set_fault(1) != 0) _exit(77);
}
